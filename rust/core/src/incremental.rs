//! The central difference by recomputing only what one moved parameter changes.
//!
//! Moving the weight `W[i, j]` by `±h` moves the pre-activation of unit `j` by `±h x[n, i]`, so its
//! quotient is `1/N sum_n [phi_nj(h x[n, i]) - phi_nj(-h x[n, i])] / 2h`, and that of the bias the
//! same with 1 for `x`. A sample whose `x[n, i]` is exactly zero contributes exactly nothing.

use crate::cancel::Cancel;
use crate::error::Error;
use crate::network::{LayerParameters, Parameters};
use crate::parallel::{try_map, Threads};
use crate::shift::{Lanes, Scratch, Shifter};
use crate::simd::{dispatch, Kernel, Rounding, LANES};

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

/// What `samples` contribute to the quotients of unit `j` of layer `l`.
pub fn unit_quotients(
    shifter: &Shifter<'_>,
    l: usize,
    j: usize,
    samples: impl Iterator<Item = usize>,
    h: f64,
) -> UnitQuotients {
    dispatch(Evaluate {
        shifter,
        l,
        j,
        samples,
        h,
    })
}

struct Evaluate<'a, S> {
    shifter: &'a Shifter<'a>,
    l: usize,
    j: usize,
    samples: S,
    h: f64,
}

impl<S: Iterator<Item = usize>> Kernel for Evaluate<'_, S> {
    type Output = UnitQuotients;

    #[inline(always)]
    fn run<R: Rounding>(self) -> UnitQuotients {
        let Self { shifter, l, h, .. } = self;
        let input = shifter.input_of(l);
        let inputs = input.matrix().cols();
        // One more place than inputs: the bias, which is the weight of an input that is always 1.
        let mut sums = vec![0.0; inputs + 1];
        let scale = 1.0 / (2.0 * h * shifter.samples() as f64);
        let mut scratch = Scratch::default();
        let mut places = Vec::new();
        let mut moves = Vec::new();
        for n in self.samples {
            places.clear();
            moves.clear();
            input.for_each_nonzero(n, |i, x| {
                places.push(i);
                moves.push(h * x);
            });
            places.push(inputs);
            moves.push(h);
            let unit = Lanes::Unit(self.j);
            for (places, moves) in places.chunks(LANES).zip(moves.chunks(LANES)) {
                let mut shifts = [0.0; LANES];
                shifts[..moves.len()].copy_from_slice(moves);
                let differences = shifter.differences::<R>((l, n), unit, &shifts, &mut scratch);
                for (lane, &place) in places.iter().enumerate() {
                    sums[place] += differences[lane] * scale;
                }
            }
        }
        let bias = sums.pop().unwrap_or_default();
        UnitQuotients {
            weights: sums,
            bias,
        }
    }
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
