//! The distribution function of the normal distribution, `Phi(a) = erfc(-a / sqrt(2)) / 2`.
//!
//! Method: the rational approximations of erf and erfc of W. J. Cody, "Rational Chebyshev approximations for
//! the error function", Mathematics of Computation 23, 1969, on three intervals; all are computed, and one is
//! taken. `exp(-a^2 / 2)` is the product of two exponentials, of which the first argument is exact (16 `a` is
//! rounded to an integer), so that the square keeps its digits.
//!
//! Error: at most `2.3e-16` in absolute value (one unit in the last place of 1); where `a` is negative, at most
//! `1e-15` of the result as long as that is normal. Single precision is computed in double precision.

use super::{exp, horner};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `erf(y) / y` as a quotient of polynomials in `y^2`, for `y` up to 0.46875.
const SMALL_P: [f64; 5] = [
    3.209_377_589_138_469_4e3,
    3.774_852_376_853_02e2,
    1.138_641_541_510_501_6e2,
    3.161_123_743_870_566,
    1.857_777_061_846_031_5e-1,
];
const SMALL_Q: [f64; 5] = [
    2.844_236_833_439_171e3,
    1.282_616_526_077_372_3e3,
    2.440_246_379_344_441_7e2,
    2.360_129_095_234_412e1,
    1.0,
];

/// `erfc(y) exp(y^2)` as a quotient of polynomials in `y`, for `y` up to 4.
const MEDIUM_P: [f64; 9] = [
    1.230_339_354_797_997_2e3,
    2.051_078_377_826_071_5e3,
    1.712_047_612_634_070_6e3,
    8.819_522_212_417_69e2,
    2.986_351_381_974_001e2,
    6.611_919_063_714_163e1,
    8.883_149_794_388_377,
    5.641_884_969_886_701e-1,
    2.153_115_354_744_038_3e-8,
];
const MEDIUM_Q: [f64; 9] = [
    1.230_339_354_803_749_4e3,
    3.439_367_674_143_721_6e3,
    4.362_619_090_143_247e3,
    3.290_799_235_733_459_7e3,
    1.621_389_574_566_690_3e3,
    5.371_811_018_620_099e2,
    1.176_939_508_913_125e2,
    1.574_492_611_070_983_5e1,
    1.0,
];

/// `y^2 (1 / sqrt(pi) - y erfc(y) exp(y^2))` as a quotient of polynomials in `1 / y^2`, for larger `y`.
const LARGE_P: [f64; 6] = [
    6.587_491_615_298_378e-4,
    1.608_378_514_874_227_5e-2,
    1.257_817_261_112_292_6e-1,
    3.603_448_999_498_044_5e-1,
    3.053_266_349_612_323_6e-1,
    1.631_538_713_730_209_7e-2,
];
const LARGE_Q: [f64; 6] = [
    2.335_204_976_268_691_8e-3,
    6.051_834_131_244_132e-2,
    5.279_051_029_514_285e-1,
    1.872_952_849_923_460_4,
    2.568_520_192_289_822,
    1.0,
];

/// Beyond, the function is 0 or 1.
const MAX: f64 = 40.0;

/// `Phi(a)`; NaN stays.
#[inline(always)]
pub fn normal_cdf<T: Scalar, L: Level>(a: T) -> T {
    T::from_f64(normal_cdf_64::<L>(a.widen()))
}

/// `exp(-a^2 / 2) / sqrt(2 pi)`, the density of the normal distribution.
#[inline(always)]
pub fn normal_pdf<T: Scalar, L: Level>(a: T) -> T {
    const FACTOR: f64 = 0.398_942_280_401_432_7;
    T::from_f64(FACTOR * half_square_exp::<L>(clamped(a.widen())))
}

#[inline(always)]
fn clamped(a: f64) -> f64 {
    let size = a.abs();
    // Written so that a NaN stays.
    if size > MAX {
        MAX
    } else {
        size
    }
}

