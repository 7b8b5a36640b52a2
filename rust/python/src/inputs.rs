//! Inputs of networks: arrays of rows, or matrices in compressed sparse rows.

use numpy::Element;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use kobai_core::{ensure_memory, CsrRef, RowsRef, Scalar};

use crate::arrays::{Floats, Values};
use crate::failure::Failure;

/// Rows of inputs.
pub enum InputValues<'py, T: Element> {
    /// With their zeros.
    Dense(Values<'py, T>),
    /// By their elements.
    Csr(CsrValues<'py, T>),
}

/// A matrix in compressed sparse rows. Where its elements stand must not change once it has been looked at:
/// that is copied.
pub struct CsrValues<'py, T: Element> {
    values: Values<'py, T>,
    columns: Vec<u32>,
    starts: Vec<usize>,
    cols: usize,
}

impl<T: Element + Scalar> CsrValues<'_, T> {
    /// The rows, as the core takes them.
    pub fn rows(&self, name: &str) -> PyResult<CsrRef<'_, T>> {
        let values = self.values.vector(name)?;
        let csr = CsrRef::new(values, &self.columns, &self.starts, self.cols);
        Ok(csr.map_err(Failure)?)
    }
}

impl<T: Element + Scalar> InputValues<'_, T> {
    /// The rows, as the core takes them.
    pub fn rows(&self, name: &str) -> PyResult<RowsRef<'_, T>> {
        match self {
            Self::Dense(values) => Ok(values.matrix(name)?.into()),
            Self::Csr(csr) => Ok(csr.rows(name)?.into()),
        }
    }
}

/// Rows of either floating-point type.
pub enum Inputs<'py> {
    /// Single precision.
    Single(InputValues<'py, f32>),
    /// Double precision.
    Double(InputValues<'py, f64>),
}

impl<'py> Inputs<'py> {
    /// The rows that the argument called `name` holds: an array, or the values, columns, starts of rows and
    /// number of columns of a sparse matrix.
    pub fn extract(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let Ok(parts) = object.cast::<PyTuple>() else {
            return Ok(match Floats::extract(name, object)? {
                Floats::Single(values) => Self::Single(InputValues::Dense(values)),
                Floats::Double(values) => Self::Double(InputValues::Dense(values)),
            });
        };
        let (values, columns, starts, cols): (
            Bound<'py, PyAny>,
            Bound<'py, PyAny>,
            Bound<'py, PyAny>,
            usize,
        ) = parts.extract()?;
        let columns = Values::<i32>::extract(name, &columns)?;
        let columns = natural(name, columns.vector(name)?)?;
        let starts = Values::<i64>::extract(name, &starts)?;
        let starts = natural(name, starts.vector(name)?)?;
        Ok(match Floats::extract(name, &values)? {
            Floats::Single(values) => Self::Single(InputValues::Csr(CsrValues {
                values,
                columns,
                starts,
                cols,
            })),
            Floats::Double(values) => Self::Double(InputValues::Csr(CsrValues {
                values,
                columns,
                starts,
                cols,
            })),
        })
    }
}

/// Integers of which none is negative, copied.
fn natural<S: Copy, N: TryFrom<S>>(name: &str, numbers: &[S]) -> PyResult<Vec<N>> {
    ensure_memory(numbers.len().saturating_mul(size_of::<N>())).map_err(Failure)?;
    let message = format!("{name} must not have negative columns or starts");
    let wrong = || PyValueError::new_err(message.clone());
    let numbers = numbers.iter().map(|&number| N::try_from(number));
    numbers.map(|number| number.map_err(|_| wrong())).collect()
}
