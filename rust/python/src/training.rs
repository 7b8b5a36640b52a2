//! `kobai.training`: many steps of gradient descent in one call.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{
    ensure_memory, train, Batches, CentralDifference, Dataset, Gradient, Network, OptimizerSteps,
    Parameters, Scalar, Update,
};

use crate::arrays::{new_array, wrong_type, Values};
use crate::attached::Attached;
use crate::failure::Failure;
use crate::inputs::{InputValues, Inputs};
use crate::network_values::{
    is_double, NetworkObjects, NetworkValues, TargetArrays, TargetObjects,
};
use crate::networks::method_named;

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

/// One update for each step, of an optimizer and the scalars of its formula.
fn updates(optimizer: &str, scalars: &Bound<'_, PyAny>) -> PyResult<Vec<Update>> {
    let values = Values::<f64>::extract("scalars", scalars)?;
    let rows = values.matrix("scalars")?;
    ensure_memory(rows.rows().saturating_mul(size_of::<Update>())).map_err(Failure)?;
    let rows = (0..rows.rows()).map(|i| rows.row(i));
    let updates = rows.map(|row| Update::from_scalars(optimizer, row));
    Ok(updates.collect::<Result<_, _>>().map_err(Failure)?)
}

/// What an optimizer keeps of each parameter: the arrays of each of its states, in the order of the
/// parameters.
type StateObjects<'py> = Vec<Vec<Bound<'py, PyAny>>>;

/// Everything a run of steps is about, but for the type of the network.
struct Run<'a, 'py> {
    network: NetworkObjects<'py>,
    t: TargetObjects<'a, 'py>,
    samples: Samples,
    updates: Vec<Update>,
    states: StateObjects<'py>,
    /// One a step, if they are not that of the network.
    weight_decays: Option<Vec<f64>>,
    gradient: Gradient,
}

/// The loss of each step, and what the weights add to it.
type Losses = (Vec<f64>, Vec<f64>);

impl<'py> Run<'_, 'py> {
    /// Trains on inputs of either type with a network of either.
    fn run(self, own: &Attached<'py>, x: &Bound<'py, PyAny>) -> PyResult<Losses> {
        match (Inputs::extract("x", x)?, is_double(&self.network)) {
            (Inputs::Single(x), true) => self.run_typed::<f32, f64>(own, &x),
            (Inputs::Single(x), false) => self.run_typed::<f32, f32>(own, &x),
            (Inputs::Double(x), true) => self.run_typed::<f64, f64>(own, &x),
            (Inputs::Double(x), false) => self.run_typed::<f64, f32>(own, &x),
        }
    }

    /// Trains, and puts parameters and states where they came from: all of them, or none.
    fn run_typed<S: Element + Scalar, T: Element + Scalar>(
        self,
        own: &Attached<'py>,
        x: &InputValues<'py, S>,
    ) -> PyResult<Losses> {
        let parameters = self.network.0.iter().flat_map(|(weights, bias, _)| {
            let bias = bias.iter().cloned();
            std::iter::once(weights.clone()).chain(bias)
        });
        let mut objects: Vec<Vec<_>> = vec![parameters.collect()];
        objects.extend(self.states.iter().cloned());
        let trained = {
            let arrays = NetworkValues::<T>::extract(self.network)?;
            let target_values = TargetArrays::<T>::extract(self.t)?;
            let (network, x, targets) = (arrays.network()?, x.rows("x")?, target_values.targets()?);
            let states = self.states.iter().map(|state| copied(&network, state));
            let optimizer = OptimizerSteps {
                updates: &self.updates,
                weight_decays: self.weight_decays.as_deref(),
                states: states.collect::<PyResult<_>>()?,
            };
            let data = Dataset { x, targets };
            let batches = Batches {
                samples: &self.samples.samples,
                sizes: &self.samples.sizes,
            };
            own.detached(|| train(&network, &data, batches, optimizer, self.gradient))?
        };
        let all = std::iter::once(&trained.parameters).chain(&trained.states);
        put_back(&objects, all)?;
        Ok((trained.losses, trained.penalties))
    }
}

