//! What a network is: a list of layers, any number of them.

pub(crate) mod activations;
pub(crate) mod forward;
pub(crate) mod incoming;
pub(crate) mod input;
pub(crate) mod losses;
pub(crate) mod stream;

use crate::error::Error;
use crate::network::activations::Activation;
use crate::network::losses::Loss;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;

/// One fully connected layer: `z = activation(input @ weights + bias)`.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a, T> {
    /// Shape (inputs, units).
    pub weights: MatrixRef<'a, T>,
    /// One a unit, or none at all.
    pub bias: Option<&'a [T]>,
    /// The function applied to the pre-activations.
    pub activation: Activation,
}

impl<T: Scalar> Layer<'_, T> {
    /// The number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// The number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.weights.cols()
    }
}

/// Layers whose last one gives scores, and the loss that reads them.
#[derive(Debug, Clone)]
pub struct Network<'a, T> {
    layers: Vec<Layer<'a, T>>,
    loss: Loss,
}

impl<'a, T: Scalar> Network<'a, T> {
    /// A network of these layers, first to last, and this loss.
    ///
    /// # Errors
    /// If there is no layer, a layer has no unit, shapes do not chain, a bias does not fit, or the
    /// last activation is not the identity (its units are scores; what is made of them belongs to the loss).
    pub fn new(layers: Vec<Layer<'a, T>>, loss: impl Into<Loss>) -> Result<Self, Error> {
        let last = layers
            .last()
            .ok_or_else(|| Error::value("layers", "hold at least one layer", "none"))?;
        if last.activation != Activation::Identity {
            let got = format!("{:?}", last.activation);
            return Err(Error::value("the last activation", "be Identity", got));
        }
        for (l, layer) in layers.iter().enumerate() {
            check_layer(l, layer)?;
        }
        for (l, pair) in layers.windows(2).enumerate() {
            if pair[0].units() != pair[1].inputs() {
                return Err(Error::value(
                    format!("weights of layer {}", l + 2),
                    format!("have {} rows, one a unit below", pair[0].units()),
                    pair[1].inputs().to_string(),
                ));
            }
        }
        let loss = loss.into();
        Ok(Self { layers, loss })
    }

    /// The layers, first to last.
    #[must_use]
    pub fn layers(&self) -> &[Layer<'a, T>] {
        &self.layers
    }

    /// What the scores are held against the targets by.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The number of input columns.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// The number of scores, one a class.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].units()
    }

    /// How many units there are in all layers.
    #[must_use]
    pub fn units(&self) -> usize {
        self.layers.iter().map(Layer::units).sum()
    }

    /// A measure of one forward pass of one sample: its multiplications.
    #[must_use]
    pub fn flops(&self) -> usize {
        self.layers.iter().map(|l| l.inputs() * l.units()).sum()
    }
}

fn check_layer<T: Scalar>(l: usize, layer: &Layer<'_, T>) -> Result<(), Error> {
    if layer.units() == 0 || layer.inputs() == 0 {
        let got = format!("shape ({}, {})", layer.inputs(), layer.units());
        let argument = format!("weights of layer {}", l + 1);
        return Err(Error::value(argument, "have no axis of size 0", got));
    }
    match layer.bias {
        Some(bias) if bias.len() != layer.units() => Err(Error::value(
            format!("bias of layer {}", l + 1),
            format!("have {} elements, one a unit", layer.units()),
            bias.len().to_string(),
        )),
        _ => Ok(()),
    }
}

/// Numbers laid out as the parameters of one layer: the parameters themselves, or their gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerParameters<T> {
    /// Shape (inputs, units).
    pub weights: Matrix<T>,
    /// One a unit, or none at all.
    pub bias: Option<Vec<T>>,
}

/// Where numbers laid out as the parameters of one layer go.
#[derive(Debug)]
pub struct LayerParametersMut<'a, T> {
    /// Those of the weights, row after row.
    pub weights: &'a mut [T],
    /// Those of the bias, if there is one.
    pub bias: Option<&'a mut [T]>,
}

impl<T: Scalar> LayerParametersMut<'_, T> {
    /// Writes the same number everywhere.
    pub fn fill(&mut self, value: T) {
        self.weights.fill(value);
        if let Some(bias) = &mut self.bias {
            bias.fill(value);
        }
    }
}

