//! The central difference by recomputing only what one moved parameter changes.
//!
//! Moving the weight `W[i, j]` by `±h` moves the pre-activation of unit `j` by `±h x[n, i]`, so its
//! quotient is `1/N sum_n [phi_nj(h x[n, i]) - phi_nj(-h x[n, i])] / 2h`, and that of the bias the
//! same with 1 for `x`. A sample whose `x[n, i]` is exactly zero contributes exactly nothing.

use crate::cancel::Cancel;
use crate::error::Error;
use crate::input::Input;
use crate::network::{LayerPlaces, Places};
use crate::parallel::{try_map, Threads};
use crate::shift::{Scratch, Shifter};
use crate::simd::{dispatch, Kernel, Level, LANES};

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
    pub fn add_to(&self, layer: &mut LayerPlaces<'_, f64>, j: usize) {
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
    shifter: &Shifter<'_>,
    l: usize,
    j: usize,
    samples: impl Iterator<Item = usize>,
    h: f64,
    cancel: &Cancel,
) -> Result<UnitQuotients, Error> {
    let quotients = dispatch(Evaluate {
        shifter,
        l,
        j,
        samples: samples.take_while(|_| cancel.check().is_ok()),
        h,
    });
    cancel.check()?;
    Ok(quotients)
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
    fn run<R: Level>(self) -> UnitQuotients {
        let Self { shifter, l, h, .. } = self;
        let input = shifter.input_of(l);
        let inputs = input.inputs();
        // One more place than inputs: the bias, which is the weight of an input that is always 1.
        let mut sums = vec![0.0; inputs + 1];
        let width = 2.0 * h * shifter.samples() as f64;
        let mut scratch = Scratch::default();
        let column = Column::new(shifter, l, self.j, h);
        let mut moves = Vec::new();
        for n in self.samples {
            moves.clear();
            let place = shifter.place::<R>((l, n), self.j);
            let a = place.pre;
            column.moves(input, n, a, &mut moves);
            moves.push((inputs, a + h, a - h));
            for moves in moves.chunks(LANES) {
                let (mut above, mut below) = ([a; LANES], [a; LANES]);
                for (lane, &(_, up, down)) in moves.iter().enumerate() {
                    above[lane] = up;
                    below[lane] = down;
                }
                let moved = (&above, &below);
                let differences = shifter.differences::<R>(&place, moved, &mut scratch);
                for (lane, &(place, ..)) in moves.iter().enumerate() {
                    sums[place] += differences[lane];
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
    fn new(shifter: &Shifter<'_>, l: usize, j: usize, h: f64) -> Self {
        let layer = shifter.network().layers()[l];
        let rows = 0..layer.weights.rows();
        Self {
            weights: rows.map(|i| layer.weights.row(i)[j]).collect(),
            bias: layer.bias.map_or(0.0, |bias| bias[j]),
            h,
        }
    }

    /// For each input of sample `n` that is not zero, its place and where the pre-activation `a`
    /// goes when its weight is moved up and down.
    fn moves(&self, input: Input<'_, f64>, n: usize, a: f64, moves: &mut Vec<(usize, f64, f64)>) {
        input.for_each_nonzero(n, |i, x| {
            let by = self.h * x;
            moves.push((i, a + by, a - by));
        });
        if a.is_finite() {
            return;
        }
        // An infinite term: a sum cannot be moved past infinity, but its terms can be summed anew.
        for (place, above, below) in moves {
            let place = *place;
            let sum = |moved: f64| {
                let mut sum = self.bias;
                input.for_each_nonzero(n, |i, x| {
                    sum += x * if i == place { moved } else { self.weights[i] };
                });
                sum
            };
            *above = sum(self.weights[place] + self.h);
            *below = sum(self.weights[place] - self.h);
        }
    }
}

/// Writes the central difference of the mean loss in every parameter.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn incremental(
    shifter: &Shifter<'_>,
    h: f64,
    threads: Threads<'_>,
    cancel: &Cancel,
    gradient: &mut Places<'_, f64>,
) -> Result<(), Error> {
    gradient.fill(0.0);
    for (l, own) in gradient.layers.iter_mut().enumerate() {
        let units = shifter.network().layers()[l].units();
        let columns = try_map(threads, units, |j| {
            unit_quotients(shifter, l, j, 0..shifter.samples(), h, cancel)
        })?;
        for (j, column) in columns.iter().enumerate() {
            column.add_to(own, j);
        }
    }
    Ok(())
}
