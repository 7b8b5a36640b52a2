//! `kobai.functions`: activations, softmax and losses.

use numpy::{Element, PyArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{ensure_memory, Activation, Scalar};

use crate::arrays::{new_array, shape_text, Floats, Values};
use crate::attached::Attached;

/// `compute` over a copy of `values`, as a new array of the same shape.
fn mapped<'py, T: Element + Scalar>(
    own: &Attached<'py>,
    values: &Values<'py, T>,
    compute: impl FnOnce(&mut [T]) + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let slice = values.slice()?;
    let out = own.detached(|| {
        ensure_memory(std::mem::size_of_val(slice))?;
        let mut out = slice.to_vec();
        compute(&mut out);
        Ok(out)
    })?;
    let array: Bound<'py, PyArrayDyn<T>> = new_array(own.py(), out, values.shape())?;
    Ok(array.into_any())
}

fn activate<'py>(x: &Bound<'py, PyAny>, activation: Activation) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(x) => mapped(&own, &x, |out| activation.apply(out)),
        Floats::Double(x) => mapped(&own, &x, |out| activation.apply(out)),
    }
}

/// The logistic function of each element.
#[pyfunction]
#[pyo3(signature = (x, /))]
pub fn sigmoid<'py>(x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    activate(x, Activation::Sigmoid)
}

/// The positive part of each element.
#[pyfunction]
#[pyo3(signature = (x, /))]
pub fn relu<'py>(x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    activate(x, Activation::Relu)
}

/// Softmax along axis `axis`, counted from the first.
#[pyfunction]
#[pyo3(signature = (x, axis, /))]
pub fn softmax<'py>(x: &Bound<'py, PyAny>, axis: usize) -> PyResult<Bound<'py, PyAny>> {
    fn along<'py, T: Element + Scalar>(
        own: &Attached<'py>,
        x: &Values<'py, T>,
        axis: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shape = x.shape();
        let Some(&len) = shape.get(axis) else {
            let message = format!("axis must be one of x's {}, got {axis}", shape.len());
            return Err(PyValueError::new_err(message));
        };
        let inner = shape[axis + 1..].iter().product();
        mapped(own, x, |out| kobai_core::softmax(out, len, inner))
    }
    let own = Attached::enter(x.py())?;
    match Floats::extract("x", x)? {
        Floats::Single(x) => along(&own, &x, axis),
        Floats::Double(x) => along(&own, &x, axis),
    }
}

/// A loss of two arrays of one shape and type.
fn loss_of<'py, T: Element + Scalar>(
    own: &Attached<'py>,
    y: &Values<'py, T>,
    t: &Bound<'py, PyAny>,
    loss: fn(&[T], &[T]) -> T,
) -> PyResult<f64> {
    let t = Values::<T>::extract("t", t)?;
    if y.shape() != t.shape() {
        return Err(PyValueError::new_err(format!(
            "t must have the shape of y, {}, got shape {}",
            shape_text(y.shape()),
            shape_text(t.shape())
        )));
    }
    let (y, t) = (y.slice()?, t.slice()?);
    own.detached(|| Ok(loss(y, t).widen()))
}

/// Half the sum of squared differences.
#[pyfunction]
#[pyo3(signature = (y, t, /))]
pub fn mean_squared_error<'py>(y: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> PyResult<f64> {
    let own = Attached::enter(t.py())?;
    match Floats::extract("y", y)? {
        Floats::Single(y) => loss_of(&own, &y, t, kobai_core::mean_squared_error),
        Floats::Double(y) => loss_of(&own, &y, t, kobai_core::mean_squared_error),
    }
}

/// The cross-entropy of `y` and targets of the same shape, summed.
#[pyfunction]
#[pyo3(signature = (y, t, /))]
pub fn cross_entropy_error<'py>(y: &Bound<'py, PyAny>, t: &Bound<'py, PyAny>) -> PyResult<f64> {
    let own = Attached::enter(t.py())?;
    match Floats::extract("y", y)? {
        Floats::Single(y) => loss_of(&own, &y, t, kobai_core::cross_entropy_error),
        Floats::Double(y) => loss_of(&own, &y, t, kobai_core::cross_entropy_error),
    }
}

/// The cross-entropy of a matrix `y` and int64 labels, summed.
#[pyfunction]
#[pyo3(signature = (y, t, /))]
pub fn cross_entropy_error_labels<'py>(
    y: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
) -> PyResult<f64> {
    fn over<T: Element + Scalar>(
        own: &Attached<'_>,
        y: &Values<'_, T>,
        t: &Bound<'_, PyAny>,
    ) -> PyResult<f64> {
        let labels = Values::<i64>::extract("t", t)?;
        let (y, labels) = (y.matrix("y")?, labels.slice()?);
        let loss = || kobai_core::cross_entropy_error_labels(y, labels).map(Scalar::widen);
        own.detached(loss)
    }
    let own = Attached::enter(t.py())?;
    match Floats::extract("y", y)? {
        Floats::Single(y) => over(&own, &y, t),
        Floats::Double(y) => over(&own, &y, t),
    }
}
