//! Activations and losses against naive twins, and what is known of them against what complex numbers show.

use std::f64::consts::PI;

use super::complex::{self, derivative, real, Complex};
use super::draw::Draw;
use crate::network::activations::{Activation, AllUnits};
use crate::network::losses::{
    BinaryCrossEntropy, CrossEntropy, Loss, Poisson, Scored, SoftmaxCrossEntropy, SquaredError,
    Targets,
};
use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};

/// Every loss but those that are polynomials between their kinks.
pub const LOSSES: [Loss; 5] = [
    Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy { epsilon: 1e-7 }),
    Loss::SquaredError(SquaredError),
    Loss::CrossEntropy(CrossEntropy),
    Loss::BinaryCrossEntropy(BinaryCrossEntropy),
    Loss::Poisson(Poisson),
];

/// Pre-activations of many sizes, none a kink.
fn points() -> Vec<f64> {
    let near = (-60..60).map(|i| (f64::from(i) + 0.5) / 10.0);
    near.chain([-800.0, -40.0, -1e-9, 1e-9, 40.0, 800.0])
        .collect()
}

fn slope_of(activation: Activation, at: f64) -> f64 {
    derivative(|a| complex::activation(activation, a, at), at)
}

#[test]
fn activations_and_derivatives_are_those_of_their_definitions() {
    for &activation in Activation::ALL {
        for a in points() {
            let wanted = complex::activation(activation, real(a), a).re;
            let mut z = [a];
            activation.apply(&mut z);
            let rounding = 1e-15 * (1.0 + wanted.abs());
            assert!((z[0] - wanted).abs() <= rounding, "{activation:?}, {a}");
            let mut single = [f32::from_f64(a)];
            activation.apply(&mut single);
            let rounding = 1e-6 * (1.0 + wanted.abs());
            assert!((single[0].widen() - wanted).abs() <= rounding);
            let mut delta = [2.0];
            activation.times_derivative((&[a], &z), &mut delta);
            let wanted = 2.0 * slope_of(activation, a);
            assert!((delta[0] - wanted).abs() <= 4e-15, "{activation:?}, {a}");
        }
    }
}

struct Changes<'a>(Activation, &'a [f64], &'a [f64], f64);

impl Kernel for Changes<'_> {
    type Output = [Vec<f64>; 2];

    #[inline(always)]
    fn run<L: Level>(self) -> Self::Output {
        let Self(activation, a, z, by) = self;
        let [mut above, mut below] = [vec![f64::NAN; a.len()], vec![f64::NAN; a.len()]];
        activation.changes::<L, _>((a, z), AllUnits { by }, (&mut above, &mut below));
        [above, below]
    }
}

#[test]
fn small_changes_of_activations_keep_their_digits() {
    let a = points();
    for &activation in Activation::ALL {
        let mut z = a.clone();
        activation.apply(&mut z);
        for shift in [3e-3, 1e-4, 1e-7, 1e-10, 1e-150] {
            let [above, below] = dispatch(Changes(activation, &a, &z, shift));
            for ((&a, above), below) in a.iter().zip(above).zip(below) {
                for (change, shift) in [(above, shift), (below, -shift)] {
                    let is_kink = activation
                        .certificate()
                        .kinks
                        .iter()
                        .any(|kink| (a - kink).abs() <= shift.abs());
                    if is_kink {
                        continue;
                    }
                    // The midpoint rule is off by a third power.
                    let wanted = shift * slope_of(activation, a + 0.5 * shift);
                    let off = 2e-15 * shift.abs() + 0.1 * shift.abs().powi(3);
                    assert!(
                        (change - wanted).abs() <= off,
                        "{activation:?}, {a}, {shift}"
                    );
                }
            }
        }
    }
}

#[test]
fn activations_move_as_little_as_they_say_and_not_far_less() {
    for &activation in Activation::ALL {
        let known = activation.certificate();
        let radius = known.disc_radius.min(1e3);
        let (mut largest, mut slope, mut size) = (0.0_f64, 0.0_f64, 0.0_f64);
        for a in points() {
            let at = |d| complex::activation(activation, real(a) + d, a);
            for angle in (0..64).map(|i| f64::from(i) * PI / 32.0) {
                for part in [0.01, 0.3, 0.7, 1.0] {
                    let d = Complex::polar(part * radius, angle);
                    largest = largest.max((at(d) - at(real(0.0))).size() / d.size());
                }
            }
            slope = slope.max(slope_of(activation, a).abs());
            size = size.max(at(real(0.0)).re.abs());
        }
        // Of the twin's differences at 800, too.
        let rounding = 1.0 + 1e-10;
        assert!(
            largest <= known.disc_slope * rounding,
            "{activation:?}, {largest}"
        );
        assert!(
            largest >= 0.8 * known.disc_slope,
            "{activation:?}, {largest}"
        );
        assert!(slope <= known.slope * rounding, "{activation:?}, {slope}");
        assert!(slope >= 0.99 * known.slope, "{activation:?}, {slope}");
        if let Some(bound) = known.bound {
            assert!(size <= bound && size >= 0.99 * bound, "{activation:?}");
        }
    }
}

