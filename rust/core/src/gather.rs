//! A batch gathered from a data set: allocated once, filled again for every step.

use std::ops::Range;

use crate::input::{Input, SPARSE_DENSITY};
use crate::lines::Lines;
use crate::loss::Targets;
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::Threads;
use crate::scalar::Scalar;
use crate::sparse::Sparse;
use crate::tiles::Tiles;

/// A data set: inputs of type `S`, targets of type `T`.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a, S, T> {
    /// The inputs, one row a sample.
    pub x: MatrixRef<'a, S>,
    /// The non-zero elements of `x`, if they are known: batches then need not look for them.
    pub lines: Option<&'a Lines<S>>,
    /// One target a sample.
    pub targets: Targets<'a, T>,
}

/// Some samples of a data set, of type `W`.
#[derive(Debug)]
pub struct Gathered<W> {
    rows: Matrix<W>,
    sparse: Sparse<W>,
    is_sparse: bool,
    labels: Vec<i64>,
    weights: Matrix<W>,
}

impl<W: Scalar> Gathered<W> {
    /// No sample at all.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Matrix::zeros(0, 0),
            sparse: Sparse::default(),
            is_sparse: false,
            labels: Vec::new(),
            weights: Matrix::zeros(0, 0),
        }
    }

    /// Takes the samples `indices` of `data`, rounded to the network's type `T` on their way.
    ///
    /// The batch comes out as [`Batch::new`](crate::input::Batch::new) would make it of the same
    /// rows.
    pub fn fill<S: Scalar, T: Scalar>(
        &mut self,
        data: &Data<'_, S, T>,
        indices: &[usize],
        threads: Threads<'_>,
    ) {
        let cast = |value: S| W::from_f64(T::from_f64(value.widen()).widen());
        let cols = data.x.cols();
        let shape = (indices.len(), cols);
        let sparse = &mut self.sparse;
        let refill = |tiles: &mut Tiles<W>, range: Range<usize>, most| {
            let indices = &indices[range];
            if let Some(known) = data.lines {
                return tiles.gather(known, indices, cols, most, cast);
            }
            // Rows of a large data set are far from the processor, and drawn in no order.
            let rows = indices.iter().enumerate().map(|(i, &n)| {
                let next = indices.get(i + 2).map_or(&[][..], |&n| data.x.row(n));
                (data.x.row(n), next)
            });
            tiles.refill(rows, cols, most, cast)
        };
        self.is_sparse = sparse.refill(shape, SPARSE_DENSITY, threads, refill);
        if !self.is_sparse {
            gather_rows(data.x, indices, cast, &mut self.rows);
        }
        match data.targets {
            Targets::Labels(labels) => {
                self.labels.clear();
                self.labels.extend(indices.iter().map(|&n| labels[n]));
            }
            Targets::Dense(t) => {
                let widened = |value: T| W::from_f64(value.widen());
                gather_rows(t, indices, widened, &mut self.weights);
            }
        }
    }

    /// The inputs.
    #[must_use]
    pub fn input(&self) -> Input<'_, W> {
        if self.is_sparse {
            Input::Sparse(&self.sparse)
        } else {
            Input::Dense(self.rows.view())
        }
    }

    /// The targets, of the form that those of `data` have.
    #[must_use]
    pub fn targets<S, T>(&self, data: &Data<'_, S, T>) -> Targets<'_, W> {
        match data.targets {
            Targets::Labels(_) => Targets::Labels(&self.labels),
            Targets::Dense(_) => Targets::Dense(self.weights.view()),
        }
    }
}

impl<W: Scalar> Default for Gathered<W> {
    fn default() -> Self {
        Self::new()
    }
}

fn gather_rows<S: Scalar, W: Scalar>(
    from: MatrixRef<'_, S>,
    indices: &[usize],
    cast: impl Fn(S) -> W,
    out: &mut Matrix<W>,
) {
    out.reshape(indices.len(), from.cols());
    let rows = out.data_mut().chunks_exact_mut(from.cols());
    for (row, &n) in rows.zip(indices) {
        for (out, &value) in row.iter_mut().zip(from.row(n)) {
            *out = cast(value);
        }
    }
}
