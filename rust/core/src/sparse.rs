//! A batch whose zeros are left out, by rows and by columns.

use crate::compress::{nonzero, SLACK};
use crate::matrix::{Matrix, MatrixRef};
use crate::rows::Weights;
use crate::scalar::Scalar;

/// The non-zero elements of a matrix along one axis: those of line `i` stand at
/// `starts[i]..starts[i + 1]`.
#[derive(Debug, Clone, Default)]
pub struct Lines<T> {
    starts: Vec<u32>,
    places: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> Lines<T> {
    /// The non-zero elements of each row of `matrix`, if they are at most a share of `density` of
    /// all, and few enough to be numbered in 32 bits.
    #[must_use]
    pub fn of_rows(matrix: MatrixRef<'_, T>, density: f64) -> Option<Self> {
        let mut lines = Self::default();
        let rows = (0..matrix.rows()).map(|n| matrix.row(n));
        let is_sparse = lines.refill(rows, matrix.cols(), density, |value| value);
        is_sparse.then_some(lines)
    }

    /// The same into old allocations, each element cast by `cast`; false, and lines without
    /// meaning, where there are too many.
    fn refill<'a, S: Scalar>(
        &mut self,
        rows: impl ExactSizeIterator<Item = &'a [S]>,
        cols: usize,
        density: f64,
        cast: impl Fn(S) -> T,
    ) -> bool {
        let Some(most) = most(density, rows.len(), cols) else {
            return false;
        };
        self.clear();
        let mut places = vec![0; cols + SLACK];
        let mut values = vec![S::zero(); cols + SLACK];
        for row in rows {
            let count = nonzero(row, &mut places, &mut values);
            let line = Weights {
                places: &places[..count],
                values: &values[..count],
            };
            if !self.push(line, most, &cast) {
                return false;
            }
        }
        true
    }

    /// Adds a line, cast by `cast`; false if all lines together then hold more than `most`.
    fn push<S: Scalar>(
        &mut self,
        line: Weights<'_, S>,
        most: usize,
        cast: impl Fn(S) -> T,
    ) -> bool {
        if self.places.len() + line.places.len() > most {
            return false;
        }
        self.places.extend_from_slice(line.places);
        self.values
            .extend(line.values.iter().map(|&value| cast(value)));
        self.starts.push(numbered(self.places.len()));
        true
    }

    /// The places and values of line `i`.
    #[must_use]
    pub fn line(&self, i: usize) -> Weights<'_, T> {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        Weights {
            places: &self.places[range.clone()],
            values: &self.values[range],
        }
    }

    fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
        self.places.clear();
        self.values.clear();
    }
}

/// How many elements may be non-zero in a matrix that counts as sparse; nothing where not one may,
/// or more than 32 bits number.
// A share of a count, rounded down.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn most(density: f64, rows: usize, cols: usize) -> Option<usize> {
    let size = u32::try_from(rows.saturating_mul(cols)).ok()?;
    let most = (density * f64::from(size)) as usize;
    (most > 0).then_some(most)
}

/// The non-zero elements of a batch, found along its rows (compressed sparse rows) and along its
/// columns (compressed sparse columns).
#[derive(Debug, Clone, Default)]
pub struct Sparse<T> {
    cols: usize,
    rows: Lines<T>,
    columns: Lines<T>,
    next: Vec<u32>,
}

impl<T: Scalar> Sparse<T> {
    /// Takes the non-zero elements of `rows`, of `cols` each, cast by `cast`; false, and nothing of
    /// meaning, if they are more than a share of `density` of all.
    pub fn refill<'a, S: Scalar>(
        &mut self,
        rows: impl ExactSizeIterator<Item = &'a [S]>,
        cols: usize,
        density: f64,
        cast: impl Fn(S) -> T,
    ) -> bool {
        self.cols = cols;
        self.rows.refill(rows, cols, density, cast)
    }

    /// Takes the lines `indices` of `lines`, of `cols` places each, for its rows, cast by `cast`;
    /// false, and nothing of meaning, if they hold more than a share of `density` of all elements.
    pub fn gather<S: Scalar>(
        &mut self,
        lines: &Lines<S>,
        cols: usize,
        indices: &[usize],
        density: f64,
        cast: impl Fn(S) -> T + Copy,
    ) -> bool {
        let Some(most) = most(density, indices.len(), cols) else {
            return false;
        };
        self.cols = cols;
        self.rows.clear();
        indices
            .iter()
            .all(|&index| self.rows.push(lines.line(index), most, cast))
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.starts.len() - 1
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The columns of row `n` and their values.
    #[must_use]
    pub fn row(&self, n: usize) -> Weights<'_, T> {
        self.rows.line(n)
    }

    /// The rows of column `i` and their values, once [they are found](Self::fill_columns).
    #[must_use]
    pub fn column(&self, i: usize) -> Weights<'_, T> {
        self.columns.line(i)
    }

    /// All elements that are not zero.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.rows.values
    }

    /// The batch with its zeros.
    #[must_use]
    pub fn to_dense(&self) -> Matrix<T> {
        let mut dense = Matrix::zeros(self.rows(), self.cols);
        for (n, row) in dense.data_mut().chunks_exact_mut(self.cols).enumerate() {
            let line = self.rows.line(n);
            for (&place, &value) in line.places.iter().zip(line.values) {
                row[place as usize] = value;
            }
        }
        dense
    }

    /// Finds the columns of the rows: a counting sort, stable, so rows ascend within a column.
    /// Only products with the transpose read them.
    pub fn fill_columns(&mut self) {
        let Self {
            cols,
            rows,
            columns,
            next,
        } = self;
        next.clear();
        next.resize(*cols + 1, 0);
        for &column in &rows.places {
            next[column as usize + 1] += 1;
        }
        for i in 0..*cols {
            next[i + 1] += next[i];
        }
        columns.starts.clone_from(next);
        columns.places.resize(rows.places.len(), 0);
        columns.values.resize(rows.values.len(), T::zero());
        for n in 0..rows.starts.len() - 1 {
            let line = rows.line(n);
            for (&column, &value) in line.places.iter().zip(line.values) {
                let at = &mut next[column as usize];
                columns.places[*at as usize] = numbered(n);
                columns.values[*at as usize] = value;
                *at += 1;
            }
        }
    }
}

/// A count that [`most`] has made sure fits.
#[allow(clippy::cast_possible_truncation)]
#[inline(always)]
fn numbered(count: usize) -> u32 {
    count as u32
}
