//! What a move of one score does to the loss of a sample, without a look at all the others.
//!
//! Let score `j` alone move by `d`. With `e = exp(d) - 1`, `f = exp(-d) - 1` and the probability `y` of its
//! class, the denominator of the softmax grows by the factor `1 + g`, `g = y e`, and the loss
//! `-sum_k t_k ln(y_k + 1e-7)`, with `q_k = 1e-7 / (y_k + 1e-7)`, by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - ln(1 + q_k g)] - t_j [d + ln(1 + q_j u) - ln(1 + q_j g)],  u = (1 - y) f.
//! ```
//!
//! The first sum takes every class as one whose score stays; the last bracket makes up for class `j`, as
//! `1 + e + q (g - e) = (1 + e) (1 + q u)`. By the series of the logarithm the first sum needs those of
//! `t_k` and of the powers `t_k q_k^m` alone, found once a sample for all its scores. The shares `q_k` are
//! tiny but for classes that are all but excluded; where their squares do not count, what is left is
//! `sum_k t_k ln(1 + g) - sum_k t_k q_k g - t_j [d + q_j (u - g)]`.
//!
//! Moves of any size need the sum of all other exponentials, found once a sample too.

use crate::network::losses::softmax_cross_entropy::unit_moves::{are_squares_small, Sample};
use crate::network::losses::Target;
use crate::numeric::simd::{Level, LANES};
use crate::numeric::vecmath::series::{
    exp_m1_series, ln_1p_series, LN_1P_COEFFICIENTS, MAX_MOVE_3_TERMS, MAX_MOVE_4_TERMS,
    MAX_MOVE_5_TERMS,
};
use crate::numeric::vecmath::{exp, horner, ln};

/// The largest move of a score that the series serve. Nine terms of that of `exp(x) - 1` leave out less than
/// `16^-9 / 10! < 5e-18` of it, thirteen of that of `ln(1 + x)`, `|x| < 1.04 / 16`, less than `3e-18`.
pub const LARGE: f64 = 1.0 / 16.0;

/// The terms of the series of `exp(x) - 1` up to [`LARGE`].
const EXPONENTIALS: usize = 9;

/// The terms of the series of `ln(1 + x)` up to there.
const LOGARITHMS: usize = 13;

/// The terms of the logarithm's series for a move, where squares of shares do not count, or for any share.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Series {
    Three,
    Four,
    Six,
    AnyShare,
}

/// Sums over the classes of a sample.
#[derive(Debug, Clone, Default)]
pub struct ScoreSums {
    /// `sum_k t_k`.
    mass: f64,
    /// `sum_k t_k q_k`.
    share: f64,
    /// `sum_k |t_k|` and `sum_k |t_k| q_k^2`.
    weight: f64,
    squared: f64,
    /// What `sum_k t_k ln(1 + q_k g)` is a polynomial of `g` by, `g` itself first.
    powers: [f64; LOGARITHMS],
}

/// A score that is about to move.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    /// The probability of its class.
    pub y: f64,
    /// The weight of the class in the target.
    pub t: f64,
    /// The share of `1e-7` in `y + 1e-7`.
    pub share: f64,
}

/// How far it moves, and what that does to its exponential, upwards and downwards.
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
            e: exp_m1_series::<L, EXPONENTIALS>(d),
            f: exp_m1_series::<L, EXPONENTIALS>(-d),
        }
    }
}

impl ScoreSums {
    /// Those of a sample, for moves up to [`LARGE`].
    #[must_use]
    pub fn new(sample: &Sample<'_>) -> Self {
        let mut own = Self::of_first_powers(sample);
        own.add_powers(sample);
        own
    }

    fn of_first_powers(sample: &Sample<'_>) -> Self {
        let mut own = Self::default();
        own.for_each(sample, |own, t, share| {
            own.mass += t;
            own.share += t * share;
            own.weight += t.abs();
            own.squared += t.abs() * share * share;
        });
        own
    }

    fn add_powers(&mut self, sample: &Sample<'_>) {
        self.powers = [0.0; LOGARITHMS];
        self.for_each(sample, |own, t, share| {
            let mut power = t;
            for (m, sum) in own.powers.iter_mut().enumerate() {
                power *= share;
                *sum += power * LN_1P_COEFFICIENTS[m];
            }
        });
    }

    fn for_each(&mut self, sample: &Sample<'_>, add: impl Fn(&mut Self, f64, f64)) {
        match sample.target {
            Target::Label(k) => add(self, 1.0, sample.shares[k]),
            Target::Dense(t) => {
                for (&t, &share) in t.iter().zip(sample.shares) {
                    add(self, t, share);
                }
            }
        }
    }

