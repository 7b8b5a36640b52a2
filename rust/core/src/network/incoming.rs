//! The weights of a layer by the unit they reach, with their powers, and sums of these over the units.

use std::ops::Range;

use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// Up to so many powers of weights are kept, which a second-level cache holds; more are computed anew, in less
/// time than they would take to come, and less memory.
const MAX_KEPT: usize = 1 << 18;

/// Powers of a larger weight than this could overflow.
const MAX_WEIGHT: f64 = 1e60;

/// For a larger change than this, powers of the weights that count could underflow.
const MAX_CHANGE: f64 = 1e45;

/// How many sums run side by side: they stay in registers, and do not wait for one another.
const SUMS_AT_ONCE: usize = 5 * LANES;

/// For each unit of a layer the weights from units below, one a lane, and behind them their powers
/// `w^m / m!`. Lanes behind the last unit hold zeros.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// A row for each unit of the layer.
    rows: Matrix<f64>,
    width: usize,
    max_weight: f64,
}

impl Incoming {
    /// From all units below; `weights` have shape (units below, units). Powers up to `m = powers` are kept
    /// if they are not many.
    #[must_use]
    pub fn new(weights: MatrixRef<'_, f64>, powers: usize) -> Self {
        Self::filled(weights, weights.rows().next_multiple_of(LANES), powers)
    }

    /// From unit `j` below in each of [`LANES`] lanes.
    #[must_use]
    pub fn of_unit(weights: MatrixRef<'_, f64>, j: usize, powers: usize) -> Self {
        let lanes = weights.row(j).repeat(LANES);
        let weights = MatrixRef::new(&lanes, LANES, weights.cols());
        Self::filled(weights, LANES, powers)
    }

    fn filled(weights: MatrixRef<'_, f64>, width: usize, powers: usize) -> Self {
        let is_small = weights.cols().saturating_mul(powers * width) <= MAX_KEPT;
        let kept = if is_small { powers } else { 1 };
        let mut rows = Matrix::zeros(weights.cols(), kept * width);
        dispatch(Fill {
            weights,
            width,
            rows: rows.data_mut(),
        });
        Self {
            rows,
            width,
            max_weight: max_abs(weights.data()),
        }
    }

    /// The number of lanes, a multiple of [`LANES`].
    #[inline(always)]
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The largest absolute weight.
    #[inline(always)]
    #[must_use]
    pub fn max_weight(&self) -> f64 {
        self.max_weight
    }

    /// The largest change of an activation below that moves no unit by more than `max_move`, and for which
    /// sums over powers of weights have their digits; less than none, if there is none.
    #[inline(always)]
    #[must_use]
    pub fn max_change(&self, max_move: f64) -> f64 {
        // Written so that a NaN has none.
        if self.max_weight <= MAX_WEIGHT {
            MAX_CHANGE.min(max_move / self.max_weight)
        } else {
            -1.0
        }
    }

    /// The weights that reach unit `k`.
    #[inline(always)]
    #[must_use]
    pub fn of(&self, k: usize) -> &[f64] {
        &self.rows.row(k)[..self.width]
    }