/// Where numbers laid out as the parameters of a network go: what stood there before has no meaning.
#[derive(Debug)]
pub struct ParametersMut<'a, T> {
    /// First layer to last.
    pub layers: Vec<LayerParametersMut<'a, T>>,
}

impl<'a, T: Scalar> ParametersMut<'a, T> {
    /// Writes the same number everywhere.
    pub fn fill(&mut self, value: T) {
        self.layers.iter_mut().for_each(|layer| layer.fill(value));
    }

    /// Those of the weights and then of the bias of each layer.
    pub fn slices_mut<'s>(&'s mut self) -> impl Iterator<Item = &'s mut [T]> + use<'s, 'a, T> {
        self.layers
            .iter_mut()
            .flat_map(|layer| std::iter::once(&mut *layer.weights).chain(layer.bias.as_deref_mut()))
    }

    /// Whether there is one for each parameter of `network`, and no other.
    #[must_use]
    pub fn fit(&self, network: &Network<'_, T>) -> bool {
        let layers = self.layers.iter().map(|own| {
            let bias = own.bias.as_ref().map(|bias| bias.len());
            (own.weights.len(), bias)
        });
        layers.eq(network.layers().iter().map(|layer| {
            let bias = layer.bias.map(<[T]>::len);
            (layer.weights.data().len(), bias)
        }))
    }
}

/// Numbers laid out as the parameters of a network, a layer at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters<T> {
    /// First layer to last.
    pub layers: Vec<LayerParameters<T>>,
}

impl<T: Scalar> Parameters<T> {
    /// The same number everywhere, in the layout of `network`.
    #[must_use]
    pub fn filled(network: &Network<'_, T>, value: T) -> Self {
        let layer = |layer: &Layer<'_, T>| LayerParameters {
            weights: Matrix::from_vec(
                vec![value; layer.inputs() * layer.units()],
                layer.inputs(),
                layer.units(),
            ),
            bias: layer.bias.map(|bias| vec![value; bias.len()]),
        };
        Self {
            layers: network.layers().iter().map(layer).collect(),
        }
    }

    /// The same number everywhere, in the layout of `other`.
    #[must_use]
    pub fn like<S: Scalar>(other: &Parameters<S>, value: T) -> Self {
        let layer = |layer: &LayerParameters<S>| LayerParameters {
            weights: Matrix::from_vec(
                vec![value; layer.weights.data().len()],
                layer.weights.rows(),
                layer.weights.cols(),
            ),
            bias: layer.bias.as_ref().map(|bias| vec![value; bias.len()]),
        };
        Self {
            layers: other.layers.iter().map(layer).collect(),
        }
    }

    /// A copy of the parameters of `network`.
    #[must_use]
    pub fn copied(network: &Network<'_, T>) -> Self {
        let layer = |layer: &Layer<'_, T>| LayerParameters {
            weights: Matrix::from_vec(layer.weights.data().to_vec(), layer.inputs(), layer.units()),
            bias: layer.bias.map(<[T]>::to_vec),
        };
        Self {
            layers: network.layers().iter().map(layer).collect(),
        }
    }

    /// The network that has these parameters and the activations and the loss of `like`.
    #[must_use]
    pub fn network<'a, S>(&'a self, like: &Network<'_, S>) -> Network<'a, T> {
        let layers = self.layers.iter().zip(&like.layers);
        Network {
            layers: layers
                .map(|(own, like)| Layer {
                    weights: own.weights.view(),
                    bias: own.bias.as_deref(),
                    activation: like.activation,
                })
                .collect(),
            loss: like.loss,
        }
    }

    /// Where the numbers stand.
    #[must_use]
    pub fn places(&mut self) -> ParametersMut<'_, T> {
        let layers = self.layers.iter_mut().map(|layer| LayerParametersMut {
            weights: layer.weights.data_mut(),
            bias: layer.bias.as_deref_mut(),
        });
        ParametersMut {
            layers: layers.collect(),
        }
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices().map(<[T]>::len).sum()
    }

    /// Whether there is no number at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weights and then the bias of each layer.
    pub fn slices(&self) -> impl Iterator<Item = &[T]> {
        self.layers
            .iter()
            .flat_map(|layer| std::iter::once(layer.weights.data()).chain(layer.bias.as_deref()))
    }

    /// The same, writable.
    pub fn slices_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.layers.iter_mut().flat_map(|layer| {
            std::iter::once(layer.weights.data_mut()).chain(layer.bias.as_deref_mut())
        })
    }
}
