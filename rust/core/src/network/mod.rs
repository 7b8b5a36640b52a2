//! What a network is: a list of layers, any number of them.

pub(crate) mod activations;
pub(crate) mod forward;
pub(crate) mod incoming;
pub(crate) mod input;
pub(crate) mod losses;
pub(crate) mod parameters;
pub(crate) mod stream;

use crate::error::Error;
use crate::network::activations::Activation;
use crate::network::losses::Loss;
use crate::numeric::matrix::MatrixRef;
use crate::numeric::reduce::sum_of_squares;
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
    weight_decay: f64,
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
        Ok(Self {
            layers,
            loss,
            weight_decay: 0.0,
        })
    }

    /// A network of other layers of the same shapes.
    #[must_use]
    pub(crate) fn with_layers<'b, S: Scalar>(&self, layers: Vec<Layer<'b, S>>) -> Network<'b, S> {
        debug_assert_eq!(layers.len(), self.layers.len());
        Network {
            layers,
            loss: self.loss,
            weight_decay: self.weight_decay,
        }
    }

    /// The network whose loss also has `weight_decay / 2` times the sum of the squares of all weights.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn with_weight_decay(self, weight_decay: f64) -> Result<Self, Error> {
        check_weight_decay(
            "weight_decay",
            weight_decay,
            "be a finite number, not negative",
        )?;
        Ok(self.weighing_squares_by(weight_decay))
    }

    /// The same network of another weight decay, which has been [checked](check_weight_decay).
    #[must_use]
    pub(crate) fn weighing_squares_by(self, weight_decay: f64) -> Self {
        Self {
            weight_decay,
            ..self
        }
    }

    /// What the squares of the weights are weighed by in the loss, twice: their gradient has it times the
    /// weights.
    #[must_use]
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// The mean loss of a batch with what the [weights add](Self::penalty) to it.
    #[must_use]
    pub fn penalized(&self, mean: T) -> T {
        T::from_f64(mean.widen() + self.penalty())
    }

    /// What the weights add to the loss.
    #[must_use]
    pub fn penalty(&self) -> f64 {
        if self.weight_decay == 0.0 {
            return 0.0;
        }
        let layers = self.layers.iter();
        let squares: f64 = layers.map(|l| sum_of_squares(l.weights.data())).sum();
        0.5 * self.weight_decay * squares
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

/// Checks that a loss can weigh squares by `weight_decay`.
///
/// # Errors
/// If it is negative or not finite.
pub(crate) fn check_weight_decay(
    argument: &str,
    weight_decay: f64,
    wanted: &str,
) -> Result<(), Error> {
    if weight_decay.is_finite() && weight_decay >= 0.0 {
        return Ok(());
    }
    Err(Error::value(argument, wanted, weight_decay.to_string()))
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