/// A copy of one of an optimizer's states.
fn copied<T: Element + Scalar>(
    network: &Network<'_, T>,
    arrays: &[Bound<'_, PyAny>],
) -> PyResult<Parameters<T>> {
    let mut state = Parameters::filled(network, T::zero());
    if arrays.len() != state.slices().count() {
        let message = format!(
            "a state must have an array a parameter, got {}",
            arrays.len()
        );
        return Err(PyValueError::new_err(message));
    }
    for (numbers, array) in state.slices_mut().zip(arrays) {
        let values = Values::<T>::extract("a state", array)?;
        let values = values.slice()?;
        if values.len() != numbers.len() {
            let message = "a state must have the shapes of the parameters";
            return Err(PyValueError::new_err(message));
        }
        numbers.copy_from_slice(values);
    }
    Ok(state)
}

fn put_back<'a, T: Element + Scalar>(
    objects: &[Vec<Bound<'_, PyAny>>],
    all: impl Iterator<Item = &'a Parameters<T>>,
) -> PyResult<()> {
    let arrays = objects.iter().flatten().map(writable::<T>);
    let mut arrays = arrays.collect::<PyResult<Vec<_>>>()?;
    for (array, values) in arrays.iter_mut().zip(all.flat_map(Parameters::slices)) {
        for (old, &new) in array.as_array_mut().iter_mut().zip(values) {
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

/// How the gradient of each step is found: without a half-width and a method, by backpropagation.
fn gradient_by(difference: Option<(f64, String)>) -> PyResult<Gradient> {
    let Some((h, method)) = difference else {
        return Ok(Gradient::Backprop);
    };
    let method = method_named(&method)?;
    Ok(Gradient::Numerical(CentralDifference { h, method }))
}

/// Takes a step for each of `sizes` (how many of `samples` it takes) and writes the parameters and the
/// states of the optimizer back. A row of `scalars` holds what the optimizer's formula takes in one step;
/// `weight_decays`, one a step, stand for that of the network. Without `difference`, a half-width and a
/// method, gradients are found by backpropagation.
///
/// Returns the loss of each batch before its step, and what the weights add to it.
#[pyfunction]
#[pyo3(signature = (network, x, t, sample_weight, samples, sizes, optimizer, scalars, weight_decays, states, difference, /))]
#[allow(clippy::too_many_arguments)]
pub fn network_train<'py>(
    network: NetworkObjects<'py>,
    x: &Bound<'py, PyAny>,
    t: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    samples: &Bound<'py, PyAny>,
    sizes: &Bound<'py, PyAny>,
    optimizer: &str,
    scalars: &Bound<'py, PyAny>,
    weight_decays: Option<&Bound<'py, PyAny>>,
    states: StateObjects<'py>,
    difference: Option<(f64, String)>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let own = Attached::enter(x.py())?;
    let run = Run {
        network,
        t: (t, sample_weight),
        gradient: gradient_by(difference)?,
        samples: Samples::extract(samples, sizes)?,
        updates: updates(optimizer, scalars)?,
        weight_decays: weight_decays.map(decays_of_steps).transpose()?,
        states,
    };
    let (losses, penalties) = run.run(&own, x)?;
    let array = |values: Vec<f64>| -> PyResult<_> {
        let count = values.len();
        Ok(new_array(x.py(), values, &[count])?.into_any())
    };
    Ok((array(losses)?, array(penalties)?))
}

/// The weight decay of each step.
fn decays_of_steps(weight_decays: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let values = Values::<f64>::extract("weight_decays", weight_decays)?;
    let values = values.vector("weight_decays")?;
    ensure_memory(std::mem::size_of_val(values)).map_err(Failure)?;
    Ok(values.to_vec())
}
