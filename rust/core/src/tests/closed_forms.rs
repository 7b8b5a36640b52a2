//! Closed forms of differences of losses against the losses by their definitions.

use super::certificates::LOSSES;
use super::complex::{self, derivative, real, Complex};
use super::draw::Draw;
use crate::network::activations::{AllUnits, OneUnit};
use crate::network::incoming::Incoming;
use crate::network::losses::closed_form::{ClosedForm, Lanes, Sample, Sums};
use crate::network::losses::{Loss, Scored, Target, Targets};
use crate::numeric::matrix::Matrix;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

const UNITS: usize = 11;
const CLASSES: usize = 4;

/// One sample, and weights from units below to its scores.
struct Case {
    scores: Matrix<f64>,
    weights: Matrix<f64>,
    soft: Matrix<f64>,
}

impl Case {
    fn new(draw: &mut Draw, excluded: bool) -> Self {
        let mut scores = draw.matrix(1, CLASSES, 3.0, 1.0);
        if excluded {
            scores.data_mut()[3] = -30.0;
        }
        Self {
            scores,
            weights: draw.matrix(UNITS, CLASSES, 3.0, 1.0),
            soft: draw.matrix(1, CLASSES, 2.0, 1.0),
        }
    }

    /// The loss after scores have moved by `d`, times `by[k]` each.
    fn loss(&self, loss: Loss, t: &[f64], by: &[f64], d: Complex) -> Complex {
        let pairs = self.scores.row(0).iter().zip(by);
        let scores: Vec<_> = pairs.map(|(&s, &by)| real(s) + real(by) * d).collect();
        complex::loss(loss, &scores, t)
    }

    /// Its derivative by `d`.
    fn slope(&self, loss: Loss, t: &[f64], by: &[f64]) -> f64 {
        derivative(|d| self.loss(loss, t, by, d), 0.0)
    }

    fn growth(&self, loss: Loss, t: &[f64], by: &[f64], d: f64) -> f64 {
        let at = |d| self.loss(loss, t, by, real(d)).re;
        at(d) - at(0.0)
    }
}

/// The differences after moves: of all units or scores by the same; of each alone by that, and by half of it or, of
/// a unit, up by it and down by nothing.
struct Differences<'a> {
    form: &'a ClosedForm<'a>,
    sample: Sample<'a>,
    weights: Option<&'a Matrix<f64>>,
    by: f64,
}

impl Kernel for Differences<'_> {
    type Output = (Vec<f64>, Vec<[f64; 2]>);

    #[inline(always)]
    fn run<L: Level>(self) -> Self::Output {
        let Self {
            form,
            sample,
            weights,
            by,
        } = self;
        let mut sums = Sums::default();
        let count = weights.map_or(CLASSES, Matrix::rows);
        let mut all = vec![by; count.next_multiple_of(LANES)];
        let mut alone = Vec::new();
        let halves = [by, 0.5 * by].repeat(LANES / 2);
        if let Some(weights) = weights {
            let incoming = Incoming::new(weights.view(), form.powers());
            assert!(form.max_change(sample.0, &incoming) >= by);
            form.sum_for_units::<L>(sample, &incoming, by, &mut sums);
            let changes = (
                &mut all[..],
                &mut vec![-by; count.next_multiple_of(LANES)][..],
            );
            form.differences_by_units::<L, AllUnits>(sample, &incoming, &mut sums, changes);
            for j in 0..count {
                let incoming = Incoming::of_unit(weights.view(), j, form.powers());
                form.sum_for_units::<L>(sample, &incoming, by, &mut sums);
                let (mut above, mut below) = ([by; LANES], [-by; LANES]);
                below[1] = 0.0;
                let changes = (&mut above[..], &mut below[..]);
                form.differences_by_units::<L, OneUnit<'_>>(sample, &incoming, &mut sums, changes);
                alone.push([above[0], above[1]]);
            }
        } else {
            assert!(form.max_move(sample) >= by);
            form.sum_for_scores(sample, Lanes::All, by, &mut sums);
            let moves = AllUnits { by };
            form.differences_by_scores::<L, _>(sample, Lanes::All, &sums, moves, &mut all);
            for j in 0..count {
                let (lanes, moves) = (Lanes::One(j), OneUnit { by: &halves });
                form.sum_for_scores(sample, lanes, by, &mut sums);
                let mut out = [f64::NAN; LANES];
                form.differences_by_scores::<L, _>(sample, lanes, &sums, moves, &mut out);
                alone.push([out[0], out[1]]);
            }
        }
        all.truncate(count);
        (all, alone)
    }
}