    /// Writes `sum_k factors[k] w_k^m / m!`, the sum over the units of the layer, for each lane and each `m` of
    /// `powers`, inside a [`Kernel`].
    #[inline(always)]
    pub fn weigh<L: Level>(&self, factors: &[f64], powers: Range<usize>, out: &mut [f64]) {
        if !self.are_kept(&powers) {
            out.fill(0.0);
            for (k, &factor) in factors.iter().enumerate() {
                self.add_weighed::<L>((k, factor), powers.clone(), out);
            }
            return;
        }
        let start = (powers.start - 1) * self.width;
        let (wide, narrow) = out.as_chunks_mut::<SUMS_AT_ONCE>();
        for (i, out) in wide.iter_mut().enumerate() {
            *out = self.sums_at::<L, SUMS_AT_ONCE>(factors, start + i * SUMS_AT_ONCE);
        }
        let start = start + wide.len() * SUMS_AT_ONCE;
        for (i, out) in narrow.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *out = self.sums_at::<L, LANES>(factors, start + i * LANES);
        }
    }

    /// The same where all factors but that of unit `k` are zero.
    #[inline(always)]
    pub fn weigh_unit<L: Level>(
        &self,
        (k, factor): (usize, f64),
        powers: Range<usize>,
        out: &mut [f64],
    ) {
        if !self.are_kept(&powers) {
            out.fill(0.0);
            return self.add_weighed::<L>((k, factor), powers, out);
        }
        let columns = (powers.start - 1) * self.width..(powers.end - 1) * self.width;
        for (out, power) in out.iter_mut().zip(&self.rows.row(k)[columns]) {
            *out = factor * power;
        }
    }

    #[inline(always)]
    fn are_kept(&self, powers: &Range<usize>) -> bool {
        (powers.end - 1) * self.width <= self.rows.cols()
    }

    /// Sums over all units of some columns of kept powers, those from `start` on.
    #[inline(always)]
    fn sums_at<L: Level, const W: usize>(&self, factors: &[f64], start: usize) -> [f64; W] {
        let mut sums = [0.0; W];
        for (k, &factor) in factors.iter().enumerate() {
            let powers = &self.rows.row(k)[start..start + W];
            for lane in 0..W {
                sums[lane] = L::mul_add(factor, powers[lane], sums[lane]);
            }
        }
        sums
    }

    /// Adds `factor w_k^m / m!`, of one unit `k`, to what stands in `out`.
    #[inline(always)]
    fn add_weighed<L: Level>(
        &self,
        (k, factor): (usize, f64),
        powers: Range<usize>,
        out: &mut [f64],
    ) {
        let blocks = self.of(k).as_chunks::<LANES>().0;
        for (b, block) in blocks.iter().enumerate() {
            let mut power = *block;
            for m in 2..=powers.start {
                next_power(&mut power, block, m);
            }
            for (i, row) in out.chunks_exact_mut(self.width).enumerate() {
                if i > 0 {
                    next_power(&mut power, block, powers.start + i);
                }
                let sums = row[b * LANES..][..LANES].iter_mut();
                for (sum, &power) in sums.zip(&power) {
                    *sum = L::mul_add(factor, power, *sum);
                }
            }
        }
    }
}

struct Fill<'a> {
    weights: MatrixRef<'a, f64>,
    width: usize,
    rows: &'a mut [f64],
}

impl Kernel for Fill<'_> {
    type Output = ();

    /// A block of units below at a time: their weights are read from the first to the last.
    #[inline(always)]
    fn run<L: Level>(self) {
        let (weights, units) = (self.weights, self.weights.cols());
        let stride = self.rows.len() / units;
        for start in (0..weights.rows()).step_by(LANES) {
            let count = LANES.min(weights.rows() - start);
            for (k, row) in self.rows.chunks_exact_mut(stride).enumerate() {
                let mut block = [0.0; LANES];
                for (lane, weight) in block[..count].iter_mut().enumerate() {
                    *weight = weights.data()[(start + lane) * units + k];
                }
                let mut power = block;
                for (i, row) in row.chunks_exact_mut(self.width).enumerate() {
                    if i > 0 {
                        next_power(&mut power, &block, i + 1);
                    }
                    row[start..start + LANES].copy_from_slice(&power);
                }
            }
        }
    }
}

/// Turns `w^(m - 1) / (m - 1)!` into `w^m / m!`.
#[inline(always)]
fn next_power(power: &mut [f64; LANES], weights: &[f64; LANES], m: usize) {
    let inverse = 1.0 / m as f64;
    for (power, weight) in power.iter_mut().zip(weights) {
        *power *= weight * inverse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::Fused;

    #[test]
    fn sums_are_those_of_powers_kept_or_not() {
        let weights: Vec<f64> = (0..66).map(|i| f64::from(i % 7) - 2.5).collect();
        let weights = MatrixRef::new(&weights, 11, 6);
        let factors = [0.5, -1.0, 2.0, 0.0, 3.0, 0.25];
        let all = [Incoming::new(weights, 4), Incoming::new(weights, 1)];
        for (powers, incoming) in [
            (1..5, &all[0]),
            (1..5, &all[1]),
            (3..4, &all[0]),
            (3..4, &all[1]),
        ] {
            let mut out = vec![f64::NAN; powers.len() * incoming.width()];
            incoming.weigh::<Fused>(&factors, powers.clone(), &mut out);
            for (m, row) in powers.zip(out.chunks(incoming.width())) {
                let inverse = 1.0 / (1..=m).product::<usize>() as f64;
                for (j, sum) in row[..11].iter().enumerate() {
                    let power = |w: &f64| w.powi(i32::try_from(m).unwrap_or(0)) * inverse;
                    let wanted: f64 = weights
                        .row(j)
                        .iter()
                        .map(power)
                        .zip(factors)
                        .map(|(p, f)| p * f)
                        .sum();
                    assert!((sum - wanted).abs() < 1e-13 * (1.0 + wanted.abs()));
                }
            }
        }
        let unit = Incoming::of_unit(weights, 3, 4);
        assert_eq!(unit.of(2), [weights.row(3)[2]; LANES]);
    }
}
