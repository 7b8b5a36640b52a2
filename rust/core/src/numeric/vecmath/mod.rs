//! Exponential, logarithm, logistic function, hyperbolic tangent, normal distribution and polynomials, a file
//! a function.
//!
//! They have no branches, so that the compiler turns loops over them into vector instructions inside a
//! [`Kernel`](crate::numeric::simd::Kernel). Each file states its method, its source and the bound of its
//! error.

mod chebyshev;
mod exp;
mod horner;
mod ln;
mod ln_1p;
mod normal_cdf;
pub(crate) mod series;
mod sigmoid;
mod tanh;

pub use chebyshev::odd_chebyshev;
pub use exp::{exp, exp_m1};
pub use horner::horner;
pub use ln::ln;
pub use ln_1p::ln_1p;
pub use normal_cdf::{normal_cdf, normal_pdf};
pub use sigmoid::sigmoid;
pub use tanh::tanh;

use crate::numeric::simd::Level;

/// The functions whose method depends on the floating-point type.
pub trait VectorFloat: Sized {
    /// `exp(self)`; see [`exp()`].
    #[must_use]
    fn vector_exp<L: Level>(self) -> Self;
    /// `exp(self) - 1`; see [`exp_m1()`].
    #[must_use]
    fn vector_exp_m1<L: Level>(self) -> Self;
    /// `ln(self)`; see [`ln()`].
    #[must_use]
    fn vector_ln<L: Level>(self) -> Self;
}

impl VectorFloat for f64 {
    #[inline(always)]
    fn vector_exp<L: Level>(self) -> Self {
        exp::exp_64::<L>(self)
    }
    #[inline(always)]
    fn vector_exp_m1<L: Level>(self) -> Self {
        exp::exp_m1_64::<L>(self)
    }
    #[inline(always)]
    fn vector_ln<L: Level>(self) -> Self {
        ln::ln_64::<L>(self)
    }
}

impl VectorFloat for f32 {
    #[inline(always)]
    fn vector_exp<L: Level>(self) -> Self {
        exp::exp_32::<L>(self)
    }
    #[inline(always)]
    fn vector_exp_m1<L: Level>(self) -> Self {
        exp::exp_m1_32::<L>(self)
    }
    #[inline(always)]
    fn vector_ln<L: Level>(self) -> Self {
        ln::ln_32::<L>(self)
    }
}
