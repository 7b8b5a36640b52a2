//! Numbers laid out as the parameters of a network: the parameters themselves, their gradient, the state of
//! an optimizer, or where any of these go.

use crate::network::{Layer, Network};
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;

/// One thing for the weights of a layer, and one for its bias if it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerParts<A> {
    /// What belongs to the weights.
    pub weights: A,
    /// What belongs to the bias.
    pub bias: Option<A>,
}

/// [`LayerParts`] for each layer of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct PerLayer<A> {
    /// First layer to last.
    pub layers: Vec<LayerParts<A>>,
}

/// The numbers of each layer, row after row.
pub type Parameters<T> = PerLayer<Vec<T>>;

/// Where such numbers go.
pub type ParametersMut<'a, T> = PerLayer<&'a mut [T]>;

impl<A> Default for PerLayer<A> {
    fn default() -> Self {
        Self { layers: Vec::new() }
    }
}

impl<A> LayerParts<A> {
    /// What `make` makes of each.
    pub fn map<B>(self, mut make: impl FnMut(A) -> B) -> LayerParts<B> {
        LayerParts {
            weights: make(self.weights),
            bias: self.bias.map(make),
        }
    }

    /// References to each.
    #[must_use]
    pub fn each_ref(&self) -> LayerParts<&A> {
        LayerParts {
            weights: &self.weights,
            bias: self.bias.as_ref(),
        }
    }

    /// References to each.
    #[must_use]
    pub fn each_mut(&mut self) -> LayerParts<&mut A> {
        LayerParts {
            weights: &mut self.weights,
            bias: self.bias.as_mut(),
        }
    }

    /// Pairs of what belongs to the same parameters.
    #[must_use]
    pub fn zip<B>(self, other: LayerParts<B>) -> LayerParts<(A, B)> {
        LayerParts {
            weights: (self.weights, other.weights),
            bias: self.bias.zip(other.bias),
        }
    }
}

/// What belongs to the weights, and then to the bias.
impl<A> IntoIterator for LayerParts<A> {
    type Item = A;
    type IntoIter = std::iter::Chain<std::iter::Once<A>, std::option::IntoIter<A>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.weights).chain(self.bias)
    }
}

impl<A> PerLayer<A> {
    /// What `make` makes of each.
    pub fn map<B>(self, mut make: impl FnMut(A) -> B) -> PerLayer<B> {
        let layers = self.layers.into_iter();
        PerLayer {
            layers: layers.map(|layer| layer.map(&mut make)).collect(),
        }
    }

    /// References to each.
    #[must_use]
    pub fn each_mut(&mut self) -> PerLayer<&mut A> {
        PerLayer {
            layers: self.layers.iter_mut().map(LayerParts::each_mut).collect(),
        }
    }

    /// Pairs of what belongs to the same parameters, of two of one layout.
    #[must_use]
    pub fn zip<B>(self, other: PerLayer<B>) -> PerLayer<(A, B)> {
        let layers = self.layers.into_iter().zip(other.layers);
        PerLayer {
            layers: layers.map(|(left, right)| left.zip(right)).collect(),
        }
    }
}

/// What belongs to the weights and then to the bias of each layer, first layer to last.
impl<A> IntoIterator for PerLayer<A> {
    type Item = A;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<LayerParts<A>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.layers.into_iter().flatten()
    }
}

impl<'a, T: Scalar> PerLayer<&'a [T]> {
    /// The parameters of `network`.
    #[must_use]
    pub fn of(network: &Network<'a, T>) -> Self {
        let layers = network.layers().iter().map(|layer| LayerParts {
            weights: layer.weights.data(),
            bias: layer.bias,
        });
        Self {
            layers: layers.collect(),
        }
    }
}

impl<T: Scalar> Parameters<T> {
    /// A copy of the parameters of `network`.
    #[must_use]
    pub fn copied(network: &Network<'_, T>) -> Self {
        PerLayer::of(network).map(<[T]>::to_vec)
    }

    /// The same number everywhere, in the layout of `network`, whatever its type.
    #[must_use]
    pub fn filled<S: Scalar>(network: &Network<'_, S>, value: T) -> Self {
        PerLayer::of(network).map(|numbers| vec![value; numbers.len()])
    }

    /// The network that has these parameters, and all else from `like`, which has their layout.
    #[must_use]
    pub fn network<'a, S: Scalar>(&'a self, like: &Network<'_, S>) -> Network<'a, T> {
        let layers = self
            .layers
            .iter()
            .zip(like.layers())
            .map(|(own, like)| Layer {
                weights: MatrixRef::new(&own.weights, like.inputs(), like.units()),
                bias: own.bias.as_deref(),
                activation: like.activation,
            });
        like.with_layers(layers.collect())
    }

    /// The numbers, to be written.
    #[must_use]
    pub fn as_mut(&mut self) -> ParametersMut<'_, T> {
        self.each_mut().map(Vec::as_mut_slice)
    }

    /// The numbers of each array.
    pub fn slices(&self) -> impl Iterator<Item = &[T]> {
        self.layers
            .iter()
            .flat_map(|layer| std::iter::once(&layer.weights[..]).chain(layer.bias.as_deref()))
    }

    /// The numbers of each array, to be written.
    pub fn slices_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.layers.iter_mut().flat_map(|layer| {
            std::iter::once(&mut layer.weights[..]).chain(layer.bias.as_deref_mut())
        })
    }
}

impl<T: Scalar> ParametersMut<'_, T> {
    /// Writes the same number everywhere.
    pub fn fill(&mut self, value: T) {
        for numbers in self.each_mut() {
            numbers.fill(value);
        }
    }

    /// Whether there is one number for each parameter of `network`, and no other.
    #[must_use]
    pub fn fit(&self, network: &Network<'_, T>) -> bool {
        let layers = self.layers.iter().map(|layer| {
            let bias = layer.bias.as_ref().map(|bias| bias.len());
            (layer.weights.len(), bias)
        });
        layers.eq(network.layers().iter().map(|layer| {
            let bias = layer.bias.map(<[T]>::len);
            (layer.weights.data().len(), bias)
        }))
    }
}
