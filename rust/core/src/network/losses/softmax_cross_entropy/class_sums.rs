//! Moves of all scores of a sample by a unit below.
//!
//! When a unit that weighs `w_k` in score `k` changes by `d`, the score moves by `v_k = w_k d`. As the
//! exponential is the sum of its series, `g = sum_m d^m sum_k y_k w_k^m / m!`: the sums over the classes do
//! not depend on `d`, and are found once for all changes of a unit. Where squares of epsilon fractions do not
//! count, so are those of `t_k w_k` and `t_k q_k w_k^m / m!`; see [`closed_form`](super::closed_form).

use super::closed_form::{ClosedForm, Series, TargetSums};
use crate::network::activations::{Moves, UnitRows};
use crate::network::incoming::Incoming;
use crate::network::losses::Target;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;
use crate::numeric::vecmath::series::{exp_m1_series, ln_1p_series, TERMS};

/// The terms of the logarithm's series up to [`MAX_MOVE_5_TERMS`](crate::numeric::vecmath::series::MAX_MOVE_5_TERMS).
const LN_TERMS: usize = 6;

/// The terms of the series of `exp(-v) - 1` that are weighed with fractions: what three leave out is below
/// `q v^4 / 24`, with `q v < 2e-9` (see [`series`](super::closed_form::TargetSums::series)) and `v`
/// [`MAX_MOVE_5_TERMS`](crate::numeric::vecmath::series::MAX_MOVE_5_TERMS) below `5e-18`.
const FRACTION_TERMS: usize = 3;

/// Sums over the classes of a sample, for some units below.
#[derive(Debug, Default)]
pub struct ClassSums {
    /// Rows of a number a unit: `sum_k y_k w_k^m / m!` for all powers `m`, `sum_k t_k w_k`, and
    /// `sum_k t_k q_k w_k^m / m!` for some.
    rows: Vec<f64>,
    /// `t_k q_k` of each class, where the target has several.
    weighted_fractions: Vec<f64>,
    series: Series,
    /// For each unit, by how much the denominator of the softmax grows, and the loss.
    grown: Vec<f64>,
    growth: Vec<f64>,
}