/// `exp(-a^2 / 2)`.
#[inline(always)]
fn half_square_exp<L: Level>(a: f64) -> f64 {
    // Added and taken away again, 1.5 * 2^52 rounds to an integer.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    let near = ((a * 16.0 + ROUNDER) - ROUNDER) / 16.0;
    let rest = (a - near) * (a + near);
    exp::<f64, L>(-0.5 * near * near) * exp::<f64, L>(-0.5 * rest)
}

#[inline(always)]
fn normal_cdf_64<L: Level>(a: f64) -> f64 {
    const INVERSE_SQRT_PI: f64 = 0.564_189_583_547_756_3;
    let size = clamped(a);
    let y = size * std::f64::consts::FRAC_1_SQRT_2;
    let square = y * y;
    let erf = y * horner::<_, L, 5>(square, &SMALL_P) / horner::<_, L, 5>(square, &SMALL_Q);
    let medium = horner::<_, L, 9>(y, &MEDIUM_P) / horner::<_, L, 9>(y, &MEDIUM_Q);
    let inverse = 1.0 / square;
    let correction =
        inverse * horner::<_, L, 6>(inverse, &LARGE_P) / horner::<_, L, 6>(inverse, &LARGE_Q);
    let large = (INVERSE_SQRT_PI - correction) / y;
    let scaled = if y <= 4.0 { medium } else { large };
    let tail = 0.5 * (half_square_exp::<L>(size) * scaled);
    let (below, above) = if y <= 0.46875 {
        (0.5 - 0.5 * erf, 0.5 + 0.5 * erf)
    } else {
        (tail, 1.0 - tail)
    };
    if a < 0.0 {
        below
    } else if a.is_nan() {
        a
    } else {
        above
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::{Baseline, Fused};

    /// By the Taylor series of `Phi(a) - 1/2` over the density, and the continued fraction of its tail, in 60 digits.
    #[allow(clippy::unreadable_literal)]
    const KNOWN: [(f64, f64); 12] = [
        (-30.0, 4.906713927148187e-198),
        (-12.5, 3.732564298877713e-36),
        (-6.25, 2.0522634252189388e-10),
        (-5.5, 1.8989562465887718e-08),
        (-3.0, 0.0013498980316300946),
        (-1.0, 0.15865525393145705),
        (-0.5, 0.3085375387259869),
        (-0.125, 0.4502617751698871),
        (0.0, 0.5),
        (0.25, 0.5987063256829237),
        (0.75, 0.7733726476231318),
        (4.0, 0.9999683287581669),
    ];

    #[test]
    fn known_values_are_met() {
        for (a, wanted) in KNOWN {
            for got in [normal_cdf::<f64, Baseline>(a), normal_cdf::<f64, Fused>(a)] {
                assert!((got - wanted).abs() <= 2.3e-16, "{a}: {got} {wanted}");
                let digits = if a < 0.0 { 1e-15 } else { 2.3e-16 };
                assert!(
                    (got - wanted).abs() <= digits * wanted,
                    "{a}: {got} {wanted}"
                );
            }
        }
    }

    #[test]
    fn its_derivative_is_the_density() {
        for i in -4000..=4000 {
            let a = f64::from(i) / 500.0;
            let h = 1e-4;
            let slope =
                (normal_cdf::<f64, Fused>(a + h) - normal_cdf::<f64, Fused>(a - h)) / (2.0 * h);
            assert!((slope - normal_pdf::<f64, Fused>(a)).abs() < 4e-9);
        }
    }

    #[test]
    fn both_ends_are_met() {
        for (a, wanted) in [
            (f64::NEG_INFINITY, 0.0),
            (-800.0, 0.0),
            (800.0, 1.0),
            (f64::INFINITY, 1.0),
        ] {
            assert!((normal_cdf::<f64, Fused>(a) - wanted).abs() <= 0.0);
            assert!(normal_pdf::<f64, Fused>(a) <= 0.0);
        }
        assert!(normal_cdf::<f64, Fused>(f64::NAN).is_nan());
        assert!(normal_cdf::<f32, Fused>(f32::NAN).is_nan());
        assert!((normal_cdf::<f32, Fused>(1.0) - 0.841_344_8).abs() < 1e-7);
    }
}
