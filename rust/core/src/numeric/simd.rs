//! Levels of vector instructions, and the choice between them while the program runs: a wheel runs on any
//! processor of its architecture, and fast on a new one.
//!
//! A [`Kernel`] is ordinary code over slices and arrays of [`LANES`] numbers. It is compiled once for each
//! [`Level`], and the compiler turns its loops into vector instructions of that level. [`dispatch`] runs
//! the copy for the best level that the processor has.
//!
//! # The rules of a kernel
//!
//! 1. `run` and everything it calls are `#[inline(always)]`. A function that is not inlined is compiled
//!    once, for the lowest level, and called from all: right, but slow. The same holds for a closure, so
//!    pass closures to inlined functions only.
//! 2. `a * b + c` is [`Level::mul_add`]: `f64::mul_add` calls a library function at the lowest level, for
//!    each number.
//! 3. No result depends on the number of lanes of a register: each sum belongs to one element of the result
//!    and has one order. Where the last vector would reach beyond the end of a row, it begins earlier, and
//!    some elements are computed twice, to the same number.
//! 4. No branch depends on the numbers: choose between two values, as in `if x > m { x } else { m }`, which
//!    becomes one instruction. Comparisons with NaN are false: write each so that NaN comes out as the
//!    formula wants.
//! 5. Loops run over arrays of a fixed length, or over `chunks_exact` and `as_chunks`: lengths and bounds
//!    are then known, and nothing is checked inside.
//! 6. The sizes of all slices have been checked before `dispatch`. `unsafe` stands in this file, in
//!    `vector`, and in the files of `sparse` that load and store registers; other kernels have none.
//! 7. A kernel is compiled three times for each type, and for each type or constant that it is generic over.
//!    Pass values where the generated code would be the same: a copy of a sparse product takes about 0.05 s
//!    to compile.
//!
//! # Why not pulp
//!
//! The pulp crate has such levels and such a dispatch too, and no crate that kobai needs brings it. It
//! would add ten crates and seven seconds of processor time to a build (version 0.22, with AVX-512), for
//! what is a hundred lines here; and it has no operation that moves chosen lanes of a register to its front
//! ([`Vector::compress`]), by which the non-zero elements of a batch are gathered.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

use crate::numeric::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use crate::numeric::vector::x86;
use crate::numeric::vector::Vector;

/// How many numbers kernels work on together: the `f64` of a 512-bit register.
pub const LANES: usize = 8;

/// A set of instructions that kernels are compiled for.
pub trait Level: Copy {
    /// A vector register of single precision.
    type Single: Vector<f32>;
    /// A vector register of double precision.
    type Double: Vector<f64>;

    /// `a * b + c`, rounded once where the level has a fused multiply-add, else twice.
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// What the processor is known to have when the program is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Baseline;

impl Level for Baseline {
    type Single = [f32; 4];
    type Double = [f64; 2];

    // Every processor of aarch64 has the instruction; elsewhere, `a.mul_add(b, c)` would call a library
    // function.
    #[cfg(not(target_arch = "aarch64"))]
    #[inline(always)]
    fn mul_add<T: Scalar>(a: T, b: T, c: T) -> T {
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
}

/// AVX-512 F, DQ, VL and BW, AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Level for Avx512 {
    type Single = x86::Single16;
    type Double = x86::Double8;
}

/// A level that has a fused multiply-add, where there is one.
#[cfg(all(test, target_arch = "x86_64"))]
pub type Fused = Avx2;
/// A level that has a fused multiply-add, where there is one.
#[cfg(all(test, not(target_arch = "x86_64")))]
pub type Fused = Baseline;

/// A computation that is compiled for each level of instructions. The rules it keeps are those of this
/// module.
pub trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. Implementations are `#[inline(always)]`, and so is everything they call.
    fn run<L: Level>(self) -> Self::Output;
}

/// The levels, lowest first.
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

/// The best level that the processor has and the environment allows; found once.
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
    let allowed = match std::env::var(LEVEL_VARIABLE).as_deref() {
        Ok("baseline") => Instructions::Baseline,
        Ok("avx2") => Instructions::Avx2,
        _ => Instructions::Avx512,
    };
    allowed.min(of_processor())
}

/// Runs the copy of `kernel` for the [best level](best_instructions).
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match best_instructions() {
        // SAFETY: the processor has been found to have these instructions.
        Instructions::Avx512 => return unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        Instructions::Avx2 => return unsafe { run_avx2(kernel) },
        Instructions::Baseline => {}
    }
    kernel.run::<Baseline>()
}

/// Asks the processor to load `values` into its caches, where it can be asked.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        const LINE: usize = 64;
        let start = values.as_ptr().cast::<i8>();
        for offset in (0..std::mem::size_of_val(values)).step_by(LINE) {
            // SAFETY: the address lies within `values`; a prefetch changes no memory.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
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
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// # Safety
/// The processor must have AVX2, FMA and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,popcnt")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}
