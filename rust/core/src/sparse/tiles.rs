//! The non-zero elements of some rows of a batch, in tiles: one block of columns after the other.
//!
//! Products take a block of columns of all rows at a time. So its elements stand together, and are read
//! from the first to the last: row after row, each in the order of its columns.

use std::marker::PhantomData;
use std::ops::Range;

use crate::numeric::reduce::max_abs_of;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, prefetch, Kernel, Level};
use crate::parallel::tuning::PREFETCH_ROWS;
use crate::parallel::MAX_BLOCK_ROWS;
use crate::sparse::bitset::Bits;
use crate::sparse::compress::{mask_of_nonzero, take_nonzero};
use crate::sparse::TooDense;

/// A tile has this many columns, and at most this many rows: 64, so that a word has a bit for each.
pub const TILE_SIDE: usize = MAX_BLOCK_ROWS;

/// The blocks of these columns, whole blocks of them or all to the last.
#[inline(always)]
#[must_use]
pub fn tiles_of(columns: &Range<usize>) -> Range<usize> {
    columns.start / TILE_SIDE..columns.end.div_ceil(TILE_SIDE)
}

/// The non-zero elements of some rows.
#[derive(Debug, Clone, Default)]
pub struct Tiles<T> {
    rows: usize,
    /// For each row of each tile, where elements stand: bit `i` for place `i`.
    masks: Vec<u64>,
    /// For each row of each tile, where its elements begin among those of the tile, and where the last
    /// ones end.
    starts: Vec<u32>,
    /// The elements of each tile, with room for all there could be; what is behind the last has no meaning.
    values: Vec<T>,
}

impl<T: Scalar> Tiles<T> {
    /// Takes the non-zero elements of `rows` of `cols` elements each, rounded to `N`. Zeros are found after the rounding:
    /// 1e-60 is a zero in single precision.
    ///
    /// # Errors
    /// If more than `max_nonzeros` elements are not zero.
    pub fn try_fill<'a, S: Scalar, N: Scalar>(
        &mut self,
        rows: impl ExactSizeIterator<Item = &'a [S]> + Clone,
        places: usize,
        max_nonzeros: usize,
    ) -> Result<(), TooDense> {
        self.clear(rows.len(), places);
        dispatch(Refill {
            tiles: self,
            rows,
            max_nonzeros,
            rounded: PhantomData::<N>,
        })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.masks.len().checked_div(self.rows).unwrap_or(0)
    }

    /// Where in tile `b` the elements of each row stand.
    #[inline(always)]
    #[must_use]
    pub fn masks(&self, b: usize) -> &[u64] {
        &self.masks[b * self.rows..(b + 1) * self.rows]
    }

    /// Where the elements of each row begin in [those](Self::values) of tile `b`.
    #[inline(always)]
    #[must_use]
    pub fn starts(&self, b: usize) -> &[u32] {
        &self.starts[b * (self.rows + 1)..][..self.rows]
    }

    /// The elements of tile `b`.
    #[inline(always)]
    #[must_use]
    pub fn values(&self, b: usize) -> &[T] {
        &self.values[b * room(self.rows)..][..self.end(b)]
    }

    /// The number of elements in some tiles.
    #[must_use]
    pub fn count_in(&self, tiles: Range<usize>) -> usize {
        tiles.map(|b| self.end(b)).sum()
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self) -> T {
        max_abs_of((0..self.len()).map(|b| self.values(b)))
    }

    /// Calls `visit` with the place and the value of each element of row `i`, in order.
    pub fn for_each(&self, i: usize, mut visit: impl FnMut(usize, T)) {
        for b in 0..self.len() {
            let values = &self.values(b)[self.starts(b)[i] as usize..];
            for (place, &value) in Bits(self.masks(b)[i]).zip(values) {
                visit(b * TILE_SIDE + place, value);
            }
        }
    }

    /// The number of elements of tile `b`.
    #[inline(always)]
    fn end(&self, b: usize) -> usize {
        self.starts[(b + 1) * (self.rows + 1) - 1] as usize
    }

    fn clear(&mut self, rows: usize, places: usize) {
        let count = places.div_ceil(TILE_SIDE);
        self.rows = rows;
        self.masks.resize(count * rows, 0);
        self.starts.resize(count * (rows + 1), 0);
        let needed = count * room(rows);
        if self.values.len() < needed {
            // Zeros from the system are not written before they are needed.
            self.values = vec![T::zero(); needed];
        }
        for b in 0..count {
            self.starts[b * (rows + 1)] = 0;
        }
    }

    /// Where the elements go that row `i` has in tile `b`.
    #[inline(always)]
    fn place(&mut self, i: usize, b: usize) -> &mut [T] {
        let start = self.starts[b * (self.rows + 1) + i] as usize;
        &mut self.values[b * room(self.rows) + start..]
    }

    /// Sets where in tile `b` elements of row `i` stand, which have been put to their place; returns how
    /// many there are.
    #[inline(always)]
    fn set(&mut self, i: usize, b: usize, mask: u64) -> usize {
        let at = b * (self.rows + 1) + i;
        let count = mask.count_ones();
        self.masks[b * self.rows + i] = mask;
        self.starts[at + 1] = self.starts[at] + count;
        count as usize
    }
}

