//! Moves of one score of a sample, without a look at all the others.
//!
//! Let score `j` alone move by `d`. With `e = exp(d) - 1`, `f = exp(-d) - 1` and the probability `y` of its
//! class, the denominator of the softmax grows by the factor `1 + g`, `g = y e`, and the loss
//! (see [`closed_form`](super::closed_form)) by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - ln(1 + q_k g)] - t_j [d + ln(1 + q_j u) - ln(1 + q_j g)],  u = (1 - y) f.
//! ```
//!
//! The first sum takes every class as one whose score stays; the last bracket makes up for class `j`, as
//! `1 + e + q (g - e) = (1 + e) (1 + q u)`. By the series of the logarithm the first sum needs those of
//! `t_k` and of the powers `t_k q_k^m` alone, found once a sample for all its scores. Where squares of the
//! epsilon fractions `q_k` do not count, what is left is
//! `sum_k t_k ln(1 + g) - sum_k t_k q_k g - t_j [d + q_j (u - g)]`.
//!
//! Moves of any size need the [other scores](super::other_scores).

use super::closed_form::{ClosedForm, Series, TargetSums};
use super::other_scores::OtherScores;
use crate::network::activations::{Moves, UnitRows};
use crate::network::losses::closed_form::{fill_lanes, Lanes};
use crate::network::losses::Target;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::{
    exp_m1_series, ln_1p_series, LN_1P_COEFFICIENTS, MAX_MOVE_5_TERMS,
};
use crate::numeric::vecmath::horner;

/// The largest move of a score that the series serve. Nine terms of that of `exp(x) - 1` leave out less than
/// `16^-9 / 10! < 5e-18` of it, thirteen of that of `ln(1 + x)`, `|x| < 1.04 / 16`, less than `3e-18`.
pub const MAX_MOVE: f64 = 1.0 / 16.0;

/// The terms of the series of `exp(x) - 1` up to [`MAX_MOVE`].
const EXP_TERMS: usize = 9;

/// The terms of the series of `ln(1 + x)` up to there.
const LN_TERMS: usize = 13;

/// What `sum_k t_k ln(1 + q_k g)` is a polynomial of `g` by, `g` itself first.
pub type LogPowers = [f64; LN_TERMS];

/// Scores of a sample, one a lane, that are about to move one at a time.
#[derive(Debug, Default)]
pub struct ScoreLanes {
    sums: TargetSums,
    log_powers: LogPowers,
    y: Vec<f64>,
    /// The weights of the target and the fractions, where the target has several classes.
    t: Vec<f64>,
    fractions: Vec<f64>,
    /// Where it has one class: the place of that, if it is among the scores, and the fraction.
    label: Option<(Option<usize>, f64)>,
}

/// How far a score moves, and what that does to its exponential, upwards and downwards.
#[derive(Debug, Clone, Copy)]
struct Move {
    d: f64,
    e: f64,
    f: f64,
}

impl Move {
    #[inline(always)]
    fn new<L: Level>(d: f64) -> Self {
        Self {
            d,
            e: exp_m1_series::<L, EXP_TERMS>(d),
            f: exp_m1_series::<L, EXP_TERMS>(-d),
        }
    }
}

impl ClosedForm<'_> {
    /// Takes scores of a sample that are to move by at most `max_move`.
    #[inline(always)]
    pub fn take_scores(
        &self,
        (n, target): (usize, Target<'_, f64>),
        lanes: Lanes,
        max_move: f64,
        scores: &mut ScoreLanes,
    ) {
        fill_lanes(self.batch.outputs.row(n), lanes, &mut scores.y);
        scores.sums = self.targets[n];
        if scores.series(max_move.min(MAX_MOVE)) == Series::AnyFraction {
            scores.log_powers = match lanes {
                Lanes::All => log_powers(target, self.fractions.row(n)),
                // It is one of many units that ask for the same.
                Lanes::One(_) => self.log_powers()[n],
            };
        }
        scores.label = match target {
            Target::Label(k) => Some((lanes.place(k), self.fractions.row(n)[k])),
            Target::Dense(t) => {
                fill_lanes(t, lanes, &mut scores.t);
                fill_lanes(self.fractions.row(n), lanes, &mut scores.fractions);
                None
            }
        };
    }

    /// Writes for each lane the difference of the losses when its score alone moves up by its move and when
    /// it moves down, inside a [`Kernel`].
    #[inline(always)]
    pub fn differences_by_scores<L: Level, M: Moves>(
        &self,
        (n, target): (usize, Target<'_, f64>),
        lanes: Lanes,
        scores: &ScoreLanes,
        moves: M,
        out: &mut [f64],
    ) {
        let max_move = moves.max_move();
        match (scores.series(max_move), target) {
            (_, Target::Label(k)) if max_move > MAX_MOVE => {
                let row = self.batch.scores.row(n);
                let others = &self.others()[n];
                let mut score = others.moved::<L>(row, (k, lanes.index(0)), self.epsilon);
                for (i, out) in out.iter_mut().enumerate() {
                    if !M::IS_ONE_UNIT && i > 0 {
                        let j = i.min(row.len() - 1);
                        score = others.moved::<L>(row, (k, j), self.epsilon);
                    }
                    *out = score.difference::<L>(moves.by(i));
                }
            }
            (Series::Short, _) => scores.differences::<L, M, 3>(moves, out),
            (Series::Long, _) => scores.differences::<L, M, 6>(moves, out),
            (Series::AnyFraction, _) => scores.differences_of_any_fraction::<L, M>(moves, out),
        }
    }
}

impl ClosedForm<'_> {
    fn log_powers(&self) -> &[LogPowers] {
        self.log_powers.get_or_init(|| {
            let samples = 0..self.batch.scores.rows();
            samples
                .map(|n| log_powers(self.batch.targets.sample(n), self.fractions.row(n)))
                .collect()
        })
    }

    fn others(&self) -> &[OtherScores] {
        self.others
            .get_or_init(|| OtherScores::of_batch(self.batch.scores))
    }
}

