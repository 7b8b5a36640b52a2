//! Odd polynomials through values at Chebyshev points, as sums of Chebyshev polynomials, and how far they
//! can be off.
//!
//! An odd function `psi` on `[-1, 1]` is `x g(x^2)`. With `x_i = cos((2i - 1) pi / 4m)`, the squares
//! `x_i^2` are the Chebyshev points of `[0, 1]`, so `g` is interpolated there by a polynomial of `m`
//! terms, and `psi` by one of degree `2m - 1`: the sum of `b_p T_(2p+1)`, with
//! `b_p = 2/m sum_i psi(x_i) T_(2p+1)(x_i)` (Mason and Handscomb, "Chebyshev Polynomials", 2003, chapter 6).
//! As no `T` exceeds 1, a term that is left out is off by `b_p` at most, a quarter of what its power
//! would be without the lower ones that `T` has (economization: Lanczos, "Applied Analysis", 1956).

use std::f64::consts::PI;

/// The most terms ever used: beyond, rounding in the coefficients would show.
pub const MAX_TERMS: usize = 6;

/// Interpolation by `m` odd Chebyshev polynomials.
#[derive(Debug)]
pub struct OddInterpolation {
    /// The positive points `x_i` at which the function is wanted.
    pub points: Vec<f64>,
    /// `weights[p][i]` is what the value at `x_i` contributes to the coefficient of `T_(2p + 1)`.
    pub weights: Vec<Vec<f64>>,
}

impl OddInterpolation {
    /// Interpolation with that many terms.
    #[must_use]
    pub fn new(terms: usize) -> Self {
        let angle = |i: usize| (2 * i + 1) as f64 * PI / (4 * terms) as f64;
        let weight =
            |p: usize, i: usize| 2.0 / terms as f64 * ((2 * p + 1) as f64 * angle(i)).cos();
        Self {
            points: (0..terms).map(|i| angle(i).cos()).collect(),
            weights: (0..terms)
                .map(|p| (0..terms).map(|i| weight(p, i)).collect())
                .collect(),
        }
    }
}

/// A bound on the error of interpolation by `terms` odd polynomials, on the whole interval.
///
/// For a function analytic and at most `bound` in absolute value on a disc `1 / ratio` times as
/// wide as the interval, Hermite's formula for the remainder of `g` in `u = x^2` gives
/// `2 * 4^-m * bound * q^(2m + 1) / (1 - q^2)^(m + 1)`, with `q` the ratio and `m` the terms
/// (Davis, "Interpolation and Approximation", 1975, theorem 3.6.1): on the interval the nodal
/// polynomial is at most `2 * 4^-m`, on the circle of radius `q^-2` at least `(q^-2 - 1)^m`.
#[must_use]
pub fn error_bound(terms: usize, ratio: f64, bound: f64) -> f64 {
    let m = i32::try_from(terms).unwrap_or(i32::MAX);
    let gap = 1.0 - ratio * ratio;
    if ratio.is_nan() || gap <= 0.0 {
        return f64::INFINITY;
    }
    2.0 * 0.25_f64.powi(m) * bound * ratio.powi(2 * m + 1) / gap.powi(m + 1)
}

/// The fewest terms whose error is at most `tolerance`, if [`MAX_TERMS`] are enough.
#[must_use]
pub fn terms_for(ratio: f64, bound: f64, tolerance: f64) -> Option<usize> {
    (1..=MAX_TERMS).find(|&terms| error_bound(terms, ratio, bound) <= tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::vecmath::odd_chebyshev;

    /// The largest error of interpolating `psi(s x)` on `[-1, 1]`.
    fn worst(psi: impl Fn(f64) -> f64, terms: usize, s: f64) -> f64 {
        let odd = OddInterpolation::new(terms);
        let values: Vec<f64> = odd.points.iter().map(|x| psi(s * x)).collect();
        let coefficient = |w: &Vec<f64>| w.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>();
        let coefficients: Vec<f64> = odd.weights.iter().map(coefficient).collect();
        (-100..=100)
            .map(|i| f64::from(i) / 100.0)
            .map(|x| {
                let terms = coefficients.iter().enumerate();
                let sum: f64 = terms.map(|(p, b)| b * odd_chebyshev(x, p)).sum();
                (psi(s * x) - sum).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_error_stays_below_its_bound_and_not_far_below() {
        // tan has its poles at ±pi/2 and is below 1.6 on the disc of radius 1.
        for terms in 1..=4 {
            for s in [0.05, 0.1, 0.3] {
                let error = worst(f64::tan, terms, s);
                let bound = error_bound(terms, s, 1.6);
                assert!(error <= bound + 1e-16, "{terms} terms, s = {s}: {error}");
                if bound > 1e-12 {
                    assert!(error >= 1e-3 * bound, "{terms} terms, s = {s}: {error}");
                }
            }
        }
    }

    #[test]
    fn an_odd_polynomial_is_found_exactly() {
        let cubic = |x: f64| 3.0 * x - 2.0 * x * x * x;
        assert!(worst(cubic, 2, 1.0) < 1e-15);
        assert!(worst(cubic, 1, 1.0) > 1e-2);
    }

    #[test]
    fn polynomials_are_those_of_chebyshev() {
        for p in 0..MAX_TERMS {
            for i in 0..=100 {
                let angle = f64::from(i) * PI / 100.0;
                let wanted = ((2 * p + 1) as f64 * angle).cos();
                assert!((odd_chebyshev(angle.cos(), p) - wanted).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn terms_grow_with_the_ratio_and_end() {
        let terms = |ratio| terms_for(ratio, 1e4, 1e-12);
        assert_eq!(terms(0.0), Some(1));
        assert!(terms(1e-4) < terms(1e-2));
        assert_eq!(terms(1.0), None);
        assert_eq!(terms(f64::NAN), None);
    }
}
