//! `kobai.networks`: a network is a list of `(weights, bias, activation)`, first layer to last.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{
    correct, Activation, BatchRows, CentralDifference, Error, Layer, LayerParts, Matrix, MatrixRef,
    Method, Network, ParametersMut, PerLayer, Scalar, SoftmaxCrossEntropy, Targets,
};

use crate::arrays::{new_array, unfilled_array, wrong_type, Floats, Values};
use crate::attached::{look_inside, Attached};
use crate::failure::Failure;

/// Weights, bias and the name of the activation of one layer.
pub type LayerObjects<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, String);

/// What gradients come back as: the loss, then weights and bias of each layer.
type LossAndGradient<'py> = (f64, Vec<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)>);

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
                let known = "'identity', 'sigmoid' or 'relu'";
                let message = format!("activation must be {known}, got '{activation}'");
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

/// Whether a network computes in double precision; one without layers is refused as if it did.
pub fn is_double(layers: &[LayerObjects<'_>]) -> bool {
    let first = layers.first();
    first.is_none_or(|(weights, ..)| weights.is_instance_of::<PyArrayDyn<f64>>())
}

/// The arrays of a network.
pub struct NetworkValues<'py, T: Element> {
    layers: Vec<LayerValues<'py, T>>,
}

impl<'py, T: Element + Scalar> NetworkValues<'py, T> {
    /// The arrays of these objects.
    pub fn extract(layers: Vec<LayerObjects<'py>>) -> PyResult<Self> {
        let layers = layers.into_iter().map(LayerValues::extract);
        let layers = layers.collect::<PyResult<_>>()?;
        Ok(Self { layers })
    }

    /// The layers, as the core takes them.
    pub fn layers(&self) -> PyResult<Vec<Layer<'_, T>>> {
        self.layers.iter().map(LayerValues::layer).collect()
    }
}

/// The targets of a call: labels, or one row a sample.
pub enum TargetValues<'py, T: Element> {
    /// One class a sample.
    Labels(Values<'py, i64>),
    /// One row of weights a sample.
    Dense(Values<'py, T>),
}

impl<'py, T: Element + Scalar> TargetValues<'py, T> {
    /// The targets in `t`. Labels must not change once they are known to name classes, and are copied.
    pub fn extract(t: &Bound<'py, PyAny>) -> PyResult<Self> {
        if t.is_instance_of::<PyArrayDyn<i64>>() {
            return Values::copied("t", t).map(Self::Labels);
        }
        Values::extract("t", t)
            .map(Self::Dense)
            .map_err(|_| wrong_type("t", "int64 labels or an array of the type of x", t))
    }

    /// The targets, as the core takes them.
    pub fn targets(&self) -> PyResult<Targets<'_, T>> {
        match self {
            Self::Labels(labels) => labels.vector("t").map(Targets::Labels),
            Self::Dense(t) => t.matrix("t").map(Targets::Dense),
        }
    }
}

fn matrix_to_python<T: Element + Scalar>(
    py: Python<'_>,
    matrix: Matrix<T>,
) -> PyResult<Bound<'_, PyAny>> {
    let shape = [matrix.rows(), matrix.cols()];
    Ok(new_array(py, matrix.into_data(), &shape)?.into_any())
}

/// New arrays for the gradient of one layer.
struct LayerArrays<'py, T: Element> {
    weights: PyReadwriteArrayDyn<'py, T>,
    bias: Option<PyReadwriteArrayDyn<'py, T>>,
}

impl<'py, T: Element + Scalar> LayerArrays<'py, T> {
    fn like(py: Python<'py>, layer: &Layer<'_, T>) -> PyResult<Self> {
        let of = |shape: &[usize]| Ok::<_, PyErr>(unfilled_array(py, shape)?.try_readwrite()?);
        Ok(Self {
            weights: of(&[layer.inputs(), layer.units()])?,
            bias: layer.bias.map(|bias| of(&[bias.len()])).transpose()?,
        })
    }

    fn slices(&mut self) -> PyResult<LayerParts<&mut [T]>> {
        let bias = self.bias.as_mut().map(|bias| bias.as_slice_mut());
        Ok(LayerParts {
            weights: self.weights.as_slice_mut()?,
            bias: bias.transpose()?,
        })
    }

    fn into_objects(self) -> (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>) {
        let object = |array: PyReadwriteArrayDyn<'py, T>| Bound::clone(&array).into_any();
        (object(self.weights), self.bias.map(object))
    }
}

/// A question one asks a network of each row of a matrix.
type OfRows<T> = fn(&Network<'_, T>, MatrixRef<'_, T>) -> Result<Matrix<T>, Error>;

/// Asks the network of `layers` what `compute` asks it of each row of `x`.
fn forward<'py, T: Element + Scalar>(
    own: &Attached<'py>,
    layers: Vec<LayerObjects<'py>>,
    x: &Values<'py, T>,
    compute: OfRows<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let arrays = NetworkValues::extract(layers)?;
    let (layers, x) = (arrays.layers()?, x.matrix("x")?);
    let out =
        own.detached(|| compute(&Network::new(layers, SoftmaxCrossEntropy::default())?, x))?;
    matrix_to_python(own.py(), out)
}

