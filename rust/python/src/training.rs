//! `kobai.training`: many steps of gradient descent in one call.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::gather::Data;
use kobai_core::input::SPARSE_DENSITY;
use kobai_core::lines::Lines;
use kobai_core::network::{Network, Parameters};
use kobai_core::scalar::Scalar;
use kobai_core::train::{train, Batches, Gradient};

use crate::arrays::{new_array, wrong_type, Floats, Values};
use crate::failure::detached;
use crate::networks::{is_double, method_named, LayerObjects, NetworkValues, TargetValues};

/// The non-zero elements of the rows of a data set.
#[pyclass(frozen, module = "kobai._core")]
pub struct SparseRows {
    rows: Rows,
    shape: Vec<usize>,
}

enum Rows {
    Single(Lines<f32>),
    Double(Lines<f64>),
}

/// The non-zero elements of the rows of `x`, or None if there are too many to gain by it.
#[pyfunction]
#[pyo3(signature = (x, /))]
pub fn sparse_rows(x: &Bound<'_, PyAny>) -> PyResult<Option<SparseRows>> {
    fn of<T: Element + Scalar>(py: Python<'_>, x: &Values<'_, T>) -> PyResult<Option<Lines<T>>> {
        let x = x.matrix("x")?;
        detached(py, || Ok(Lines::of_rows(x, SPARSE_DENSITY)))
    }
    let (rows, shape) = match Floats::extract("x", x)? {
        Floats::Single(values) => (
            of(x.py(), &values)?.map(Rows::Single),
            values.shape().to_vec(),
        ),
        Floats::Double(values) => (
            of(x.py(), &values)?.map(Rows::Double),
            values.shape().to_vec(),
        ),
    };
    Ok(rows.map(|rows| SparseRows { rows, shape }))
}

/// Which samples each step takes.
struct Samples {
    samples: Vec<usize>,
    sizes: Vec<usize>,
}

impl Samples {
    fn extract(samples: &Bound<'_, PyAny>, sizes: &Bound<'_, PyAny>) -> PyResult<Self> {
        let counts = |name: &str, object| -> PyResult<Vec<usize>> {
            let values = Values::<i64>::extract(name, object)?;
            let count = |&value: &i64| {
                usize::try_from(value).map_err(|_| {
                    PyValueError::new_err(format!("{name} must not be negative, got {value}"))
                })
            };
            values.vector(name)?.iter().map(count).collect()
        };
        Ok(Self {
            samples: counts("samples", samples)?,
            sizes: counts("sizes", sizes)?,
        })
    }
}

/// Everything a run of steps is about, but for the type of the network.
struct Run<'a, 'py> {
    layers: Vec<LayerObjects<'py>>,
    t: &'a Bound<'py, PyAny>,
    samples: Samples,
    lr: f64,
    gradient: Gradient,
}

impl<'py> Run<'_, 'py> {
    /// Trains, and puts the parameters where they came from: all of them, or none.
    fn run<S: Element + Scalar, T: Element + Scalar>(
        self,
        x: &Values<'py, S>,
        lines: Option<&Lines<S>>,
    ) -> PyResult<Vec<f64>> {
        let objects = self.layers.clone();
        let (losses, parameters) = {
            let arrays = NetworkValues::<T>::extract(self.layers)?;
            let target_values = TargetValues::<T>::extract(self.t)?;
            let (layers, x, targets) = (arrays.layers()?, x.matrix("x")?, target_values.targets()?);
            let data = Data { x, lines, targets };
            let batches = Batches {
                samples: &self.samples.samples,
                sizes: &self.samples.sizes,
            };
            detached(self.t.py(), || {
                train(
                    &Network::new(layers)?,
                    &data,
                    batches,
                    self.lr,
                    self.gradient,
                )
            })?
        };
        put_back(objects, &parameters)?;
        Ok(losses)
    }
}

fn put_back<T: Element + Scalar>(
    layers: Vec<LayerObjects<'_>>,
    parameters: &Parameters<T>,
) -> PyResult<()> {
    let mut places = Vec::new();
    for (weights, bias, _) in layers {
        for object in std::iter::once(weights).chain(bias) {
            places.push(writable::<T>(&object)?);
        }
    }
    for (place, values) in places.iter_mut().zip(parameters.slices()) {
        for (old, &new) in place.as_array_mut().iter_mut().zip(values) {
            *old = new;
        }
    }
    Ok(())
}

fn writable<'py, T: Element>(object: &Bound<'py, PyAny>) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    let array = object
        .cast::<PyArrayDyn<T>>()
        .map_err(|_| wrong_type("a parameter", "an array of the network's dtype", object))?;
    array
        .try_readwrite()
        .map_err(|error| PyValueError::new_err(format!("a parameter cannot be written: {error}")))
}

fn shape_of(x: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    x.getattr("shape")?.extract()
}

/// Takes a step for each of `sizes` (how many of `samples` it takes) and writes the parameters
/// back; returns the loss of each batch before its step. `lines` is what `sparse_rows(x)` gave.
/// Without `difference`, a half-width and a method, gradients are found by backpropagation.
#[pyfunction]
#[pyo3(signature = (layers, x, lines, t, samples, sizes, lr, difference, /))]
#[allow(clippy::too_many_arguments)]
pub fn network_train<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    lines: Option<&SparseRows>,
    t: &Bound<'py, PyAny>,
    samples: &Bound<'py, PyAny>,
    sizes: &Bound<'py, PyAny>,
    lr: f64,
    difference: Option<(f64, String)>,
) -> PyResult<Bound<'py, PyAny>> {
    let gradient = match difference {
        None => Gradient::Backprop,
        Some((h, method)) => Gradient::Numerical(h, method_named(&method)?),
    };
    let is_double = is_double(&layers);
    let run = Run {
        layers,
        t,
        samples: Samples::extract(samples, sizes)?,
        lr,
        gradient,
    };
    let lines = match lines {
        Some(lines) if lines.shape != shape_of(x)? => {
            return Err(wrong_type("x", "the array that lines was made of", x));
        }
        lines => lines.map(|lines| &lines.rows),
    };
    let losses = match (Floats::extract("x", x)?, lines, is_double) {
        (Floats::Single(x), None, true) => run.run::<f32, f64>(&x, None),
        (Floats::Single(x), None, false) => run.run::<f32, f32>(&x, None),
        (Floats::Double(x), None, true) => run.run::<f64, f64>(&x, None),
        (Floats::Double(x), None, false) => run.run::<f64, f32>(&x, None),
        (Floats::Single(x), Some(Rows::Single(rows)), true) => run.run::<f32, f64>(&x, Some(rows)),
        (Floats::Single(x), Some(Rows::Single(rows)), false) => run.run::<f32, f32>(&x, Some(rows)),
        (Floats::Double(x), Some(Rows::Double(rows)), true) => run.run::<f64, f64>(&x, Some(rows)),
        (Floats::Double(x), Some(Rows::Double(rows)), false) => run.run::<f64, f32>(&x, Some(rows)),
        _ => Err(wrong_type("x", "the array that lines was made of", x)),
    }?;
    let count = losses.len();
    Ok(new_array(x.py(), losses, &[count])?.into_any())
}
