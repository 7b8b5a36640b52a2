//! How a small move of the scores changes the loss of a sample.
//!
//! Let the score of class `k` move by `v_k = w_k d`, as it does when a unit that weighs `w_k` in it
//! moves by `d`. With the probabilities `y_k`, the denominator of the softmax grows by the factor
//! `1 + g`, `g = sum_k y_k (exp(v_k) - 1)`, and the loss `-sum_k t_k ln(y_k + 1e-7)` by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - ln(1 + e_k + q_k (g - e_k))],  e_k = exp(v_k) - 1,  q_k = 1e-7 / (y_k + 1e-7).
//! ```
//!
//! That is the loss itself, written so that what stays the same cancels before it is rounded. As
//! the exponential is the sum of its series, `g = sum_m d^m sum_k y_k w_k^m / m!`: the sums over the
//! classes do not depend on `d`, and are found once for all shifts of a unit.
//!
//! The shares `q_k` are tiny where the sample's own classes are not all but excluded. As
//! `(1 + g) exp(-v) - 1 = (g - e) / (1 + e)`, the loss then grows by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - v_k - q_k ((1 + g) exp(-v_k) - 1) + r_k],  |r_k| < (q_k (g - e_k) / (1 + e_k))^2,
//! ```
//!
//! and all sums over the classes, those of `t_k w_k` and `t_k q_k w_k^m / m!` too, are found beforehand.

use crate::network::incoming::{next_power, Incoming};
use crate::network::losses::softmax_cross_entropy::class_sums::{
    denominator, growth_to_label, numerator, ClassSums, Moments, Rows, Series, SHARED_TERMS,
};
use crate::network::losses::Target;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};
use crate::numeric::vecmath::series::{
    ln_1p_series, MAX_MOVE_3_TERMS, MAX_MOVE_4_TERMS, MAX_MOVE_5_TERMS, TERMS,
};

/// Powers of a larger weight than this could overflow.
const LARGEST_WEIGHT: f64 = 1e60;

/// For a larger change than this, powers of the weights that count could underflow.
const LARGEST_CHANGE: f64 = 1e45;

/// Up to so many powers of weights are kept, which a second-level cache holds; more are found anew, in less
/// time than they would take to come, and less memory.
const MOST_POWERS: usize = 1 << 18;

/// How many moments are summed side by side.
const MANY: usize = 5 * LANES;

/// The largest `sum_k |t_k| (q_k v)^2`, `v` the largest move of a score, that is left out: as
/// `|g - e_k| / (1 + e_k) < 2.03 v`, the loss then is off by less than `1e-17`. Of targets that weigh less
/// than 1 it is as much less.
const SHARED: f64 = 4e-18;

/// Whether squares of shares do not count for moves of scores up to `largest`; `weight` is `sum_k |t_k|`,
/// `squared` is `sum_k |t_k| q_k^2`.
#[inline(always)]
#[must_use]
pub fn are_squares_small(largest: f64, weight: f64, squared: f64) -> bool {
    // Written so that a NaN is not.
    largest * largest * squared <= SHARED * weight.min(1.0)
}

/// For each unit of a layer and each class, what a change of the unit's activation does to the
/// score of the class: a weight `w` and its powers `w^m / m!`. Units past the last weigh nothing.
#[derive(Debug)]
pub struct ScoreWeights {
    /// With all powers or, of large layers, none but the first.
    incoming: Incoming,
    /// The number of units, filled up to whole blocks.
    width: usize,
    /// The largest absolute weight.
    largest: f64,
}

impl ScoreWeights {
    /// Of the units below `weights`, shape (units, classes).
    #[must_use]
    pub fn of_weights(weights: MatrixRef<'_, f64>) -> Self {
        let width = weights.rows().next_multiple_of(LANES);
        let is_small = weights.cols().saturating_mul(TERMS * width) <= MOST_POWERS;
        Self {
            incoming: Incoming::new(weights, if is_small { TERMS } else { 1 }),
            width,
            largest: match max_abs(weights.data()) {
                largest if largest <= LARGEST_WEIGHT => largest,
                // No change counts as small then, not even none.
                _ => f64::INFINITY,
            },
        }
    }

