//! Some samples of a data set, in buffers that every step fills again.

use crate::network::input::{Input, SPARSE_DENSITY};
use crate::network::losses::{TargetValues, Targets};
use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, group_rows, Threads};
use crate::sparse::rows::RowsRef;
use crate::sparse::shard::Shard;
use crate::sparse::{nonzero_budget, Sparse};

/// A data set: inputs of type `S`, targets of type `T`.
#[derive(Debug, Clone, Copy)]
pub struct Dataset<'a, S, T> {
    /// The inputs, one row a sample.
    pub x: RowsRef<'a, S>,
    /// One target a sample.
    pub targets: Targets<'a, T>,
}

/// A number of a data set, rounded to the network's type `T` on its way.
#[inline(always)]
fn cast<S: Scalar, T: Scalar, W: Scalar>(value: S) -> W {
    W::from_f64(T::from_f64(value.widen()).widen())
}

/// The targets of some samples.
#[derive(Debug)]
pub struct MiniBatchTargets<W> {
    labels: Vec<i64>,
    rows: Matrix<W>,
    are_labels: bool,
    weights: Vec<f64>,
    are_weighted: bool,
}

impl<W: Scalar> MiniBatchTargets<W> {
    /// Takes those of `samples`.
    pub fn fill<T: Scalar>(&mut self, targets: Targets<'_, T>, samples: &[usize]) {
        self.weights.clear();
        self.are_weighted = targets.weights().is_some();
        if let Some(weights) = targets.weights() {
            self.weights.extend(samples.iter().map(|&n| weights[n]));
        }
        match targets.values() {
            TargetValues::Labels(labels) => {
                self.labels.clear();
                self.labels.extend(samples.iter().map(|&n| labels[n]));
                self.are_labels = true;
            }
            TargetValues::Dense(t) => {
                let widened = |value: T| W::from_f64(value.widen());
                self.rows.reshape(samples.len(), t.cols());
                RowsRef::Dense(t).copy_rows(samples, widened, self.rows.data_mut());
                self.are_labels = false;
            }
        }
    }

    /// The targets, of the form they had.
    #[must_use]
    pub fn view(&self) -> Targets<'_, W> {
        let targets = if self.are_labels {
            Targets::labels(&self.labels)
        } else {
            Targets::dense(self.rows.view())
        };
        targets.weighted(self.are_weighted.then_some(&self.weights))
    }
}

impl<W: Scalar> Default for MiniBatchTargets<W> {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            rows: Matrix::zeros(0, 0),
            are_labels: true,
            weights: Vec::new(),
            are_weighted: false,
        }
    }
}

/// The inputs of some samples: their rows or, where there are few of them, their non-zero elements.
#[derive(Debug)]
pub struct MiniBatch<W> {
    rows: Matrix<W>,
    sparse: Sparse<W>,
    is_sparse: bool,
    /// Where rows of the next batch are gathered while this one is read.
    next: Matrix<W>,
}

/// Some rows of the next batch, to be gathered.
pub struct Gather<'a, W> {
    samples: &'a [usize],
    rows: &'a mut [W],
}

impl<W: Scalar> Gather<'_, W> {
    /// Copies them, rounded to the network's type `T` on their way.
    pub fn run<S: Scalar, T: Scalar>(self, data: &Dataset<'_, S, T>) {
        data.x.copy_rows(self.samples, cast::<S, T, W>, self.rows);
    }
}

impl<W: Scalar> Default for MiniBatch<W> {
    fn default() -> Self {
        Self {
            rows: Matrix::zeros(0, 0),
            sparse: Sparse::default(),
            is_sparse: false,
            next: Matrix::zeros(0, 0),
        }
    }
}

impl<W: Scalar> MiniBatch<W> {
    /// Takes `samples` of `data`, rounded to the network's type `T` on their way.
    ///
    /// The batch comes out as [`Batch::new`](crate::network::input::Batch::new) would make it of the same
    /// rows.
    pub fn fill<S: Scalar, T: Scalar>(
        &mut self,
        data: &Dataset<'_, S, T>,
        samples: &[usize],
        threads: Threads<'_>,
    ) {
        self.reshape(data, samples);
        let rows = data.x.of_list(samples);
        self.is_sparse = self.sparse.try_fill::<S, T>(&rows, threads).is_ok();
        if !self.is_sparse {
            self.rows.reshape(samples.len(), data.x.cols());
            data.x
                .copy_rows(samples, cast::<S, T, W>, self.rows.data_mut());
        }
    }

