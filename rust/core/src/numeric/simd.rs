//! The widest vector instructions of the processor the program runs on, chosen as it runs.
//!
//! A [`Kernel`] is ordinary code over arrays of [`LANES`] numbers, compiled once for each level of
//! instructions; the compiler turns its loops into vector instructions of that level. A wheel runs
//! on any processor of its architecture, and fast on a new one.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

use crate::numeric::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use crate::numeric::vector::x86;
use crate::numeric::vector::Vector;

/// How many numbers kernels treat together: one 512-bit register of `f64`.
pub const LANES: usize = 8;

/// The instructions a kernel is compiled for.
pub trait Level: Copy {
    /// A vector register of single precision.
    type Single: Vector<f32>;
    /// A vector register of double precision.
    type Double: Vector<f64>;

    /// `a * b + c`, rounded once or twice: a matter of what the processor has.
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T;
}

/// What the processor is known to have when the program is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Baseline;

impl Level for Baseline {
    type Single = [f32; 4];
    type Double = [f64; 2];

    #[cfg(target_arch = "aarch64")]
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        // Every processor of this architecture has the instruction.
        a.mul_add(b, c)
    }

    #[cfg(not(target_arch = "aarch64"))]
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        // A fused multiply-add would be a slow call of a library.
        a * b + c
    }
}

/// AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Level for Avx2 {
    type Single = x86::Single8;
    type Double = x86::Double4;

    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// AVX-512 F, DQ, VL and BW, AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Level for Avx512 {
    type Single = x86::Single16;
    type Double = x86::Double8;

    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// A level that has a fused multiply-add, where there is one.
#[cfg(all(test, target_arch = "x86_64"))]
pub type Fused = Avx2;
/// A level that has a fused multiply-add, where there is one.
#[cfg(all(test, not(target_arch = "x86_64")))]
pub type Fused = Baseline;

/// A computation worth compiling for each level of instructions.
pub trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Implementations are `#[inline(always)]`, and so is all they call: a function or
    /// a closure that stayed outside would be compiled for the lowest level.
    fn run<L: Level>(self) -> Self::Output;
}

/// The levels, by what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// What the processor is known to have when the program is compiled.
    Baseline,
    /// AVX2, FMA and POPCNT.
    Avx2,
    /// AVX-512 F, DQ, VL and BW, and those of AVX2.
    Avx512,
}

/// The environment variable that keeps kernels to a lower level, so that one machine can measure
/// several: `baseline` or `avx2`.
const LEVEL_VARIABLE: &str = "KOBAI_SIMD_LEVEL";

/// The best instructions of this processor that the environment allows; looked up once.
#[inline]
#[must_use]
pub fn best_instructions() -> Instructions {
    const LEVELS: [Instructions; 3] = [
        Instructions::Baseline,
        Instructions::Avx2,
        Instructions::Avx512,
    ];
    const UNKNOWN: u8 = u8::MAX;
    static FOUND: AtomicU8 = AtomicU8::new(UNKNOWN);
    match FOUND.load(Ordering::Relaxed) {
        UNKNOWN => {
            let found = find_instructions();
            FOUND.store(found as u8, Ordering::Relaxed);
            found
        }
        level => LEVELS[usize::from(level)],
    }
}

#[cold]
fn find_instructions() -> Instructions {
    let most = match std::env::var(LEVEL_VARIABLE).as_deref() {
        Ok("baseline") => Instructions::Baseline,
        Ok("avx2") => Instructions::Avx2,
        _ => Instructions::Avx512,
    };
    most.min(of_processor())
}

/// Runs `kernel` with the best instructions there are.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match best_instructions() {
        // SAFETY: the processor has been found to have these instructions.
        Instructions::Avx512 => return unsafe { run_v4(kernel) },
        // SAFETY: as above.
        Instructions::Avx2 => return unsafe { run_v3(kernel) },
        Instructions::Baseline => {}
    }
    kernel.run::<Baseline>()
}

/// Asks for `values` to be brought to the second-level cache, where it can be asked.
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
fn of_processor() -> Instructions {
    let has_avx2 = std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("popcnt");
    let has_avx512 = std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw");
    match (has_avx2, has_avx512) {
        (true, true) => Instructions::Avx512,
        (true, false) => Instructions::Avx2,
        (false, _) => Instructions::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn of_processor() -> Instructions {
    Instructions::Baseline
}

/// # Safety
/// The processor must have AVX-512 F, DQ, VL and BW, AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,popcnt")]
unsafe fn run_v4<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// # Safety
/// The processor must have AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
unsafe fn run_v3<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}
