//! The non-zero elements of a block of rows, in tiles: the elements of [`TILE_SIDE`] columns after those of
//! the [`TILE_SIDE`] columns before.
//!
//! A product takes one tile of all rows at a time. So the elements of a tile lie together, in the order in
//! which they are read: row after row, each row in the order of its columns.

use std::marker::PhantomData;
use std::ops::Range;

use crate::numeric::reduce::max_abs_of;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, prefetch, Kernel, Level};
use crate::parallel::tuning::PREFETCH_ROWS;
use crate::parallel::MAX_BLOCK_ROWS;
use crate::sparse::bitset::Bits;
use crate::sparse::compress::{mask_of_nonzero, take_nonzero};
use crate::sparse::csr::CsrSelection;
use crate::sparse::selection::Selection;
use crate::sparse::TooDense;

/// A tile has this many columns, and at most this many rows: 64, so that a word has a bit for each.
pub const TILE_SIDE: usize = MAX_BLOCK_ROWS;

/// The tiles of these columns: whole tiles of them, or all to the last one.
#[inline(always)]
#[must_use]
pub fn tiles_of(columns: &Range<usize>) -> Range<usize> {
    columns.start / TILE_SIDE..columns.end.div_ceil(TILE_SIDE)
}

/// The non-zero elements of some rows.
#[derive(Debug, Clone, Default)]
pub struct Tiles<T> {
    rows: usize,
    /// For each row of each tile, the columns of its non-zero elements: bit `i` for column `i` of the tile.
    masks: Vec<u64>,
    /// For each row of each tile, the index of its first element among those of the tile; and, after the
    /// last row, the number of all.
    starts: Vec<u32>,
    /// The elements of each tile, each in a buffer of its own. What lies behind the last element is not read.
    values: Vec<T>,
    /// Where the elements of each tile begin.
    places: Vec<usize>,
    /// Of how many rows the elements have been copied.
    copied: usize,
}

impl<T: Scalar> Tiles<T> {
    /// Finds the non-zero elements of `rows`, rounded to `N`, and begins to copy them: [`complete`](Self::complete)
    /// copies the rest. Zeros are found after the rounding: 1e-60 is a zero in single precision.
    ///
    /// # Errors
    /// If more than `max_nonzeros` elements are not zero.
    pub fn find<S: Scalar, N: Scalar>(
        &mut self,
        rows: &Selection<'_, S>,
        max_nonzeros: usize,
    ) -> Result<(), TooDense> {
        self.reshape(rows.rows(), rows.cols());
        dispatch(Find {
            tiles: self,
            rows,
            max_nonzeros,
            rounded: PhantomData::<N>,
        })
    }

    /// Takes the elements of `rows` that are not zero, rounded to `N`.
    ///
    /// # Errors
    /// If more than `max_nonzeros` elements are not zero.
    pub fn take<S: Scalar, N: Scalar>(
        &mut self,
        rows: &CsrSelection<'_, S>,
        max_nonzeros: usize,
    ) -> Result<(), TooDense> {
        let (count, first) = (rows.rows.len(), rows.columns.start);
        self.set_shape(count, rows.columns.len());
        let mut total = 0;
        for i in 0..count {
            let (columns, values) = rows.row(i);
            let mut elements = columns.iter().zip(values).peekable();
            for b in 0..self.tiles() {
                let end = first + (b + 1) * TILE_SIDE;
                let mut mask = 0;
                while let Some((&column, &value)) =
                    elements.next_if(|(&column, _)| (column as usize) < end)
                {
                    let is_taken = N::from_f64(value.widen()) != N::zero();
                    mask |= u64::from(is_taken) << (column as usize + TILE_SIDE - end);
                }
                total += self.set_mask(i, b, mask);
            }
            if total > max_nonzeros {
                return Err(TooDense);
            }
        }
        self.make_room_for_counted();
        for i in 0..count {
            let (columns, values) = rows.row(i);
            let (mut tile, mut mask, mut next) = (usize::MAX, 0, 0);
            for (&column, &value) in columns.iter().zip(values) {
                let place = column as usize - first;
                let (b, bit) = (place / TILE_SIDE, place % TILE_SIDE);
                if b != tile {
                    (tile, mask) = (b, self.masks(b)[i]);
                    next = self.places[b] + self.starts(b)[i] as usize;
                }
                // The value may be another by now, as others may write to it.
                if mask >> bit & 1 == 1 {
                    self.values[next] = T::from_f64(N::from_f64(value.widen()).widen());
                    next += 1;
                }
            }
        }
        self.copied = count;
        Ok(())
    }