    /// What moves up to `reach`, at most [`LARGE`], take.
    #[inline(always)]
    fn series(&self, reach: f64) -> Series {
        match reach {
            _ if !are_squares_small(reach, self.weight, self.squared) => Series::AnyShare,
            ..=MAX_MOVE_3_TERMS => Series::Three,
            ..=MAX_MOVE_4_TERMS => Series::Four,
            ..=MAX_MOVE_5_TERMS => Series::Six,
            _ => Series::AnyShare,
        }
    }

    /// The difference of the losses after a move up and the same move down of a score whose class has no
    /// weight in the target, by `W` terms.
    #[inline(always)]
    fn others<L: Level, const W: usize>(&self, y: f64, by: Move) -> f64 {
        let grown = ln_1p_series::<L, W>(y * by.e) - ln_1p_series::<L, W>(y * by.f);
        L::mul_add(self.mass, grown, -self.share * ((by.e - by.f) * y))
    }

    /// The same for any share.
    #[inline(always)]
    fn others_of_any_share<L: Level>(&self, y: f64, by: Move) -> f64 {
        let (up, down) = (y * by.e, y * by.f);
        let grown = difference_of_ln::<L>(up, down);
        let shares = up * horner::<_, L, LOGARITHMS>(up, &self.powers)
            - down * horner::<_, L, LOGARITHMS>(down, &self.powers);
        L::mul_add(self.mass, grown, -shares)
    }

    /// The difference of the losses after moves of a score up and down by each of `moves`, which are at most
    /// [`LARGE`].
    #[inline(always)]
    #[must_use]
    pub fn differences<L: Level>(
        &self,
        score: Score,
        moves: &[f64; LANES],
        reach: f64,
    ) -> [f64; LANES] {
        let mut differences = [0.0; LANES];
        let is_any = self.series(reach) == Series::AnyShare;
        for (difference, &d) in differences.iter_mut().zip(moves) {
            let by = Move::new::<L>(d);
            *difference = if is_any {
                self.others_of_any_share::<L>(score.y, by)
                    - score.t * own_of_any_share::<L>(score, by)
            } else {
                self.others::<L, 6>(score.y, by) - score.t * own(score.share, by)
            };
        }
        differences
    }
}

/// What the weight of the moved score's own class takes from the difference of the losses.
#[inline(always)]
fn own(share: f64, by: Move) -> f64 {
    2.0 * by.d - share * (by.e - by.f)
}

/// The same for any share.
#[inline(always)]
fn own_of_any_share<L: Level>(Score { y, share, .. }: Score, by: Move) -> f64 {
    let (rest, own) = (share * (1.0 - y), share * y);
    let moved = difference_of_ln::<L>(rest * by.f, rest * by.e);
    2.0 * by.d + (moved - difference_of_ln::<L>(own * by.e, own * by.f))
}

/// `ln(1 + x) - ln(1 + y)`.
#[inline(always)]
fn difference_of_ln<L: Level>(x: f64, y: f64) -> f64 {
    ln_1p_series::<L, LOGARITHMS>(x) - ln_1p_series::<L, LOGARITHMS>(y)
}

/// All scores of a sample, filled up to whole blocks.
#[derive(Debug, Default)]
pub struct ScoreRow {
    sums: ScoreSums,
    y: Vec<f64>,
    /// The weights of the target and the shares, where it has several classes.
    t: Vec<f64>,
    shares: Vec<f64>,
    /// Its class where it has one, and the share.
    label: Option<(usize, f64)>,
}

impl ScoreRow {
    /// Takes those of a sample with probabilities `y`, for moves up to `reach`, which is at most [`LARGE`].
    pub fn fill(&mut self, y: &[f64], sample: &Sample<'_>, reach: f64) {
        copy_filled(y, &mut self.y);
        self.sums = ScoreSums::of_first_powers(sample);
        if self.sums.series(reach) == Series::AnyShare {
            self.sums.add_powers(sample);
        }
        self.label = match sample.target {
            Target::Label(k) => Some((k, sample.shares[k])),
            Target::Dense(t) => {
                copy_filled(t, &mut self.t);
                copy_filled(sample.shares, &mut self.shares);
                None
            }
        };
    }

    /// Writes for each score the difference of the losses when it alone moves up by `d` and when it moves
    /// down.
    #[inline(always)]
    pub fn differences<L: Level>(&self, d: f64, out: &mut [f64]) {
        let by = Move::new::<L>(d);
        match self.sums.series(d.abs()) {
            Series::Three => self.differences_by::<L, 3>(by, out),
            Series::Four => self.differences_by::<L, 4>(by, out),
            Series::Six => self.differences_by::<L, 6>(by, out),
            Series::AnyShare => self.differences_of_any_share::<L>(by, out),
        }
    }

