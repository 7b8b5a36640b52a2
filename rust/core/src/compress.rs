//! The elements of a row that are not zero, moved together.
//!
//! Processors with AVX-512 do so with one instruction a vector, those with AVX2 with a few; no loop
//! becomes that by itself.
#![allow(unsafe_code)]

use crate::scalar::Scalar;
use crate::simd::LANES;

/// What [`Compressor::nonzero`] may write beyond what it counts.
pub const SLACK: usize = 2 * LANES;

/// Finds elements that are not zero, with the best instructions there are.
#[derive(Debug, Clone, Copy)]
pub struct Compressor(Instructions);

#[derive(Debug, Clone, Copy)]
enum Instructions {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Compressor {
    /// For the processor the program runs on.
    #[must_use]
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512vl")
            {
                return Self(Instructions::Avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return Self(Instructions::Avx2);
            }
        }
        Self(Instructions::Plain)
    }

    /// Moves the elements of `row` that are not zero to the front of `values`, their places, of
    /// which the first is `first`, to `places`, and counts them. What then follows has no meaning.
    ///
    /// # Panics
    /// If `places` or `values` is not at least [`SLACK`] longer than `row`, or the places are not
    /// numbers of 32 bits: a fault of the caller's code.
    #[inline]
    pub fn nonzero<T: Scalar>(
        self,
        row: &[T],
        first: usize,
        places: &mut [u32],
        values: &mut [T],
    ) -> usize {
        let room = places.len().min(values.len());
        assert!(row.len() + SLACK <= room, "the row does not fit");
        let first = u32::try_from(first).expect("the row is too far right");
        match self.0 {
            Instructions::Plain => one_by_one(row, first, places, values),
            // SAFETY: the processor has been found to have these instructions, and the slices are
            // as long as is asked for.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { T::nonzero_v3(row, first, places, values) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { T::nonzero_v4(row, first, places, values) },
        }
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

fn one_by_one<T: Scalar>(row: &[T], first: u32, places: &mut [u32], values: &mut [T]) -> usize {
    let mut count = 0;
    for (place, &x) in (first..).zip(row) {
        // Without a branch, which could not be foreseen: what is not kept is written over.
        places[count] = place;
        values[count] = x;
        count += usize::from(x != T::zero());
    }
    count
}

/// Types whose vectors can be compressed.
pub trait Compress: Sized {
    /// [`Compressor::nonzero`] with AVX2.
    ///
    /// # Safety
    /// The processor must have AVX2, and `places` and `values` must be at least [`SLACK`] longer
    /// than `row`.
    #[cfg(target_arch = "x86_64")]
    unsafe fn nonzero_v3(
        row: &[Self],
        first: u32,
        places: &mut [u32],
        values: &mut [Self],
    ) -> usize;

    /// The same with AVX-512.
    ///
    /// # Safety
    /// The processor must have AVX-512 F and VL, and `places` and `values` must be at least
    /// [`SLACK`] longer than `row`.
    #[cfg(target_arch = "x86_64")]
    unsafe fn nonzero_v4(
        row: &[Self],
        first: u32,
        places: &mut [u32],
        values: &mut [Self],
    ) -> usize;
}

/// No instruction compresses here: a permutation for each pattern of elements that are kept is read
/// from a table (Lemire and others, "Decoding billions of integers per second through
/// vectorization", 2015).
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_castpd_ps, _mm256_castps_pd, _mm256_castsi256_si128,
        _mm256_cmp_pd, _mm256_cmp_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_loadu_si256,
        _mm256_movemask_pd, _mm256_movemask_ps, _mm256_permutevar8x32_ps, _mm256_set1_epi32,
        _mm256_setzero_pd, _mm256_setzero_ps, _mm256_storeu_pd, _mm256_storeu_ps,
        _mm256_storeu_si256, _mm_add_epi32, _mm_storeu_si128, _CMP_NEQ_UQ,
    };

    /// For each set of 8 lanes, the lanes in it, in order, each `wide` times as `wide` halves.
    const fn lanes_of<const SETS: usize>(wide: u32) -> [[u32; 8]; SETS] {
        let mut table = [[0; 8]; SETS];
        let mut set = 0;
        while set < SETS {
            let (mut lane, mut at) = (0, 0);
            while lane < 8 / wide {
                let mut half = 0;
                while half < wide && set >> lane & 1 == 1 {
                    table[set][at] = lane * wide + half;
                    at += 1;
                    half += 1;
                }
                lane += 1;
            }
            set += 1;
        }
        table
    }

    static LANES: [[u32; 8]; 256] = lanes_of(1);
    static HALVES: [[u32; 8]; 16] = lanes_of(2);

    /// One bit a lane, of which there are 8 at most.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    #[inline]
    fn mask(bits: i32) -> u8 {
        bits as u8
    }

    /// # Safety
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    fn table_row(row: &[u32; 8]) -> __m256i {
        // SAFETY: the row is as long as a vector.
        unsafe { _mm256_loadu_si256(row.as_ptr().cast()) }
    }

