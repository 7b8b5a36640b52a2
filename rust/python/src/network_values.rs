//! Networks and targets: from Python objects to what the core reads.
//!
//! A network is a list of `(weights, bias, activation)`, first layer to last, a loss and a weight decay.

use numpy::{Element, PyArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{Activation, Layer, Loss, Network, Scalar, Targets};

use crate::arrays::{wrong_type, Values};
use crate::failure::Failure;

/// Weights, bias and the name of the activation of one layer.
pub type LayerObjects<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, String);

/// The arrays of one layer.
struct LayerValues<'py, T: Element> {
    weights: Values<'py, T>,
    bias: Option<Values<'py, T>>,
    activation: Activation,
}

impl<'py, T: Element + Scalar> LayerValues<'py, T> {
    fn extract((weights, bias, activation): LayerObjects<'py>) -> PyResult<Self> {
        let bias = bias.map(|bias| Values::copied("bias", &bias));
        Ok(Self {
            weights: Values::extract("weights", &weights)?,
            bias: bias.transpose()?,
            activation: Activation::from_name(&activation).ok_or_else(|| {
                let known = Activation::NAMES.join(", ");
                let message = format!("activation must be one of {known}, got '{activation}'");
                PyValueError::new_err(message)
            })?,
        })
    }

    fn layer(&self) -> PyResult<Layer<'_, T>> {
        let bias = self.bias.as_ref().map(|bias| bias.vector("bias"));
        Ok(Layer {
            weights: self.weights.matrix("weights")?,
            bias: bias.transpose()?,
            activation: self.activation,
        })
    }
}

/// A network: its layers, the name of its loss with the numbers of its formula, and its weight decay.
pub type NetworkObjects<'py> = (Vec<LayerObjects<'py>>, (String, Vec<f64>), f64);

/// Whether a network computes in double precision; one without layers is refused as if it did.
pub fn is_double((layers, ..): &NetworkObjects<'_>) -> bool {
    let first = layers.first();
    first.is_none_or(|(weights, ..)| weights.is_instance_of::<PyArrayDyn<f64>>())
}

/// The arrays of a network, its loss and its weight decay.
pub struct NetworkValues<'py, T: Element> {
    layers: Vec<LayerValues<'py, T>>,
    loss: Loss,
    weight_decay: f64,
}

impl<'py, T: Element + Scalar> NetworkValues<'py, T> {
    /// The arrays of these objects.
    pub fn extract((layers, loss, weight_decay): NetworkObjects<'py>) -> PyResult<Self> {
        let layers = layers.into_iter().map(LayerValues::extract);
        Ok(Self {
            layers: layers.collect::<PyResult<_>>()?,
            loss: Loss::from_name(&loss.0, &loss.1).map_err(Failure)?,
            weight_decay,
        })
    }

    /// The network, as the core takes it.
    pub fn network(&self) -> PyResult<Network<'_, T>> {
        let layers = self.layers.iter().map(LayerValues::layer);
        let network = Network::new(layers.collect::<PyResult<_>>()?, self.loss);
        let network = network.and_then(|network| network.with_weight_decay(self.weight_decay));
        Ok(network.map_err(Failure)?)
    }
}

/// The targets of a call, and how much each sample counts.
pub type TargetObjects<'a, 'py> = (&'a Bound<'py, PyAny>, Option<&'a Bound<'py, PyAny>>);

/// Labels, or one row a sample.
enum Answers<'py, T: Element> {
    Labels(Values<'py, i64>),
    Rows(Values<'py, T>),
}

/// The arrays of targets, and of weights of samples.
pub struct TargetArrays<'py, T: Element> {
    answers: Answers<'py, T>,
    weights: Option<Values<'py, f64>>,
}

impl<'py, T: Element + Scalar> TargetArrays<'py, T> {
    /// The arrays of these objects. Labels must not change once they are known to name classes, nor weights
    /// once they are known to be no less than zero: both are copied.
    pub fn extract((t, sample_weight): TargetObjects<'_, 'py>) -> PyResult<Self> {
        let answers = if t.is_instance_of::<PyArrayDyn<i64>>() {
            Answers::Labels(Values::copied("t", t)?)
        } else {
            let rows = Values::extract("t", t);
            let wanted = "int64 labels or an array of the type of x";
            Answers::Rows(rows.map_err(|_| wrong_type("t", wanted, t))?)
        };
        let weights = sample_weight.map(|weights| Values::copied("sample_weight", weights));
        Ok(Self {
            answers,
            weights: weights.transpose()?,
        })
    }

    /// The targets, as the core takes them.
    pub fn targets(&self) -> PyResult<Targets<'_, T>> {
        let targets = match &self.answers {
            Answers::Labels(labels) => Targets::labels(labels.vector("t")?),
            Answers::Rows(rows) => Targets::dense(rows.matrix("t")?),
        };
        let weights = self.weights.as_ref();
        let weights = weights.map(|weights| weights.vector("sample_weight"));
        Ok(targets.weighted(weights.transpose()?))
    }
}