fn assert_differences(
    loss: Loss,
    case: &Case,
    targets: &Targets<'_, f64>,
    weights: Option<&Matrix<f64>>,
) {
    let mut outputs = case.scores.clone();
    loss.output(outputs.data_mut(), CLASSES);
    let batch = Scored {
        scores: case.scores.view(),
        outputs: outputs.view(),
        targets,
    };
    let target = targets.sample(0);
    let t: Vec<f64> = (0..CLASSES).map(|k| target.weight(k)).collect();
    let form = loss.closed_form(&batch, &[target]).expect("it has one");
    for by in [1e-3, 2e-4, 1e-5, 1e-9, 1e-150] {
        let sample = (0, target);
        let (all, alone) = dispatch(Differences {
            form: &form,
            sample,
            weights,
            by,
        });
        for (j, (all, [alone, half])) in all.iter().zip(&alone).enumerate() {
            let unit: Vec<f64> = (0..CLASSES).map(|k| f64::from(u8::from(k == j))).collect();
            let moved = weights.map_or(&unit[..], |weights| weights.row(j));
            // Differences up and down are off from twice the derivative by a third power, and rounded as their
            // terms are.
            let slope = case.slope(loss, &t, moved);
            let size = |row: &[f64]| row.iter().map(|x| x.abs()).sum::<f64>();
            let terms = size(moved) * (1.0 + size(&t) + size(case.scores.row(0)));
            let mut wanted = [(all, 2.0 * by), (alone, 2.0 * by), (half, by)].map(|(found, by)| {
                let off = 1e-15 * by * terms + 300.0 * by.powi(3);
                (found, by * slope, off)
            });
            if weights.is_some() {
                let growth = case.growth(loss, &t, moved, by);
                wanted[2] = (half, growth, 1e-15 * terms);
            }
            for (found, wanted, off) in wanted {
                assert!(
                    (found - wanted).abs() <= off,
                    "{loss:?}, {target:?}, unit {j}, {by:e}: {found:e}, {wanted:e}"
                );
            }
        }
    }
}

#[test]
fn differences_are_those_of_the_losses() {
    let mut draw = Draw(11);
    for round in 0..20 {
        let case = Case::new(&mut draw, round % 2 == 0);
        for loss in LOSSES {
            for weights in [None, Some(&case.weights)] {
                let soft = Targets::dense(case.soft.view());
                assert_differences(loss, &case, &soft, weights);
                if !matches!(loss, Loss::SoftmaxCrossEntropy(_)) {
                    continue;
                }
                for k in 0..CLASSES {
                    let label = [i64::try_from(k).expect("it is small")];
                    assert_differences(loss, &case, &Targets::labels(&label), weights);
                }
            }
        }
    }
}

#[test]
fn large_moves_of_a_score_in_a_sample_of_one_class_are_evaluated_too() {
    let mut draw = Draw(12);
    let case = Case::new(&mut draw, false);
    let loss = LOSSES[0];
    let mut outputs = case.scores.clone();
    loss.output(outputs.data_mut(), CLASSES);
    for k in 0..CLASSES {
        let target = Target::Label(k);
        let label = [i64::try_from(k).expect("it is small")];
        let batch = Scored {
            scores: case.scores.view(),
            outputs: outputs.view(),
            targets: &Targets::labels(&label),
        };
        let form = loss.closed_form(&batch, &[target]).expect("it has one");
        let t: Vec<f64> = (0..CLASSES).map(|i| f64::from(u8::from(i == k))).collect();
        for by in [0.1, 3.0, 40.0, 900.0] {
            let (all, alone) = dispatch(Differences {
                form: &form,
                sample: (0, target),
                weights: None,
                by,
            });
            for (j, (all, [alone, _])) in all.iter().zip(&alone).enumerate() {
                let at = |d: f64| {
                    let mut scores: Vec<_> = case.scores.row(0).iter().map(|&s| real(s)).collect();
                    scores[j] = scores[j] + real(d);
                    complex::loss(loss, &scores, &t).re
                };
                let wanted = at(by) - at(-by);
                for found in [all, alone] {
                    assert!(
                        (found - wanted).abs() <= 1e-13,
                        "{k}, {j}, {by}: {found}, {wanted}"
                    );
                }
            }
        }
    }
}
