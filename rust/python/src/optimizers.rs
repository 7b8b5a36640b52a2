//! `kobai._optimizers`: the step of gradient descent.

use std::ops::Range;

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::PyTypeInfo;

use kobai_core::{step_all, Scalar, Sgd, StepMut, Update};

use crate::arrays::check_aligned;
use crate::attached::Attached;

/// Arrays with more numbers than this are left to `NumPy`, which lets other threads run meanwhile.
const MOST_AT_ONCE: usize = 1 << 20;

/// Takes `lr` times each of `grads` from the one of `params` beside it, in place, and returns True;
/// or False, and nothing has been done, if they are not plain arrays of one type in C order, pair by
/// pair of one shape, the `params` writable and apart from all others in memory, or are large.
#[pyfunction]
#[pyo3(signature = (params, grads, lr, /))]
// Lists come as vectors.
#[allow(clippy::needless_pass_by_value)]
pub fn descend(
    py: Python<'_>,
    params: Vec<Bound<'_, PyAny>>,
    grads: Vec<Bound<'_, PyAny>>,
    lr: f64,
) -> PyResult<bool> {
    let _own = Attached::enter(py)?;
    Ok(descend_in::<f64>(&params, &grads, lr) || descend_in::<f32>(&params, &grads, lr))
}

fn descend_in<T: Element + Scalar>(
    params: &[Bound<'_, PyAny>],
    grads: &[Bound<'_, PyAny>],
    lr: f64,
) -> bool {
    let params: Option<Vec<_>> = params.iter().map(plain_array::<T>).collect();
    let grads: Option<Vec<_>> = grads.iter().map(plain_array::<T>).collect();
    let (Some(params), Some(grads)) = (params, grads) else {
        return false;
    };
    let count: usize = params.iter().map(|param| param.len()).sum();
    let mut pairs = params.iter().zip(&grads);
    let fit = pairs.all(|(param, grad)| param.shape() == grad.shape());
    if count > MOST_AT_ONCE || params.len() != grads.len() || !fit {
        return false;
    }
    let places: Vec<_> = params.iter().chain(&grads).map(place_of).collect();
    let is_apart = |i: usize| {
        let mut others = places.iter().enumerate().filter(|&(other, _)| other != i);
        others.all(|(_, other)| places[i].end <= other.start || other.end <= places[i].start)
    };
    if !(0..params.len()).all(is_apart) {
        return false;
    }
    let writable: Result<Vec<_>, _> = params.iter().map(|param| param.try_readwrite()).collect();
    let readable: Result<Vec<_>, _> = grads.iter().map(|grad| grad.try_readonly()).collect();
    let (Ok(mut writable), Ok(readable)) = (writable, readable) else {
        return false;
    };
    let own: Result<Vec<_>, _> = writable
        .iter_mut()
        .map(|param| param.as_slice_mut())
        .collect();
    let slopes: Result<Vec<_>, _> = readable.iter().map(|grad| grad.as_slice()).collect();
    match (own, slopes) {
        (Ok(own), Ok(slopes)) => {
            let step = |parameters| StepMut {
                parameters,
                states: Default::default(),
                update: Update::Sgd(Sgd { lr }),
                weight_decay: 0.0,
            };
            step_all(own.into_iter().map(step).zip(slopes).collect());
            true
        }
        _ => false,
    }
}

type PlainArray<'py, T> = Bound<'py, PyArrayDyn<T>>;

/// An array, not of a class of its own, whose elements stand in C order where their type must.
fn plain_array<'a, 'py, T: Element>(
    object: &'a Bound<'py, PyAny>,
) -> Option<&'a PlainArray<'py, T>> {
    let array = object.cast::<PyArrayDyn<T>>().ok()?;
    let is_plain = object
        .get_type()
        .is(PyUntypedArray::type_object(object.py()));
    let fits = array.is_c_contiguous() && check_aligned("an array", array).is_ok();
    (is_plain && fits).then_some(array)
}

/// The bytes of an array in C order.
fn place_of<T: Element>(array: &&PlainArray<'_, T>) -> Range<usize> {
    let start = array.data() as usize;
    start..start + array.len() * std::mem::size_of::<T>()
}
