//! The central difference by recomputing only what one moved parameter changes.
//!
//! Moving the weight `W[i, j]` by `±h` moves the pre-activation of unit `j` by `±h x[n, i]`, so its
//! quotient is `1/N sum_n [phi_nj(h x[n, i]) - phi_nj(-h x[n, i])] / 2h`, and that of the bias the
//! same with 1 for `x`. A sample whose `x[n, i]` is exactly zero contributes exactly nothing.

use crate::error::Error;
use crate::finite_difference::perturb::{Block, PerturbedLoss, Scratch};
use crate::network::activations::{Moves, OneUnit};
use crate::network::input::Input;
use crate::network::parameters::{LayerParts, Parameters};
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};
use crate::parallel::cancel::Cancel;
use crate::parallel::context::Context;
use crate::parallel::try_map;

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
    pub fn add_to(&self, layer: &mut LayerParts<Vec<f64>>, j: usize) {
        let units = layer.weights.len() / self.weights.len();
        let column = layer.weights[j..].iter_mut().step_by(units);
        for (sum, &quotient) in column.zip(&self.weights) {
            *sum += quotient;
        }
        if let Some(bias) = &mut layer.bias {
            bias[j] += self.bias;
        }
    }
}

/// What `samples` contribute to the quotients of unit `j` of layer `l`.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn unit_quotients(
    perturbed: &PerturbedLoss<'_>,
    l: usize,
    j: usize,
    mut samples: impl Iterator<Item = usize>,
    h: f64,
    cancel: &Cancel,
) -> Result<UnitQuotients, Error> {
    let quotients = dispatch(Evaluate {
        perturbed,
        l,
        j,
        samples: &mut samples,
        h,
    });
    cancel.check()?;
    Ok(quotients)
}

struct Evaluate<'a> {
    perturbed: &'a PerturbedLoss<'a>,
    l: usize,
    j: usize,
    /// Not generic over the iterator: a call a sample costs nothing, another copy of this kernel 3 s of a build.
    samples: &'a mut dyn Iterator<Item = usize>,
    h: f64,
}

impl Kernel for Evaluate<'_> {
    type Output = UnitQuotients;

    #[inline(always)]
    fn run<L: Level>(self) -> UnitQuotients {
        let Self {
            perturbed, l, h, ..
        } = self;
        let input = perturbed.input_of(l);
        let inputs = input.inputs();
        // One more place than inputs: the bias, which is the weight of an input that is always 1.
        let mut sums = vec![0.0; inputs + 1];
        let width = 2.0 * h * perturbed.samples() as f64;
        let mut scratch = Scratch::default();
        let unit = perturbed.one_unit(l, self.j);
        let column = Column::new(perturbed, l, self.j, h);
        let room = (inputs + 1).next_multiple_of(LANES);
        let (mut places, mut shifts) = (Vec::with_capacity(room), Vec::with_capacity(room));
        for n in self.samples {
            if perturbed.is_cancelled() {
                break;
            }
            let weight = perturbed.targets().relative_weight(n);
            if weight == 0.0 {
                continue;
            }
            places.clear();
            shifts.clear();
            input.for_each_nonzero(n, |i, x| {
                places.push(i);
                shifts.push(h * x);
            });
            places.push(inputs);
            shifts.push(h);
            shifts.resize(shifts.len().next_multiple_of(LANES), 0.0);
            let max_shift = OneUnit { by: &shifts }.max_move();
            perturbed.prepare_sample::<L>(&unit, n, max_shift, &mut scratch);
            let pre = perturbed.forward().pre(l).row(n)[self.j];
            if pre.is_finite() {
                let differences =
                    perturbed.differences_of_one::<L>(&unit, n, &shifts, &mut scratch);
                for (&place, difference) in places.iter().zip(differences) {
                    sums[place] += weight * difference;
                }
                continue;
            }
            for places in places.chunks(LANES) {
                if perturbed.is_cancelled() {
                    break;
                }
                let (above, below) = column.moved(input, n, pre, places);
                let moved = (&above, &below);
                let differences = perturbed.differences_between::<L>(&unit, n, moved, &mut scratch);
                for (&place, difference) in places.iter().zip(differences) {
                    sums[place] += weight * difference;
                }
            }
        }
        // Divided, not multiplied by an inverse, which of a subnormal width is infinite.
        for sum in &mut sums {
            *sum /= width;
        }
        let bias = sums.pop().unwrap_or_default();
        UnitQuotients {
            weights: sums,
            bias,
        }
    }
}

/// The weights into one unit, and its bias.
struct Column {
    weights: Vec<f64>,
    bias: f64,
    h: f64,
}

impl Column {
    fn new(perturbed: &PerturbedLoss<'_>, l: usize, j: usize, h: f64) -> Self {
        let layer = perturbed.network().layers()[l];
        let rows = 0..layer.weights.rows();
        Self {
            weights: rows.map(|i| layer.weights.row(i)[j]).collect(),
            bias: layer.bias.map_or(0.0, |bias| bias[j]),
            h,
        }
    }

    /// Where the pre-activation `a`, which is infinite, goes when the weights of some inputs of sample `n`
    /// move up and down: a sum cannot be moved past infinity, but its terms can be summed anew.
    fn moved(&self, input: Input<'_, f64>, n: usize, a: f64, places: &[usize]) -> (Block, Block) {
        let (mut above, mut below) = ([a; LANES], [a; LANES]);
        for (lane, &place) in places.iter().enumerate() {
            above[lane] = self.sum(input, n, a, (place, self.h));
            below[lane] = self.sum(input, n, a, (place, -self.h));
        }
        (above, below)
    }

    /// The sum after one of its weights has moved.
    fn sum(&self, input: Input<'_, f64>, n: usize, a: f64, (place, by): (usize, f64)) -> f64 {
        let mut sum = self.bias;
        // The bias is the weight of an input that is always 1.
        let mut terms = (self.bias, self.bias + by);
        if place == self.weights.len() {
            sum += by;
        }
        input.for_each_nonzero(n, |i, x| {
            let weight = self.weights[i];
            if i == place {
                terms = (x * weight, x * (weight + by));
                sum += terms.1;
            } else {
                sum += x * weight;
            }
        });
        // Infinite terms of either sign: the pass came to one of them by the order of its sums. It still does
        // where the moved term is as infinite as before, or as finite.
        let (before, after) = terms;
        let stays = !after.is_nan() && !(after - before).is_infinite();
        if sum.is_nan() && stays {
            a
        } else {
            sum
        }
    }
}

/// The central difference of the mean loss in every parameter.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn incremental(
    perturbed: &PerturbedLoss<'_>,
    h: f64,
    Context {
        threads, cancel, ..
    }: Context<'_>,
) -> Result<Parameters<f64>, Error> {
    let mut quotients = Parameters::filled(perturbed.network(), 0.0);
    for (l, layer) in quotients.layers.iter_mut().enumerate() {
        let units = perturbed.network().layers()[l].units();
        let columns = try_map(threads, units, |j| {
            unit_quotients(perturbed, l, j, 0..perturbed.samples(), h, cancel)
        })?;
        for (j, column) in columns.iter().enumerate() {
            column.add_to(layer, j);
        }
    }
    Ok(quotients)
}