    /// Copies the elements that have been found, as far as they have not been copied yet.
    pub fn complete<S: Scalar, N: Scalar>(&mut self, rows: &Selection<'_, S>) {
        if self.copied < rows.rows() {
            dispatch(Copy {
                tiles: self,
                rows,
                rounded: PhantomData::<N>,
            });
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of tiles.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.masks.len().checked_div(self.rows).unwrap_or(0)
    }

    /// For each row, the columns of its elements in tile `b`: bit `i` for column `i` of the tile.
    #[inline(always)]
    #[must_use]
    pub fn masks(&self, b: usize) -> &[u64] {
        &self.masks[b * self.rows..(b + 1) * self.rows]
    }

    /// For each row, the index of its first element in the [values](Self::values) of tile `b`.
    #[inline(always)]
    #[must_use]
    pub fn starts(&self, b: usize) -> &[u32] {
        &self.starts[b * (self.rows + 1)..][..self.rows]
    }

    /// The elements of tile `b`.
    #[inline(always)]
    #[must_use]
    pub fn values(&self, b: usize) -> &[T] {
        &self.values[self.places[b]..][..self.count(b)]
    }

    /// The number of elements of some tiles.
    #[must_use]
    pub fn count_in(&self, tiles: Range<usize>) -> usize {
        tiles.map(|b| self.count(b)).sum()
    }

    /// The number of elements.
    #[must_use]
    pub fn count_all(&self) -> usize {
        self.count_in(0..self.tiles())
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self) -> T {
        max_abs_of((0..self.tiles()).map(|b| self.values(b)))
    }

    /// Calls `visit` with the column and the value of each element of row `i`, in order.
    pub fn for_each(&self, i: usize, mut visit: impl FnMut(usize, T)) {
        for b in 0..self.tiles() {
            let values = &self.values(b)[self.starts(b)[i] as usize..];
            for (column, &value) in Bits(self.masks(b)[i]).zip(values) {
                visit(b * TILE_SIDE + column, value);
            }
        }
    }

    /// The number of elements of tile `b`.
    #[inline(always)]
    fn count(&self, b: usize) -> usize {
        self.starts[(b + 1) * (self.rows + 1) - 1] as usize
    }

    /// Makes room for as many elements as there could be.
    fn reshape(&mut self, rows: usize, cols: usize) {
        self.set_shape(rows, cols);
        let (count, capacity) = (self.tiles(), tile_capacity(rows));
        self.places.clear();
        self.places.extend((0..count).map(|b| b * capacity));
        self.make_room(count * capacity);
    }

    /// Makes room for the elements that have been counted, those of a tile behind those of the last.
    fn make_room_for_counted(&mut self) {
        let mut end = 0;
        self.places.clear();
        for b in 0..self.tiles() {
            self.places.push(end);
            end += self.count(b);
        }
        self.make_room(end);
    }

    fn make_room(&mut self, needed: usize) {
        if self.values.len() < needed {
            // A new vector of zeros: the system clears its pages only when they are first written.
            self.values = vec![T::zero(); needed];
        }
    }

    fn set_shape(&mut self, rows: usize, cols: usize) {
        let count = cols.div_ceil(TILE_SIDE);
        self.rows = rows;
        self.masks.resize(count * rows, 0);
        self.starts.resize(count * (rows + 1), 0);
        for b in 0..count {
            self.starts[b * (rows + 1)] = 0;
        }
    }

    /// Where to write the elements of row `i` in tile `b`, of tiles that were [reshaped](Self::reshape); those of
    /// the rows before have been set.
    #[inline(always)]
    fn row_buffer(&mut self, i: usize, b: usize) -> &mut [T] {
        let start = self.starts[b * (self.rows + 1) + i] as usize;
        // Not from `places`: this is asked for each row of each tile.
        &mut self.values[b * tile_capacity(self.rows) + start..]
    }

    /// Sets the columns of the elements of row `i` in tile `b`; returns how many there are.
    #[inline(always)]
    fn set_mask(&mut self, i: usize, b: usize, mask: u64) -> usize {
        let at = b * (self.rows + 1) + i;
        let count = mask.count_ones();
        self.masks[b * self.rows + i] = mask;
        self.starts[at + 1] = self.starts[at] + count;
        count as usize
    }
}

/// The length of a tile's buffer: for all elements it could have, and one row more, so that tiles do not
/// all begin in the same set of a cache.
#[inline(always)]
fn tile_capacity(rows: usize) -> usize {
    (rows + 1) * TILE_SIDE
}

struct Find<'t, 'a, T, S, N> {
    tiles: &'t mut Tiles<T>,
    rows: &'t Selection<'a, S>,
    max_nonzeros: usize,
    rounded: PhantomData<N>,
}

impl<S: Scalar, T: Scalar, N: Scalar> Kernel for Find<'_, '_, T, S, N> {
    type Output = Result<(), TooDense>;