/// The room of a tile: all elements it could have, and a block more, so that tiles do not all begin in the
/// same set of a cache.
#[inline(always)]
fn room(rows: usize) -> usize {
    (rows + 1) * TILE_SIDE
}

struct Refill<'t, T, I, N> {
    tiles: &'t mut Tiles<T>,
    rows: I,
    max_nonzeros: usize,
    rounded: PhantomData<N>,
}

impl<'a, S, T, I, N> Kernel for Refill<'_, T, I, N>
where
    S: Scalar,
    T: Scalar,
    I: Iterator<Item = &'a [S]> + Clone,
    N: Scalar,
{
    type Output = Result<(), TooDense>;

    /// Row by row, each while it is near. Elements are not copied on while they are too many so far:
    /// it may turn out that none is wanted.
    #[inline(always)]
    fn run<L: Level>(self) -> Result<(), TooDense> {
        let Self { tiles, rows, .. } = self;
        let (mut count, mut copied) = (0, 0);
        let mut upcoming = rows.clone().skip(PREFETCH_ROWS);
        for (i, row) in rows.clone().enumerate() {
            let is_copied = copied == i && count <= row.len() * (i + 1) / 2;
            copied += usize::from(is_copied);
            // A part of the upcoming row at a time: the processor stalls where much is asked for at once.
            let mut parts = upcoming.next().unwrap_or(&[]).chunks(TILE_SIDE);
            for (b, block) in row.chunks(TILE_SIDE).enumerate() {
                if let Some(part) = parts.next() {
                    prefetch(part);
                }
                let mask = if is_copied {
                    take_nonzero::<S, N, T, L>(block, tiles.place(i, b))
                } else {
                    mask_of_nonzero::<S, N, L>(block)
                };
                count += tiles.set(i, b, mask);
            }
            if count > self.max_nonzeros {
                return Err(TooDense);
            }
        }
        for (i, row) in rows.enumerate().skip(copied) {
            for (b, block) in row.chunks(TILE_SIDE).enumerate() {
                let mask = take_nonzero::<S, N, T, L>(block, tiles.place(i, b));
                tiles.set(i, b, mask);
            }
        }
        Ok(())
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
            let all = (0..rows).map(|n| matrix.row(n));
            assert_eq!(tiles.try_fill::<T, T>(all, cols, rows * cols), Ok(()));
            for n in 0..rows {
                assert_eq!(elements(&tiles, n), wanted(n));
            }
            let total = (0..rows).map(|n| wanted(n).len()).sum();
            assert_eq!(tiles.count_in(0..tiles.len()), total);
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
        let rows = data.chunks(70);
        assert_eq!(tiles.try_fill::<f64, f64>(rows.clone(), 70, 700), Ok(()));
        let mut back = vec![0.0; data.len()];
        for n in 0..20 {
            tiles.for_each(n, |place, x| back[n * 70 + place] = x);
        }
        assert_eq!(back, data);
        let count = tiles.count_in(0..2);
        assert_eq!(
            tiles.try_fill::<f64, f64>(rows, 70, count - 1),
            Err(TooDense)
        );
    }

    #[test]
    fn the_largest_is_found_in_any_tile() {
        for place in [0, 63, 64, 199] {
            let mut row = vec![0.0; 200];
            for (x, wanted) in [(-3.0, 3.0), (f64::NEG_INFINITY, f64::INFINITY)] {
                row[place] = x;
                let mut tiles = Tiles::<f64>::default();
                assert_eq!(
                    tiles.try_fill::<f64, f64>([&row[..]].into_iter(), 200, 200),
                    Ok(())
                );
                assert!(tiles.max_abs() >= wanted && tiles.max_abs() <= wanted);
            }
            row[place] = f64::NAN;
            let mut tiles = Tiles::<f64>::default();
            assert_eq!(
                tiles.try_fill::<f64, f64>([&row[..]].into_iter(), 200, 200),
                Ok(())
            );
            assert!(tiles.max_abs().is_nan());
        }
    }
}
