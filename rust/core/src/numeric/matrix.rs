//! Row-major matrices: an owned one and a borrowed one.

use crate::numeric::scalar::Scalar;

/// A borrowed row-major matrix.
#[derive(Debug, Clone, Copy)]
pub struct MatrixRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
}

impl<'a, T: Scalar> MatrixRef<'a, T> {
    /// A matrix over `data`, row after row.
    ///
    /// # Panics
    /// If `data` does not hold `rows * cols` elements: a fault of the caller's code, not of its input.
    #[must_use]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "matrix data and shape disagree");
        Self { data, rows, cols }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All elements, row after row.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Rows `start..end` as a matrix.
    #[must_use]
    pub fn row_range(&self, start: usize, end: usize) -> Self {
        Self::new(
            &self.data[start * self.cols..end * self.cols],
            end - start,
            self.cols,
        )
    }

    /// The same numbers, rounded to another type.
    #[must_use]
    pub fn cast<S: Scalar>(&self) -> Matrix<S> {
        let data = self.data.iter().map(|&x| S::from_f64(x.widen())).collect();
        Matrix::from_vec(data, self.rows, self.cols)
    }

    /// The transpose, copied.
    #[must_use]
    pub fn transposed(&self) -> Matrix<T> {
        let mut out = Matrix::zeros(self.cols, self.rows);
        for i in 0..self.rows {
            for (j, &value) in self.row(i).iter().enumerate() {
                out.data[j * self.rows + i] = value;
            }
        }
        out
    }
}

/// An owned row-major matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
}

impl<T: Scalar> Matrix<T> {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            data: vec![T::zero(); rows * cols],
            rows,
            cols,
        }
    }

    /// A matrix of the given elements, row after row.
    ///
    /// # Panics
    /// If `data` does not hold `rows * cols` elements: a fault of the caller's code, not of its input.
    #[must_use]
    pub fn from_vec(data: Vec<T>, rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "matrix data and shape disagree");
        Self { data, rows, cols }
    }

    /// Changes the shape and keeps the allocation. The elements may have any value afterwards.
    pub fn reshape(&mut self, rows: usize, cols: usize) {
        self.data.resize(rows * cols, T::zero());
        self.rows = rows;
        self.cols = cols;
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The matrix, borrowed.
    #[must_use]
    pub fn view(&self) -> MatrixRef<'_, T> {
        MatrixRef {
            data: &self.data,
            rows: self.rows,
            cols: self.cols,
        }
    }

    /// All elements, row after row.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All elements, row after row, writable.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The elements, row after row, without the matrix.
    #[must_use]
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }
}
