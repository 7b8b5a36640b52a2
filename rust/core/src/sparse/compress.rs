//! The non-zero elements of up to 64 numbers: which they are, and their values moved to the front. No
//! branch depends on the numbers, as a processor cannot predict where the zeros are.
#![allow(unsafe_code)]

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vector::{Vector, MAX_LANES};

/// At most so many numbers at a time: a word has a bit for each.
const MAX_COUNT: usize = 64;

/// Which of at most [`MAX_COUNT`] numbers are not zero after rounding to `N`: bit `i` for number `i`. A NaN
/// is not zero.
#[inline(always)]
#[must_use]
pub fn mask_of_nonzero<S: Scalar, N: Scalar, L: Level>(numbers: &[S]) -> u64 {
    // The compiler unrolls the loop over the vectors of a whole array.
    match <&[S; MAX_COUNT]>::try_from(numbers) {
        Ok(numbers) => mask_of_vectors::<S, N, L>(numbers),
        Err(_) => mask_of_vectors::<S, N, L>(numbers),
    }
}

/// The same, and writes the numbers that are not zero, rounded to `N` and then to `T`, to the front of
/// `out`, which is as long as `numbers`. What is behind them in `out` afterwards is not to be read.
#[inline(always)]
#[must_use]
pub fn take_nonzero<S: Scalar, N: Scalar, T: Scalar, L: Level>(
    numbers: &[S],
    out: &mut [T],
) -> u64 {
    match <&[S; MAX_COUNT]>::try_from(numbers) {
        Ok(numbers) => take_vectors::<S, N, T, L>(numbers, &mut out[..MAX_COUNT]),
        Err(_) => take_vectors::<S, N, T, L>(numbers, &mut out[..numbers.len()]),
    }
}

/// The number, rounded to `N` and then to `T`.
#[inline(always)]
fn cast<S: Scalar, N: Scalar, T: Scalar>(x: S) -> T {
    T::from_f64(N::from_f64(x.widen()).widen())
}

/// Which lanes are not zero after rounding to `N`.
#[inline(always)]
fn nonzero<S: Scalar, N: Scalar, L: Level>(vector: S::Vector<L>) -> u64 {
    /// 2^-925. What single precision rounds to zero is at most half of its smallest number, 2^-150; times
    /// this, it is at most half of the smallest number of double precision, 2^-1075, and double precision
    /// rounds it to zero, too.
    const SCALE: f64 = f64::from_bits((1023 - 925) << 52);
    if size_of::<N>() == size_of::<S>() || size_of::<S>() == size_of::<f32>() {
        return vector.nonzero();
    }
    let (scale, zero) = (S::from_f64(SCALE), S::zero());
    let scaled = vector.mul_add(S::Vector::<L>::splat(scale), S::Vector::<L>::splat(zero));
    scaled.nonzero()
}

#[inline(always)]
fn take_vectors<S: Scalar, N: Scalar, T: Scalar, L: Level>(numbers: &[S], out: &mut [T]) -> u64 {
    let lanes = S::Vector::<L>::LANES;
    let vectors = numbers.chunks_exact(lanes);
    let rest = vectors.remainder();
    let (mut mask, mut count) = (0, 0);
    let mut taken = [S::zero(); MAX_LANES];
    for (v, vector) in vectors.enumerate() {
        // SAFETY: the chunk is as long as a vector.
        let vector = unsafe { S::Vector::<L>::load(vector.as_ptr()) };
        let lane_mask = nonzero::<S, N, L>(vector);
        // SAFETY: the array is as long as the widest vector.
        unsafe { vector.compress(lane_mask).store(taken.as_mut_ptr()) };
        // All lanes are copied: the next ones overwrite those that are not wanted.
        for (out, &x) in out[count..count + lanes].iter_mut().zip(&taken) {
            *out = cast::<S, N, T>(x);
        }
        mask |= lane_mask << (v * lanes);
        count += lane_mask.count_ones() as usize;
    }
    for (i, &x) in rest.iter().enumerate() {
        let x: N = cast::<S, N, N>(x);
        let bit = u64::from(x != N::zero());
        out[count] = cast::<N, N, T>(x);
        mask |= bit << (numbers.len() - rest.len() + i);
        count += usize::from(bit > 0);
    }
    mask
}