/// Scores and targets of some samples; the first target is one-hot.
fn batch(draw: &mut Draw, scale: f64) -> (Matrix<f64>, Matrix<f64>) {
    let (samples, classes) = (4, 3);
    let scores = draw.matrix(samples, classes, scale, 1.0);
    let mut t = draw.matrix(samples, classes, scale.min(1.0), 0.8);
    t.data_mut()[..classes].copy_from_slice(&[0.0, 1.0, 0.0]);
    (scores, t)
}

fn outputs(loss: Loss, scores: &Matrix<f64>) -> Matrix<f64> {
    let mut outputs = scores.clone();
    loss.output(outputs.data_mut(), scores.cols());
    outputs
}

#[test]
fn losses_and_gradients_are_those_of_their_definitions() {
    let mut draw = Draw(3);
    for loss in LOSSES {
        for scale in [1e-3, 1.0, 30.0] {
            let (scores, t) = batch(&mut draw, scale);
            let outputs = outputs(loss, &scores);
            let targets = Targets::dense(t.view());
            let of = |n: usize| scores.row(n).iter().map(|&s| real(s)).collect::<Vec<_>>();
            let losses = (0..scores.rows()).map(|n| complex::loss(loss, &of(n), t.row(n)).re);
            let wanted = losses.sum::<f64>() / scores.rows() as f64;
            let value = loss.mean(&Scored {
                scores: scores.view(),
                outputs: outputs.view(),
                targets: &targets,
            });
            assert!(
                (value - wanted).abs() <= 1e-14 * (1.0 + wanted.abs()),
                "{loss:?}"
            );
            let mut gradients = vec![f64::NAN; scores.data().len()];
            let batch = (scores.view(), outputs.view());
            loss.score_gradients(batch, (&targets, 0), &mut gradients);
            for n in 0..scores.rows() {
                for k in 0..scores.cols() {
                    let moved = |s: Complex| {
                        let mut row = of(n);
                        row[k] = s;
                        complex::loss(loss, &row, t.row(n))
                    };
                    let wanted = derivative(moved, scores.row(n)[k]);
                    let found = gradients[n * scores.cols() + k];
                    let off = 1e-14 * (1.0 + wanted.abs());
                    assert!((found - wanted).abs() <= off, "{loss:?}: {found}, {wanted}");
                }
            }
        }
    }
}

#[test]
fn losses_move_as_little_as_they_say_and_not_far_less() {
    let mut draw = Draw(4);
    for loss in LOSSES {
        for (scale, useful) in [(1.0, 0.1), (3.0, 1.0), (1e-3, 1.0), (20.0, f64::INFINITY)] {
            let mut nearest = 0.0_f64;
            for _ in 0..20 {
                let (scores, t) = batch(&mut draw, scale);
                let outputs = outputs(loss, &scores);
                let known = loss.certificate(
                    &Scored {
                        scores: scores.view(),
                        outputs: outputs.view(),
                        targets: &Targets::dense(t.view()),
                    },
                    useful,
                );
                for n in 0..scores.rows() {
                    let moved = variation(loss, (scores.row(n), t.row(n)), known.radius);
                    assert!(moved <= known.bound * (1.0 + 1e-12), "{loss:?}, {moved}");
                    nearest = nearest.max(moved / known.bound);
                }
            }
            assert!(nearest >= 0.3, "{loss:?}, {scale}: {nearest}");
        }
    }
}

/// The largest change of a loss when each of three scores moves by `radius` in one of eight directions.
fn variation(loss: Loss, (scores, t): (&[f64], &[f64]), radius: f64) -> f64 {
    let before: Vec<_> = scores.iter().map(|&s| real(s)).collect();
    let mut largest = 0.0_f64;
    for directions in 0..512 {
        let shift = |k: u32| {
            let direction = directions / 8_i32.pow(k) % 8;
            Complex::polar(radius, f64::from(direction) * PI / 4.0)
        };
        let after: Vec<_> = (0..).zip(&before).map(|(k, &s)| s + shift(k)).collect();
        let change = complex::loss(loss, &after, t) - complex::loss(loss, &before, t);
        largest = largest.max(change.size());
    }
    largest
}