    #[inline(always)]
    fn differences_by<L: Level, const W: usize>(&self, by: Move, out: &mut [f64]) {
        let (y, out) = (&self.y[..], &mut out[..self.y.len()]);
        if let Some((k, share)) = self.label {
            for (out, &y) in out.iter_mut().zip(y) {
                *out = self.sums.others::<L, W>(y, by);
            }
            out[k] -= own(share, by);
            return;
        }
        let targets = self.t[..y.len()].iter().zip(&self.shares[..y.len()]);
        for ((out, &y), (&t, &share)) in out.iter_mut().zip(y).zip(targets) {
            *out = L::mul_add(-t, own(share, by), self.sums.others::<L, W>(y, by));
        }
    }

    #[inline(always)]
    fn differences_of_any_share<L: Level>(&self, by: Move, out: &mut [f64]) {
        let (y, out) = (&self.y[..], &mut out[..self.y.len()]);
        for (out, &y) in out.iter_mut().zip(y) {
            *out = self.sums.others_of_any_share::<L>(y, by);
        }
        let score = |j: usize, t: f64, share: f64| Score { y: y[j], t, share };
        if let Some((k, share)) = self.label {
            out[k] -= own_of_any_share::<L>(score(k, 1.0, share), by);
            return;
        }
        for j in 0..y.len() {
            let (t, share) = (self.t[j], self.shares[j]);
            out[j] -= t * own_of_any_share::<L>(score(j, t, share), by);
        }
    }
}

/// Copies a row, and fills it up to whole blocks with zeros.
pub fn copy_filled(row: &[f64], out: &mut Vec<f64>) {
    out.resize(row.len().next_multiple_of(LANES), 0.0);
    let (own, rest) = out.split_at_mut(row.len());
    own.copy_from_slice(row);
    rest.fill(0.0);
}

/// The sum of the exponentials of all scores of a sample but one, for any one of them.
///
/// It is that of all less its own, but for the largest score: its own could be all of that.
#[derive(Debug, Clone, Copy, Default)]
pub struct Others {
    top: usize,
    /// The largest score, and the sum of all exponentials over its own.
    all: (f64, f64),
    /// The same of all scores but it.
    but_top: (f64, f64),
}

impl Others {
    /// Those of a sample.
    #[inline(always)]
    #[must_use]
    pub fn new<L: Level>(scores: &[f64]) -> Self {
        let mut top = 0;
        for (k, &score) in scores.iter().enumerate() {
            if score > scores[top] {
                top = k;
            }
        }
        let (before, after) = (&scores[..top], &scores[top + 1..]);
        let rest = before.iter().chain(after);
        let second = rest.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
        // Where there is none, or all are excluded, they sum to nothing over whatever.
        let second = if second.is_finite() { second } else { 0.0 };
        let but_top = sum_over::<L>(before, second) + sum_over::<L>(after, second);
        Self {
            top,
            all: (scores[top], sum_over::<L>(scores, scores[top])),
            but_top: (second, but_top),
        }
    }

    /// The logarithm of the sum without score `j`, over the exponential of a score.
    #[inline(always)]
    fn logarithm<L: Level>(&self, scores: &[f64], j: usize, over: f64) -> f64 {
        let (largest, total) = if j == self.top {
            self.but_top
        } else {
            let (largest, total) = self.all;
            (largest, total - exp::<f64, L>(scores[j] - largest))
        };
        if total > 0.0 {
            (largest - over) + ln::<f64, L>(total)
        } else {
            f64::NEG_INFINITY
        }
    }

    /// The difference of the losses of a sample of class `k` when its score `j` alone moves up by each of
    /// `moves`, of any size, and when it moves down.
    #[inline(always)]
    #[must_use]
    pub fn differences<L: Level>(
        &self,
        scores: &[f64],
        (k, j): (usize, usize),
        epsilon: f64,
        moves: &[f64; LANES],
    ) -> [f64; LANES] {
        let (score, over) = (scores[j], scores[j] - scores[k]);
        let others = self.logarithm::<L>(scores, j, scores[k]);
        let mut differences = [0.0; LANES];
        for (difference, &d) in differences.iter_mut().zip(moves) {
            let mut losses = [0.0; 2];
            for (loss, d) in losses.iter_mut().zip([d, -d]) {
                // All exponentials, over that of class `k`.
                let total = if j == k {
                    1.0 + exp::<f64, L>(others - d)
                } else {
                    exp::<f64, L>(others) + exp::<f64, L>(over + d)
                };
                // Softmax gives no numbers where a score is infinite.
                *loss = if score + d < f64::INFINITY {
                    -ln::<f64, L>(1.0 / total + epsilon)
                } else {
                    f64::NAN
                };
            }
            *difference = losses[0] - losses[1];
        }
        differences
    }
}

/// The sum of exponentials over that of `over`.
#[inline(always)]
fn sum_over<L: Level>(scores: &[f64], over: f64) -> f64 {
    let mut sum = 0.0;
    for &score in scores {
        sum += exp::<f64, L>(score - over);
    }
    sum
}
