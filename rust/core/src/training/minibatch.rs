//! A batch gathered from a data set: allocated once, filled again for every step.

use std::ops::Range;

use crate::network::input::{Input, SPARSE_DENSITY};
use crate::network::losses::Targets;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::Threads;
use crate::sparse::tiles::Tiles;
use crate::sparse::{Sparse, TooDense};

/// A data set: inputs of type `S`, targets of type `T`.
#[derive(Debug, Clone, Copy)]
pub struct Dataset<'a, S, T> {
    /// The inputs, one row a sample.
    pub x: MatrixRef<'a, S>,
    /// One target a sample.
    pub targets: Targets<'a, T>,
}

impl<S: Scalar, T: Scalar> Dataset<'_, S, T> {
    /// Takes what is not zero in some columns of some samples.
    ///
    /// # Errors
    /// If that is more than `max_nonzeros` elements.
    pub fn take<W: Scalar>(
        &self,
        samples: &[usize],
        columns: &Range<usize>,
        max_nonzeros: usize,
        tiles: &mut Tiles<W>,
    ) -> Result<(), TooDense> {
        // Rows of a large data set are far from the processor, and drawn in no order.
        let row = |n: usize| &self.x.row(n)[columns.clone()];
        let rows = samples.iter().enumerate().map(|(i, &n)| {
            let soon = samples.get(i + AHEAD);
            (row(n), soon.map_or(&[][..], |&n| row(n)))
        });
        tiles.try_fill::<S, T>(rows, columns.len(), max_nonzeros)
    }
}

/// How many rows ahead of the one that is searched are brought nearer.
const AHEAD: usize = 4;

/// A number of a data set, rounded to the network's type `T` on its way.
#[inline(always)]
fn cast<S: Scalar, T: Scalar, W: Scalar>(value: S) -> W {
    W::from_f64(T::from_f64(value.widen()).widen())
}

/// The targets of some samples.
#[derive(Debug)]
pub struct MiniBatchTargets<W> {
    labels: Vec<i64>,
    weights: Matrix<W>,
    are_labels: bool,
}

impl<W: Scalar> MiniBatchTargets<W> {
    /// Takes those of the samples `indices`.
    pub fn fill<T: Scalar>(&mut self, targets: Targets<'_, T>, indices: &[usize]) {
        match targets {
            Targets::Labels(labels) => {
                self.labels.clear();
                self.labels.extend(indices.iter().map(|&n| labels[n]));
                self.are_labels = true;
            }
            Targets::Dense(t) => {
                let widened = |value: T| W::from_f64(value.widen());
                gather_rows(t, indices, widened, &mut self.weights);
                self.are_labels = false;
            }
        }
    }

    /// They, of the form they had.
    #[must_use]
    pub fn view(&self) -> Targets<'_, W> {
        if self.are_labels {
            Targets::Labels(&self.labels)
        } else {
            Targets::Dense(self.weights.view())
        }
    }
}

impl<W: Scalar> Default for MiniBatchTargets<W> {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            weights: Matrix::zeros(0, 0),
            are_labels: true,
        }
    }
}

/// Some samples of a data set, of type `W`.
#[derive(Debug)]
pub struct MiniBatch<W> {
    rows: Matrix<W>,
    sparse: Sparse<W>,
    is_sparse: bool,
    targets: MiniBatchTargets<W>,
}

impl<W: Scalar> MiniBatch<W> {
    /// No sample at all.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Matrix::zeros(0, 0),
            sparse: Sparse::default(),
            is_sparse: false,
            targets: MiniBatchTargets::default(),
        }
    }

    /// Takes the samples `indices` of `data`, rounded to the network's type `T` on their way.
    ///
    /// The batch comes out as [`Batch::new`](crate::network::input::Batch::new) would make it of the same
    /// rows.
    pub fn fill<S: Scalar, T: Scalar>(
        &mut self,
        data: &Dataset<'_, S, T>,
        indices: &[usize],
        threads: Threads<'_>,
    ) {
        let cols = data.x.cols();
        let shape = (indices.len(), cols);
        let take = |tiles: &mut Tiles<W>, range: Range<usize>, max_nonzeros| {
            data.take(&indices[range], &(0..cols), max_nonzeros, tiles)
        };
        let filled = self.sparse.try_fill(shape, SPARSE_DENSITY, threads, take);
        self.is_sparse = filled.is_ok();
        if !self.is_sparse {
            gather_rows(data.x, indices, cast::<S, T, W>, &mut self.rows);
        }
        self.targets.fill(data.targets, indices);
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

    /// The targets.
    #[must_use]
    pub fn targets(&self) -> Targets<'_, W> {
        self.targets.view()
    }
}

impl<W: Scalar> Default for MiniBatch<W> {
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
