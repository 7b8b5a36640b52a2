//! How far rounding can move the loss of a network: an enclosure, layer by layer.

use crate::network::activations::Activation;
use crate::network::losses::softmax_cross_entropy::COURSE_EPSILON;
use crate::network::losses::{Target, Targets};
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

fn apply(activation: Activation, a: f64) -> f64 {
    match activation {
        Activation::Identity => a,
        Activation::Relu => a.max(0.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-a).exp()),
    }
}

fn activated(activation: Activation, a: Rounded) -> Rounded {
    let at = |a: f64| apply(activation, a);
    let value = at(a.value);
    let off = at(a.value + a.off) - at(a.value - a.off);
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
            let weight = match targets.sample(n) {
                Target::Label(label) => f64::from(u8::from(label == k)),
                Target::Dense(t) => t[k].abs(),
            };
            let (high, low) = probability(&scores, k);
            let logarithm = 1.0 + (low + COURSE_EPSILON).ln().abs();
            let moved = ((high - low) / (low + COURSE_EPSILON)).ln_1p();
            off += weight * (moved + ROUNDINGS * f64::EPSILON * logarithm);
            size += weight * logarithm;
        }
    }
    let samples = x.rows() as f64;
    (off / samples, size / samples)
}