/// The powers of fractions, weighted by the target, as coefficients of the logarithm's series.
fn log_powers(target: Target<'_, f64>, fractions: &[f64]) -> LogPowers {
    let mut sums = [0.0; LN_TERMS];
    let mut add = |t: f64, fraction: f64| {
        let mut power = t;
        for (m, sum) in sums.iter_mut().enumerate() {
            power *= fraction;
            *sum += power * LN_1P_COEFFICIENTS[m];
        }
    };
    match target {
        Target::Label(k) => add(1.0, fractions[k]),
        Target::Dense(t) => {
            for (&t, &fraction) in t.iter().zip(fractions) {
                add(t, fraction);
            }
        }
    }
    sums
}

impl ScoreLanes {
    /// What moves up to `max_move` take.
    #[inline(always)]
    fn series(&self, max_move: f64) -> Series {
        match self.sums.series(max_move) {
            Series::Long if max_move > MAX_MOVE_5_TERMS => Series::AnyFraction,
            series => series,
        }
    }

    #[inline(always)]
    fn differences<L: Level, M: Moves, const W: usize>(&self, moves: M, out: &mut [f64]) {
        let (moves, sums) = (moves.range(0..out.len()), self.sums);
        let y = UnitRows::<M, 1>::row(&self.y);
        let Some((label, fraction)) = self.label else {
            let t = UnitRows::<M, 1>::row(&self.t);
            let fractions = UnitRows::<M, 1>::row(&self.fractions);
            for (i, out) in out.iter_mut().enumerate() {
                let by = Move::new::<L>(moves.by(i));
                let ([y], [t], [fraction]) = (y.of(i), t.of(i), fractions.of(i));
                let others = difference_of_others::<L, W>(&sums, y, by);
                *out = L::mul_add(-t, share_of_class(fraction, by), others);
            }
            return;
        };
        for (i, out) in out.iter_mut().enumerate() {
            let by = Move::new::<L>(moves.by(i));
            let [y] = y.of(i);
            *out = difference_of_others::<L, W>(&sums, y, by);
        }
        if let Some(place) = label {
            for i in moves.lanes_of(place, out.len()) {
                out[i] -= share_of_class(fraction, Move::new::<L>(moves.by(i)));
            }
        }
    }

    #[inline(always)]
    fn differences_of_any_fraction<L: Level, M: Moves>(&self, moves: M, out: &mut [f64]) {
        let (moves, mass, log_powers) =
            (moves.range(0..out.len()), self.sums.mass, self.log_powers);
        let y = UnitRows::<M, 1>::row(&self.y);
        for (i, out) in out.iter_mut().enumerate() {
            let ([y], by) = (y.of(i), Move::new::<L>(moves.by(i)));
            let (up, down) = (y * by.e, y * by.f);
            let fractions = up * horner::<_, L, LN_TERMS>(up, &log_powers)
                - down * horner::<_, L, LN_TERMS>(down, &log_powers);
            *out = L::mul_add(mass, difference_of_ln::<L>(up, down), -fractions);
        }
        let Some((label, fraction)) = self.label else {
            let t = UnitRows::<M, 1>::row(&self.t);
            let fractions = UnitRows::<M, 1>::row(&self.fractions);
            for (i, out) in out.iter_mut().enumerate() {
                let by = Move::new::<L>(moves.by(i));
                let ([y], [t], [fraction]) = (y.of(i), t.of(i), fractions.of(i));
                *out -= t * share_of_any_fraction::<L>(y, fraction, by);
            }
            return;
        };
        if let Some(place) = label {
            for i in moves.lanes_of(place, out.len()) {
                let by = Move::new::<L>(moves.by(i));
                out[i] -= share_of_any_fraction::<L>(self.y[place], fraction, by);
            }
        }
    }
}

/// The difference of the losses after a move up and the same move down of a score whose class has no weight
/// in the target, by `W` terms.
#[inline(always)]
fn difference_of_others<L: Level, const W: usize>(sums: &TargetSums, y: f64, by: Move) -> f64 {
    let grown = ln_1p_series::<L, W>(y * by.e) - ln_1p_series::<L, W>(y * by.f);
    L::mul_add(sums.mass, grown, -sums.fraction * ((by.e - by.f) * y))
}

/// What the weight of the moved score's own class takes from the difference of the losses.
#[inline(always)]
fn share_of_class(fraction: f64, by: Move) -> f64 {
    2.0 * by.d - fraction * (by.e - by.f)
}

/// The same for any fraction.
#[inline(always)]
fn share_of_any_fraction<L: Level>(y: f64, fraction: f64, by: Move) -> f64 {
    let (rest, moved) = (fraction * (1.0 - y), fraction * y);
    let of_rest = difference_of_ln::<L>(rest * by.f, rest * by.e);
    2.0 * by.d + (of_rest - difference_of_ln::<L>(moved * by.e, moved * by.f))
}

/// `ln(1 + x) - ln(1 + y)`.
#[inline(always)]
fn difference_of_ln<L: Level>(x: f64, y: f64) -> f64 {
    ln_1p_series::<L, LN_TERMS>(x) - ln_1p_series::<L, LN_TERMS>(y)
}
