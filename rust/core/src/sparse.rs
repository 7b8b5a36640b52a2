//! A batch whose zeros are left out, by rows and by columns.

use crate::matrix::MatrixRef;
use crate::rows::Weights;
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Rounding, LANES};

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
    /// The non-zero elements of `matrix`, if they are at most a share of `density` of all, and few
    /// enough to be numbered in 32 bits.
    #[must_use]
    pub fn new(matrix: MatrixRef<'_, T>, density: f64) -> Option<Self> {
        let size = matrix.data().len();
        u32::try_from(size).ok()?;
        let rows = dispatch(ByRows {
            matrix,
            // A count, rounded down.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            most: (density * size as f64) as usize,
        })?;
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

/// Finds the non-zero elements row by row, and gives up where there are more than `most`.
struct ByRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    most: usize,
}

impl<T: Scalar> Kernel for ByRows<'_, T> {
    type Output = Option<Lines<T>>;

    #[inline(always)]
    fn run<R: Rounding>(self) -> Option<Lines<T>> {
        let cols = self.matrix.cols();
        let mut lines = Lines {
            starts: vec![0],
            places: Vec::with_capacity(self.most),
            values: Vec::with_capacity(self.most),
        };
        let mut places = vec![0; cols];
        let mut values = vec![T::zero(); cols];
        for n in 0..self.matrix.rows() {
            let count = nonzero(self.matrix.row(n), &mut places, &mut values);
            if lines.places.len() + count > self.most {
                return None;
            }
            lines.places.extend_from_slice(&places[..count]);
            lines.values.extend_from_slice(&values[..count]);
            lines.starts.push(numbered(lines.places.len()));
        }
        Some(lines)
    }
}

/// Moves the non-zero elements of `row` to the front of `values`, their places to `places`, and
/// counts them.
#[inline(always)]
fn nonzero<T: Scalar>(row: &[T], places: &mut [u32], values: &mut [T]) -> usize {
    const STEP: usize = 2 * LANES;
    let mut count = 0;
    for (b, block) in row.chunks(STEP).enumerate() {
        // Most images are mostly margin: whole blocks of zeros are passed over at once.
        if block.iter().fold(true, |zero, &x| zero & (x == T::zero())) {
            continue;
        }
        for (k, &x) in block.iter().enumerate() {
            // Without a branch, which could not be foreseen: what is not kept is written over.
            places[count] = numbered(b * STEP + k);
            values[count] = x;
            count += usize::from(x != T::zero());
        }
    }
    count
}

/// A count that [`Sparse::new`] has made sure fits.
#[allow(clippy::cast_possible_truncation)]
#[inline(always)]
fn numbered(count: usize) -> u32 {
    count as u32
}

/// The same elements by columns: a counting sort, stable, so rows ascend within a column.
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
            places[*next as usize] = numbered(n);
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
