//! `kobai.networks`: the questions one asks a network.

use numpy::{Element, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{
    correct, BatchRows, CentralDifference, Error, Layer, LayerParts, Matrix, Method, Network,
    ParametersMut, PerLayer, RowsRef, Scalar, Targets,
};

use crate::arrays::{new_array, unfilled_array};
use crate::attached::{look_inside, Attached};
use crate::inputs::{InputValues, Inputs};
use crate::network_values::{
    is_double, NetworkObjects, NetworkValues, TargetArrays, TargetObjects,
};

/// What gradients come back as: the loss, then weights and bias of each layer.
type LossAndGradient<'py> = (f64, Vec<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)>);

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
type OfRows<T> = fn(&Network<'_, T>, RowsRef<'_, T>) -> Result<Matrix<T>, Error>;

/// Asks a network what `compute` asks it of each row of `x`.
fn forward<'py, T: Element + Scalar>(
    own: &Attached<'py>,
    network: NetworkObjects<'py>,
    x: &InputValues<'py, T>,
    compute: OfRows<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let arrays = NetworkValues::extract(network)?;
    let (network, x) = (arrays.network()?, x.rows("x")?);
    let out = own.detached(|| compute(&network, x))?;
    matrix_to_python(own.py(), out)
}

/// Asks a network what `compute` asks it of the batch `x`, `t`.
fn batch<'py, S: Element + Scalar, T: Element + Scalar, R: Send>(
    own: &Attached<'py>,
    network: NetworkObjects<'py>,
    x: &InputValues<'py, S>,
    t: TargetObjects<'_, 'py>,
    compute: impl FnOnce(&Network<'_, T>, RowsRef<'_, S>, &Targets<'_, T>) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let arrays = NetworkValues::extract(network)?;
    let target_values = TargetArrays::extract(t)?;
    let (network, x, targets) = (arrays.network()?, x.rows("x")?, target_values.targets()?);
    own.detached(|| compute(&network, x, &targets))
}

/// Asks for the loss of a batch, and a gradient that `compute` writes.
fn loss_and_gradient<'py, S: Element + Scalar, T: Element + Scalar>(
    own: &Attached<'py>,
    network: NetworkObjects<'py>,
    x: &InputValues<'py, S>,
    t: TargetObjects<'_, 'py>,
    compute: impl FnOnce(
            &Network<'_, T>,
            RowsRef<'_, S>,
            &Targets<'_, T>,
            &mut ParametersMut<'_, T>,
        ) -> Result<T, Error>
        + Send,
) -> PyResult<LossAndGradient<'py>> {
    let arrays = NetworkValues::extract(network)?;
    let target_values = TargetArrays::extract(t)?;
    let (network, x, targets) = (arrays.network()?, x.rows("x")?, target_values.targets()?);
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
#[pyo3(signature = (network, x, /))]
pub fn network_scores<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    match Inputs::extract("x", x)? {
        Inputs::Single(values) => forward(&own, network, &values, |network, x| {
            kobai_core::scores(network, x)
        }),
        Inputs::Double(values) => forward(&own, network, &values, |network, x| {
            kobai_core::scores(network, x)
        }),
    }
}

/// What the loss makes of the scores of each row of `x`.
#[pyfunction]
#[pyo3(signature = (network, x, /))]
pub fn network_outputs<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    match Inputs::extract("x", x)? {
        Inputs::Single(values) => forward(&own, network, &values, |network, x| {
            kobai_core::outputs(network, x)
        }),
        Inputs::Double(values) => forward(&own, network, &values, |network, x| {
            kobai_core::outputs(network, x)
        }),
    }
}

/// The mean loss of a batch.
#[pyfunction]
#[pyo3(signature = (network, x, t, sample_weight, /))]
pub fn network_loss<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<f64> {
    let own = Attached::enter(t.py())?;
    let t = (t, sample_weight);
    match Inputs::extract("x", x)? {
        Inputs::Single(x) => batch(&own, network, &x, t, |network, x, t| {
            kobai_core::loss(network, x, t)
        })
        .map(Scalar::widen),
        Inputs::Double(x) => batch(&own, network, &x, t, |network, x, t| {
            kobai_core::loss(network, x, t)
        }),
    }
}

/// Rows of single precision that are to be widened: those with their zeros.
fn single(x: RowsRef<'_, f32>) -> Result<BatchRows<'_, f64>, Error> {
    match x {
        RowsRef::Dense(x) => Ok(BatchRows::Single(x)),
        RowsRef::Csr(_) => Err(Error::value(
            "sparse x",
            "have the dtype of the network",
            "float32",
        )),
    }
}

/// How many rows of `x` the network classifies as `t` says.
#[pyfunction]
#[pyo3(signature = (network, x, t, /))]
pub fn network_correct<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
) -> PyResult<usize> {
    let own = Attached::enter(t.py())?;
    let t = (t, None);
    match Inputs::extract("x", x)? {
        Inputs::Single(x) if is_double(&network) => {
            batch(&own, network, &x, t, |network, x, targets| {
                correct::<f64>(network, single(x)?, targets)
            })
        }
        Inputs::Single(x) => batch(&own, network, &x, t, |network, x, targets| {
            correct::<f32>(network, x, targets)
        }),
        Inputs::Double(x) => batch(&own, network, &x, t, |network, x, targets| {
            correct::<f64>(network, x, targets)
        }),
    }
}

/// The mean loss of a batch and its gradient by backpropagation.
#[pyfunction]
#[pyo3(signature = (network, x, t, sample_weight, /))]
pub fn network_gradient<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<LossAndGradient<'py>> {
    let own = Attached::enter(t.py())?;
    let t = (t, sample_weight);
    match Inputs::extract("x", x)? {
        Inputs::Single(x) => loss_and_gradient(&own, network, &x, t, |network, x, t, out| {
            kobai_core::gradient(network, x, t, out)
        }),
        Inputs::Double(x) => loss_and_gradient(&own, network, &x, t, |network, x, t, out| {
            kobai_core::gradient(network, x, t, out)
        }),
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
#[pyo3(signature = (network, x, t, sample_weight, h, method, /))]
pub fn network_numerical_gradient<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    h: f64,
    method: &str,
) -> PyResult<LossAndGradient<'py>> {
    let own = Attached::enter(t.py())?;
    let t = (t, sample_weight);
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
    let out = match Inputs::extract("x", x)? {
        Inputs::Single(x) => loss_and_gradient(&own, network, &x, t, |network, x, targets, out| {
            let x = single(x)?;
            kobai_core::numerical_gradient(network, x, targets, difference, watch, out)
        }),
        Inputs::Double(x) => loss_and_gradient(&own, network, &x, t, |network, x, targets, out| {
            kobai_core::numerical_gradient(network, x, targets, difference, watch, out)
        }),
    };
    signal.map_or(out, Err)
}
