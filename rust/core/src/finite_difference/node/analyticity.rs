//! Where the loss, as a function of one pre-activation, is smooth, and how smooth.

use crate::network::forward::Forward;
use crate::network::Network;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::column_abs_sums;
use crate::numeric::reduce::max_abs;

/// A little more than rounding can take from a bound on how far a pre-activation moves.
const MARGIN: f64 = 1.0 + 1e-9;

/// Radii of complex shifts of the pre-activations of a layer under which all activations above stay
/// analytic (as long as no kink is crossed) and no score moves by more than it may.
///
/// Backwards through the layers: a shift `d` moves the activation by at most `slope |d|`, and with it the
/// pre-activations above by at most that times a weight each. Those may move within the discs of their own
/// activations, and so on up to the scores, which move by at most a gain times `|d|`.
#[derive(Debug)]
pub struct AnalyticRadii {
    /// For each unit, the radius that the activations allow.
    discs: Vec<f64>,
    /// For each unit, the largest gain.
    gains: Vec<f64>,
}

impl AnalyticRadii {
    /// The radius of the scores beyond which those of the units do not grow.
    #[must_use]
    pub fn useful_score_radius(&self) -> f64 {
        let reach = |(disc, gain): (&f64, &f64)| if *gain > 0.0 { disc * gain } else { 0.0 };
        let all = self.discs.iter().zip(&self.gains).map(reach);
        all.fold(0.0, f64::max)
    }

    /// For each unit, the radius within which no score moves by more than `score_radius`.
    #[must_use]
    pub fn of_score_radius(&self, score_radius: f64) -> Vec<f64> {
        let radius = |(disc, gain): (&f64, &f64)| disc.min(score_radius / gain);
        self.discs.iter().zip(&self.gains).map(radius).collect()
    }
}

/// Those of each layer, first to last.
#[must_use]
pub fn analytic_radii(network: &Network<'_, f64>) -> Vec<AnalyticRadii> {
    let layers = network.layers();
    let mut radii = vec![AnalyticRadii {
        discs: vec![f64::INFINITY; network.classes()],
        gains: vec![1.0; network.classes()],
    }];
    // When all units of the layer above move at once.
    let (mut disc_above, mut gain_above) = (f64::INFINITY, 1.0);
    for l in (0..layers.len() - 1).rev() {
        let activation = layers[l].activation.certificate();
        let (disc, slope) = (activation.disc_radius, activation.disc_slope);
        let weights = layers[l + 1].weights;
        let moved = |j| slope * max_abs(weights.row(j));
        let moved: Vec<f64> = (0..weights.rows()).map(moved).collect();
        radii.push(AnalyticRadii {
            discs: moved.iter().map(|m| disc.min(disc_above / m)).collect(),
            gains: moved.iter().map(|m| gain_above * m).collect(),
        });
        let mut sizes = vec![0.0; weights.cols()];
        column_abs_sums(weights, &mut sizes);
        let moved = slope * max_abs(&sizes);
        (disc_above, gain_above) = (disc.min(disc_above / moved), gain_above * moved);
    }
    radii.reverse();
    radii
}

/// Finds the (sample, unit) pairs of one layer for which a kink lies within reach of a shift.
#[derive(Debug)]
pub struct KinkFinder<'a> {
    forward: &'a Forward<f64>,
    layer: usize,
    /// How far the layer's own pre-activations are shifted, and their kinks.
    shift: f64,
    kinks: &'static [f64],
    /// The layers above that have kinks.
    above: Vec<KinksAbove>,
}

/// The kinks of a layer above.
#[derive(Debug)]
struct KinksAbove {
    layer: usize,
    kinks: &'static [f64],
    /// How far at most its pre-activation `k` moves when unit `j` below is shifted, at row `j`, column `k`.
    reach: Matrix<f64>,
}

impl<'a> KinkFinder<'a> {
    /// For shifts of the pre-activations of layer `layer` by at most `s`; none if no kink is there.
    #[must_use]
    pub fn new(
        network: &Network<'_, f64>,
        forward: &'a Forward<f64>,
        layer: usize,
        s: f64,
    ) -> Option<Self> {
        let layers = network.layers();
        let kinks = |l: usize| layers[l].activation.certificate().kinks;
        let mut above = Vec::new();
        let last = (0..layers.len()).rfind(|&l| !kinks(l).is_empty());
        let mut reach: Option<Matrix<f64>> = None;
        for l in layer + 1..last.map_or(0, |last| last + 1) {
            let slope = layers[l - 1].activation.certificate().slope;
            let moved = match reach {
                None => scaled_abs(layers[l].weights, s * slope * MARGIN),
                Some(below) => spread(below.view(), layers[l].weights, slope * MARGIN),
            };
            if !kinks(l).is_empty() {
                above.push(KinksAbove {
                    layer: l,
                    kinks: kinks(l),
                    reach: moved.clone(),
                });
            }
            reach = Some(moved);
        }
        (!kinks(layer).is_empty() || !above.is_empty()).then(|| Self {
            forward,
            layer,
            shift: s * MARGIN,
            kinks: kinks(layer),
            above,
        })
    }

    /// Whether shifting unit `j` for sample `n` may cross a kink.
    #[must_use]
    pub fn crosses(&self, n: usize, j: usize) -> bool {
        let a = self.forward.pre(self.layer).row(n)[j];
        is_near(a, self.kinks, self.shift)
            || self.above.iter().any(|above| {
                let moved = above.reach.row(j).iter();
                let a = self.forward.pre(above.layer).row(n);
                a.iter()
                    .zip(moved)
                    .any(|(&a, &reach)| reach > 0.0 && is_near(a, above.kinks, reach))
            })
    }
}

/// Whether a pre-activation that moves as far as `reach` may come to one of `kinks`.
fn is_near(a: f64, kinks: &[f64], reach: f64) -> bool {
    kinks.iter().any(|kink| (a - kink).abs() <= reach)
}

fn scaled_abs(matrix: MatrixRef<'_, f64>, scale: f64) -> Matrix<f64> {
    let data = matrix.data().iter().map(|w| w.abs() * scale).collect();
    Matrix::from_vec(data, matrix.rows(), matrix.cols())
}

/// How far pre-activations move when those below move as far as `below` says.
fn spread(below: MatrixRef<'_, f64>, weights: MatrixRef<'_, f64>, slope: f64) -> Matrix<f64> {
    let weights = scaled_abs(weights, slope);
    let mut out = Matrix::zeros(below.rows(), weights.cols());
    crate::numeric::matmul::multiply(
        crate::numeric::matmul::Operand::plain(below),
        crate::numeric::matmul::Operand::plain(weights.view()),
        false,
        out.data_mut(),
    );
    out
}
