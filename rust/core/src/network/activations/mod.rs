//! Activation functions, a file each, and what the evaluators must know of every one.
//!
//! A new one is a file with an [`ActivationFunction`] and a line in the list below.

mod moves;

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};

pub use moves::{AllUnits, Moves, OneUnit, UnitRows};

/// The function between a unit's pre-activation `a` and its activation `z`.
///
/// Functions over numbers run inside a [`Kernel`]: implementations are `#[inline(always)]`.
pub trait ActivationFunction {
    /// What the evaluators rely on.
    const CERTIFICATE: Certificate;

    /// `z` of `a`; an infinite one has a limit or is NaN, a NaN stays a NaN.
    fn value<T: Scalar, L: Level>(a: T) -> T;

    /// The derivative by `a`, where `z` is the value there.
    fn derivative<T: Scalar, L: Level>(a: T, z: T) -> T;

    /// The derivative of a loss by `a`, from `delta`, that by `z`.
    #[inline(always)]
    fn times_derivative<T: Scalar, L: Level>(delta: T, a: T, z: T) -> T {
        delta * Self::derivative::<T, L>(a, z)
    }

    /// By how much `z` changes when `a` moves by `shift`. It has the digits of the shift, however little
    /// of it the sum `a + shift` would keep, unless [`changes`](Self::changes) serves small shifts.
    fn change<L: Level>(at: (f64, f64), shift: f64) -> f64;

    /// Writes how much the activations `z` of units change when the pre-activations `a` they come from
    /// move, up to `above` and down to `below`.
    #[inline(always)]
    fn changes<L: Level, M: Moves>(
        units: (&[f64], &[f64]),
        moves: M,
        changes: (&mut [f64], &mut [f64]),
    ) {
        changes_one_by_one::<Self, L, M>(units, moves, changes);
    }
}

/// What is known of an activation function.
#[derive(Debug, Clone, Copy)]
pub struct Certificate {
    /// Its Lipschitz constant on the real line.
    pub slope: f64,
    /// Its largest absolute value, if it has one.
    pub bound: Option<f64>,
    /// Where it is not analytic: there it has no derivative, or no second one, ..., but is continuous.
    pub kinks: &'static [f64],
    /// A radius such that, around every real point, the function (its branch there, where it has kinks)
    /// continues analytically to complex shifts `|d|` up to it ...
    pub disc_radius: f64,
    /// ... and changes by at most `disc_slope |d|` under them.
    pub disc_slope: f64,
}

/// The changes of units by [`ActivationFunction::change`].
#[inline(always)]
fn changes_one_by_one<F: ActivationFunction + ?Sized, L: Level, M: Moves>(
    (a, z): (&[f64], &[f64]),
    moves: M,
    (above, below): (&mut [f64], &mut [f64]),
) {
    let moves = moves.range(0..above.len());
    let (a, z) = (UnitRows::<M, 1>::row(a), UnitRows::<M, 1>::row(z));
    for (sign, changes) in [(1.0, above), (-1.0, below)] {
        for (i, change) in changes.iter_mut().enumerate() {
            let ([a], [z]) = (a.of(i), z.of(i));
            *change = F::change::<L>((a, z), sign * moves.by(i));
        }
    }
}

macro_rules! activations {
    ($($module:ident::$function:ident),+ $(,)?) => {
        $(mod $module;)+

        /// An activation function by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Activation {
            $(
                #[doc = concat!("See `", stringify!($module), ".rs`.")]
                $function
            ),+
        }

        impl Activation {
            /// All there are.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$function),+];

            /// Their names in the Python package: those of their files.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($module)),+];

            /// The activation named `name` in the Python package: as its file is.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($module) => Some(Self::$function),)+
                    _ => None,
                }
            }

            /// What the evaluators rely on.
            #[must_use]
            pub fn certificate(self) -> Certificate {
                match self {
                    $(Self::$function => $module::$function::CERTIFICATE),+
                }
            }

            #[inline(always)]
            fn apply_kernel<T: Scalar, L: Level>(self, values: &mut [T]) {
                match self {
                    $(Self::$function => {
                        for value in values {
                            *value = $module::$function::value::<T, L>(*value);
                        }
                    }),+
                }
            }

            /// Writes how much activations change, inside a [`Kernel`]: see [`ActivationFunction::changes`].
            #[inline(always)]
            pub fn changes<L: Level, M: Moves>(
                self,
                units: (&[f64], &[f64]),
                moves: M,
                changes: (&mut [f64], &mut [f64]),
            ) {
                match self {
                    $(Self::$function => $module::$function::changes::<L, M>(units, moves, changes)),+
                }
            }

            #[inline(always)]
            fn times_derivative_kernel<T: Scalar, L: Level>(
                self,
                (a, z): (&[T], &[T]),
                deltas: &mut [T],
            ) {
                let units = deltas.iter_mut().zip(a.iter().zip(z));
                match self {
                    $(Self::$function => {
                        for (delta, (&a, &z)) in units {
                            *delta = $module::$function::times_derivative::<T, L>(*delta, a, z);
                        }
                    }),+
                }
            }
        }
    };
}

