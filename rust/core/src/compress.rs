//! The elements of a row that are not zero, moved together.
//!
//! Processors with AVX-512 do so with one instruction a vector; no loop becomes that by itself.
#![allow(unsafe_code)]

use crate::scalar::Scalar;
use crate::simd::LANES;

/// What [`nonzero`] may write beyond what it counts.
pub const SLACK: usize = 2 * LANES;

/// Moves the elements of `row` that are not zero to the front of `values`, their places to `places`,
/// and counts them. What then follows has no meaning.
///
/// # Panics
/// If `places` or `values` is not at least [`SLACK`] longer than `row`, or `row` has more elements
/// than 32 bits number: a fault of the caller's code.
pub fn nonzero<T: Scalar>(row: &[T], places: &mut [u32], values: &mut [T]) -> usize {
    let room = places.len().min(values.len());
    assert!(row.len() + SLACK <= room, "the row does not fit");
    assert!(u32::try_from(row.len()).is_ok(), "the row is too long");
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the processor has been found to have these instructions, and the slices are as
        // long as is asked for.
        return unsafe { T::nonzero_v4(row, places, values) };
    }
    one_by_one(row, places, values)
}

fn one_by_one<T: Scalar>(row: &[T], places: &mut [u32], values: &mut [T]) -> usize {
    let mut count = 0;
    for (place, &x) in (0..).zip(row) {
        // Without a branch, which could not be foreseen: what is not kept is written over.
        places[count] = place;
        values[count] = x;
        count += usize::from(x != T::zero());
    }
    count
}

/// Types whose vectors can be compressed.
pub trait Compress: Sized {
    /// [`nonzero`] with AVX-512.
    ///
    /// # Safety
    /// The processor must have AVX-512 F and VL, and `places` and `values` must be at least
    /// [`SLACK`] longer than `row`.
    #[cfg(target_arch = "x86_64")]
    unsafe fn nonzero_v4(row: &[Self], places: &mut [u32], values: &mut [Self]) -> usize;
}

#[cfg(target_arch = "x86_64")]
mod v4 {
    use super::Compress;
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_maskz_compress_epi32, _mm256_set1_epi32, _mm256_setr_epi32,
        _mm256_storeu_si256, _mm512_add_epi32, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask,
        _mm512_maskz_compress_epi32, _mm512_maskz_compress_pd, _mm512_maskz_compress_ps,
        _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_set1_epi32, _mm512_setr_epi32,
        _mm512_setzero_pd, _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
        _mm512_storeu_si512, _CMP_NEQ_UQ,
    };

    impl Compress for f64 {
        #[target_feature(enable = "avx512f,avx512vl")]
        unsafe fn nonzero_v4(row: &[f64], places: &mut [u32], values: &mut [f64]) -> usize {
            const WIDTH: usize = 8;
            let mut at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let step = _mm256_set1_epi32(8);
            let mut count = 0;
            for block in row.chunks(WIDTH) {
                let own = u8::MAX >> (WIDTH - block.len());
                // SAFETY: lanes outside the block are not loaded.
                let x = unsafe { _mm512_maskz_loadu_pd(own, block.as_ptr()) };
                // Lanes outside are zero, and so not kept; a NaN is kept.
                let kept = _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_pd());
                // SAFETY: at most as many were kept as came before this block, so a whole vector
                // from there on ends within the slack.
                unsafe {
                    let (places, values) = (places.as_mut_ptr(), values.as_mut_ptr());
                    _mm512_storeu_pd(values.add(count), _mm512_maskz_compress_pd(kept, x));
                    let numbers = _mm256_maskz_compress_epi32(kept, at);
                    _mm256_storeu_si256(places.add(count).cast(), numbers);
                }
                count += kept.count_ones() as usize;
                at = _mm256_add_epi32(at, step);
            }
            count
        }
    }

    impl Compress for f32 {
        #[target_feature(enable = "avx512f,avx512vl")]
        unsafe fn nonzero_v4(row: &[f32], places: &mut [u32], values: &mut [f32]) -> usize {
            const WIDTH: usize = 16;
            let mut at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let step = _mm512_set1_epi32(16);
            let mut count = 0;
            for block in row.chunks(WIDTH) {
                let own = u16::MAX >> (WIDTH - block.len());
                // SAFETY: lanes outside the block are not loaded.
                let x = unsafe { _mm512_maskz_loadu_ps(own, block.as_ptr()) };
                // Lanes outside are zero, and so not kept; a NaN is kept.
                let kept = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_ps());
                // SAFETY: at most as many were kept as came before this block, so a whole vector
                // from there on ends within the slack.
                unsafe {
                    let (places, values) = (places.as_mut_ptr(), values.as_mut_ptr());
                    _mm512_storeu_ps(values.add(count), _mm512_maskz_compress_ps(kept, x));
                    let numbers = _mm512_maskz_compress_epi32(kept, at);
                    _mm512_storeu_si512(places.add(count).cast(), numbers);
                }
                count += kept.count_ones() as usize;
                at = _mm512_add_epi32(at, step);
            }
            count
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Compress for f32 {}
#[cfg(not(target_arch = "x86_64"))]
impl Compress for f64 {}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_agree<T: Compress + Scalar>() {
        for count in [0, 1, 7, 8, 15, 16, 17, 100] {
            for stride in 1..5 {
                let number = |i: usize| match i % (2 * stride) {
                    0 => T::zero(),
                    1 => T::neg_zero(),
                    2 => T::nan(),
                    _ => T::from_f64((i % stride) as f64),
                };
                let row: Vec<T> = (0..count).map(number).collect();
                let mut out = (vec![0; count + SLACK], vec![T::zero(); count + SLACK]);
                let mut plain = out.clone();
                let kept = nonzero(&row, &mut out.0, &mut out.1);
                assert_eq!(kept, one_by_one(&row, &mut plain.0, &mut plain.1));
                assert_eq!(out.0[..kept], plain.0[..kept]);
                let bits = |x: &T| x.widen().to_bits();
                assert!(out.1[..kept]
                    .iter()
                    .map(bits)
                    .eq(plain.1[..kept].iter().map(bits)));
            }
        }
    }

    #[test]
    fn what_is_not_zero_is_found_in_order() {
        all_agree::<f32>();
        all_agree::<f64>();
    }
}
