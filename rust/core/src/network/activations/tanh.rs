//! The hyperbolic tangent `z = tanh(a)`.

use super::{changes_one_by_one, ActivationFunction, Certificate, Moves, UnitRows};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::MAX_MOVE_5_TERMS;
use crate::numeric::vecmath::{horner, tanh};

/// `z = tanh(a)`.
#[derive(Debug)]
pub struct Tanh;

/// The series of `tanh(d) / d` by powers of `d^2`: up to [`MAX_MOVE_5_TERMS`], the next term is below `1e-20`.
const SERIES: [f64; 4] = [1.0, -1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0];

impl ActivationFunction for Tanh {
    /// `|tanh'(a + ib)| = 1 / |cosh(a + ib)|^2 = 1 / (sinh^2 a + cos^2 b) <= 1 / cos^2 b`, which is below 1.3 for
    /// `|b| <= 1/2`.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: Some(1.0),
        kinks: &[],
        disc_radius: 0.5,
        disc_slope: 1.3,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        tanh::<T, L>(a)
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(_: T, z: T) -> T {
        (T::one() - z) * (T::one() + z)
    }

    #[inline(always)]
    fn change<L: Level>((a, z): (f64, f64), shift: f64) -> f64 {
        tanh::<f64, L>(a + shift) - z
    }

    /// With `t = tanh(shift)`, the change of a small shift is
    /// `(z + t) / (1 + z t) - z = (1 - z^2) t / (1 + z t)`, without a cancellation. The changes up and down share
    /// a division.
    #[inline(always)]
    fn changes<L: Level, M: Moves>(
        (a, z): (&[f64], &[f64]),
        moves: M,
        (above, below): (&mut [f64], &mut [f64]),
    ) {
        if moves.max_move() > MAX_MOVE_5_TERMS {
            changes_one_by_one::<Self, L, M>((a, z), moves, (above, below));
            return;
        }
        let (z, moves) = (UnitRows::<M, 1>::row(z), moves.range(0..above.len()));
        for (i, (above, below)) in above.iter_mut().zip(below).enumerate() {
            let ([z], by) = (z.of(i), moves.by(i));
            let t = by * horner::<_, L, 4>(by * by, &SERIES);
            let (up, down) = (L::mul_add(z, t, 1.0), L::mul_add(-z, t, 1.0));
            let slope = (1.0 - z) * (1.0 + z) / (up * down);
            *above = slope * down * t;
            *below = -slope * up * t;
        }
    }
}