    /// Finds the sums over the classes of a sample with probabilities `y`, for all units, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel). They hold for changes of an activation up to `reach`, which
    /// [is small](Self::is_small).
    #[inline(always)]
    pub fn sums<L: Level>(&self, y: &[f64], sample: &Sample<'_>, reach: f64, sums: &mut ClassSums) {
        let width = self.width;
        sums.rows.resize((TERMS + 1 + SHARED_TERMS) * width, 0.0);
        sums.shared.clear();
        let (mut weight, mut squared) = (0.0, 0.0);
        match sample.target {
            Target::Label(k) => {
                let share = sample.shares[k];
                (sums.mass, sums.share) = (1.0, share);
                (weight, squared) = (1.0, share * share);
                let (score_weights, shared) = sums.rows[TERMS * width..].split_at_mut(width);
                score_weights.copy_from_slice(self.incoming.of(k));
                self.add_weighed::<L>((k, share), shared, true);
            }
            Target::Dense(t) => {
                (sums.mass, sums.share) = (0.0, 0.0);
                for (&t, &share) in t.iter().zip(sample.shares) {
                    sums.mass += t;
                    sums.share += t * share;
                    weight += t.abs();
                    squared += t.abs() * share * share;
                    sums.shared.push(t * share);
                }
                let (score_weights, shared) = sums.rows[TERMS * width..].split_at_mut(width);
                self.weigh::<L>(t, score_weights);
                self.weigh::<L>(&sums.shared, shared);
            }
        }
        let largest = reach * self.largest;
        sums.series = match largest {
            _ if !are_squares_small(largest, weight, squared) => Series::AnyShare,
            ..=MAX_MOVE_3_TERMS => Series::Three,
            ..=MAX_MOVE_4_TERMS => Series::Four,
            _ => Series::Whole,
        };
        let terms = match sums.series {
            Series::Three => 3,
            Series::Four => 4,
            Series::Whole | Series::AnyShare => TERMS,
        };
        self.weigh::<L>(y, &mut sums.rows[..terms * width]);
    }

