//! Activation functions and what the evaluators must know of each.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::vecmath::series::{exp_m1_series, MAX_MOVE_5_TERMS, TERMS};
use crate::numeric::vecmath::sigmoid;

/// The function between a unit's pre-activation `a` and its activation `z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `z = a`.
    Identity,
    /// `z = 1 / (1 + exp(-a))`.
    Sigmoid,
    /// `z = max(a, 0)`.
    Relu,
}

impl Activation {
    /// The activation named `name` in the Python package.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "identity" => Some(Self::Identity),
            "sigmoid" => Some(Self::Sigmoid),
            "relu" => Some(Self::Relu),
            _ => None,
        }
    }

    /// Replaces pre-activations by activations.
    pub fn apply<T: Scalar>(self, values: &mut [T]) {
        dispatch(Apply {
            activation: self,
            values,
        });
    }

    /// Replaces pre-activations by activations, inside a [`Kernel`].
    #[inline(always)]
    pub fn apply_kernel<T: Scalar, L: Level>(self, values: &mut [T]) {
        match self {
            Self::Identity => {}
            Self::Sigmoid => {
                for value in values {
                    *value = sigmoid::<T, L>(*value);
                }
            }
            Self::Relu => {
                for value in values {
                    // Written so that a NaN stays a NaN.
                    *value = if *value <= T::zero() {
                        T::zero()
                    } else {
                        *value
                    };
                }
            }
        }
    }

    /// Writes how much activations `z` change when the pre-activations `a` they come from all move by
    /// `shift`, up and down, inside a [`Kernel`].
    ///
    /// For the sigmoid and a small shift, `E = exp(shift) - 1` gives the difference without a
    /// cancellation, as `exp(-a) = 1 / z - 1`:
    /// `1 / (1 + exp(-a - shift)) - z = z (1 - z) E / (1 + z E)`. The two share a division.
    #[inline(always)]
    pub fn changes_in<L: Level>(
        self,
        (a, z): (&[f64], &[f64]),
        shift: f64,
        (above, below): (&mut [f64], &mut [f64]),
    ) {
        if self == Self::Sigmoid && shift.abs() <= MAX_MOVE_5_TERMS {
            let e = exp_m1_series::<L, TERMS>(shift);
            let f = exp_m1_series::<L, TERMS>(-shift);
            for ((above, below), &z) in above.iter_mut().zip(below).zip(z) {
                let (up, down) = (L::mul_add(z, e, 1.0), L::mul_add(z, f, 1.0));
                let slope = z * (1.0 - z) / (up * down);
                *above = slope * down * e;
                *below = slope * up * f;
            }
            return;
        }
        for (shift, change) in [(shift, above), (-shift, below)] {
            for (change, (&a, &z)) in change.iter_mut().zip(a.iter().zip(z)) {
                *change = self.change_in::<L>((a, z), shift);
            }
        }
    }

    /// How much activation `z` changes when the pre-activation `a` it comes from moves by `shift`, inside a
    /// [`Kernel`]: of what is linear there by the shift itself, however little of it the sum would keep.
    #[inline(always)]
    fn change_in<L: Level>(self, (a, z): (f64, f64), shift: f64) -> f64 {
        match self {
            Self::Identity => shift,
            Self::Relu if a > 0.0 => shift.max(-a),
            Self::Relu => (a + shift).max(0.0),
            Self::Sigmoid => sigmoid::<f64, L>(a + shift) - z,
        }
    }

    /// Turns shifts of the pre-activation `a` of one unit into the changes of its activation `z`, inside a
    /// [`Kernel`].
    #[inline(always)]
    pub fn changes_of_unit<L: Level, const W: usize>(
        self,
        (a, z): (f64, f64),
        shifts: &mut [f64; W],
    ) {
        let largest = shifts
            .iter()
            .fold(0.0, |most: f64, shift| most.max(shift.abs()));
        if self == Self::Sigmoid && largest <= MAX_MOVE_5_TERMS {
            for shift in shifts {
                let e = exp_m1_series::<L, TERMS>(*shift);
                *shift = z * (1.0 - z) * e / L::mul_add(z, e, 1.0);
            }
            return;
        }
        for shift in shifts {
            *shift = self.change_in::<L>((a, z), *shift);
        }
    }

    /// The largest absolute value it has, if there is one.
    #[must_use]
    pub fn bound(self) -> Option<f64> {
        match self {
            Self::Sigmoid => Some(1.0),
            Self::Identity | Self::Relu => None,
        }
    }

    /// The largest change of an activation, as it is computed, when the pre-activation moves by `shift`.
    #[must_use]
    pub fn reach(self, shift: f64) -> f64 {
        let slope = match self {
            // Next to the kink a sum may be rounded up.
            Self::Identity | Self::Relu => 1.0 + f64::EPSILON,
            // The slope is 1/4.
            Self::Sigmoid => 0.26,
        };
        slope * shift.abs()
    }

    /// Multiplies `deltas` by the derivative of the activation, taken from the activations `z`.
    pub fn times_derivative<T: Scalar>(self, z: &[T], deltas: &mut [T]) {
        dispatch(TimesDerivative {
            activation: self,
            z,
            deltas,
        });
    }

    /// Where the function has no derivative, if anywhere.
    #[must_use]
    pub fn kink(self) -> Option<f64> {
        match self {
            Self::Identity | Self::Sigmoid => None,
            Self::Relu => Some(0.0),
        }
    }

    /// The largest slope on the real line.
    #[must_use]
    pub fn slope(self) -> f64 {
        match self {
            Self::Identity | Self::Relu => 1.0,
            Self::Sigmoid => 0.25,
        }
    }

    /// A radius `r` and a slope `L` such that, around every real point, the function (for ReLU:
    /// its branch there) continues analytically to complex shifts `|d| <= r` and changes by at
    /// most `L |d|` under them.
    ///
    /// For the sigmoid, `|s'(a + ib)| = 1 / (4 |cosh((a + ib) / 2)|^2) <= 1 / (4 cos^2(b / 2))`,
    /// which is below 0.325 for `|b| <= 1`.
    #[must_use]
    pub fn analytic_disc(self) -> (f64, f64) {
        match self {
            Self::Identity | Self::Relu => (f64::INFINITY, 1.0),
            Self::Sigmoid => (1.0, 0.325),
        }
    }
}

