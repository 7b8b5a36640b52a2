//! The widest vector instructions of the processor the program runs on, chosen as it runs.
//!
//! A [`Kernel`] is ordinary code over arrays of [`LANES`] numbers, compiled once for each level of
//! instructions; the compiler turns its loops into vector instructions of that level. A wheel runs
//! on any processor of its architecture, and fast on a new one.
#![allow(unsafe_code)]

use crate::scalar::Scalar;

/// How many numbers kernels treat together: one 512-bit register of `f64`.
pub const LANES: usize = 8;

/// Whether a product and a sum are rounded once or twice: a matter of what the processor has.
pub trait Rounding: Copy {
    /// `a * b + c`.
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T;
}

/// One rounding: the processor has a fused multiply-add.
#[derive(Debug, Clone, Copy)]
pub struct Fused;

/// Two roundings: a fused multiply-add would be a slow call of a library.
#[derive(Debug, Clone, Copy)]
pub struct Separate;

impl Rounding for Fused {
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

impl Rounding for Separate {
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a * b + c
    }
}

/// A computation worth compiling for each level of instructions.
pub trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Implementations are `#[inline(always)]`, and so is all they call: a function or
    /// a closure that stayed outside would be compiled for the lowest level.
    fn run<R: Rounding>(self) -> Self::Output;
}

/// Runs `kernel` with the best instructions there are.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_set_v4() {
            // SAFETY: the processor has been found to have these instructions.
            return unsafe { run_v4(kernel) };
        }
        if is_x86_feature_set_v3() {
            // SAFETY: the processor has been found to have these instructions.
            return unsafe { run_v3(kernel) };
        }
        kernel.run::<Separate>()
    }
    #[cfg(target_arch = "aarch64")]
    {
        // Every processor of this architecture has 128-bit vectors and a fused multiply-add.
        kernel.run::<Fused>()
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        kernel.run::<Separate>()
    }
}

/// Asks for `values` to be brought near the processor, where it can be asked.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T1};
        const LINE: usize = 64;
        let start = values.as_ptr().cast::<i8>();
        for offset in (0..std::mem::size_of_val(values)).step_by(LINE) {
            // SAFETY: the address lies within `values`; a prefetch changes nothing it could see.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn is_x86_feature_set_v4() -> bool {
    is_x86_feature_set_v3()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw")
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn is_x86_feature_set_v3() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// # Safety
/// The processor must have AVX-512 F, DQ, VL and BW, AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
unsafe fn run_v4<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

/// # Safety
/// The processor must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_v3<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}
