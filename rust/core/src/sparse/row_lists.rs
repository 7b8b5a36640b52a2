//! The elements of a block of rows so empty that most tiles of a row would be: a list for each row.

use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::sparse::csr::CsrSelection;
use crate::sparse::TooDense;

/// The non-zero elements of some rows, row after row, each row in the order of its columns.
#[derive(Debug, Clone, Default)]
pub struct RowLists<T> {
    /// Where the elements of each row begin, and where those of the last one end.
    starts: Vec<u32>,
    /// Counted from the first one of the selection that they were taken from.
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> RowLists<T> {
    /// Takes the elements of `rows` that are not zero, rounded to `N`.
    ///
    /// # Errors
    /// If more than `max_nonzeros` elements are not zero, or more than 32 bits can count.
    pub fn take<S: Scalar, N: Scalar>(
        &mut self,
        rows: &CsrSelection<'_, S>,
        max_nonzeros: usize,
    ) -> Result<(), TooDense> {
        self.starts.clear();
        self.columns.clear();
        self.values.clear();
        self.starts.push(0);
        for i in 0..rows.rows.len() {
            let (columns, values) = rows.row(i);
            for (&column, &value) in columns.iter().zip(values) {
                let value = N::from_f64(value.widen());
                if value != N::zero() {
                    self.columns.push(column - rows.first_column());
                    self.values.push(T::from_f64(value.widen()));
                }
            }
            if self.values.len() > max_nonzeros {
                return Err(TooDense);
            }
            let end = u32::try_from(self.values.len()).map_err(|_| TooDense)?;
            self.starts.push(end);
        }
        Ok(())
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of elements.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The columns of the elements of all rows.
    #[inline(always)]
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The elements of row `i`: where they stand in the [columns](Self::columns) of all rows, and their values.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, i: usize) -> (usize, &[T]) {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        (range.start, &self.values[range])
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self) -> T {
        max_abs(&self.values)
    }

    /// Calls `visit` with the column and the value of each element of row `i`, in order.
    pub fn for_each(&self, i: usize, mut visit: impl FnMut(usize, T)) {
        let (start, values) = self.row(i);
        for (&column, &value) in self.columns[start..].iter().zip(values) {
            visit(column as usize, value);
        }
    }
}
