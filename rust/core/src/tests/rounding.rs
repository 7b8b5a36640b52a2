//! How far rounding can move the loss of a network: an enclosure, layer by layer.

use super::complex::{self, real};
use crate::network::activations::Activation;
use crate::network::losses::{Loss, SoftmaxCrossEntropy, Targets};
use crate::network::Network;
use crate::numeric::matrix::MatrixRef;

/// How many roundings a term of a sum may take, in units of the last place.
const ROUNDINGS: f64 = 8.0;

/// A number and how far it may be off.
#[derive(Debug, Clone, Copy)]
struct Rounded {
    value: f64,
    off: f64,
}

fn activated(activation: Activation, a: Rounded) -> Rounded {
    let at = |a: f64| complex::activation(activation, real(a), a).re;
    let value = at(a.value);
    let off = match activation {
        // These do not rise everywhere.
        Activation::Silu | Activation::Gelu => 2.0 * activation.certificate().slope * a.off,
        _ => at(a.value + a.off) - at(a.value - a.off),
    };
    Rounded {
        value,
        off: off + ROUNDINGS * f64::EPSILON * value.abs(),
    }
}

/// The scores of a sample, unless a sum on the way to them overflows: nothing can be said then.
fn scores(network: &Network<'_, f64>, x: &[f64]) -> Option<Vec<Rounded>> {
    let exact = |&value: &f64| Rounded { value, off: 0.0 };
    let mut z: Vec<Rounded> = x.iter().map(exact).collect();
    for layer in network.layers() {
        let unit = |k: usize| {
            let mut sum = Rounded {
                value: layer.bias.map_or(0.0, |bias| bias[k]),
                off: 0.0,
            };
            let mut size = sum.value.abs();
            for (i, z) in z.iter().enumerate() {
                let weight = layer.weights.row(i)[k];
                sum.value += z.value * weight;
                sum.off += z.off * weight.abs();
                size += (z.value.abs() + z.off) * weight.abs();
            }
            sum.off += ROUNDINGS * f64::EPSILON * size;
            let is_finite = sum.off.is_finite();
            is_finite.then(|| activated(layer.activation, sum))
        };
        z = (0..layer.units()).map(unit).collect::<Option<_>>()?;
    }
    Some(z)
}

/// The largest and the smallest probability of class `k`.
fn probability(scores: &[Rounded], k: usize) -> (f64, f64) {
    let over = |sign: f64| {
        let others = scores.iter().enumerate().filter(|&(i, _)| i != k);
        let gap =
            |(_, s): (usize, &Rounded)| s.value - scores[k].value + sign * (s.off + scores[k].off);
        1.0 / (1.0 + others.map(gap).map(f64::exp).sum::<f64>())
    };
    (over(-1.0), over(1.0))
}

/// How far rounding moves what class `k` with weight `t` adds to the loss, and how large that is; for a squared
/// error, no smaller than what its derivative by the score is, or is rounded by.
fn of_class(loss: Loss, scores: &[Rounded], k: usize, t: f64) -> (f64, f64) {
    match loss {
        Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy { epsilon }) => {
            let (high, low) = probability(scores, k);
            let logarithm = 1.0 + (low + epsilon).ln().abs();
            let moved = ((high - low) / (low + epsilon)).ln_1p();
            let off = moved + ROUNDINGS * f64::EPSILON * logarithm;
            (t.abs() * off, t.abs() * logarithm)
        }
        Loss::SquaredError(_) => {
            let (score, error) = (scores[k], (scores[k].value - t).abs());
            let off = score.off + ROUNDINGS * f64::EPSILON * (score.value.abs() + t.abs());
            let of_square = ROUNDINGS * f64::EPSILON * error * error;
            let slope = error + 1e-4 * (score.value.abs() + t.abs());
            (off * (error + off) + of_square, error * error + slope)
        }
        _ => unreachable!("the search draws no other loss"),
    }
}

/// How far rounding moves the mean loss, and how large its terms are.
pub fn of_loss(
    network: &Network<'_, f64>,
    x: MatrixRef<'_, f64>,
    targets: &Targets<'_, f64>,
) -> (f64, f64) {
    let (mut off, mut size) = (0.0, 0.0);
    for n in 0..x.rows() {
        let Some(scores) = scores(network, x.row(n)) else {
            return (f64::INFINITY, f64::INFINITY);
        };
        for k in 0..scores.len() {
            let t = targets.sample(n).weight(k);
            let (off_by, of_size) = of_class(network.loss(), &scores, k, t);
            off += off_by;
            size += of_size;
        }
    }
    let samples = x.rows() as f64;
    (off / samples, size / samples)
}
