//! The two floating-point types the core computes in.

use num_traits::{Float, NumAssign};

use crate::numeric::matmul::Gemm;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::VectorFloat;
use crate::numeric::vector::Vector;

/// `f32` or `f64`.
pub trait Scalar:
    Float
    + NumAssign
    + Gemm
    + VectorFloat
    + Default
    + Send
    + Sync
    + std::fmt::Debug
    + std::iter::Sum
    + 'static
{
    /// A vector register of such numbers.
    type Vector<L: Level>: Vector<Self>;

    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The same value as an `f64`: exact for both types.
    fn widen(self) -> f64;
}

impl Scalar for f32 {
    type Vector<L: Level> = L::Single;

    // Rounding to the nearest f32 is what is asked for.
    #[allow(clippy::cast_possible_truncation)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn widen(self) -> f64 {
        f64::from(self)
    }
}

impl Scalar for f64 {
    type Vector<L: Level> = L::Double;

    fn from_f64(value: f64) -> Self {
        value
    }
    fn widen(self) -> f64 {
        self
    }
}
