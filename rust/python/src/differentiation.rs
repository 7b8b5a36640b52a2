//! `kobai.differentiate`: what follows from the values of a function.

use numpy::Element;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{Answers, Noise, MAX_NEW_STEPS};

use crate::arrays::{new_array, shape_text, Values};
use crate::attached::Attached;

/// The arrays of a block of elements: sides (E,), distances (E, L, 2), values (E, L, 2, M), elements (E, 4).
type Block<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
);
/// The arrays of the outputs: center, noise and magnitude, each (M,).
type Outputs<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

fn checked<T: Element + Copy>(
    name: &str,
    object: &Bound<'_, PyAny>,
    shape: &[usize],
) -> PyResult<Vec<T>> {
    let values = Values::<T>::extract(name, object)?;
    if values.shape() == shape {
        return Ok(values.slice()?.to_vec());
    }
    Err(PyValueError::new_err(format!(
        "{name} must have shape {}, got shape {}",
        shape_text(shape),
        shape_text(values.shape())
    )))
}

/// Derivatives (5, E, M), their status (E, M) and the steps to ask next (E, 4), from what was asked.
#[pyfunction]
#[pyo3(signature = (block, outputs, precision, is_last, /))]
pub fn judge_differences<'py>(
    py: Python<'py>,
    block: Block<'py>,
    outputs: Outputs<'py>,
    precision: (f64, f64),
    is_last: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(py)?;
    let (sides, distances, values, elements) = block;
    let (center, noise, magnitude) = outputs;
    let sides = Values::<i64>::copied("sides", &sides)?;
    let sides = sides.vector("sides")?;
    let values = Values::<f64>::extract("values", &values)?;
    let &[count, levels, 2, width] = values.shape() else {
        let shape = shape_text(values.shape());
        let message = format!("values must have shape (E, L, 2, M), got shape {shape}");
        return Err(PyValueError::new_err(message));
    };
    if sides.len() != count {
        return Err(PyValueError::new_err(
            "sides must have one number an element",
        ));
    }
    let distances = checked("distances", &distances, &[count, levels, 2])?;
    let elements = checked("elements", &elements, &[count, 4])?;
    let center = checked("center", &center, &[width])?;
    let noise = checked("noise", &noise, &[width])?;
    let magnitude = checked("magnitude", &magnitude, &[width])?;
    let values = values.slice()?;
    let answers = Answers {
        sides,
        distances: &distances,
        values,
        elements: &elements,
        center: &center,
        noise: &noise,
        magnitude: &magnitude,
        precision,
        is_last,
    };
    let found = own.detached(|| Ok(kobai_core::judge_all(&answers)))?;
    let numbers = new_array(py, found.numbers, &[5, count, width])?;
    let status = new_array(py, found.status, &[count, width])?;
    let next = new_array(py, found.next, &[count, MAX_NEW_STEPS])?;
    Ok((numbers, status, next).into_pyobject(py)?.into_any())
}

/// The noise (M,) of values (N, M) along a line, and how it was found (M,): 0, 1 for points that lie too
/// close, 2 for points that lie too far.
#[pyfunction]
#[pyo3(signature = (values, /))]
pub fn difference_noise<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = values.py();
    let own = Attached::enter(py)?;
    let values = Values::<f64>::extract("values", values)?;
    let &[count, width] = values.shape() else {
        let shape = shape_text(values.shape());
        return Err(PyValueError::new_err(format!(
            "values must have 2 axes, got shape {shape}"
        )));
    };
    let slice = values.slice()?;
    let (noise, how) = own.detached(|| {
        let column = |m: usize| (0..count).map(|n| slice[n * width + m]).collect::<Vec<_>>();
        let found = (0..width).map(|m| match kobai_core::along_a_line(&column(m)) {
            Noise::Found(noise) => (noise, 0_i64),
            Noise::TooClose => (0.0, 1),
            Noise::TooFar(most) => (most, 2),
        });
        Ok(found.unzip::<f64, i64, Vec<_>, Vec<_>>())
    })?;
    let noise = new_array(py, noise, &[width])?;
    let how = new_array(py, how, &[width])?;
    Ok((noise, how).into_pyobject(py)?.into_any())
}

/// The limits (3, N) of quotients (N, L), their errors and steps, and whether they are settled (N,).
#[pyfunction]
#[pyo3(signature = (steps, quotients, sigmas, is_even, /))]
pub fn extrapolate_differences<'py>(
    steps: &Bound<'py, PyAny>,
    quotients: &Bound<'py, PyAny>,
    sigmas: &Bound<'py, PyAny>,
    is_even: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = steps.py();
    let own = Attached::enter(py)?;
    let quotients = Values::<f64>::extract("quotients", quotients)?;
    let &[count, levels] = quotients.shape() else {
        let shape = shape_text(quotients.shape());
        let message = format!("quotients must have 2 axes, got shape {shape}");
        return Err(PyValueError::new_err(message));
    };
    let steps = checked("steps", steps, &[count, levels])?;
    let sigmas = checked("sigmas", sigmas, &[count, levels])?;
    let is_even: Vec<bool> = checked("is_even", is_even, &[count])?;
    let slice = quotients.slice()?;
    let found = own.detached(|| Ok(kobai_core::extrapolate(&steps, slice, &sigmas, &is_even)))?;
    let numbers = [found.values, found.errors, found.steps].concat();
    let numbers = new_array(py, numbers, &[3, count])?;
    let settled = new_array(py, found.are_settled, &[count])?;
    Ok((numbers, settled).into_pyobject(py)?.into_any())
}
