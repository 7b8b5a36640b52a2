//! A batch whose zeros are left out, by rows and by columns.

use crate::matrix::MatrixRef;
use crate::rows::Weights;
use crate::scalar::Scalar;

/// The non-zero elements of a matrix along one axis: those of line `i` stand at
/// `starts[i]..starts[i + 1]`.
#[derive(Debug, Clone)]
struct Lines<T> {
    starts: Vec<u32>,
    places: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> Lines<T> {
    fn line(&self, i: usize) -> Weights<'_, T> {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        Weights {
            places: &self.places[range.clone()],
            values: &self.values[range],
        }
    }
}

/// The non-zero elements of a matrix, found along its rows (compressed sparse rows) and along its
/// columns (compressed sparse columns).
#[derive(Debug, Clone)]
pub struct Sparse<T> {
    rows: Lines<T>,
    columns: Lines<T>,
}

impl<T: Scalar> Sparse<T> {
    /// The non-zero elements of `matrix`; none if it has too many elements to number in 32 bits.
    #[must_use]
    pub fn new(matrix: MatrixRef<'_, T>) -> Option<Self> {
        u32::try_from(matrix.data().len()).ok()?;
        let rows = by_rows(matrix);
        let columns = by_columns(&rows, matrix.rows(), matrix.cols());
        Some(Self { rows, columns })
    }

    /// The columns of row `n` and their values.
    #[must_use]
    pub fn row(&self, n: usize) -> Weights<'_, T> {
        self.rows.line(n)
    }

    /// The rows of column `i` and their values.
    #[must_use]
    pub fn column(&self, i: usize) -> Weights<'_, T> {
        self.columns.line(i)
    }
}

// `Sparse::new` has made sure that every count fits.
#[allow(clippy::cast_possible_truncation)]
fn by_rows<T: Scalar>(matrix: MatrixRef<'_, T>) -> Lines<T> {
    let mut lines = Lines {
        starts: vec![0],
        places: Vec::new(),
        values: Vec::new(),
    };
    for n in 0..matrix.rows() {
        for (i, &value) in matrix.row(n).iter().enumerate() {
            if value != T::zero() {
                lines.places.push(i as u32);
                lines.values.push(value);
            }
        }
        lines.starts.push(lines.places.len() as u32);
    }
    lines
}

/// The same elements by columns: a counting sort, stable, so rows ascend within a column.
#[allow(clippy::cast_possible_truncation)]
fn by_columns<T: Scalar>(by_rows: &Lines<T>, rows: usize, cols: usize) -> Lines<T> {
    let mut starts = vec![0_u32; cols + 1];
    for &column in &by_rows.places {
        starts[column as usize + 1] += 1;
    }
    for i in 0..cols {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut places = vec![0; by_rows.places.len()];
    let mut values = vec![T::zero(); by_rows.values.len()];
    for n in 0..rows {
        let line = by_rows.line(n);
        for (&column, &value) in line.places.iter().zip(line.values) {
            let next = &mut next[column as usize];
            places[*next as usize] = n as u32;
            values[*next as usize] = value;
            *next += 1;
        }
    }
    Lines {
        starts,
        places,
        values,
    }
}
