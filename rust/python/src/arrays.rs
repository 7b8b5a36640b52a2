//! From Python objects to slices the core can read, and back.

use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMemoryView, PyTuple};

use kobai_core::{MatrixRef, Scalar};

/// From this many bytes on, an array is read where it stands, if it may be: a copy costs more than
/// asking for its memory does.
const LARGE: usize = 1 << 15;

/// Functions of `NumPy`, once they have been looked up.
static AS_ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The elements of an array in C order.
///
/// While the core reads them, other threads may do with the array itself what they like. It bears
/// no mark that it is being read: such a mark would refuse a write to the array meanwhile, and stay
/// for ever in a process forked meanwhile.
pub enum Values<'py, T: Element> {
    /// Those of an array that nobody else knows.
    Array(PyReadonlyArrayDyn<'py, T>),
    /// A few, copied, and their shape.
    Copied(Vec<T>, Vec<usize>),
}

impl<'py, T: Element + Copy> Values<'py, T> {
    /// The values of the argument called `name` as they are at this moment: a copy.
    pub fn copied(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::copy_of(name, array_of(name, object)?)
    }

    fn copy_of(name: &str, array: &Bound<'py, PyArrayDyn<T>>) -> PyResult<Self> {
        if let Some(values) = few(array)? {
            return Ok(Self::Copied(values, array.shape().to_vec()));
        }
        // By NumPy, which knows any number of axes and raises where memory ends.
        let copy = array.call_method1(intern!(array.py(), "copy"), ("C",))?;
        Self::of(name, copy)
    }

    /// The values of the argument called `name`, a large one in C order read where it stands.
    ///
    /// Who writes to such an array while it is read gets old or new numbers, as from the functions
    /// of `NumPy`.
    pub fn extract(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let array = array_of::<T>(name, object)?;
        if !array.is_c_contiguous() || !is_large(array) {
            return Self::copy_of(name, array);
        }
        // Marks go by the owner of the memory, which for this array is the memory view.
        let view = PyMemoryView::from(object)?;
        let view = AS_ARRAY
            .import(object.py(), "numpy", "asarray")?
            .call1((view,))?;
        Self::of(name, view)
    }

    /// The values of an array that nobody else knows.
    fn of(name: &str, array: Bound<'py, PyAny>) -> PyResult<Self> {
        let array = array.cast_into::<PyArrayDyn<T>>()?;
        let array = array
            .try_readonly()
            .map_err(|error| PyValueError::new_err(format!("{name} cannot be read: {error}")))?;
        Ok(Self::Array(array))
    }

    /// The elements in C order.
    pub fn slice(&self) -> PyResult<&[T]> {
        match self {
            Self::Array(array) => Ok(array.as_slice()?),
            Self::Copied(values, _) => Ok(values),
        }
    }

    /// The array's shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Array(array) => array.shape(),
            Self::Copied(_, shape) => shape,
        }
    }

    /// The elements of a one-dimensional array.
    pub fn vector(&self, name: &str) -> PyResult<&[T]> {
        match self.shape() {
            [_] => self.slice(),
            shape => Err(wrong_axes(name, 1, shape)),
        }
    }
}

impl<T: Element + Scalar> Values<'_, T> {
    /// The elements as a matrix, if they form one.
    pub fn matrix(&self, name: &str) -> PyResult<MatrixRef<'_, T>> {
        match *self.shape() {
            [rows, cols] => Ok(MatrixRef::new(self.slice()?, rows, cols)),
            ref shape => Err(wrong_axes(name, 2, shape)),
        }
    }
}

