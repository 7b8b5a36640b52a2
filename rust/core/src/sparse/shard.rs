//! The non-zero elements of some columns of a batch.

use std::ops::Range;
use std::sync::OnceLock;

use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::dispatch;
use crate::sparse::column_lists::ColumnLists;
use crate::sparse::list_products::{ListsTimesDense, TransposedListsTimesDense};
use crate::sparse::row_lists::RowLists;
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

/// How elements are kept. Products come to the same bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// In tiles of rows and columns.
    #[default]
    Tiles,
    /// In a list for each row.
    Lists,
}

/// The elements of some columns, in blocks of rows.
#[derive(Debug, Clone, Default)]
pub struct Shard<T> {
    columns: Range<usize>,
    form: Form,
    /// The blocks, if they are tiles; else none.
    tiles: Vec<Tiles<T>>,
    /// The blocks, if they are lists; else none.
    lists: Vec<RowLists<T>>,
    /// The lists of all blocks, column by column, once a product has asked for them.
    column_lists: OnceLock<ColumnLists<T>>,
    /// The largest absolute value of each block, computed while the block is in a cache; none if the block
    /// had too many elements and is not filled.
    max_abs: Vec<Option<T>>,
}

/// The elements of some rows of a shard, to be filled.
#[derive(Debug)]
pub struct BlockMut<'a, T> {
    form: FormMut<'a, T>,
    max_abs: &'a mut Option<T>,
}

#[derive(Debug)]
enum FormMut<'a, T> {
    Tiles(&'a mut Tiles<T>),
    Lists(&'a mut RowLists<T>),
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
        match (&mut self.form, rows) {
            (FormMut::Tiles(tiles), SelectedRows::Dense(rows)) => {
                tiles.find::<S, N>(rows, max_nonzeros)?;
                Ok(tiles.count_all())
            }
            (FormMut::Tiles(tiles), SelectedRows::Csr(rows)) => {
                tiles.take::<S, N>(rows, max_nonzeros)?;
                Ok(tiles.count_all())
            }
            (FormMut::Lists(lists), SelectedRows::Csr(rows)) => {
                lists.take::<S, N>(rows, max_nonzeros)?;
                Ok(lists.count())
            }
            // Rows that come with their zeros are never kept as lists.
            (FormMut::Lists(_), SelectedRows::Dense(_)) => Err(TooDense),
        }
    }

    /// Takes the elements of `rows` that have been found.
    pub fn fill<S: Scalar, N: Scalar>(&mut self, rows: &SelectedRows<'_, S>) {
        *self.max_abs = Some(match (&mut self.form, rows) {
            (FormMut::Tiles(tiles), SelectedRows::Dense(rows)) => {
                tiles.complete::<S, N>(rows);
                tiles.max_abs()
            }
            (FormMut::Tiles(tiles), SelectedRows::Csr(_)) => tiles.max_abs(),
            (FormMut::Lists(lists), _) => lists.max_abs(),
        });
    }
}

impl<T: Scalar> Shard<T> {
    /// Makes this a shard of those columns.
    pub fn set_columns(&mut self, columns: Range<usize>) {
        self.columns = columns;
    }

    /// So many blocks of that form, to be filled.
    pub fn empty_blocks(
        &mut self,
        count: usize,
        form: Form,
    ) -> impl Iterator<Item = BlockMut<'_, T>> {
        self.form = form;
        self.column_lists.take();
        let (tiles, lists) = match form {
            Form::Tiles => (count, 0),
            Form::Lists => (0, count),
        };
        self.tiles.resize_with(tiles, Tiles::default);
        self.lists.resize_with(lists, RowLists::default);
        self.max_abs.clear();
        self.max_abs.resize(count, None);
        let tiles = self.tiles.iter_mut().map(FormMut::Tiles);
        let blocks = tiles.chain(self.lists.iter_mut().map(FormMut::Lists));
        let blocks = blocks.zip(&mut self.max_abs);
        blocks.map(|(form, max_abs)| BlockMut { form, max_abs })
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

    /// How the elements are kept.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The number of elements of block `b`; nothing if it is not filled.
    #[must_use]
    pub fn count(&self, b: usize) -> Option<usize> {
        self.max_abs[b].map(|_| match self.form {
            Form::Tiles => self.tiles[b].count_all(),
            Form::Lists => self.lists[b].count(),
        })
    }

    /// The number of elements in these columns, counted from the shard's first one: if they are kept in tiles,
    /// whole tiles of them, or all to the last one.
    #[must_use]
    pub fn count_in(&self, columns: &Range<usize>) -> usize {
        if self.form == Form::Lists {
            return self.column_lists().count_in(columns);
        }
        let tiles = tiles_of(columns);
        let counts = self.tiles.iter();
        counts.map(|block| block.count_in(tiles.clone())).sum()
    }

    /// Calls `visit` with the column, counted from the shard's first one, and the value of each element of row
    /// `i` of block `b`, in order.
    pub fn for_each(&self, b: usize, i: usize, visit: impl FnMut(usize, T)) {
        match self.form {
            Form::Tiles => self.tiles[b].for_each(i, visit),
            Form::Lists => self.lists[b].for_each(i, visit),
        }
    }

    fn column_lists(&self) -> &ColumnLists<T> {
        let columns = self.columns.len();
        self.column_lists
            .get_or_init(|| ColumnLists::of(&self.lists, columns))
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
        let matrix = matrix.row_range(self.columns.start, self.columns.end);
        self.times_own(blocks, (matrix, is_finite), bias, out)
    }

    /// The same for all blocks, and for a matrix that has only the rows of the shard's columns.
    pub fn times_rows(&self, matrix: MatrixRef<'_, T>, bias: Option<&[T]>, out: &mut [T]) -> bool {
        let blocks = 0..self.max_abs.len();
        self.times_own(blocks, (matrix, &IsFinite::default()), bias, out)
    }

    /// The same for some blocks.
    fn times_own(
        &self,
        blocks: Range<usize>,
        (matrix, is_finite): (MatrixRef<'_, T>, &IsFinite),
        bias: Option<&[T]>,
        out: &mut [T],
    ) -> bool {
        if self.form == Form::Lists {
            dispatch(ListsTimesDense {
                blocks: &self.lists[blocks],
                bias,
                matrix,
                out,
            });
            return is_finite.of(matrix);
        }
        dispatch(TimesDense {
            blocks: &self.tiles[blocks],
            bias,
            matrix,
            is_finite,
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
        if self.form == Form::Lists {
            return dispatch(TransposedListsTimesDense {
                lists: self.column_lists(),
                columns: columns.clone(),
                map,
                matrix,
                out,
            });
        }
        dispatch(TransposedTimesDense {
            blocks: &self.tiles,
            columns: columns.clone(),
            map,
            matrix,
            out,
        });
    }

    /// All rows, with their zeros.
    #[must_use]
    pub fn to_dense(&self) -> Matrix<T> {
        let sizes: Vec<usize> = match self.form {
            Form::Tiles => self.tiles.iter().map(Tiles::rows).collect(),
            Form::Lists => self.lists.iter().map(RowLists::rows).collect(),
        };
        let mut dense = Matrix::zeros(sizes.iter().sum(), self.columns.len());
        let places = sizes.iter().enumerate();
        let places = places.flat_map(|(b, &rows)| (0..rows).map(move |i| (b, i)));
        let rows = dense.data_mut().chunks_exact_mut(self.columns.len());
        for ((b, i), row) in places.zip(rows) {
            self.for_each(b, i, |column, value| row[column] = value);
        }
        dense
    }
}
