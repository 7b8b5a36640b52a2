//! The central difference by recomputing only what one moved parameter changes.
//!
//! Moving the weight `W[i, j]` by `±h` moves the pre-activation of unit `j` by `±h x[n, i]`, so its
//! quotient is `1/N sum_n [phi_nj(h x[n, i]) - phi_nj(-h x[n, i])] / 2h`, and that of the bias the
//! same with 1 for `x`. A sample whose `x[n, i]` is exactly zero contributes exactly nothing.

use crate::cancel::Cancel;
use crate::error::Error;
use crate::loss::MAX_LANES;
use crate::network::{LayerParameters, Parameters};
use crate::parallel::{try_map, Threads};
use crate::shift::{Lanes, Scratch, Shifter};

/// What some samples contribute to the quotients of the weights and the bias of one unit.
#[derive(Debug)]
pub struct UnitQuotients {
    /// One an input.
    pub weights: Vec<f64>,
    /// That of the bias.
    pub bias: f64,
}

impl UnitQuotients {
    /// Adds these to the gradient of layer `layer`, where they belong to unit `j`.
    pub fn add_to(&self, layer: &mut LayerParameters<f64>, j: usize) {
        let units = layer.weights.cols();
        let column = layer.weights.data_mut()[j..].iter_mut().step_by(units);
        for (sum, &quotient) in column.zip(&self.weights) {
            *sum += quotient;
        }
        if let Some(bias) = &mut layer.bias {
            bias[j] += self.bias;
        }
    }
}

/// The moves of one unit's pre-activation that wait to be evaluated together: upwards in the first
/// half of the lanes, downwards in the second.
struct Pairs {
    places: [usize; MAX_LANES / 2],
    moves: [f64; MAX_LANES / 2],
    count: usize,
}

impl Pairs {
    fn push(&mut self, place: usize, by: f64) -> bool {
        self.places[self.count] = place;
        self.moves[self.count] = by;
        self.count += 1;
        self.count == self.places.len()
    }
}

/// What `samples` contribute to the quotients of unit `j` of layer `l`.
pub fn unit_quotients(
    shifter: &Shifter<'_>,
    l: usize,
    j: usize,
    samples: impl Iterator<Item = usize>,
    h: f64,
) -> UnitQuotients {
    let input = shifter.input_of(l);
    let inputs = input.matrix().cols();
    // One more place than inputs: the bias, which is the weight of an input that is always 1.
    let mut sums = vec![0.0; inputs + 1];
    let scale = 1.0 / (2.0 * h * shifter.samples() as f64);
    let mut scratch = Scratch::default();
    let mut pairs = Pairs {
        places: [0; MAX_LANES / 2],
        moves: [0.0; MAX_LANES / 2],
        count: 0,
    };
    for n in samples {
        let mut flush = |pairs: &mut Pairs| {
            add_pairs(shifter, (l, n, j), pairs, scale, &mut scratch, &mut sums);
        };
        input.for_each_nonzero(n, |i, x| {
            if pairs.push(i, h * x) {
                flush(&mut pairs);
            }
        });
        pairs.push(inputs, h);
        flush(&mut pairs);
    }
    let bias = sums.pop().unwrap_or_default();
    UnitQuotients {
        weights: sums,
        bias,
    }
}

fn add_pairs(
    shifter: &Shifter<'_>,
    (l, n, j): (usize, usize, usize),
    pairs: &mut Pairs,
    scale: f64,
    scratch: &mut Scratch,
    sums: &mut [f64],
) {
    let count = pairs.count;
    let mut shifts = [0.0; MAX_LANES];
    let mut losses = [0.0; MAX_LANES];
    for (p, &by) in pairs.moves[..count].iter().enumerate() {
        shifts[p] = by;
        shifts[count + p] = -by;
    }
    let (shifts, losses) = (&shifts[..2 * count], &mut losses[..2 * count]);
    shifter.losses(l, n, &Lanes::Unit(j), shifts, scratch, losses);
    let (above, below) = losses.split_at(count);
    for ((&place, above), below) in pairs.places.iter().zip(above).zip(below) {
        sums[place] += (above - below) * scale;
    }
    pairs.count = 0;
}

/// The central difference of the mean loss in every parameter.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn incremental(
    shifter: &Shifter<'_>,
    h: f64,
    threads: Threads,
    cancel: &Cancel,
) -> Result<Parameters<f64>, Error> {
    let mut gradient = Parameters::filled(shifter.network(), 0.0);
    for (l, own) in gradient.layers.iter_mut().enumerate() {
        let columns = try_map(threads, own.weights.cols(), |j| {
            cancel.check()?;
            Ok(unit_quotients(shifter, l, j, 0..shifter.samples(), h))
        })?;
        for (j, column) in columns.iter().enumerate() {
            column.add_to(own, j);
        }
    }
    Ok(gradient)
}
