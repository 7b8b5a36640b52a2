//! `kobai.gradient`: the central difference of any Python function.

use numpy::{
    Element, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use kobai_core::difference::{central_difference, Point};
use kobai_core::evaluate::check_half_width;
use kobai_core::scalar::Scalar;

use crate::arrays::{check_aligned, new_array, wrong_type};
use crate::failure::Failure;

/// A Python function and the array in which it is moved.
struct PythonPoint<'a, 'py, T: Element> {
    f: &'a Bound<'py, PyAny>,
    x: &'a Bound<'py, PyArrayDyn<T>>,
    argument: &'a Bound<'py, PyAny>,
    shape: Vec<usize>,
    /// The place last touched, and its index along each axis.
    place: usize,
    index: Vec<usize>,
}

impl<T: Element + Scalar> PythonPoint<'_, '_, T> {
    /// Calls `access` with the element at `place`.
    ///
    /// The array is borrowed for that moment only: the function in between may do as it likes.
    fn with_element<R>(&mut self, place: usize, access: impl FnOnce(&mut T) -> R) -> PyResult<R> {
        self.point_to(place);
        let mut array = self
            .x
            .try_readwrite()
            .map_err(|error| PyValueError::new_err(format!("x cannot be written: {error}")))?;
        let element = array
            .get_mut(self.index.as_slice())
            .ok_or_else(|| PyValueError::new_err("x must keep its shape, but f has changed it"))?;
        Ok(access(element))
    }

    fn point_to(&mut self, place: usize) {
        if place == self.place {
            return;
        }
        self.place = place;
        let mut rest = place;
        for (index, &size) in self.index.iter_mut().zip(&self.shape).rev() {
            *index = rest % size;
            rest /= size;
        }
    }
}

impl<T: Element + Scalar> Point<T> for PythonPoint<'_, '_, T> {
    type Error = PyErr;

    fn get(&mut self, place: usize) -> PyResult<T> {
        self.with_element(place, |element| *element)
    }

    fn set(&mut self, place: usize, value: T) -> PyResult<()> {
        self.with_element(place, |element| *element = value)
    }

    fn value(&mut self) -> PyResult<f64> {
        number(&self.f.call1((self.argument,))?)
    }
}

/// The value of a function: a real number, or an array of one.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(pyo3::types::PyFloatMethods::value(float));
    }
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        if array.len() != 1 {
            return Err(PyValueError::new_err(format!(
                "f must return a single number, got an array of shape {:?}",
                array.shape()
            )));
        }
        // An item does not say whether it was masked, nor that it was a time.
        if is_masked(array)? || matches!(array.dtype().kind(), b'm' | b'M') {
            return Err(no_number(value));
        }
        return number(&value.call_method0("item")?);
    }
    if ["timedelta64", "datetime64"].contains(&value.get_type().name()?.to_str()?) {
        return Err(no_number(value));
    }
    value.extract().map_err(|_| no_number(value))
}

fn is_masked(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    if array.is_exact_instance_of::<PyUntypedArray>() {
        return Ok(false);
    }
    let numpy = array.py().import("numpy.ma")?;
    numpy.call_method1("is_masked", (array,))?.is_truthy()
}

fn no_number(value: &Bound<'_, PyAny>) -> PyErr {
    let name = value.get_type().name();
    let name = name.map_or_else(|_| "something else".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("f must return a real number, got {name}"))
}

fn gradient_of<'py, T: Element + Scalar>(
    f: &Bound<'py, PyAny>,
    x: &Bound<'py, PyArrayDyn<T>>,
    argument: &Bound<'py, PyAny>,
    h: f64,
) -> PyResult<Bound<'py, PyAny>> {
    check_aligned("x", x)?;
    check_half_width(h).map_err(Failure::from)?;
    let shape = x.shape().to_vec();
    let mut out = vec![T::zero(); x.len()];
    let mut point = PythonPoint {
        f,
        x,
        argument,
        index: vec![0; shape.len()],
        shape,
        place: 0,
    };
    central_difference(&mut point, 0..out.len(), h, &mut out)?;
    Ok(new_array(f.py(), out, &point.shape)?.into_any())
}

/// The central difference of `f(argument)` in every element of the writable float array `x`,
/// which is moved in place and put back bit for bit.
#[pyfunction]
#[pyo3(signature = (f, x, argument, h, /))]
pub fn numerical_gradient<'py>(
    f: &Bound<'py, PyAny>,
    x: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
    h: f64,
) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(x) = x.cast::<PyArrayDyn<f64>>() {
        gradient_of(f, x, argument, h)
    } else if let Ok(x) = x.cast::<PyArrayDyn<f32>>() {
        gradient_of(f, x, argument, h)
    } else {
        Err(wrong_type("x", "a float32 or float64 array", x))
    }
}