    /// Moves the elements of 8 that are not zero to the front, and their places.
    ///
    /// # Safety
    /// The processor must have AVX2, and there must be room for whole vectors.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn eight(
        x: *const f32,
        first: u32,
        places: *mut u32,
        values: *mut f32,
    ) -> u32 {
        // SAFETY: asked of the caller.
        let x = unsafe { _mm256_loadu_ps(x) };
        // A NaN is kept.
        let kept = mask(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(
            x,
            _mm256_setzero_ps(),
        )));
        let lanes = table_row(&LANES[usize::from(kept)]);
        // SAFETY: asked of the caller.
        unsafe {
            _mm256_storeu_ps(values, _mm256_permutevar8x32_ps(x, lanes));
            let numbers = _mm256_add_epi32(lanes, _mm256_set1_epi32(first.cast_signed()));
            _mm256_storeu_si256(places.cast(), numbers);
        }
        kept.count_ones()
    }

    /// The same of 4 numbers of double precision.
    ///
    /// # Safety
    /// The processor must have AVX2, and there must be room for whole vectors.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn four(
        x: *const f64,
        first: u32,
        places: *mut u32,
        values: *mut f64,
    ) -> u32 {
        // SAFETY: asked of the caller.
        let x = unsafe { _mm256_loadu_pd(x) };
        // A NaN is kept.
        let kept = mask(_mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(
            x,
            _mm256_setzero_pd(),
        )));
        let halves = table_row(&HALVES[usize::from(kept)]);
        let lanes = _mm256_castsi256_si128(table_row(&LANES[usize::from(kept)]));
        // SAFETY: asked of the caller.
        unsafe {
            let moved = _mm256_permutevar8x32_ps(_mm256_castpd_ps(x), halves);
            _mm256_storeu_pd(values, _mm256_castps_pd(moved));
            let first = _mm256_castsi256_si128(_mm256_set1_epi32(first.cast_signed()));
            _mm_storeu_si128(places.cast(), _mm_add_epi32(lanes, first));
        }
        kept.count_ones()
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::avx2::{eight, four};
    use super::{one_by_one, Compress};
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_maskz_compress_epi32, _mm256_set1_epi32, _mm256_setr_epi32,
        _mm256_storeu_si256, _mm512_add_epi32, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask,
        _mm512_maskz_compress_epi32, _mm512_maskz_compress_pd, _mm512_maskz_compress_ps,
        _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_set1_epi32, _mm512_setr_epi32,
        _mm512_setzero_pd, _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
        _mm512_storeu_si512, _CMP_NEQ_UQ,
    };

    impl Compress for f64 {
        #[target_feature(enable = "avx2")]
        unsafe fn nonzero_v3(
            row: &[f64],
            first: u32,
            places: &mut [u32],
            values: &mut [f64],
        ) -> usize {
            const WIDTH: usize = 4;
            let (blocks, rest) = row.as_chunks::<WIDTH>();
            let mut count = 0;
            let mut at = first;
            for block in blocks {
                let (places, values) = (&mut places[count..], &mut values[count..]);
                // SAFETY: at most as many were kept as came before this block, so a whole vector
                // from there on ends within the slack.
                let kept =
                    unsafe { four(block.as_ptr(), at, places.as_mut_ptr(), values.as_mut_ptr()) };
                count += kept as usize;
                at += 4;
            }
            count + one_by_one(rest, at, &mut places[count..], &mut values[count..])
        }

        #[target_feature(enable = "avx512f,avx512vl")]
        unsafe fn nonzero_v4(
            row: &[f64],
            first: u32,
            places: &mut [u32],
            values: &mut [f64],
        ) -> usize {
            const WIDTH: usize = 8;
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let mut at = _mm256_add_epi32(lanes, _mm256_set1_epi32(first.cast_signed()));
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
        #[target_feature(enable = "avx2")]
        unsafe fn nonzero_v3(
            row: &[f32],
            first: u32,
            places: &mut [u32],
            values: &mut [f32],
        ) -> usize {
            const WIDTH: usize = 8;
            let (blocks, rest) = row.as_chunks::<WIDTH>();
            let mut count = 0;
            let mut at = first;
            for block in blocks {
                let (places, values) = (&mut places[count..], &mut values[count..]);
                // SAFETY: at most as many were kept as came before this block, so a whole vector
                // from there on ends within the slack.
                let kept =
                    unsafe { eight(block.as_ptr(), at, places.as_mut_ptr(), values.as_mut_ptr()) };
                count += kept as usize;
                at += 8;
            }
            count + one_by_one(rest, at, &mut places[count..], &mut values[count..])
        }

        #[target_feature(enable = "avx512f,avx512vl")]
        unsafe fn nonzero_v4(
            row: &[f32],
            first: u32,
            places: &mut [u32],
            values: &mut [f32],
        ) -> usize {
            const WIDTH: usize = 16;
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let mut at = _mm512_add_epi32(lanes, _mm512_set1_epi32(first.cast_signed()));
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
                let kept = Compressor::new().nonzero(&row, 7, &mut out.0, &mut out.1);
                assert_eq!(kept, one_by_one(&row, 7, &mut plain.0, &mut plain.1));
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