impl ClosedForm<'_> {
    /// Finds the sums for sample `n` and all lanes of `incoming`, the weights of the scores, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel). They hold for changes up to `change`, which move
    /// no score by more than [`MAX_MOVE_5_TERMS`](crate::numeric::vecmath::series::MAX_MOVE_5_TERMS).
    #[inline(always)]
    pub fn sum_over_classes<L: Level>(
        &self,
        (n, target): (usize, Target<'_, f64>),
        incoming: &Incoming,
        change: f64,
        sums: &mut ClassSums,
    ) {
        let (width, fractions) = (incoming.width(), self.fractions.row(n));
        sums.rows.resize((TERMS + 1 + FRACTION_TERMS) * width, 0.0);
        let (weighted, by_fractions) = sums.rows[TERMS * width..].split_at_mut(width);
        match target {
            Target::Label(k) => {
                weighted.copy_from_slice(incoming.of(k));
                let label = (k, fractions[k]);
                incoming.weigh_unit::<L>(label, 1..FRACTION_TERMS + 1, by_fractions);
            }
            Target::Dense(t) => {
                sums.weighted_fractions.clear();
                for (&t, &fraction) in t.iter().zip(fractions) {
                    sums.weighted_fractions.push(t * fraction);
                }
                incoming.weigh::<L>(t, 1..2, weighted);
                let factors = &sums.weighted_fractions;
                incoming.weigh::<L>(factors, 1..FRACTION_TERMS + 1, by_fractions);
            }
        }
        sums.series = self.targets[n].series(change * incoming.max_weight());
        let terms = match sums.series {
            Series::Short => 3,
            Series::Long | Series::AnyFraction => TERMS,
        };
        let y = self.batch.outputs.row(n);
        incoming.weigh::<L>(y, 1..terms + 1, &mut sums.rows[..terms * width]);
    }

    /// Turns two changes of activations, `above` and `below`, into the difference of the losses after them, in
    /// place of `above`.
    #[inline(always)]
    pub fn differences_by_units<L: Level, M: Moves>(
        &self,
        sample: (usize, Target<'_, f64>),
        incoming: &Incoming,
        sums: &mut ClassSums,
        changes: (&mut [f64], &mut [f64]),
    ) {
        let target = self.targets[sample.0];
        match sums.series {
            Series::Short => sums.differences::<L, M, 3, 3>(target, changes),
            Series::Long => sums.differences::<L, M, TERMS, LN_TERMS>(target, changes),
            Series::AnyFraction => {
                self.differences_by_classes::<L, M>(sample, incoming, sums, changes);
            }
        }
    }

    /// The same for fractions of any size.
    #[inline(always)]
    fn differences_by_classes<L: Level, M: Moves>(
        &self,
        (n, target): (usize, Target<'_, f64>),
        incoming: &Incoming,
        sums: &mut ClassSums,
        (above, below): (&mut [f64], &mut [f64]),
    ) {
        let fractions = self.fractions.row(n);
        match target {
            Target::Label(k) => {
                let moments = UnitRows::<M, TERMS>::new(&sums.rows, incoming.width());
                let weights = UnitRows::<M, 1>::row(incoming.of(k));
                for (i, (above, below)) in above.iter_mut().zip(below).enumerate() {
                    let (moments, [weight]) = (moments.of(i), weights.of(i));
                    let label = (weight, fractions[k]);
                    let down = growth_to_label::<L>(&moments, label, *below);
                    *above = growth_to_label::<L>(&moments, label, *above) - down;
                }
            }
            Target::Dense(t) => {
                let classes = (t, fractions, self.targets[n].mass);
                sums.grow::<L, M>(classes, incoming, above);
                sums.grow::<L, M>(classes, incoming, below);
                for (above, below) in above.iter_mut().zip(below) {
                    *above -= *below;
                }
            }
        }
    }
}

impl ClassSums {
    /// The differences where squares of fractions do not count, by `E` and `W` terms.
    #[inline(always)]
    fn differences<L: Level, M: Moves, const E: usize, const W: usize>(
        &self,
        target: TargetSums,
        (above, below): (&mut [f64], &mut [f64]),
    ) {
        let width = self.rows.len() / (TERMS + 1 + FRACTION_TERMS);
        let moments = UnitRows::<M, E>::new(&self.rows, width);
        let weighted = UnitRows::<M, 1>::row(&self.rows[TERMS * width..][..width]);
        let by_fractions = &self.rows[(TERMS + 1) * width..];
        let by_fractions = UnitRows::<M, FRACTION_TERMS>::new(by_fractions, width);
        for (i, (above, below)) in above.iter_mut().zip(below).enumerate() {
            let (moments, [weighted]) = (moments.of(i), weighted.of(i));
            let by_fractions = by_fractions.of(i);
            let sums = (weighted, &by_fractions);
            let down = growth::<L, E, W>(&target, &moments, sums, *below);
            *above = growth::<L, E, W>(&target, &moments, sums, *above) - down;
        }
    }

    /// Turns changes of activations into the growth of a loss with weights for all classes.
    #[inline(always)]
    fn grow<L: Level, M: Moves>(
        &mut self,
        (t, fractions, mass): (&[f64], &[f64], f64),
        incoming: &Incoming,
        changes: &mut [f64],
    ) {
        let count = changes.len();
        self.grown.resize(count, 0.0);
        self.growth.resize(count, 0.0);
        let (grown, growth) = (&mut self.grown[..count], &mut self.growth[..count]);
        let moments = UnitRows::<M, TERMS>::new(&self.rows, incoming.width());
        for i in 0..count {
            grown[i] = denominator::<L, TERMS>(&moments.of(i), changes[i]);
            growth[i] = mass * ln_1p_series::<L, LN_TERMS>(grown[i]);
        }
        for (k, (&t, &fraction)) in t.iter().zip(fractions).enumerate() {
            let weights = UnitRows::<M, 1>::row(incoming.of(k));
            for i in 0..count {
                let [weight] = weights.of(i);
                let of_class = numerator::<L>(changes[i] * weight, grown[i], fraction);
                growth[i] = L::mul_add(-t, of_class, growth[i]);
            }
        }
        changes.copy_from_slice(growth);
    }
}

/// The growth of the loss when the activation of a unit with those sums changes, by `E` and `W` terms.
#[inline(always)]
fn growth<L: Level, const E: usize, const W: usize>(
    target: &TargetSums,
    moments: &[f64; E],
    (weighted, by_fractions): (f64, &[f64; FRACTION_TERMS]),
    change: f64,
) -> f64 {
    let g = denominator::<L, E>(moments, change);
    let fall = -change * horner::<_, L, FRACTION_TERMS>(-change, by_fractions);
    let of_fractions = L::mul_add(target.fraction, g, L::mul_add(g, fall, fall));
    L::mul_add(target.mass, ln_1p_series::<L, W>(g), -change * weighted) - of_fractions
}

/// The growth of the loss of a sample whose class has that weight and fraction.
#[inline(always)]
fn growth_to_label<L: Level>(
    moments: &[f64; TERMS],
    (weight, fraction): (f64, f64),
    change: f64,
) -> f64 {
    let g = denominator::<L, TERMS>(moments, change);
    ln_1p_series::<L, LN_TERMS>(g) - numerator::<L>(change * weight, g, fraction)
}

/// By how much the denominator of the softmax grows, as a share of it: `g`.
#[inline(always)]
fn denominator<L: Level, const E: usize>(moments: &[f64; E], change: f64) -> f64 {
    change * horner::<_, L, E>(change, moments)
}

/// `ln(1 + e + q (g - e))` of a class whose score has moved by `v`.
#[inline(always)]
fn numerator<L: Level>(v: f64, g: f64, fraction: f64) -> f64 {
    let e = exp_m1_series::<L, TERMS>(v);
    ln_1p_series::<L, LN_TERMS>(L::mul_add(fraction, g - e, e))
}
