//! The non-zero elements of the lines of a data set, which are the rows of a matrix.

use std::ops::Range;

use crate::matrix::MatrixRef;
use crate::nonzero::take_nonzero;
use crate::scalar::Scalar;
use crate::simd::{dispatch, prefetch, Cache, Kernel, Level};

/// The elements of a line are kept in blocks of so many places, a bit of a word each.
pub const BLOCK: usize = 64;

/// The most elements of lines.
const MOST: usize = u32::MAX as usize;

/// The non-zero elements of some lines, line after line. There are at most [`MOST`] of them.
#[derive(Debug, Clone)]
pub struct Lines<T> {
    /// The number of blocks in a line.
    blocks: usize,
    /// For each block of each line, where its non-zero elements stand: bit `i` for place `i`.
    masks: Vec<u64>,
    /// Where the elements of each block of each line begin in `values`, and where the last ones end.
    starts: Vec<u32>,
    /// The elements; behind the last one, room that has no meaning.
    values: Vec<T>,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self {
            blocks: 0,
            masks: Vec::new(),
            starts: vec![0],
            values: Vec::new(),
        }
    }
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
        dispatch(OfRows {
            matrix,
            most: most.min(MOST),
        })
    }

    /// Where in block `b` of line `i` elements stand.
    #[inline(always)]
    #[must_use]
    pub fn mask(&self, i: usize, b: usize) -> u64 {
        self.masks[i * self.blocks + b]
    }

    /// The elements of block `b` of line `i`, in the order of their places, and what stands behind them: as
    /// many numbers in all as a block could have, or more.
    #[inline(always)]
    #[must_use]
    pub fn block_and_behind(&self, i: usize, b: usize) -> &[T] {
        &self.values[self.starts[i * self.blocks + b] as usize..]
    }

    /// The elements of some blocks of line `i`.
    #[must_use]
    pub fn part(&self, i: usize, blocks: &Range<usize>) -> &[T] {
        let start = |b| self.starts[i * self.blocks + b] as usize;
        &self.values[start(blocks.start)..start(blocks.end)]
    }

    /// Brings what says where the elements of some blocks of line `i` are nearer.
    pub fn approach(&self, i: usize, blocks: &Range<usize>) {
        let (start, end) = (i * self.blocks + blocks.start, i * self.blocks + blocks.end);
        prefetch(&self.masks[start..end], Cache::Second);
        prefetch(&self.starts[start..=end], Cache::Second);
    }
}

/// A count of elements, of which there are never more than [`MOST`].
#[allow(clippy::cast_possible_truncation)]
#[inline(always)]
fn numbered(count: usize) -> u32 {
    count as u32
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
            ..Lines::default()
        };
        let mut count = 0;
        for n in 0..matrix.rows() {
            // Also room behind the last elements.
            let needed = count + matrix.cols() + BLOCK;
            if lines.values.len() < needed {
                lines.values.resize(needed.max(2 * count), T::zero());
            }
            for block in matrix.row(n).chunks(BLOCK) {
                let mask = take_nonzero::<T, T, R>(block, &|x| x, &mut lines.values[count..]);
                count += mask.count_ones() as usize;
                lines.masks.push(mask);
                lines.starts.push(numbered(count));
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