#[inline(always)]
fn mask_of_vectors<S: Scalar, N: Scalar, L: Level>(numbers: &[S]) -> u64 {
    let lanes = S::Vector::<L>::LANES;
    let vectors = numbers.chunks_exact(lanes);
    let rest = vectors.remainder();
    let mut mask = 0;
    for (v, vector) in vectors.enumerate() {
        // SAFETY: the chunk is as long as a vector.
        let vector = unsafe { S::Vector::<L>::load(vector.as_ptr()) };
        mask |= nonzero::<S, N, L>(vector) << (v * lanes);
    }
    for (i, &x) in rest.iter().enumerate() {
        let bit = u64::from(cast::<S, N, N>(x) != N::zero());
        mask |= bit << (numbers.len() - rest.len() + i);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::{dispatch, Baseline, Kernel};
    use std::marker::PhantomData;

    struct Take<'a, S, N>(&'a [S], &'a mut [f64], PhantomData<N>);

    impl<S: Scalar, N: Scalar> Kernel for Take<'_, S, N> {
        type Output = (u64, u64);

        #[inline(always)]
        fn run<L: Level>(self) -> (u64, u64) {
            let mask = mask_of_nonzero::<S, N, L>(self.0);
            (mask, take_nonzero::<S, N, f64, L>(self.0, self.1))
        }
    }

    fn agree<S: Scalar, N: Scalar>(block: &[S]) {
        let rounded: Vec<N> = block.iter().map(|x| N::from_f64(x.widen())).collect();
        let is_taken = |x: &N| *x != N::zero();
        let taken = rounded.iter().copied().filter(is_taken);
        let wanted: Vec<u64> = taken.map(|x| x.widen().to_bits()).collect();
        let mut mask = 0;
        for (i, x) in rounded.iter().enumerate() {
            mask |= u64::from(is_taken(x)) << i;
        }
        for is_best in [true, false] {
            let mut out = vec![-1.0; block.len()];
            let take = Take(block, &mut out, PhantomData::<N>);
            let found = if is_best {
                dispatch(take)
            } else {
                take.run::<Baseline>()
            };
            assert_eq!(found, (mask, mask));
            let first: Vec<u64> = out[..wanted.len()].iter().map(|x| x.to_bits()).collect();
            assert_eq!(first, wanted);
        }
    }

    #[test]
    fn every_set_of_lanes_comes_first_in_order() {
        for set in 0..1_u32 << 16 {
            let block: Vec<f32> = (0..16)
                .map(|i| (set >> i & 1) as f32 * (i + 1) as f32)
                .collect();
            agree::<f32, f32>(&block);
            if set < 1 << 8 {
                let wide: Vec<f64> = block.iter().map(|x| x.widen()).collect();
                agree::<f64, f64>(&wide);
                agree::<f64, f32>(&wide);
                agree::<f32, f64>(&block);
            }
        }
    }

    #[test]
    fn blocks_of_any_length_and_odd_numbers_are_taken() {
        let half = 2.0_f64.powi(-150);
        let number = |i: usize| match i % 10 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::NAN,
            3 => f64::NEG_INFINITY,
            // Zeros, the smallest number and infinity in single precision.
            4 => 1e-60,
            5 => 7e-46,
            6 => -8e-46,
            7 => half,
            8 => half * (1.0 + f64::EPSILON),
            _ => 1e300,
        };
        for len in 0..=64 {
            let block: Vec<f64> = (0..len).map(number).collect();
            agree::<f64, f64>(&block);
            agree::<f64, f32>(&block);
        }
    }
}