// Everything that is matched by name.
activations! {
    identity::Identity,
    sigmoid::Sigmoid,
    relu::Relu,
    tanh::Tanh,
    leaky_relu::LeakyRelu,
    elu::Elu,
    softplus::Softplus,
    silu::Silu,
    gelu::Gelu,
}

/// A little more than rounding adds to a change of an activation as it is computed.
const MARGIN: f64 = 1.0 + 1e-9;

impl Activation {
    /// Replaces pre-activations by activations.
    pub fn apply<T: Scalar>(self, values: &mut [T]) {
        dispatch(Apply {
            activation: self,
            values,
        });
    }

    /// Multiplies `deltas` by the derivative of the function between the pre-activations `a` and the
    /// activations `z`.
    pub fn times_derivative<T: Scalar>(self, units: (&[T], &[T]), deltas: &mut [T]) {
        dispatch(TimesDerivative {
            activation: self,
            units,
            deltas,
        });
    }

    /// The largest change of an activation, as it is computed, when the pre-activation moves by `shift`.
    #[must_use]
    pub fn max_change(self, shift: f64) -> f64 {
        self.certificate().slope * MARGIN * shift.abs()
    }
}

struct TimesDerivative<'a, T> {
    activation: Activation,
    units: (&'a [T], &'a [T]),
    deltas: &'a mut [T],
}

impl<T: Scalar> Kernel for TimesDerivative<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        self.activation
            .times_derivative_kernel::<T, L>(self.units, self.deltas);
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
    use crate::numeric::vecmath::series::MAX_MOVE_5_TERMS;

    #[test]
    fn the_change_is_that_of_the_function() {
        let a = [-800.0, -40.0, -3.0, -1e-9, 0.0, 0.7, 5.0, 37.0, 800.0];
        for &activation in Activation::ALL {
            let mut z = a;
            activation.apply(&mut z);
            for shift in [1e-8, -1e-4, MAX_MOVE_5_TERMS, -0.01, 3.0] {
                let mut moved = a.map(|a| a + shift);
                activation.apply(&mut moved);
                let [mut changes, mut back] = [[f64::NAN; 9]; 2];
                let moves = AllUnits { by: shift };
                activation.changes::<Baseline, _>((&a, &z), moves, (&mut changes, &mut back));
                for i in 0..a.len() {
                    let (change, wanted) = (changes[i], moved[i] - z[i]);
                    let rounding = 4e-16 * (1.0 + z[i].abs() + moved[i].abs());
                    let message = format!("{activation:?}, {}", a[i]);
                    assert!((change - wanted).abs() <= rounding, "{message}");
                    assert!(change.abs() <= activation.max_change(shift), "{message}");
                    // The same unit alone, moved back and forth.
                    let [mut forth, mut again] = [[f64::NAN; 2]; 2];
                    let moves = OneUnit {
                        by: &[-shift, -shift],
                    };
                    activation.changes::<Baseline, _>(
                        (&a[i..], &z[i..]),
                        moves,
                        (&mut forth, &mut again),
                    );
                    assert!(
                        (change - again[1]).abs() <= 2e-16 * change.abs(),
                        "{message}"
                    );
                }
            }
        }
    }

    #[test]
    fn activations_have_the_names_of_their_files() {
        assert_eq!(Activation::from_name("relu"), Some(Activation::Relu));
        assert_eq!(Activation::from_name("Relu"), None);
    }
}
