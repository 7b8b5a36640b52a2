//! Sums over the classes of a sample, and how its loss grows by them when the activation of a unit changes:
//! see [`unit_moves`](super::unit_moves).

use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;
use crate::numeric::vecmath::series::{exp_m1_series, ln_1p_series, TERMS};

/// The terms of the series of `exp(-v) - 1` that are weighed with shares: what three leave out is below
/// `q v^4 / 24`, with `q v < 2e-9` (see [`are_squares_small`](super::unit_moves::are_squares_small)) and `v` [`MAX_MOVE_5_TERMS`](crate::numeric::vecmath::series::MAX_MOVE_5_TERMS) below `5e-18`.
pub const SHARED_TERMS: usize = 3;

/// `sum_k y_k w_k^m / m!` of one unit and sample, `m = 1` first.
pub type Moments = [f64; TERMS];

/// Sums over the classes of a sample, which do not depend on how far a unit moves.
#[derive(Debug, Default)]
pub struct ClassSums {
    /// Rows of a number a unit: `sum_k y_k w_k^m / m!` for all powers `m`, `sum_k t_k w_k`, and
    /// `sum_k t_k q_k w_k^m / m!` for some.
    pub rows: Vec<f64>,
    /// `sum_k t_k`.
    pub mass: f64,
    /// `t_k q_k` of each class, where there are several.
    pub shared: Vec<f64>,
    /// `sum_k t_k q_k`.
    pub share: f64,
    /// What they are for.
    pub series: Series,
}

/// What the growth of the loss takes, as far as the moves reach.
#[derive(Debug, Default)]
pub enum Series {
    /// Three terms of either series.
    Three,
    /// Four terms.
    Four,
    /// All there are.
    Whole,
    /// All there are, and each class by itself: its share is too large for its square to be left out.
    #[default]
    AnyShare,
}

impl ClassSums {
    /// Turns changes of activations into the difference of the losses, for shares so small that their
    /// squares do not count.
    #[inline(always)]
    pub fn difference<L: Level, const E: usize, const W: usize>(
        &self,
        (above, below): (&mut [f64], &mut [f64]),
    ) {
        let width = self.rows.len() / (TERMS + 1 + SHARED_TERMS);
        let moments = Rows::<TERMS>::new(&self.rows, width);
        let score_weights = &self.rows[TERMS * width..][..width];
        let shared = Rows::<SHARED_TERMS>::new(&self.rows[(TERMS + 1) * width..], width);
        let (above, below) = (&mut above[..width], &mut below[..width]);
        for j in 0..width {
            let own = (
                &moments.of::<E>(j),
                score_weights[j],
                &shared.of::<SHARED_TERMS>(j),
            );
            let down = self.growth::<L, E, W>(own, below[j]);
            above[j] = self.growth::<L, E, W>(own, above[j]) - down;
        }
    }

    /// The growth of the loss when the activation of a unit with those sums changes.
    #[inline(always)]
    fn growth<L: Level, const E: usize, const W: usize>(
        &self,
        (moments, score_weights, shared): (&[f64; E], f64, &[f64; SHARED_TERMS]),
        change: f64,
    ) -> f64 {
        let g = denominator::<L, E>(moments, change);
        let fall = -change * horner::<_, L, SHARED_TERMS>(-change, shared);
        let by_shares = L::mul_add(self.share, g, L::mul_add(g, fall, fall));
        L::mul_add(self.mass, ln_1p_series::<L, W>(g), -change * score_weights) - by_shares
    }
}

/// Sums of all units of a sample, a row a power.
#[derive(Debug)]
pub struct Rows<'a, const N: usize>([&'a [f64]; N]);

impl<'a, const N: usize> Rows<'a, N> {
    /// Those of `width` units.
    #[inline(always)]
    #[must_use]
    pub fn new(rows: &'a [f64], width: usize) -> Self {
        let mut own = [rows; N];
        for (m, row) in own.iter_mut().enumerate() {
            *row = &rows[m * width..(m + 1) * width];
        }
        Self(own)
    }

    /// The first `E` numbers of unit `j`.
    #[inline(always)]
    #[must_use]
    pub fn of<const E: usize>(&self, j: usize) -> [f64; E] {
        let mut own = [0.0; E];
        for m in 0..E {
            own[m] = self.0[m][j];
        }
        own
    }
}

/// The growth of the loss of a sample whose class has that weight and share.
#[inline(always)]
#[must_use]
pub fn growth_to_label<L: Level>(
    moments: &Moments,
    (weight, share): (f64, f64),
    change: f64,
) -> f64 {
    let g = denominator::<L, TERMS>(moments, change);
    ln_1p_series::<L, 6>(g) - numerator::<L>(change * weight, g, share)
}

/// By how much the denominator of the softmax grows, as a share of it: `g`.
#[inline(always)]
#[must_use]
pub fn denominator<L: Level, const E: usize>(moments: &[f64; E], change: f64) -> f64 {
    change * horner::<_, L, E>(change, moments)
}

/// `ln(1 + e + q (g - e))` of a class whose score has moved by `by`.
#[inline(always)]
#[must_use]
pub fn numerator<L: Level>(by: f64, g: f64, share: f64) -> f64 {
    let e = exp_m1_series::<L, TERMS>(by);
    ln_1p_series::<L, 6>(L::mul_add(share, g - e, e))
}