    /// This batch, and the rows of the next one, which can be gathered while this one is read. If this one is
    /// sparse, the next one is likely to be so, too: then it has to be [filled](Self::fill).
    pub fn input_and_next<'a, S: Scalar, T: Scalar>(
        &'a mut self,
        data: &Dataset<'_, S, T>,
        samples: &'a [usize],
    ) -> (Input<'a, W>, Vec<Gather<'a, W>>) {
        if self.is_sparse {
            return (Input::Sparse(&self.sparse), Vec::new());
        }
        let (cols, group) = (data.x.cols(), group_rows(samples.len()));
        self.next.reshape(samples.len(), cols);
        let rows = self.next.data_mut().chunks_mut((group * cols).max(1));
        let groups = samples.chunks(group).zip(rows);
        let gathers = groups.map(|(samples, rows)| Gather { samples, rows });
        (Input::Dense(self.rows.view()), gathers.collect())
    }

    /// Makes this the next batch, of `samples`, whose rows have been gathered if this one is dense.
    pub fn turn<S: Scalar, T: Scalar>(
        &mut self,
        data: &Dataset<'_, S, T>,
        samples: &[usize],
        threads: Threads<'_>,
    ) {
        if self.is_sparse || !self.is_next_dense() {
            return self.fill(data, samples, threads);
        }
        std::mem::swap(&mut self.rows, &mut self.next);
    }

    /// Whether a block of the gathered rows has too many elements for the batch to be sparse.
    fn is_next_dense(&self) -> bool {
        let (cols, block) = (self.next.cols(), block_rows(self.next.rows()));
        let mut blocks = self.next.data().chunks((block * cols).max(1));
        blocks.any(|block| {
            let budget = nonzero_budget(SPARSE_DENSITY, (block.len(), 1));
            let count = block.iter().filter(|&&x| x != W::zero()).count();
            budget.is_none_or(|max_nonzeros| count > max_nonzeros)
        })
    }

    /// Makes this a batch of `samples`; what its shards hold is that of the last batch until
    /// [`fill_shard`] has filled them.
    pub fn reshape<S: Scalar, T: Scalar>(&mut self, data: &Dataset<'_, S, T>, samples: &[usize]) {
        let shape = (samples.len(), data.x.cols());
        self.sparse
            .reshape(shape, block_rows(samples.len()), SPARSE_DENSITY);
    }

    /// The shards.
    #[must_use]
    pub fn shards_mut(&mut self) -> &mut [Shard<W>] {
        self.sparse.shards_mut()
    }

    /// Looks whether the shards that were filled one by one make a sparse batch.
    pub fn check_shards(&mut self) -> bool {
        self.is_sparse = self.sparse.is_sparse();
        self.is_sparse
    }

    /// The inputs, as a layer reads them.
    #[must_use]
    pub fn input(&self) -> Input<'_, W> {
        if self.is_sparse {
            Input::Sparse(&self.sparse)
        } else {
            Input::Dense(self.rows.view())
        }
    }
}

/// Fills a shard with what is not zero in its columns of `samples`.
pub fn fill_shard<S: Scalar, T: Scalar, W: Scalar>(
    shard: &mut Shard<W>,
    data: &Dataset<'_, S, T>,
    samples: &[usize],
) {
    let (columns, block) = (shard.columns(), block_rows(samples.len()));
    let form = data.x.of_list(samples).form();
    let pieces = shard.empty_blocks(samples.len().div_ceil(block), form);
    for (samples, mut piece) in samples.chunks(block).zip(pieces) {
        // Together with the other shards: see `Sparse::is_sparse`.
        let max_nonzeros = nonzero_budget(SPARSE_DENSITY, (samples.len(), data.x.cols()));
        let rows = data
            .x
            .of_list(samples)
            .part(0..samples.len(), columns.clone());
        // A piece that is not filled says so itself.
        if max_nonzeros.is_some_and(|max| piece.find::<S, T>(&rows, max).is_ok()) {
            piece.fill::<S, T>(&rows);
        }
    }
}