    /// Writes `sum_k weights[k] w_k^m / m!` for all units and as many powers `m` as there is room for.
    #[inline(always)]
    fn weigh<L: Level>(&self, weights: &[f64], out: &mut [f64]) {
        if self.incoming.powers() == 1 {
            for (k, &weight) in weights.iter().enumerate() {
                self.add_weighed::<L>((k, weight), out, k == 0);
            }
            return;
        }
        // Many sums side by side, over all classes before the next are begun: they stay in registers,
        // and do not wait for one another.
        let (wide, narrow) = out.as_chunks_mut::<MANY>();
        for (i, out) in wide.iter_mut().enumerate() {
            *out = self.moments_at::<L, MANY>(weights, i * MANY);
        }
        let first = wide.len() * MANY;
        for (i, out) in narrow.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *out = self.moments_at::<L, LANES>(weights, first + i * LANES);
        }
    }

    /// Adds a weight times `w_k^m / m!` for all units and as many powers `m` as there is room for, or writes
    /// it there.
    #[inline(always)]
    fn add_weighed<L: Level>(&self, (k, weight): (usize, f64), out: &mut [f64], is_first: bool) {
        let blocks = self.incoming.of(k).as_chunks::<LANES>().0;
        for (b, block) in blocks.iter().enumerate() {
            let mut power = *block;
            for (m, row) in out.chunks_exact_mut(self.width).enumerate() {
                if m > 0 {
                    next_power(&mut power, block, m);
                }
                let sums = row[b * LANES..][..LANES].iter_mut();
                for (sum, &power) in sums.zip(&power) {
                    let before = if is_first { 0.0 } else { *sum };
                    *sum = L::mul_add(weight, power, before);
                }
            }
        }
    }

    #[inline(always)]
    fn moments_at<L: Level, const W: usize>(&self, y: &[f64], first: usize) -> [f64; W] {
        let mut sums = [0.0; W];
        for (k, &y) in y.iter().enumerate() {
            let powers = &self.incoming.powers_of(k)[first..first + W];
            for lane in 0..W {
                sums[lane] = L::mul_add(y, powers[lane], sums[lane]);
            }
        }
        sums
    }

    /// The same of one unit.
    #[inline(always)]
    #[must_use]
    pub fn moments_of_unit<L: Level>(&self, y: &[f64], j: usize) -> Moments {
        let mut moments = [0.0; TERMS];
        for (k, &y) in y.iter().enumerate() {
            let weight = self.incoming.of(k)[j];
            let mut power = weight;
            for m in 0..TERMS {
                if m > 0 {
                    power *= weight * (1.0 / (m + 1) as f64);
                }
                moments[m] = L::mul_add(y, power, moments[m]);
            }
        }
        moments
    }

    /// What reaches each class from all units.
    #[must_use]
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// Whether every score moves little when an activation changes by `reach` at most.
    #[inline(always)]
    #[must_use]
    pub fn is_small(&self, reach: f64) -> bool {
        reach * self.largest <= MAX_MOVE_5_TERMS && reach <= LARGEST_CHANGE
    }

    /// Whether every score moves little when activations change by `changes`; a NaN does not.
    #[inline(always)]
    #[must_use]
    pub fn are_small(&self, changes: &[f64]) -> bool {
        let mut are_large = 0_u32;
        for change in changes {
            are_large |= u32::from(!self.is_small(change.abs()));
        }
        are_large == 0
    }

    /// Turns two changes of each unit's activation, `above` and `below`, into the difference of the
    /// losses after them, in place of `above`; `sums` are [those](Self::sums) of the sample.
    #[inline(always)]
    pub fn difference_by_units<L: Level>(
        &self,
        sample: &Sample<'_>,
        sums: &ClassSums,
        changes: (&mut [f64], &mut [f64]),
        denominators: &mut Vec<f64>,
    ) {
        match sums.series {
            Series::Three => sums.difference::<L, 3, 3>(changes),
            Series::Four => sums.difference::<L, 4, 4>(changes),
            Series::Whole => sums.difference::<L, TERMS, 6>(changes),
            Series::AnyShare => {
                self.difference::<L>(sample, &sums.rows, changes, denominators);
            }
        }
    }

    /// The same for shares of any size, with all terms there are.
    #[inline(always)]
    fn difference<L: Level>(
        &self,
        sample: &Sample<'_>,
        moments: &[f64],
        (above, below): (&mut [f64], &mut [f64]),
        denominators: &mut Vec<f64>,
    ) {
        let width = self.width;
        let (above, below) = (&mut above[..width], &mut below[..width]);
        match sample.target {
            Target::Label(k) => {
                let (weights, share) = (self.incoming.of(k), sample.shares[k]);
                let moments = Rows::<TERMS>::new(moments, width);
                for j in 0..width {
                    let (own, reach) = (moments.of::<TERMS>(j), (weights[j], share));
                    let down = growth_to_label::<L>(&own, reach, below[j]);
                    above[j] = growth_to_label::<L>(&own, reach, above[j]) - down;
                }
            }
            Target::Dense(t) => {
                let dense = (t, sample.shares);
                self.grow::<L>(dense, moments, above, denominators);
                self.grow::<L>(dense, moments, below, denominators);
                for (above, below) in above.iter_mut().zip(below) {
                    *above -= *below;
                }
            }
        }
    }

    /// Turns the change of each unit's activation into the growth of a loss with weights for all
    /// classes.
    #[inline(always)]
    fn grow<L: Level>(
        &self,
        (t, shares): (&[f64], &[f64]),
        moments: &[f64],
        changes: &mut [f64],
        denominators: &mut Vec<f64>,
    ) {
        let width = self.width;
        denominators.resize(2 * width, 0.0);
        let (grown, growth) = denominators.split_at_mut(width);
        let (growth, changes) = (&mut growth[..width], &mut changes[..width]);
        let moments = Rows::<TERMS>::new(moments, width);
        let mass: f64 = t.iter().sum();
        for j in 0..width {
            grown[j] = denominator::<L, TERMS>(&moments.of::<TERMS>(j), changes[j]);
            growth[j] = mass * ln_1p_series::<L, 6>(grown[j]);
        }
        for (k, (&t, &share)) in t.iter().zip(shares).enumerate() {
            let weights = self.incoming.of(k);
            for j in 0..width {
                let own = numerator::<L>(changes[j] * weights[j], grown[j], share);
                growth[j] = L::mul_add(-t, own, growth[j]);
            }
        }
        changes.copy_from_slice(growth);
    }

    /// The growth of the loss for some changes of the activation of unit `j`, of which `moments`
    /// are the moments, and the changes [are small](Self::are_small).
    #[inline(always)]
    #[must_use]
    pub fn growth_by_unit<L: Level, const W: usize>(
        &self,
        sample: &Sample<'_>,
        (j, moments): (usize, &Moments),
        changes: &[f64; W],
    ) -> [f64; W] {
        let mut growth = [0.0; W];
        match sample.target {
            Target::Label(k) => {
                let (weight, share) = (self.incoming.of(k)[j], sample.shares[k]);
                for lane in 0..W {
                    growth[lane] = growth_to_label::<L>(moments, (weight, share), changes[lane]);
                }
            }
            Target::Dense(t) => {
                let mut grown = [0.0; W];
                let mass: f64 = t.iter().sum();
                for lane in 0..W {
                    grown[lane] = denominator::<L, TERMS>(moments, changes[lane]);
                    growth[lane] = mass * ln_1p_series::<L, 6>(grown[lane]);
                }
                for (k, (&t, &share)) in t.iter().zip(sample.shares).enumerate() {
                    let weight = self.incoming.of(k)[j];
                    for lane in 0..W {
                        let own = numerator::<L>(changes[lane] * weight, grown[lane], share);
                        growth[lane] = L::mul_add(-t, own, growth[lane]);
                    }
                }
            }
        }
        growth
    }
}

