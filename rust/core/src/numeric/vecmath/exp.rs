//! The exponential.
//!
//! Method: `x = n ln 2 + r` with `|r| <= ln 2 / 2`, `ln 2` in two parts (Cody and Waite, "Software
//! Manual for the Elementary Functions", 1980); `exp(r)` by its Taylor polynomial, whose remainder
//! is below `0.347^14 / 14! < 5e-18` (f64, degree 13) and `0.347^8 / 8! < 6e-9` (f32, degree 7);
//! `2^n` by setting exponents, in two factors, so that results overflow and go subnormal as they
//! should.
//!
//! Error: at most 1 unit in the last place for normal results, 2 without a fused multiply-add;
//! subnormal results are off by at most one smallest subnormal. `-inf` gives 0, NaN stays.
//!
//! `exp(x) - 1` is `2^n (exp(r) - 1) + (2^n - 1)`, the polynomial without its first term. Error, for `x <= 0`: at
//! most 2 units in the last place.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;

/// `e` to the power `x`.
#[inline(always)]
pub fn exp<T: Scalar, L: Level>(x: T) -> T {
    x.vector_exp::<L>()
}

/// `exp(x) - 1` of an `x` that is not positive, with the digits of a small one.
#[inline(always)]
pub fn exp_m1<T: Scalar, L: Level>(x: T) -> T {
    x.vector_exp_m1::<L>()
}

/// `x` between `low` and `high`; a NaN stays.
#[inline(always)]
fn clamped<T: Scalar>(x: T, low: T, high: T) -> T {
    let x = if x < low { low } else { x };
    if x > high {
        high
    } else {
        x
    }
}

// `x + ROUNDER - ROUNDER` is `x` rounded to an integer, and the lowest bits of `x + ROUNDER` are that
// integer: 1.5 times 2 to the number of bits of the mantissa.
const ROUNDER_64: f64 = 6_755_399_441_055_744.0;
const ROUNDER_32: f32 = 12_582_912.0;

const TAYLOR_64: [f64; 14] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

const TAYLOR_32: [f32; 8] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
];

/// `2^n` for an integer `n` within the normal exponents.
#[inline(always)]
fn power_of_two_64(n: f64) -> f64 {
    f64::from_bits((n + ROUNDER_64).to_bits().wrapping_add(1023) << 52)
}

/// `2^n` for an integer `n` within the normal exponents.
#[inline(always)]
fn power_of_two_32(n: f32) -> f32 {
    f32::from_bits((n + ROUNDER_32).to_bits().wrapping_add(127) << 23)
}

/// The integer `n` and the rest `r` of `x = n ln 2 + r`.
#[inline(always)]
fn reduced_64<L: Level>(x: f64) -> (f64, f64) {
    // The first 42 bits of ln 2: their product with n is exact.
    const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
    const LN_2_LOW: f64 = 5.497_923_018_708_371e-14;
    let n = L::mul_add(x, std::f64::consts::LOG2_E, ROUNDER_64) - ROUNDER_64;
    let r = L::mul_add(n, -LN_2_LOW, L::mul_add(n, -LN_2_HIGH, x));
    (n, r)
}

#[inline(always)]
pub(super) fn exp_m1_64<L: Level>(x: f64) -> f64 {
    // From -40 downwards it is -1 to the last digit.
    let (n, r) = reduced_64::<L>(clamped(x, -40.0, 0.0));
    let mut coefficients = [0.0; 13];
    coefficients.copy_from_slice(&TAYLOR_64[1..]);
    let power = power_of_two_64(n);
    L::mul_add(power, r * horner::<_, L, 13>(r, &coefficients), power - 1.0)
}

#[inline(always)]
pub(super) fn exp_64<L: Level>(x: f64) -> f64 {
    let (n, r) = reduced_64::<L>(clamped(x, -750.0, 710.0));
    let half = (n * 0.5 + ROUNDER_64) - ROUNDER_64;
    horner::<_, L, 14>(r, &TAYLOR_64) * power_of_two_64(half) * power_of_two_64(n - half)
}

/// The integer `n` and the rest `r` of `x = n ln 2 + r`.
#[inline(always)]
fn reduced_32<L: Level>(x: f32) -> (f32, f32) {
    // The first 15 bits of ln 2: their product with n is exact.
    const LN_2_HIGH: f32 = f32::from_bits(0x3f31_7200);
    const LN_2_LOW: f32 = 1.428_606_8e-6;
    let n = L::mul_add(x, std::f32::consts::LOG2_E, ROUNDER_32) - ROUNDER_32;
    let r = L::mul_add(n, -LN_2_LOW, L::mul_add(n, -LN_2_HIGH, x));
    (n, r)
}

#[inline(always)]
pub(super) fn exp_m1_32<L: Level>(x: f32) -> f32 {
    // From -20 downwards it is -1 to the last digit.
    let (n, r) = reduced_32::<L>(clamped(x, -20.0, 0.0));
    let mut coefficients = [0.0; 7];
    coefficients.copy_from_slice(&TAYLOR_32[1..]);
    let power = power_of_two_32(n);
    L::mul_add(power, r * horner::<_, L, 7>(r, &coefficients), power - 1.0)
}

#[inline(always)]
pub(super) fn exp_32<L: Level>(x: f32) -> f32 {
    let (n, r) = reduced_32::<L>(clamped(x, -105.0, 89.0));
    let half = (n * 0.5 + ROUNDER_32) - ROUNDER_32;
    horner::<_, L, 8>(r, &TAYLOR_32) * power_of_two_32(half) * power_of_two_32(n - half)
}
