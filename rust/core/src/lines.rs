//! The non-zero elements of the lines of a matrix, which are its rows.

use std::ops::Range;

use crate::compress::{Compressor, SLACK};
use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::prefetch;

/// The elements of a line are kept in blocks of so many places: those of one block can be had for
/// every line while the rows of another matrix that they weigh lie in the first-level cache.
pub const BLOCK: usize = 64;

/// How many lines ahead of the one that is gathered are brought nearer.
const AHEAD: usize = 6;

/// Some non-zero elements of a line.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// Where they stand, in ascending order.
    pub places: &'a [u32],
    /// What they are.
    pub values: &'a [T],
}

/// Where the non-zero elements of some lines stand, line after line. There are at most [`MOST`] of
/// them.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The number of blocks in a line.
    blocks: usize,
    /// Where each block of each line begins, and where the last one ends.
    starts: Vec<u32>,
    places: Vec<u32>,
}

/// The non-zero elements of some lines, line after line.
#[derive(Debug, Clone)]
pub struct Lines<T> {
    pattern: Pattern,
    values: Vec<T>,
}

/// The most elements of lines.
pub const MOST: usize = u32::MAX as usize;

/// How many elements of a matrix of that shape may be non-zero for it to count as sparse; nothing
/// where not one may.
// A share of a count, rounded down.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#[must_use]
pub fn most_of(density: f64, (rows, cols): (usize, usize)) -> Option<usize> {
    let most = (density * rows.saturating_mul(cols) as f64) as usize;
    (most > 0).then_some(most)
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self {
            pattern: Pattern {
                blocks: 0,
                starts: vec![0],
                places: Vec::new(),
            },
            values: Vec::new(),
        }
    }
}

impl Pattern {
    /// The number of blocks in a line.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.starts.len() - 1)
            .checked_div(self.blocks)
            .unwrap_or(0)
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where all elements stand in their lines.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Which elements stand in some blocks of line `i`: in places from `BLOCK * blocks.start` on,
    /// below `BLOCK * blocks.end`.
    #[inline(always)]
    #[must_use]
    pub fn range(&self, i: usize, blocks: Range<usize>) -> Range<usize> {
        let starts = &self.starts[i * self.blocks..=(i + 1) * self.blocks];
        starts[blocks.start] as usize..starts[blocks.end] as usize
    }

    fn clear(&mut self, places: usize) {
        self.blocks = places.div_ceil(BLOCK);
        self.starts.clear();
        self.starts.push(0);
        self.places.clear();
    }
}

impl<T: Scalar> Lines<T> {
    /// The rows of `matrix`, if at most a share of `density` of its elements is not zero.
    #[must_use]
    pub fn of_rows(matrix: MatrixRef<'_, T>, density: f64) -> Option<Self> {
        let most = most_of(density, (matrix.rows(), matrix.cols()))?;
        let mut lines = Self::default();
        let rows = (0..matrix.rows()).map(|n| matrix.row(n));
        lines
            .refill(rows, matrix.cols(), most, |value| value)
            .then_some(lines)
    }

    /// Takes the rows of a matrix, of `places` elements each, cast by `cast`; false, and nothing of
    /// meaning, if more than `most` elements are not zero.
    pub fn refill<'a, S: Scalar>(
        &mut self,
        rows: impl Iterator<Item = &'a [S]>,
        places: usize,
        most: usize,
        cast: impl Fn(S) -> T,
    ) -> bool {
        self.clear(places);
        if places > MOST {
            return false;
        }
        let pattern = &mut self.pattern;
        let mut room = (vec![0; places + SLACK], vec![S::zero(); places + SLACK]);
        let compressor = Compressor::new();
        for row in rows {
            let mut count = 0;
            for (b, block) in row.chunks(BLOCK).enumerate() {
                let (to_places, to_values) = (&mut room.0[count..], &mut room.1[count..]);
                count += compressor.nonzero(block, b * BLOCK, to_places, to_values);
                pattern.starts.push(numbered(pattern.places.len() + count));
            }
            if pattern.places.len() + count > most.min(MOST) {
                return false;
            }
            pattern.places.extend_from_slice(&room.0[..count]);
            self.values.extend(room.1[..count].iter().map(|&v| cast(v)));
        }
        true
    }

    /// Takes some lines of others, of `places` places each, cast by `cast`; false, and nothing of
    /// meaning, if they hold more than `most` elements.
    pub fn gather<S: Scalar>(
        &mut self,
        lines: &Lines<S>,
        indices: &[usize],
        places: usize,
        most: usize,
        cast: impl Fn(S) -> T,
    ) -> bool {
        self.clear(places);
        let (pattern, from) = (&mut self.pattern, &lines.pattern);
        for (i, &index) in indices.iter().enumerate() {
            // Lines of a large data set are far from the processor, and drawn in no order.
            if let Some(&next) = indices.get(i + AHEAD) {
                let next = from.range(next, 0..from.blocks);
                prefetch(&from.places[next.clone()]);
                prefetch(&lines.values[next]);
            }
            let (range, after) = (from.range(index, 0..from.blocks), pattern.places.len());
            if after + range.len() > most.min(MOST) {
                return false;
            }
            let starts = &from.starts[index * from.blocks + 1..=(index + 1) * from.blocks];
            let moved = |&start: &u32| numbered(start as usize - range.start + after);
            pattern.starts.extend(starts.iter().map(moved));
            pattern
                .places
                .extend_from_slice(&from.places[range.clone()]);
            self.values
                .extend(lines.values[range].iter().map(|&v| cast(v)));
        }
        true
    }

    /// Some blocks of line `i`.
    #[inline(always)]
    #[must_use]
    pub fn line(&self, i: usize, blocks: Range<usize>) -> Weights<'_, T> {
        let range = self.pattern.range(i, blocks);
        Weights {
            places: &self.pattern.places[range.clone()],
            values: &self.values[range],
        }
    }

    /// All of line `i`.
    #[inline(always)]
    #[must_use]
    pub fn whole_line(&self, i: usize) -> Weights<'_, T> {
        self.line(i, 0..self.pattern.blocks)
    }

    /// Where the elements stand.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The elements of all lines.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pattern.len()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pattern.is_empty()
    }

    fn clear(&mut self, places: usize) {
        self.pattern.clear(places);
        self.values.clear();
    }
}

/// A count of elements, of which there are never more than [`MOST`].
#[allow(clippy::cast_possible_truncation)]
#[inline(always)]
fn numbered(count: usize) -> u32 {
    count as u32
}