    /// Row after row. Once more than half of the elements so far are not zero, they are only counted, not
    /// copied: most likely none will be wanted.
    #[inline(always)]
    fn run<L: Level>(self) -> Result<(), TooDense> {
        let Self { tiles, rows, .. } = self;
        let mut count = 0;
        tiles.copied = 0;
        for i in 0..rows.rows() {
            let row = rows.row(i);
            let is_copied = tiles.copied == i && count <= row.len() * (i + 1) / 2;
            tiles.copied += usize::from(is_copied);
            // A part of the upcoming row at a time: the processor stalls where much is asked for at once.
            let upcoming = match i + PREFETCH_ROWS {
                next if next < rows.rows() => rows.row(next),
                _ => &[],
            };
            let mut upcoming = upcoming.chunks(TILE_SIDE);
            for (b, elements) in row.chunks(TILE_SIDE).enumerate() {
                if let Some(elements) = upcoming.next() {
                    prefetch(elements);
                }
                let mask = if is_copied {
                    take_nonzero::<S, N, T, L>(elements, tiles.row_buffer(i, b))
                } else {
                    mask_of_nonzero::<S, N, L>(elements)
                };
                count += tiles.set_mask(i, b, mask);
            }
            if count > self.max_nonzeros {
                return Err(TooDense);
            }
        }
        Ok(())
    }
}

struct Copy<'t, 'a, T, S, N> {
    tiles: &'t mut Tiles<T>,
    rows: &'t Selection<'a, S>,
    rounded: PhantomData<N>,
}

impl<S: Scalar, T: Scalar, N: Scalar> Kernel for Copy<'_, '_, T, S, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { tiles, rows, .. } = self;
        for i in tiles.copied..rows.rows() {
            for (b, elements) in rows.row(i).chunks(TILE_SIDE).enumerate() {
                // Others may have written to the row since it was counted.
                let mask = take_nonzero::<S, N, T, L>(elements, tiles.row_buffer(i, b));
                tiles.set_mask(i, b, mask);
            }
        }
        tiles.copied = rows.rows();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::matrix::MatrixRef;

    fn elements<T: Scalar>(tiles: &Tiles<T>, i: usize) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        tiles.for_each(i, |place, x| found.push((place, x.widen().to_bits())));
        found
    }

    fn agree<T: Scalar>(rows: usize, cols: usize, stride: usize) {
        let number = |i: usize| match i % (2 * stride) {
            0 => T::zero(),
            1 => T::neg_zero(),
            2 => T::nan(),
            _ => T::from_f64((i % stride) as f64),
        };
        let data: Vec<T> = (0..rows * cols).map(number).collect();
        let matrix = MatrixRef::new(&data, rows, cols);
        let wanted = |n: usize| -> Vec<_> {
            let row = matrix.row(n).iter().enumerate();
            let row = row.filter(|(_, &x)| x != T::zero());
            row.map(|(place, x)| (place, x.widen().to_bits())).collect()
        };
        let mut tiles = Tiles::<T>::default();
        for _ in 0..2 {
            let all = Selection::of_range(matrix, 0..rows);
            assert_eq!(tiles.find::<T, T>(&all, rows * cols), Ok(()));
            tiles.complete::<T, T>(&all);
            for n in 0..rows {
                assert_eq!(elements(&tiles, n), wanted(n));
            }
            let total = (0..rows).map(|n| wanted(n).len()).sum();
            assert_eq!(tiles.count_in(0..tiles.tiles()), total);
        }
    }

    #[test]
    fn what_is_not_zero_is_found_in_order() {
        for cols in [1, 7, 8, 15, 63, 64, 65, 200] {
            for stride in 1..5 {
                agree::<f32>(3, cols, stride);
                agree::<f64>(5, cols, stride);
            }
        }
    }

    #[test]
    fn rows_full_at_first_may_be_few_in_all() {
        let value = |i: usize| {
            if i < 3 * 70 || i.is_multiple_of(9) {
                1.5
            } else {
                0.0
            }
        };
        let data: Vec<f64> = (0..20 * 70).map(value).collect();
        let mut tiles = Tiles::default();
        let rows = Selection::of_range(MatrixRef::new(&data, 20, 70), 0..20);
        assert_eq!(tiles.find::<f64, f64>(&rows, 700), Ok(()));
        tiles.complete::<f64, f64>(&rows);
        let mut back = vec![0.0; data.len()];
        for n in 0..20 {
            tiles.for_each(n, |place, x| back[n * 70 + place] = x);
        }
        assert_eq!(back, data);
        let count = tiles.count_in(0..2);
        assert_eq!(tiles.find::<f64, f64>(&rows, count - 1), Err(TooDense));
    }

    fn of_row(row: &[f64]) -> Tiles<f64> {
        let matrix = MatrixRef::new(row, 1, row.len());
        let mut tiles = Tiles::default();
        let rows = Selection::of_range(matrix, 0..1);
        assert_eq!(tiles.find::<f64, f64>(&rows, row.len()), Ok(()));
        tiles.complete::<f64, f64>(&rows);
        tiles
    }

    #[test]
    fn the_largest_is_found_in_any_tile() {
        for place in [0, 63, 64, 199] {
            let mut row = vec![0.0; 200];
            for (x, wanted) in [(-3.0, 3.0), (f64::NEG_INFINITY, f64::INFINITY)] {
                row[place] = x;
                let tiles = of_row(&row);
                assert!(tiles.max_abs() >= wanted && tiles.max_abs() <= wanted);
            }
            row[place] = f64::NAN;
            assert!(of_row(&row).max_abs().is_nan());
        }
    }
}
