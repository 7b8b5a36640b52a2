//! Small moves of the scores, by Taylor's formula.
//!
//! When a unit below that weighs `w_k` in score `k` changes by `d`, a loss that is a sum over the scores
//! changes by
//!
//! ```text
//! sum_m d^m sum_k l_k^(m) w_k^m / m!,
//! ```
//!
//! where `l_k^(m)` is the `m`-th derivative of the term of score `k`. The sums over `k` do not depend on
//! `d`.

use super::{SeparableLoss, MAX_DERIVATIVES};
use crate::network::activations::{Moves, UnitRows};
use crate::network::incoming::Incoming;
use crate::network::losses::closed_form::{fill_lanes, Lanes};
use crate::network::losses::Scored;
use crate::numeric::matrix::Matrix;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;

/// A little less than rounding leaves of a distance.
const MARGIN: f64 = 1.0 - 1e-9;

/// The derivatives of the terms of a batch.
#[derive(Debug)]
pub struct Taylor {
    /// A row of the scores for each sample and derivative, those of a sample next to each other.
    derivatives: Matrix<f64>,
    /// How many derivatives there are.
    terms: usize,
    /// For each sample, the largest move of a score that they serve.
    max_moves: Vec<f64>,
}

impl Taylor {
    /// Those of a batch.
    #[must_use]
    pub fn new<F: SeparableLoss>(loss: F, batch: &Scored<'_, f64>) -> Self {
        let (samples, classes) = (batch.scores.rows(), batch.scores.cols());
        let mut derivatives = Matrix::zeros(samples * F::DERIVATIVES, classes);
        let mut max_moves = vec![F::MAX_MOVE; samples];
        let sizes = F::DERIVATIVES * classes;
        for (n, rows) in derivatives.data_mut().chunks_exact_mut(sizes).enumerate() {
            let target = batch.targets.sample(n);
            for (k, &score) in batch.scores.row(n).iter().enumerate() {
                let t = target.weight(k);
                let all = loss.derivatives(score, t);
                for (row, &derivative) in rows.chunks_exact_mut(classes).zip(&all) {
                    row[k] = derivative;
                }
                max_moves[n] = max_moves[n].min(loss.distance_to_kink(score, t) * MARGIN);
            }
        }
        Self {
            derivatives,
            terms: F::DERIVATIVES,
            max_moves,
        }
    }

    /// How many derivatives there are.
    #[must_use]
    pub fn terms(&self) -> usize {
        self.terms
    }

    /// The largest move of a score of sample `n` that they serve.
    #[inline(always)]
    #[must_use]
    pub fn max_move(&self, n: usize) -> f64 {
        self.max_moves[n]
    }

    /// Finds the sums of sample `n` for the lanes of `incoming`, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel): a row for each power of
    /// a change.
    #[inline(always)]
    pub fn weigh<L: Level>(&self, n: usize, incoming: &Incoming, rows: &mut Vec<f64>) {
        let width = incoming.width();
        rows.resize(self.terms * width, 0.0);
        for (m, row) in rows.chunks_exact_mut(width).enumerate() {
            let derivatives = self.derivatives.row(n * self.terms + m);
            incoming.weigh::<L>(derivatives, m + 1..m + 2, row);
        }
    }

    /// Turns two changes in each lane, `above` and `below`, into the difference of the losses after them, in
    /// place of `above`, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel).
    #[inline(always)]
    pub fn differences<L: Level, M: Moves>(&self, rows: &[f64], changes: (&mut [f64], &mut [f64])) {
        match self.terms {
            1 => differences_by::<L, M, 1>(rows, changes),
            2 => differences_by::<L, M, 2>(rows, changes),
            _ => differences_by::<L, M, MAX_DERIVATIVES>(rows, changes),
        }
    }

    /// Takes scores of sample `n` that are to move: a row for each odd derivative.
    #[inline(always)]
    pub fn take_scores(&self, n: usize, lanes: Lanes, rows: &mut Vec<f64>) {
        rows.clear();
        let mut row = Vec::new();
        let mut factorial = 1.0;
        for m in 1..=self.terms {
            factorial *= m as f64;
            if m % 2 == 1 {
                fill_lanes(
                    self.derivatives.row(n * self.terms + m - 1),
                    lanes,
                    &mut row,
                );
                rows.extend(row.iter().map(|derivative| derivative / factorial));
            }
        }
    }

    /// Writes for each lane the difference of the losses when its score alone moves up and when it moves
    /// down, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel): twice what odd powers add up to.
    #[inline(always)]
    pub fn differences_by_scores<L: Level, M: Moves>(
        &self,
        rows: &[f64],
        moves: M,
        out: &mut [f64],
    ) {
        match self.terms {
            1 | 2 => odd_differences_by::<L, M, 1>(rows, moves, out),
            _ => odd_differences_by::<L, M, { MAX_DERIVATIVES.div_ceil(2) }>(rows, moves, out),
        }
    }
}

/// See [`Taylor::differences`], by `N` rows.
#[inline(always)]
fn differences_by<L: Level, M: Moves, const N: usize>(
    rows: &[f64],
    (above, below): (&mut [f64], &mut [f64]),
) {
    let rows = UnitRows::<M, N>::new(rows, rows.len() / N);
    for (i, (above, below)) in above.iter_mut().zip(below).enumerate() {
        let sums = rows.of(i);
        let down = *below * horner::<_, L, N>(*below, &sums);
        *above = *above * horner::<_, L, N>(*above, &sums) - down;
    }
}

/// See [`Taylor::differences_by_scores`], by `N` rows.
#[inline(always)]
fn odd_differences_by<L: Level, M: Moves, const N: usize>(rows: &[f64], moves: M, out: &mut [f64]) {
    let rows = UnitRows::<M, N>::new(rows, rows.len() / N);
    let moves = moves.range(0..out.len());
    for (i, out) in out.iter_mut().enumerate() {
        let d = moves.by(i);
        *out = 2.0 * d * horner::<_, L, N>(d * d, &rows.of(i));
    }
}