struct TimesDerivative<'a, T> {
    activation: Activation,
    z: &'a [T],
    deltas: &'a mut [T],
}

impl<T: Scalar> Kernel for TimesDerivative<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let all = self.deltas.iter_mut().zip(self.z);
        match self.activation {
            Activation::Identity => {}
            Activation::Sigmoid => {
                for (delta, &z) in all {
                    *delta *= z * (T::one() - z);
                }
            }
            Activation::Relu => {
                for (delta, &z) in all {
                    *delta = if z <= T::zero() { T::zero() } else { *delta };
                }
            }
        }
    }
}

struct Apply<'a, T> {
    activation: Activation,
    values: &'a mut [T],
}

impl<T: Scalar> Kernel for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        self.activation.apply_kernel::<T, L>(self.values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::Baseline;

    #[test]
    fn the_change_is_that_of_the_function() {
        let a = [-800.0, -40.0, -3.0, -1e-9, 0.0, 0.7, 5.0, 37.0, 800.0];
        for activation in [Activation::Identity, Activation::Sigmoid, Activation::Relu] {
            let mut z = a;
            activation.apply(&mut z);
            for shift in [1e-8, -1e-4, MAX_MOVE_5_TERMS, -0.01, 3.0] {
                let mut moved = a.map(|a| a + shift);
                activation.apply(&mut moved);
                let (mut change, mut back) = ([f64::NAN; 9], [f64::NAN; 9]);
                let changes = (&mut change[..], &mut back[..]);
                activation.changes_in::<Baseline>((&a, &z), shift, changes);
                let (mut again, mut forth) = ([f64::NAN; 9], [f64::NAN; 9]);
                let changes = (&mut forth[..], &mut again[..]);
                activation.changes_in::<Baseline>((&a, &z), -shift, changes);
                for i in 0..a.len() {
                    assert!((change[i] - again[i]).abs() <= 2e-16 * change[i].abs());
                    assert!(change[i].abs() <= activation.reach(shift));
                    let rounding = 4e-16 * (1.0 + z[i].abs());
                    let wanted = moved[i] - z[i];
                    assert!(
                        (change[i] - wanted).abs() <= rounding,
                        "{activation:?}, {}",
                        a[i]
                    );
                }
            }
        }
    }

    #[test]
    fn a_small_change_of_a_sigmoid_keeps_its_digits() {
        // sigmoid(d) - 1/2 = tanh(d / 2) / 2.
        for shift in [1e-3, 1e-7, -1e-12] {
            let (mut change, mut back) = ([f64::NAN], [f64::NAN]);
            let changes = (&mut change[..], &mut back[..]);
            Activation::Sigmoid.changes_in::<Baseline>((&[0.0], &[0.5]), shift, changes);
            let wanted = (shift / 2.0).tanh() / 2.0;
            assert!((change[0] - wanted).abs() <= 4e-16 * wanted.abs());
        }
    }
}
