//! The non-zero elements of the lines of a data set, which are the rows of a matrix.

use std::ops::Range;

use crate::matrix::MatrixRef;
use crate::nonzero::take_nonzero;
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};

/// The elements of a line are kept in blocks of so many places, a bit of a word each.
pub const BLOCK: usize = 64;

/// The non-zero elements of some lines, line after line.
#[derive(Debug, Clone)]
pub struct Lines<T> {
    /// The number of blocks in a line.
    blocks: usize,
    /// For each block of each line, where its non-zero elements stand: bit `i` for place `i`.
    masks: Vec<u64>,
    /// Where the elements of each line begin in `values`.
    starts: Vec<usize>,
    /// The elements; behind the last one, as much room as a block could take.
    values: Vec<T>,
}

/// How many elements of a matrix of that shape may be non-zero for it to count as sparse; nothing
/// where not one may.
// A share of a count, rounded down.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#[must_use]
pub fn most_of(density: f64, (rows, cols): (usize, usize)) -> Option<usize> {
    let most = (density * rows.saturating_mul(cols) as f64) as usize;
    (most > 0).then_some(most)
}

/// The blocks of these places, whole blocks of them or all to the last.
#[inline(always)]
#[must_use]
pub fn blocks_of(places: &Range<usize>) -> Range<usize> {
    places.start / BLOCK..places.end.div_ceil(BLOCK)
}

impl<T: Scalar> Lines<T> {
    /// The rows of `matrix`, if at most a share of `density` of its elements is not zero.
    #[must_use]
    pub fn of_rows(matrix: MatrixRef<'_, T>, density: f64) -> Option<Self> {
        let most = most_of(density, (matrix.rows(), matrix.cols()))?;
        dispatch(OfRows { matrix, most })
    }

    /// Where in some blocks of line `i` elements stand.
    #[inline(always)]
    #[must_use]
    pub fn masks(&self, i: usize, blocks: &Range<usize>) -> &[u64] {
        let first = i * self.blocks;
        &self.masks[first + blocks.start..first + blocks.end]
    }

    /// Where the elements of line `i` from block `b` on begin in all [values](Self::values).
    #[inline(always)]
    #[must_use]
    pub fn start(&self, i: usize, b: usize) -> usize {
        self.starts[i] + count(self.masks(i, &(0..b)))
    }

    /// The elements of all lines, in the order of their places, and room behind the last one.
    #[inline(always)]
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// The number of elements that stand in these places.
#[inline(always)]
#[must_use]
pub fn count(masks: &[u64]) -> usize {
    let counts = masks.iter().map(|mask| mask.count_ones() as usize);
    counts.sum()
}

struct OfRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    most: usize,
}

impl<T: Scalar> Kernel for OfRows<'_, T> {
    type Output = Option<Lines<T>>;

    #[inline(always)]
    fn run<R: Level>(self) -> Option<Lines<T>> {
        let Self { matrix, most } = self;
        let mut lines = Lines {
            blocks: matrix.cols().div_ceil(BLOCK),
            masks: Vec::new(),
            starts: Vec::with_capacity(matrix.rows()),
            values: Vec::new(),
        };
        let mut count = 0;
        for n in 0..matrix.rows() {
            lines.starts.push(count);
            let needed = count + matrix.cols() + BLOCK;
            if lines.values.len() < needed {
                lines.values.resize(needed.max(2 * count), T::zero());
            }
            for block in matrix.row(n).chunks(BLOCK) {
                let mask = take_nonzero::<T, T, R>(block, &|x| x, &mut lines.values[count..]);
                count += mask.count_ones() as usize;
                lines.masks.push(mask);
            }
            if count > most {
                return None;
            }
        }
        Some(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_elements_are_refused() {
        let matrix = MatrixRef::new(&[1.0, 0.0, 2.0, 3.0], 2, 2);
        assert!(Lines::of_rows(matrix, 0.75).is_some());
        assert!(Lines::of_rows(matrix, 0.74).is_none());
    }
}
