//! The natural logarithm.
//!
//! Method: `x = 2^e m` with `m` in `[sqrt(1/2), sqrt(2))`, and with `f = m - 1`, `s = f / (2 + f)`,
//! `ln m = 2 atanh s = f - f^2 / 2 + s (f^2 / 2 + P(s^2))`; the polynomial `P` is that of FreeBSD's
//! `e_log.c` and `e_logf.c` (Sun Microsystems, 1993), off by less than `2^-58` and `2^-34`.
//!
//! Error: at most 1 unit in the last place, 2 without a fused multiply-add, for positive normal
//! numbers; NaN gives NaN. For all other arguments the result is wrong: no caller has any.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;

/// The natural logarithm of a positive normal number.
#[inline(always)]
pub fn ln<T: Scalar, L: Level>(x: T) -> T {
    x.vector_ln::<L>()
}

#[inline(always)]
pub(super) fn ln_64<L: Level>(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const MANTISSA: u64 = (1 << 52) - 1;
    // The bits of 2^52. A small integer in the lowest of them makes the number 2^52 plus that integer.
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const P: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    let above = x.to_bits().wrapping_sub(SQRT_HALF);
    let biased = above.wrapping_add(1023 << 52) >> 52;
    let e = f64::from_bits(biased | TWO_52) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((above & MANTISSA).wrapping_add(SQRT_HALF));
    let value = combine::<_, L, 7>(m, e, &P, LN_2_HIGH, LN_2_LOW);
    if x.is_nan() {
        x
    } else {
        value
    }
}

#[inline(always)]
pub(super) fn ln_32<L: Level>(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    const MANTISSA: u32 = (1 << 23) - 1;
    const TWO_23: u32 = 0x4b00_0000;
    const LN_2_HIGH: f32 = 6.931_381e-1;
    const LN_2_LOW: f32 = 9.058_001e-6;
    const P: [f32; 4] = [0.666_666_6, 0.400_009_72, 0.284_987_87, 0.242_790_79];
    let above = x.to_bits().wrapping_sub(SQRT_HALF);
    let biased = above.wrapping_add(127 << 23) >> 23;
    let e = f32::from_bits(biased | TWO_23) - (8_388_608.0 + 127.0);
    let m = f32::from_bits((above & MANTISSA).wrapping_add(SQRT_HALF));
    let value = combine::<_, L, 4>(m, e, &P, LN_2_HIGH, LN_2_LOW);
    if x.is_nan() {
        x
    } else {
        value
    }
}

/// `ln m + e ln 2`.
#[inline(always)]
fn combine<T: Scalar, L: Level, const N: usize>(
    m: T,
    e: T,
    p: &[T; N],
    ln_2_high: T,
    ln_2_low: T,
) -> T {
    let f = m - T::one();
    let s = f / (f + T::one() + T::one());
    let z = s * s;
    let sum = horner::<T, L, N>(z, p);
    let half_square = T::from_f64(0.5) * f * f;
    let correction = L::mul_add(s, L::mul_add(z, sum, half_square), e * ln_2_low);
    L::mul_add(e, ln_2_high, f - (half_square - correction))
}
