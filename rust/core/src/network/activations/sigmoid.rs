//! The logistic function `z = 1 / (1 + exp(-a))`.

use super::{changes_one_by_one, ActivationFunction, Certificate, Moves, UnitRows};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::{exp_m1_series, MAX_MOVE_5_TERMS, TERMS};
use crate::numeric::vecmath::sigmoid;

/// `z = 1 / (1 + exp(-a))`.
#[derive(Debug)]
pub struct Sigmoid;

impl ActivationFunction for Sigmoid {
    /// `|s'(a + ib)| = 1 / (4 |cosh((a + ib) / 2)|^2) <= 1 / (4 cos^2(b / 2))`, which is below 0.325 for
    /// `|b| <= 1`.
    const CERTIFICATE: Certificate = Certificate {
        slope: 0.25,
        bound: Some(1.0),
        kinks: &[],
        disc_radius: 1.0,
        disc_slope: 0.325,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        sigmoid::<T, L>(a)
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(_: T, z: T) -> T {
        z * (T::one() - z)
    }

    #[inline(always)]
    fn change<L: Level>((a, z): (f64, f64), shift: f64) -> f64 {
        sigmoid::<f64, L>(a + shift) - z
    }

    /// With `E = exp(shift) - 1`, and as `exp(-a) = 1 / z - 1`, the change of a small shift is
    /// `1 / (1 + exp(-a - shift)) - z = z (1 - z) E / (1 + z E)`, without a cancellation. The changes up
    /// and down share a division.
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
            let e = exp_m1_series::<L, TERMS>(by);
            let f = exp_m1_series::<L, TERMS>(-by);
            let (up, down) = (L::mul_add(z, e, 1.0), L::mul_add(z, f, 1.0));
            let slope = z * (1.0 - z) / (up * down);
            *above = slope * down * e;
            *below = slope * up * f;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::network::activations::{Activation, AllUnits};
    use crate::numeric::simd::Baseline;

    #[test]
    fn a_small_change_keeps_its_digits() {
        // sigmoid(d) - 1/2 = tanh(d / 2) / 2.
        for shift in [1e-3, 1e-7, -1e-12] {
            let (mut change, mut back) = ([f64::NAN], [f64::NAN]);
            let moves = AllUnits { by: shift };
            Activation::Sigmoid.changes::<Baseline, _>((&[0.0], &[0.5]), moves, (&mut change, &mut back));
            let wanted = (shift / 2.0).tanh() / 2.0;
            assert!((change[0] - wanted).abs() <= 4e-16 * wanted.abs());
        }
    }
}
