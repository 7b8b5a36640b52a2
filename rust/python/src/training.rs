//! `kobai.training`: many steps of gradient descent in one call.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{
    ensure_memory, train, Batches, CentralDifference, Dataset, Gradient, Network, Parameters,
    Scalar, Sgd, SoftmaxCrossEntropy, Update,
};

use crate::arrays::{new_array, wrong_type, Floats, Values};
use crate::attached::Attached;
use crate::failure::Failure;
use crate::networks::{is_double, method_named, LayerObjects, NetworkValues, TargetValues};

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
            let values = values.vector(name)?;
            ensure_memory(std::mem::size_of_val(values)).map_err(Failure)?;
            values.iter().map(count).collect()
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
        own: &Attached<'py>,
        x: &Values<'py, S>,
    ) -> PyResult<Vec<f64>> {
        let objects = self.layers.clone();
        let (losses, parameters) = {
            let arrays = NetworkValues::<T>::extract(self.layers)?;
            let target_values = TargetValues::<T>::extract(self.t)?;
            let (layers, x, targets) = (arrays.layers()?, x.matrix("x")?, target_values.targets()?);
            let data = Dataset { x, targets };
            let batches = Batches {
                samples: &self.samples.samples,
                sizes: &self.samples.sizes,
            };
            own.detached(|| {
                train(
                    &Network::new(layers, SoftmaxCrossEntropy::default())?,
                    &data,
                    batches,
                    Update::Sgd(Sgd { lr: self.lr }),
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

/// Takes a step for each of `sizes` (how many of `samples` it takes) and writes the parameters
/// back; returns the loss of each batch before its step.
/// Without `difference`, a half-width and a method, gradients are found by backpropagation.
#[pyfunction]
#[pyo3(signature = (layers, x, t, samples, sizes, lr, difference, /))]
#[allow(clippy::too_many_arguments)]
pub fn network_train<'py>(
    layers: Vec<LayerObjects<'py>>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    samples: &Bound<'py, PyAny>,
    sizes: &Bound<'py, PyAny>,
    lr: f64,
    difference: Option<(f64, String)>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = Attached::enter(x.py())?;
    let gradient = match difference {
        None => Gradient::Backprop,
        Some((h, method)) => Gradient::Numerical(CentralDifference {
            h,
            method: method_named(&method)?,
        }),
    };
    let is_double = is_double(&layers);
    let run = Run {
        layers,
        t,
        samples: Samples::extract(samples, sizes)?,
        lr,
        gradient,
    };
    let losses = match (Floats::extract("x", x)?, is_double) {
        (Floats::Single(x), true) => run.run::<f32, f64>(&own, &x),
        (Floats::Single(x), false) => run.run::<f32, f32>(&own, &x),
        (Floats::Double(x), true) => run.run::<f64, f64>(&own, &x),
        (Floats::Double(x), false) => run.run::<f64, f32>(&own, &x),
    }?;
    let count = losses.len();
    Ok(new_array(x.py(), losses, &[count])?.into_any())
}
