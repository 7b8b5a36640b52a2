//! Parameters in the type that gradients are computed in: those of single precision are widened for
//! numerical gradients.

use std::any::Any;

use crate::network::parameters::{LayerParts, Parameters};
use crate::network::Network;
use crate::numeric::scalar::Scalar;

/// `numbers` as numbers of type `C`: as they are, if they are such, or copied to `buffer`.
pub fn widened<'a, P: Scalar, C: Scalar>(numbers: &'a [P], buffer: &'a mut [C]) -> &'a [C] {
    if let Some(same) = C::same(numbers) {
        return same;
    }
    for (widened, number) in buffer.iter_mut().zip(numbers) {
        *widened = C::from_f64(number.widen());
    }
    buffer
}

/// A buffer for the parameters of `network` in type `C`: none if they are of that type.
#[must_use]
pub fn buffer_for<P: Scalar, C: Scalar>(network: &Network<'_, P>) -> Parameters<C> {
    if C::same::<P>(&[]).is_some() {
        return Parameters::default();
    }
    Parameters::filled(network, C::zero())
}

/// `parameters` if they are of type `C`, or else `widened`, where they have been copied to.
#[must_use]
pub fn either<'a, P: Scalar, C: Scalar>(
    parameters: &'a Parameters<P>,
    widened: &'a Parameters<C>,
) -> &'a Parameters<C> {
    let any: &dyn Any = parameters;
    any.downcast_ref().unwrap_or(widened)
}

/// Where parameters of a layer are widened to; nowhere if they need not be.
#[derive(Debug, Default)]
pub struct WidenedMut<'a, C> {
    /// The weights.
    pub weights: &'a mut [C],
    /// The bias.
    pub bias: &'a mut [C],
}

impl<'a, C> WidenedMut<'a, C> {
    /// In a [buffer](buffer_for) for the layer.
    #[must_use]
    pub fn of(layer: Option<LayerParts<&'a mut [C]>>) -> Self {
        let (weights, bias) = layer.map_or_else(Default::default, |layer| {
            (layer.weights, layer.bias.unwrap_or_default())
        });
        Self { weights, bias }
    }

    /// Where the first `count` weights and the bias go, and where the other weights go.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Self, Self) {
        let (head, tail) = self.weights.split_at_mut(count.min(self.weights.len()));
        let first = Self {
            weights: head,
            bias: self.bias,
        };
        let rest = Self {
            weights: tail,
            bias: Default::default(),
        };
        (first, rest)
    }
}
