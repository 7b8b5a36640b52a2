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

    /// `values` as they are, if their type is this one.
    fn same<S: Scalar>(values: &[S]) -> Option<&[Self]>;
    /// `values` as they are, if they are of single precision.
    fn as_single(values: &[Self]) -> Option<&[f32]>;
    /// `values` as they are, if they are of double precision.
    fn as_double(values: &[Self]) -> Option<&[f64]>;
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

    fn same<S: Scalar>(values: &[S]) -> Option<&[Self]> {
        S::as_single(values)
    }
    fn as_single(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }
    fn as_double(_: &[Self]) -> Option<&[f64]> {
        None
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

    fn same<S: Scalar>(values: &[S]) -> Option<&[Self]> {
        S::as_double(values)
    }
    fn as_single(_: &[Self]) -> Option<&[f32]> {
        None
    }
    fn as_double(values: &[Self]) -> Option<&[f64]> {
        Some(values)
    }
}
