//! The non-zero elements of some columns of a batch.

use std::ops::Range;

use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::dispatch;
use crate::sparse::rows::SelectedRows;
use crate::sparse::tiles::{tiles_of, Tiles, TILE_SIDE};
use crate::sparse::times_dense::{IsFinite, TimesDense};
use crate::sparse::transposed_times_dense::{ElementMap, TransposedTimesDense};
use crate::sparse::TooDense;

/// Cuts so many columns into shards: two, of about as many whole tiles each, or one where there is but one
/// tile.
///
/// The number of shards does not depend on the number of threads, as the order of sums must not. Two are
/// enough for a layer whose weights two second-level caches hold.
#[must_use]
pub fn shard_columns(columns: usize) -> Vec<Range<usize>> {
    let tiles = (columns / 2 + TILE_SIDE / 2) / TILE_SIDE;
    let cut = columns.min(tiles.max(1) * TILE_SIDE);
    let ends = [0, cut, columns];
    let count = if cut < columns { 2 } else { 1 };
    let ends = ends.windows(2).take(count);
    ends.map(|ends| ends[0]..ends[1]).collect()
}

/// The most shards there are.
pub const MAX_SHARDS: usize = 2;

/// The elements of some columns, in blocks of rows.
#[derive(Debug, Clone, Default)]
pub struct Shard<T> {
    columns: Range<usize>,
    blocks: Vec<Tiles<T>>,
    /// The largest absolute value of each block, computed while the block is in a cache; none if the block
    /// had too many elements and is not filled.
    max_abs: Vec<Option<T>>,
}

/// The elements of some rows of a shard, to be filled.
#[derive(Debug)]
pub struct BlockMut<'a, T> {
    tiles: &'a mut Tiles<T>,
    max_abs: &'a mut Option<T>,
}

impl<T: Scalar> BlockMut<'_, T> {
    /// Finds the non-zero elements of `rows`, rounded to `N`; returns how many there are.
    ///
    /// # Errors
    /// If there are more than `max_nonzeros`.
    pub fn find<S: Scalar, N: Scalar>(
        &mut self,
        rows: &SelectedRows<'_, S>,
        max_nonzeros: usize,
    ) -> Result<usize, TooDense> {
        match rows {
            SelectedRows::Dense(rows) => self.tiles.find::<S, N>(rows, max_nonzeros)?,
            SelectedRows::Csr(rows) => self.tiles.take::<S, N>(rows, max_nonzeros)?,
        }
        Ok(self.tiles.count_in(0..self.tiles.tiles()))
    }

    /// Takes the elements of `rows` that have been found.
    pub fn fill<S: Scalar, N: Scalar>(&mut self, rows: &SelectedRows<'_, S>) {
        if let SelectedRows::Dense(rows) = rows {
            self.tiles.complete::<S, N>(rows);
        }
        *self.max_abs = Some(self.tiles.max_abs());
    }
}

impl<T: Scalar> Shard<T> {
    /// Makes this a shard of those columns.
    pub fn set_columns(&mut self, columns: Range<usize>) {
        self.columns = columns;
    }

    /// So many blocks, to be filled.
    pub fn empty_blocks(&mut self, count: usize) -> impl Iterator<Item = BlockMut<'_, T>> {
        self.blocks.resize_with(count, Tiles::default);
        self.max_abs.clear();
        self.max_abs.resize(count, None);
        let blocks = self.blocks.iter_mut().zip(&mut self.max_abs);
        blocks.map(|(tiles, max_abs)| BlockMut { tiles, max_abs })
    }

    /// Whether all blocks have been filled.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.max_abs.iter().all(Option::is_some)
    }

    /// The columns of the batch that this shard has.
    #[must_use]
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The elements, in blocks of rows.
    #[must_use]
    pub fn blocks(&self) -> &[Tiles<T>] {
        &self.blocks
    }

    /// The number of elements of block `b`; nothing if it is not filled.
    #[must_use]
    pub fn count(&self, b: usize) -> Option<usize> {
        let tiles = &self.blocks[b];
        self.max_abs[b].map(|_| tiles.count_in(0..tiles.tiles()))
    }

    /// The number of elements in these columns, counted from the shard's first one: whole tiles of them, or
    /// all to the last one.
    #[must_use]
    pub fn count_in(&self, columns: &Range<usize>) -> usize {
        let tiles = tiles_of(columns);
        let counts = self
            .blocks
            .iter()
            .map(|block| block.count_in(tiles.clone()));
        counts.sum()
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self) -> T {
        let blocks: Vec<T> = self.max_abs.iter().flatten().copied().collect();
        max_abs(&blocks)
    }

    /// Writes the product of some blocks with those rows of `matrix` that belong to the shard's columns,
    /// plus `bias`. False if one of these rows holds an infinity or a NaN, which `is_finite` remembers.
    pub fn times(
        &self,
        blocks: Range<usize>,
        (matrix, is_finite): (MatrixRef<'_, T>, &IsFinite),
        bias: Option<&[T]>,
        out: &mut [T],
    ) -> bool {
        dispatch(TimesDense {
            blocks: &self.blocks[blocks],
            bias,
            matrix: matrix.row_range(self.columns.start, self.columns.end),
            is_finite,
            out,
        })
    }

    /// The same for all blocks, and for a matrix that has only the rows of the shard's columns.
    pub fn times_rows(&self, matrix: MatrixRef<'_, T>, bias: Option<&[T]>, out: &mut [T]) -> bool {
        dispatch(TimesDense {
            blocks: &self.blocks,
            bias,
            matrix,
            is_finite: &IsFinite::default(),
            out,
        })
    }

    /// Writes the product of the transpose of some columns with `matrix`. The columns are counted from the
    /// shard's first one, and `map` is applied to their elements first.
    pub fn transposed_times(
        &self,
        columns: &Range<usize>,
        map: ElementMap<T>,
        matrix: MatrixRef<'_, T>,
        out: &mut [T],
    ) {
        dispatch(TransposedTimesDense {
            blocks: &self.blocks,
            columns: columns.clone(),
            map,
            matrix,
            out,
        });
    }

    /// All rows, with their zeros.
    #[must_use]
    pub fn to_dense(&self) -> Matrix<T> {
        let rows = self.blocks.iter().map(Tiles::rows).sum();
        let mut dense = Matrix::zeros(rows, self.columns.len());
        let blocks = self.blocks.iter();
        let elements = blocks.flat_map(|tiles| (0..tiles.rows()).map(move |i| (tiles, i)));
        let rows = dense.data_mut().chunks_exact_mut(self.columns.len());
        for ((tiles, i), row) in elements.zip(rows) {
            tiles.for_each(i, |column, value| row[column] = value);
        }
        dense
    }
}