/// An array of either floating-point type.
pub enum Floats<'py> {
    /// Single precision.
    Single(Values<'py, f32>),
    /// Double precision.
    Double(Values<'py, f64>),
}

impl<'py> Floats<'py> {
    /// The values of the argument called `name`.
    pub fn extract(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyArrayDyn<f64>>() {
            Values::extract(name, object).map(Self::Double)
        } else if object.is_instance_of::<PyArrayDyn<f32>>() {
            Values::extract(name, object).map(Self::Single)
        } else {
            Err(wrong_type(name, "a float32 or float64 array", object))
        }
    }
}

/// A copy of a small array in C order, unless somebody writes to it.
fn few<T: Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Option<Vec<T>>> {
    if !array.is_c_contiguous() || is_large(array) {
        return Ok(None);
    }
    let Ok(array) = array.try_readonly() else {
        return Ok(None);
    };
    let Ok(values) = array.as_slice() else {
        return Ok(None);
    };
    let mut copy = Vec::new();
    copy.try_reserve_exact(values.len())
        .map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    copy.extend_from_slice(values);
    Ok(Some(copy))
}

fn is_large<T: Element>(array: &Bound<'_, PyArrayDyn<T>>) -> bool {
    array.len() * std::mem::size_of::<T>() >= LARGE
}

/// The argument called `name`, if it is an array of `T` that can be referred to.
fn array_of<'a, 'py, T: Element>(
    name: &str,
    object: &'a Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyArrayDyn<T>>> {
    let Ok(array) = object.cast::<PyArrayDyn<T>>() else {
        let wanted = T::get_dtype(object.py()).str()?;
        return Err(wrong_type(name, &format!("a {wanted} array"), object));
    };
    check_aligned::<T>(name, array)?;
    Ok(array)
}

/// A new array of that shape.
pub fn new_array<'py, T: Element>(
    py: Python<'py>,
    data: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray1::from_vec(py, data).reshape(shape)
}

/// A new array of that shape, in C order, whose elements have no meaning yet.
pub fn unfilled_array<'py, T: Element>(
    py: Python<'py>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if shape.iter().product::<usize>() * std::mem::size_of::<T>() < LARGE {
        return Ok(PyArrayDyn::zeros(py, shape, false));
    }
    let shape = PyTuple::new(py, shape)?;
    let empty = EMPTY.import(py, "numpy", "empty")?;
    let array = empty.call1((shape, T::get_dtype(py)))?;
    Ok(array.cast_into()?)
}

/// `TypeError`: `name` must be `wanted`, got what `object` is.
pub fn wrong_type(name: &str, wanted: &str, object: &Bound<'_, PyAny>) -> PyErr {
    let got = match object.cast::<PyUntypedArray>() {
        Ok(array) => format!("an array of dtype {}", array.dtype()),
        Err(_) => object
            .get_type()
            .name()
            .map_or_else(|_| "something else".to_owned(), |name| name.to_string()),
    };
    PyTypeError::new_err(format!("{name} must be {wanted}, got {got}"))
}

fn wrong_axes(name: &str, wanted: usize, shape: &[usize]) -> PyErr {
    let shape = shape_text(shape);
    PyValueError::new_err(format!("{name} must have {wanted} axes, got shape {shape}"))
}

/// A shape as Python prints it: `()`, `(3,)`, `(3, 4)`.
pub fn shape_text(shape: &[usize]) -> String {
    if let [length] = shape {
        return format!("({length},)");
    }
    let lengths: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("({})", lengths.join(", "))
}

/// Refuses an array whose elements do not stand where their type must: it cannot be referred to.
pub fn check_aligned<T: Element>(name: &str, array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<()> {
    let align = std::mem::align_of::<T>();
    let strides = array.strides().iter();
    let strides_fit = strides
        .zip(array.shape())
        .all(|(&stride, &count)| count <= 1 || stride.unsigned_abs().is_multiple_of(align));
    if array.len() == 0 || ((array.data() as usize).is_multiple_of(align) && strides_fit) {
        return Ok(());
    }
    let aligned_to = array.dtype().alignment();
    Err(PyValueError::new_err(format!(
        "{name} must be aligned to {aligned_to} bytes, got an unaligned array"
    )))
}