/// What a sample's loss depends on, besides its scores.
#[derive(Debug)]
pub struct Sample<'a> {
    /// What it should have been classified as.
    pub target: Target<'a, f64>,
    /// For each class, `1e-7 / (y + 1e-7)`.
    pub shares: &'a [f64],
}

/// For each class, the share of `1e-7` in `y + 1e-7`.
#[must_use]
pub fn delta_fractions(y: MatrixRef<'_, f64>, epsilon: f64) -> Matrix<f64> {
    let mut shares = Matrix::from_vec(y.data().to_vec(), y.rows(), y.cols());
    dispatch(Shares {
        epsilon,
        shares: shares.data_mut(),
    });
    shares
}

struct Shares<'a> {
    epsilon: f64,
    shares: &'a mut [f64],
}

impl Kernel for Shares<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for y in self.shares {
            *y = self.epsilon / (*y + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::losses::softmax_cross_entropy::COURSE_EPSILON;
    use crate::numeric::simd::Fused;

    /// The loss by its definition.
    fn loss(scores: &[f64], t: &[f64]) -> f64 {
        let total: f64 = scores.iter().map(|s| s.exp()).sum();
        let of = |(s, t): (&f64, &f64)| -t * (s.exp() / total + COURSE_EPSILON).ln();
        scores.iter().zip(t).map(of).sum()
    }

    #[test]
    fn the_difference_is_that_of_the_losses() {
        let scores = [0.3_f64, -1.0, 2.0, -30.0];
        let weights = Matrix::from_vec(vec![0.5, -3.0, 1.5, 4.0], 1, 4);
        let total: f64 = scores.iter().map(|s| s.exp()).sum();
        let y = Matrix::from_vec(scores.iter().map(|s| s.exp() / total).collect(), 1, 4);
        let shares = delta_fractions(y.view(), COURSE_EPSILON);
        let score_weights = ScoreWeights::of_weights(weights.view());
        let soft = [0.2, 0.5, -0.1, 3.0];
        for d in [1e-3 * 0.9, 1e-4, 1e-5, 1e-9] {
            for (k, t) in (0..4)
                .map(|k| (k, Target::Label(k)))
                .chain([(4, Target::Dense(&soft[..]))])
            {
                let one_hot: Vec<f64> = (0..4).map(|i| f64::from(u8::from(i == k))).collect();
                let t_row = if k == 4 { &soft[..] } else { &one_hot };
                let sample = Sample {
                    target: t,
                    shares: shares.data(),
                };
                let moments = score_weights.moments_of_unit::<Fused>(y.data(), 0);
                let unit = (0, &moments);
                let [up, down] = score_weights.growth_by_unit::<Fused, 2>(&sample, unit, &[d, -d]);
                assert!(score_weights.is_small(d) && score_weights.are_small(&[-d]));
                let got = up - down;
                let (mut sums, mut above, mut below) =
                    (ClassSums::default(), [d; LANES], [-d; LANES]);
                score_weights.sums::<Fused>(y.data(), &sample, d, &mut sums);
                let rows = (&mut above[..], &mut below[..]);
                score_weights.difference_by_units::<Fused>(&sample, &sums, rows, &mut Vec::new());
                assert!((above[0] - got).abs() <= 1e-16 + 1e-15 * got.abs());
                let moved = |d: f64| {
                    let scores: Vec<f64> = scores
                        .iter()
                        .zip(weights.data())
                        .map(|(s, w)| s + d * w)
                        .collect();
                    loss(&scores, t_row)
                };
                let wanted = moved(d) - moved(-d);
                assert!((got - wanted).abs() < 3e-14, "{k}, {d}: {got} {wanted}");
            }
        }
    }
}
