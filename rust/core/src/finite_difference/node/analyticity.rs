//! Where the loss, as a function of one pre-activation, is smooth, and how smooth.

use crate::network::forward::Forward;
use crate::network::Network;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::column_abs_sums;
use crate::numeric::reduce::max_abs;

/// Complex shifts of every score up to this radius leave the loss of a sample analytic and move it
/// by at most [`SCORE_BOUND`] times the mass of its target.
///
/// Softmax's denominator turns by at most `r` and each of its terms by as much, so
/// `y' / y = exp(u_k) / sum_i y_i exp(u_i)` turns by at most `2r = 1 < pi / 2` and lies between
/// `exp(-2r)` and `exp(2r) / cos r` in size. `q = (y' + 1e-7) / (y + 1e-7)` is a mean of that and 1:
/// it turns by at most 1, its real part is at least `exp(-1) cos 1 > 0.198`, its size at most 3.1.
/// So its logarithm is analytic and at most `|ln 0.198 + i| < 2` in size.
const SCORE_RADIUS: f64 = 0.5;

/// See [`SCORE_RADIUS`].
pub const SCORE_BOUND: f64 = 2.0;

/// A little more than rounding can take from a bound on how far a pre-activation moves.
const MARGIN: f64 = 1.0 + 1e-9;

/// For each unit of each layer, a radius of complex shifts of its pre-activation under which the
/// loss of any sample is analytic (as long as no kink is crossed) and moves by at most
/// [`SCORE_BOUND`] times the mass of its target.
///
/// Backwards through the layers: a shift `d` moves the activation by at most `L |d|`, and with it
/// the pre-activations above by at most `L |d|` times a weight each; those may move within the
/// radius of their own layer.
#[must_use]
pub fn analytic_radii(network: &Network<'_, f64>) -> Vec<Vec<f64>> {
    let layers = network.layers();
    let mut radii = vec![vec![SCORE_RADIUS; network.classes()]];
    // The radius when all units of the layer above move at once.
    let mut above_all = SCORE_RADIUS;
    for l in (0..layers.len() - 1).rev() {
        let (disc, slope) = layers[l].activation.analytic_disc();
        let weights = layers[l + 1].weights;
        let size = |j| {
            weights
                .row(j)
                .iter()
                .fold(0.0, |most: f64, w| most.max(w.abs()))
        };
        let largest = (0..weights.rows()).map(size);
        radii.push(largest.map(|w| disc.min(above_all / (slope * w))).collect());
        let mut sizes = vec![0.0; weights.cols()];
        column_abs_sums(weights, &mut sizes);
        above_all = disc.min(above_all / (slope * max_abs(&sizes)));
    }
    radii.reverse();
    radii
}

/// Finds the (sample, unit) pairs of one layer for which a kink lies within reach of a shift.
#[derive(Debug)]
pub struct KinkFinder<'a> {
    forward: &'a Forward<f64>,
    layer: usize,
    /// The layer's own kink and how far its pre-activations are shifted.
    own: Option<(f64, f64)>,
    /// For each layer above that has a kink: its index, the kink, and how far at most its
    /// pre-activation `k` moves when unit `j` below is shifted, at row `j`, column `k`.
    above: Vec<(usize, f64, Matrix<f64>)>,
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
        let own = layers[layer]
            .activation
            .kink()
            .map(|kink| (kink, s * MARGIN));
        let mut above = Vec::new();
        let last_kink = layers.iter().rposition(|l| l.activation.kink().is_some());
        let mut reach: Option<Matrix<f64>> = None;
        for l in layer + 1..last_kink.map_or(0, |last| last + 1) {
            let slope = layers[l - 1].activation.slope();
            reach = Some(match reach {
                None => scaled_abs(layers[l].weights, s * slope * MARGIN),
                Some(below) => spread(below.view(), layers[l].weights, slope * MARGIN),
            });
            if let (Some(kink), Some(reach)) = (layers[l].activation.kink(), &reach) {
                above.push((l, kink, reach.clone()));
            }
        }
        (own.is_some() || !above.is_empty()).then_some(Self {
            forward,
            layer,
            own,
            above,
        })
    }

    /// Whether shifting unit `j` for sample `n` may cross a kink.
    #[must_use]
    pub fn crosses(&self, n: usize, j: usize) -> bool {
        let near = |a: f64, kink: f64, reach: f64| (a - kink).abs() <= reach;
        let own = self
            .own
            .is_some_and(|(kink, reach)| near(self.forward.pre(self.layer).row(n)[j], kink, reach));
        own || self.above.iter().any(|(l, kink, reach)| {
            let a = self.forward.pre(*l).row(n);
            a.iter()
                .zip(reach.row(j))
                .any(|(&a, &reach)| reach > 0.0 && near(a, *kink, reach))
        })
    }
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
