//! Where a shift of a pre-activation may cross a kink: of its own activation, of one above, or of the loss.

use crate::finite_difference::perturb::PerturbedLoss;
use crate::network::forward::Forward;
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};

/// A little more than rounding can take from a bound on how far a pre-activation moves.
const MARGIN: f64 = 1.0 + 1e-9;

/// Finds the pairs of a sample and a unit of one layer for which a kink lies within reach of a shift.
#[derive(Debug)]
pub struct KinkFinder<'a> {
    forward: &'a Forward<f64>,
    layer: usize,
    /// How far the layer's pre-activations are shifted, and the kinks of its activation.
    shift: f64,
    kinks: &'static [f64],
    above: Vec<KinksAbove>,
    loss: Option<LossKinks<'a>>,
}

/// The kinks of an activation above.
#[derive(Debug)]
struct KinksAbove {
    layer: usize,
    kinks: &'static [f64],
    /// How far at most pre-activation `k` of the layer moves when unit `j` below is shifted, at row `j`,
    /// column `k`.
    reach: Matrix<f64>,
}

/// Those of the loss.
#[derive(Debug)]
struct LossKinks<'a> {
    /// How far each score is from the nearest, shape (samples, classes).
    distances: &'a Matrix<f64>,
    /// How far at most the scores move, as above; none where it is they that are shifted.
    reach: Option<Matrix<f64>>,
}

impl<'a> KinkFinder<'a> {
    /// For shifts of the pre-activations of layer `layer` by at most `max_shift`; none if no kink is there.
    #[must_use]
    pub fn new(perturbed: &'a PerturbedLoss<'_>, layer: usize, max_shift: f64) -> Option<Self> {
        let layers = perturbed.network().layers();
        let kinks = |l: usize| layers[l].activation.certificate().kinks;
        let distances = perturbed.kink_distances();
        let last_of_activations = (0..layers.len()).rfind(|&l| !kinks(l).is_empty());
        let last = distances.map_or(last_of_activations, |_| Some(layers.len() - 1))?;
        let shift = max_shift * MARGIN;
        let (mut above, mut reach) = (Vec::new(), None::<Matrix<f64>>);
        for l in layer + 1..=last {
            let slope = layers[l - 1].activation.certificate().slope * MARGIN;
            let moved = match reach {
                None => scaled_abs(layers[l].weights, shift * slope),
                Some(below) => reach_above(below.view(), layers[l].weights, slope),
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
        let loss = distances.map(|distances| LossKinks { distances, reach });
        let any = !kinks(layer).is_empty() || !above.is_empty() || loss.is_some();
        any.then(|| Self {
            forward: perturbed.forward(),
            layer,
            shift,
            kinks: kinks(layer),
            above,
            loss,
        })
    }

    /// Whether shifting unit `j` for sample `n` may cross a kink.
    #[must_use]
    pub fn crosses(&self, n: usize, j: usize) -> bool {
        let a = self.forward.pre(self.layer).row(n)[j];
        is_near(a, self.kinks, self.shift)
            || self.above.iter().any(|above| {
                let a = self.forward.pre(above.layer).row(n).iter();
                let near =
                    |(a, reach): (&f64, &f64)| *reach > 0.0 && is_near(*a, above.kinks, *reach);
                a.zip(above.reach.row(j)).any(near)
            })
            || self.loss.as_ref().is_some_and(|loss| {
                let distances = loss.distances.row(n);
                let Some(reach) = &loss.reach else {
                    return distances[j] <= self.shift;
                };
                let near = |(distance, reach): (&f64, &f64)| *reach > 0.0 && distance <= reach;
                distances.iter().zip(reach.row(j)).any(near)
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
fn reach_above(below: MatrixRef<'_, f64>, weights: MatrixRef<'_, f64>, slope: f64) -> Matrix<f64> {
    let weights = scaled_abs(weights, slope);
    let mut reach = Matrix::zeros(below.rows(), weights.cols());
    let (below, weights) = (Operand::plain(below), Operand::plain(weights.view()));
    multiply(below, weights, false, reach.data_mut());
    reach
}
