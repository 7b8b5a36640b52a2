//! The difference of losses after small moves of scores, from sums over the classes: no exponential or
//! logarithm is taken, and nothing cancels.
//!
//! There is a form for each way in which a loss depends on its scores, not for each loss.

use super::separable::Taylor;
use super::softmax_cross_entropy::class_sums::ClassSums;
use super::softmax_cross_entropy::closed_form as softmax;
use super::softmax_cross_entropy::one_score::{self, ScoreLanes};
use super::Target;
use crate::network::activations::Moves;
use crate::network::incoming::Incoming;
use crate::numeric::simd::{Level, LANES};
use crate::numeric::vecmath::series::{MAX_MOVE_5_TERMS, TERMS};

/// What the losses of a batch depend on, besides how the scores move.
#[derive(Debug)]
pub enum ClosedForm<'a> {
    /// Cross-entropy of a softmax: each loss depends on all scores at once.
    Softmax(softmax::ClosedForm<'a>),
    /// A sum over the scores.
    Separable(Taylor),
}

/// Which units of a layer stand in lanes that move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Unit `i` in lane `i`.
    All,
    /// This one in each of [`LANES`].
    One(usize),
}

impl Lanes {
    /// The unit in lane `i`.
    #[inline(always)]
    #[must_use]
    pub fn index(self, i: usize) -> usize {
        match self {
            Self::All => i,
            Self::One(j) => j,
        }
    }

    /// Where the numbers of unit `k` stand in rows that are [filled](fill_lanes) with those of the lanes, if
    /// they do.
    #[inline(always)]
    #[must_use]
    pub fn place(self, k: usize) -> Option<usize> {
        match self {
            Self::All => Some(k),
            Self::One(j) => (j == k).then_some(0),
        }
    }
}

/// Writes the number of each lane's unit; behind the last unit, up to whole blocks, zeros.
#[inline(always)]
pub fn fill_lanes(row: &[f64], lanes: Lanes, out: &mut Vec<f64>) {
    match lanes {
        Lanes::All => {
            out.resize(row.len().next_multiple_of(LANES), 0.0);
            let (numbers, rest) = out.split_at_mut(row.len());
            numbers.copy_from_slice(row);
            rest.fill(0.0);
        }
        Lanes::One(j) => {
            out.resize(LANES, 0.0);
            out.fill(row[j]);
        }
    }
}

/// Sums of a sample, for some lanes.
#[derive(Debug, Default)]
pub struct Sums {
    classes: ClassSums,
    scores: ScoreLanes,
    /// A row for each derivative: what its power is weighed by.
    taylor: Vec<f64>,
}

/// A sample and its target.
pub type Sample<'a> = (usize, Target<'a, f64>);

impl ClosedForm<'_> {
    /// How many powers of weights the sums take.
    #[must_use]
    pub fn powers(&self) -> usize {
        match self {
            Self::Softmax(_) => TERMS,
            Self::Separable(taylor) => taylor.terms(),
        }
    }

    /// The largest change of a unit's activation for which the form holds, where `incoming` are the weights
    /// of the scores; less than none, if there is none.
    #[inline(always)]
    #[must_use]
    pub fn max_change(&self, n: usize, incoming: &Incoming) -> f64 {
        incoming.max_change(match self {
            Self::Softmax(_) => MAX_MOVE_5_TERMS,
            Self::Separable(taylor) => taylor.max_move(n),
        })
    }

    /// The largest move of one score for which the form holds.
    #[inline(always)]
    #[must_use]
    pub fn max_move(&self, (n, target): Sample<'_>) -> f64 {
        match (self, target) {
            // With an epsilon the loss saturates, and so do the sums that large moves take.
            (Self::Softmax(form), Target::Label(_)) if form.epsilon > 0.0 => f64::INFINITY,
            (Self::Softmax(_), _) => one_score::MAX_MOVE,
            (Self::Separable(taylor), _) => taylor.max_move(n),
        }
    }

    /// Finds the sums of a sample for units below the scores, the lanes of `incoming`, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel). They hold for changes of an activation up to `change`, which
    /// is at most [`max_change`](Self::max_change).
    #[inline(always)]
    pub fn sum_for_units<L: Level>(
        &self,
        sample: Sample<'_>,
        incoming: &Incoming,
        change: f64,
        sums: &mut Sums,
    ) {
        match self {
            Self::Softmax(form) => {
                form.sum_over_classes::<L>(sample, incoming, change, &mut sums.classes);
            }
            Self::Separable(taylor) => taylor.weigh::<L>(sample.0, incoming, &mut sums.taylor),
        }
    }

    /// Turns two changes of activations, `above` and `below`, into the difference of
    /// the losses after them, in place of `above`.
    #[inline(always)]
    pub fn differences_by_units<L: Level, M: Moves>(
        &self,
        sample: Sample<'_>,
        incoming: &Incoming,
        sums: &mut Sums,
        changes: (&mut [f64], &mut [f64]),
    ) {
        match self {
            Self::Softmax(form) => {
                let sums = &mut sums.classes;
                form.differences_by_units::<L, M>(sample, incoming, sums, changes);
            }
            Self::Separable(taylor) => taylor.differences::<L, M>(&sums.taylor, changes),
        }
    }

    /// Finds the sums of a sample for scores that move by at most `max_move`, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel).
    #[inline(always)]
    pub fn sum_for_scores(&self, sample: Sample<'_>, lanes: Lanes, max_move: f64, sums: &mut Sums) {
        match self {
            Self::Softmax(form) => form.take_scores(sample, lanes, max_move, &mut sums.scores),
            Self::Separable(taylor) => taylor.take_scores(sample.0, lanes, &mut sums.taylor),
        }
    }

    /// Writes for each lane the difference of the losses when its score alone moves up and when it moves
    /// down.
    #[inline(always)]
    pub fn differences_by_scores<L: Level, M: Moves>(
        &self,
        sample: Sample<'_>,
        lanes: Lanes,
        sums: &Sums,
        moves: M,
        out: &mut [f64],
    ) {
        match self {
            Self::Softmax(form) => {
                form.differences_by_scores::<L, M>(sample, lanes, &sums.scores, moves, out);
            }
            Self::Separable(taylor) => {
                taylor.differences_by_scores::<L, M>(&sums.taylor, moves, out);
            }
        }
    }
}
