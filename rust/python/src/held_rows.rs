//! Rows that are asked for gradients again and again.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use kobai_core::{HeldRows, Layer, LayerParts, Network, PerLayer};

use crate::attached::Attached;
use crate::inputs::{InputValues, Inputs};
use crate::network_values::{NetworkObjects, NetworkValues, TargetArrays};

/// Rows of a sparse matrix in double precision, in batches: their elements are copied.
#[pyclass(name = "HeldRows")]
pub struct HeldRowsObject(HeldRows<f64>);

#[pymethods]
impl HeldRowsObject {
    /// Those of `x` in batches of these sizes; None if one has too few zeros to be kept without them.
    #[staticmethod]
    #[pyo3(signature = (x, sizes, /))]
    // Lists come from Python as vectors.
    #[allow(clippy::needless_pass_by_value)]
    fn of(x: &Bound<'_, PyAny>, sizes: Vec<usize>) -> PyResult<Option<Self>> {
        let own = Attached::enter(x.py())?;
        let Inputs::Double(InputValues::Csr(values)) = Inputs::extract("x", x)? else {
            let message = "x must be the elements of a sparse matrix in double precision";
            return Err(PyValueError::new_err(message));
        };
        let rows = values.rows("x")?;
        let held = own.detached(|| HeldRows::new(rows, &sizes))?;
        Ok(held.map(Self))
    }

    /// The mean loss of batch number `batch`. Its gradient is written to `out`: that of the weights of all
    /// layers, and then that of their biases.
    #[pyo3(signature = (network, batch, t, sample_weight, out, /))]
    fn gradient(
        &mut self,
        network: NetworkObjects<'_>,
        batch: usize,
        t: &Bound<'_, PyAny>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        out: &Bound<'_, PyArray1<f64>>,
    ) -> PyResult<f64> {
        let own = Attached::enter(t.py())?;
        let arrays = NetworkValues::extract(network)?;
        let target_values = TargetArrays::extract((t, sample_weight))?;
        let (network, targets) = (arrays.network()?, target_values.targets()?);
        let mut out = out.try_readwrite()?;
        let mut parts = parts_of(&network, out.as_slice_mut()?)?;
        own.detached(|| self.0.gradient(&network, batch, &targets, &mut parts))
    }
}

/// The parts of a vector that belong to the parameters of a network.
fn parts_of<'a>(
    network: &Network<'_, f64>,
    vector: &'a mut [f64],
) -> PyResult<PerLayer<&'a mut [f64]>> {
    let layers = network.layers();
    let bias = |layer: &Layer<'_, f64>| layer.bias.map(<[f64]>::len);
    let sizes = layers.iter().map(|layer| layer.weights.data().len());
    let sizes = sizes.chain(layers.iter().filter_map(bias));
    if sizes.sum::<usize>() != vector.len() {
        let message = "out must have a number for each parameter";
        return Err(PyValueError::new_err(message));
    }
    let mut rest = vector;
    let mut take = |count: usize| {
        let (part, tail) = std::mem::take(&mut rest).split_at_mut(count);
        rest = tail;
        part
    };
    let weights: Vec<_> = layers
        .iter()
        .map(|layer| take(layer.weights.data().len()))
        .collect();
    let layers = weights.into_iter().zip(layers);
    let layers = layers.map(|(weights, layer)| LayerParts {
        weights,
        bias: bias(layer).map(&mut take),
    });
    Ok(PerLayer {
        layers: layers.collect(),
    })
}