/// Asks the network of `layers` what `compute` asks it of the batch `x`, `t`.
fn batch<'py, S: Element + Scalar, T: Element + Scalar, R: Send>(
    own: &Attached<'py>,
    layers: Vec<LayerObjects<'py>>,
    x: &Values<'py, S>,
    t: &Bound<'py, PyAny>,
    compute: impl FnOnce(&Network<'_, T>, MatrixRef<'_, S>, &Targets<'_, T>) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let arrays = NetworkValues::extract(layers)?;
    let target_values = TargetValues::extract(t)?;
    let (layers, x, targets) = (arrays.layers()?, x.matrix("x")?, target_values.targets()?);
    own.detached(|| {
        compute(
            &Network::new(layers, SoftmaxCrossEntropy::default())?,
            x,
            &targets,
        )
    })
}

/// Asks for the loss of a batch, and a gradient that `compute` writes.
fn loss_and_gradient<'py, S: Element + Scalar, T: Element + Scalar>(
    own: &Attached<'py>,
    layers: Vec<LayerObjects<'py>>,
    x: &Values<'py, S>,
    t: &Bound<'py, PyAny>,
    compute: impl FnOnce(
            &Network<'_, T>,
            MatrixRef<'_, S>,
            &Targets<'_, T>,
            &mut ParametersMut<'_, T>,
        ) -> Result<T, Error>
        + Send,
) -> PyResult<LossAndGradient<'py>> {
    let arrays = NetworkValues::extract(layers)?;
    let target_values = TargetValues::extract(t)?;
    let (layers, x, targets) = (arrays.layers()?, x.matrix("x")?, target_values.targets()?);
    let network = Network::new(layers, SoftmaxCrossEntropy::default()).map_err(Failure::from)?;
    let like = network.layers().iter();
    let mut out: Vec<_> = like
        .map(|layer| LayerArrays::like(own.py(), layer))
        .collect::<PyResult<_>>()?;
    let slices = out.iter_mut().map(LayerArrays::slices);
    let mut slices = PerLayer {
        layers: slices.collect::<PyResult<_>>()?,
    };
    let loss = own.detached(|| compute(&network, x, &targets, &mut slices))?;
    let out = out.into_iter().map(LayerArrays::into_objects);
    Ok((loss.widen(), out.collect()))
}

/// The scores of each row of `x`.
#[pyfunction]
#[pyo3(signature = (layers, x, /))]
pub fn network_scores<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(values) => forward(&own, layers, &values, kobai_core::scores),
        Floats::Double(values) => forward(&own, layers, &values, kobai_core::scores),
    }
}

/// The probabilities of each row of `x`.
#[pyfunction]
#[pyo3(signature = (layers, x, /))]
pub fn network_probabilities<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(values) => forward(&own, layers, &values, kobai_core::probabilities),
        Floats::Double(values) => forward(&own, layers, &values, kobai_core::probabilities),
    }
}

/// The mean loss of a batch.
#[pyfunction]
#[pyo3(signature = (layers, x, t, /))]
pub fn network_loss<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
) -> PyResult<f64> {
    let own = Attached::enter(t.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(x) => batch(&own, layers, &x, t, kobai_core::loss).map(Scalar::widen),
        Floats::Double(x) => batch(&own, layers, &x, t, kobai_core::loss),
    }
}

/// How many rows of `x` the network classifies as `t` says.
#[pyfunction]
#[pyo3(signature = (layers, x, t, /))]
pub fn network_correct<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
) -> PyResult<usize> {
    let own = Attached::enter(t.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(x) if is_double(&layers) => {
            batch(&own, layers, &x, t, |network, x, targets| {
                correct::<f64>(network, BatchRows::Single(x), targets)
            })
        }
        Floats::Single(x) => batch(&own, layers, &x, t, |network, x, targets| {
            correct::<f32>(network, x, targets)
        }),
        Floats::Double(x) => batch(&own, layers, &x, t, |network, x, targets| {
            correct::<f64>(network, x, targets)
        }),
    }
}

/// The mean loss of a batch and its gradient by backpropagation.
#[pyfunction]
#[pyo3(signature = (layers, x, t, /))]
pub fn network_gradient<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
) -> PyResult<LossAndGradient<'py>> {
    let own = Attached::enter(t.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(x) => loss_and_gradient(&own, layers, &x, t, kobai_core::gradient),
        Floats::Double(x) => loss_and_gradient(&own, layers, &x, t, kobai_core::gradient),
    }
}

/// The method of that name.
pub fn method_named(name: &str) -> PyResult<Method> {
    Method::from_name(name).ok_or_else(|| {
        let known = "'auto', 'direct', 'incremental' or 'node'";
        PyValueError::new_err(format!("method must be {known}, got '{name}'"))
    })
}

/// The mean loss of a batch and its central difference in every parameter, in double precision.
#[pyfunction]
#[pyo3(signature = (layers, x, t, h, method, /))]
pub fn network_numerical_gradient<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    h: f64,
    method: &str,
) -> PyResult<LossAndGradient<'py>> {
    let own = Attached::enter(t.py())?;
    let method = method_named(method)?;
    let difference = CentralDifference { h, method };
    let mut signal = None;
    let watch = || {
        // What a handler raised first is kept: the computation may need another moment to stop.
        if signal.is_none() {
            signal = look_inside(|py| py.check_signals().err()).flatten();
        }
        signal.is_some()
    };
    let out = match Floats::extract("x", x)? {
        Floats::Single(x) => loss_and_gradient(&own, layers, &x, t, |network, x, targets, out| {
            let x = BatchRows::Single(x);
            kobai_core::numerical_gradient(network, x, targets, difference, watch, out)
        }),
        Floats::Double(x) => loss_and_gradient(&own, layers, &x, t, |network, x, targets, out| {
            kobai_core::numerical_gradient(network, x, targets, difference, watch, out)
        }),
    };
    signal.map_or(out, Err)
}
