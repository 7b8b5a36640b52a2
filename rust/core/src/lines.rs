//! The non-zero elements of the lines of a matrix, which are its rows.

use std::ops::Range;

use crate::bits::Bits;
use crate::matrix::MatrixRef;
use crate::nonzero::{mask_of_nonzero, take_nonzero};
use crate::scalar::Scalar;
use crate::simd::{dispatch, prefetch, Cache, Kernel, Level};

/// The elements of a line are kept in blocks of so many places, a bit of a word each.
pub const BLOCK: usize = 64;

/// How many lines ahead of the one that is gathered are brought nearer.
const AHEAD: usize = 3;

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
        let mut lines = Self::default();
        let rows = (0..matrix.rows()).map(|n| (matrix.row(n), &[][..]));
        lines
            .refill(rows, matrix.cols(), most, |value| value)
            .then_some(lines)
    }

    /// Takes the rows of a matrix, of `places` elements each, cast by `cast`; false, and nothing of
    /// meaning, if more than `most` elements are not zero. A row comes with one to be brought nearer
    /// meanwhile, or with nothing.
    pub fn refill<'a, S: Scalar>(
        &mut self,
        rows: impl Iterator<Item = (&'a [S], &'a [S])> + Clone,
        places: usize,
        most: usize,
        cast: impl Fn(S) -> T,
    ) -> bool {
        self.clear(places);
        dispatch(Refill {
            lines: self,
            rows,
            most: most.min(MOST),
            cast,
        })
    }

    /// Takes some lines of others, of `places` places each, cast by `cast`; false, and nothing of
    /// meaning, if they hold more than `most` elements.
    pub fn gather<S: Scalar>(
        &mut self,
        from: &Lines<S>,
        indices: &[usize],
        places: usize,
        most: usize,
        cast: impl Fn(S) -> T,
    ) -> bool {
        self.clear(places);
        for (i, &index) in indices.iter().enumerate() {
            // Lines of a large data set are far from the processor, and drawn in no order. What says
            // where a line is must be near before the line is brought nearer itself.
            if let Some(&next) = indices.get(i + 2 * AHEAD) {
                prefetch(from.masks(next), Cache::Second);
                prefetch(from.starts(next), Cache::Second);
            }
            if let Some(&next) = indices.get(i + AHEAD) {
                prefetch(from.line(next), Cache::Second);
            }
            let (line, after) = (from.line(index), self.count());
            if after + line.len() > most.min(MOST) {
                return false;
            }
            grow(&mut self.values, after, line.len());
            for (value, &x) in self.values[after..].iter_mut().zip(line) {
                *value = cast(x);
            }
            let starts = from.starts(index);
            let moved = |&start: &u32| start - starts[0] + numbered(after);
            self.starts.extend(starts[1..].iter().map(moved));
            self.masks.extend_from_slice(from.masks(index));
        }
        true
    }

    /// The number of blocks in a line.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.masks.len().checked_div(self.blocks).unwrap_or(0)
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    /// The elements of all lines.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values[..self.count()]
    }

    /// The number of elements of all lines.
    fn count(&self) -> usize {
        self.starts[self.starts.len() - 1] as usize
    }

    /// Where in block `b` of line `i` elements stand.
    #[inline(always)]
    #[must_use]
    pub fn mask(&self, i: usize, b: usize) -> u64 {
        self.masks[i * self.blocks + b]
    }

    /// Where the elements of block `b` of line `i` begin in all [values](Self::values).
    #[inline(always)]
    #[must_use]
    pub fn start(&self, i: usize, b: usize) -> usize {
        self.starts[i * self.blocks + b] as usize
    }

    /// The elements of block `b` of line `i`, in the order of their places.
    #[inline(always)]
    #[must_use]
    pub fn block(&self, i: usize, b: usize) -> &[T] {
        let end = self.starts[i * self.blocks + b + 1] as usize;
        &self.values[self.start(i, b)..end]
    }

    /// The number of elements in blocks `blocks` of all lines.
    #[must_use]
    pub fn count_in(&self, blocks: &Range<usize>) -> usize {
        let own = |i| self.start(i, blocks.end) - self.start(i, blocks.start);
        (0..self.len()).map(own).sum()
    }

    /// Calls `visit` with the place and the value of each element of line `i`, in order.
    pub fn for_each(&self, i: usize, mut visit: impl FnMut(usize, T)) {
        for b in 0..self.blocks {
            for (place, &value) in Bits(self.mask(i, b)).zip(self.block(i, b)) {
                visit(b * BLOCK + place, value);
            }
        }
    }

    fn line(&self, i: usize) -> &[T] {
        let starts = self.starts(i);
        &self.values[starts[0] as usize..starts[self.blocks] as usize]
    }

    fn masks(&self, i: usize) -> &[u64] {
        &self.masks[i * self.blocks..(i + 1) * self.blocks]
    }

    fn starts(&self, i: usize) -> &[u32] {
        &self.starts[i * self.blocks..=(i + 1) * self.blocks]
    }

    fn clear(&mut self, places: usize) {
        self.blocks = places.div_ceil(BLOCK);
        self.masks.clear();
        self.starts.truncate(1);
    }
}

/// A count of elements, of which there are never more than [`MOST`].
#[allow(clippy::cast_possible_truncation)]
#[inline(always)]
fn numbered(count: usize) -> u32 {
    count as u32
}

/// Makes room for `more` elements behind the first `count`, which are kept.
fn grow<T: Scalar>(values: &mut Vec<T>, count: usize, more: usize) {
    let needed = count + more;
    if values.len() < needed {
        values.resize(needed.max(2 * count), T::zero());
    }
}

struct Refill<'l, T, I, F> {
    lines: &'l mut Lines<T>,
    rows: I,
    most: usize,
    cast: F,
}

impl<'a, S, T, I, F> Kernel for Refill<'_, T, I, F>
where
    S: Scalar,
    T: Scalar,
    I: Iterator<Item = (&'a [S], &'a [S])> + Clone,
    F: Fn(S) -> T,
{
    type Output = bool;

    /// Row by row, each while it is near. Elements are not copied on while they are too many so far:
    /// it may turn out that none is wanted.
    #[inline(always)]
    fn run<R: Level>(self) -> bool {
        let Lines {
            masks,
            starts,
            values,
            ..
        } = self.lines;
        let (mut count, mut copied) = (0, 0);
        for (n, (row, next)) in self.rows.clone().enumerate() {
            let is_copied = copied == n && count <= row.len() * (n + 1) / 2;
            if is_copied {
                grow(values, count, row.len());
                copied += 1;
            }
            // A part of the next row at a time: the processor waits where much is asked for at once.
            let mut parts = next.chunks(BLOCK);
            for block in row.chunks(BLOCK) {
                if let Some(part) = parts.next() {
                    prefetch(part, Cache::Second);
                }
                let mask = if is_copied {
                    take_nonzero::<S, T, R>(block, &self.cast, &mut values[count..])
                } else {
                    mask_of_nonzero::<S, R>(block)
                };
                masks.push(mask);
                count += mask.count_ones() as usize;
                starts.push(numbered(count));
            }
            if count > self.most {
                return false;
            }
        }
        grow(values, count, BLOCK);
        let mut rest = starts.iter().skip(copied * self.lines.blocks);
        for (row, _) in self.rows.skip(copied) {
            for (block, &start) in row.chunks(BLOCK).zip(&mut rest) {
                let _ = take_nonzero::<S, T, R>(block, &self.cast, &mut values[start as usize..]);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree<T: Scalar>(rows: usize, cols: usize, stride: usize) {
        let number = |i: usize| match i % (2 * stride) {
            0 => T::zero(),
            1 => T::neg_zero(),
            2 => T::nan(),
            _ => T::from_f64((i % stride) as f64),
        };
        let data: Vec<T> = (0..rows * cols).map(number).collect();
        let matrix = MatrixRef::new(&data, rows, cols);
        let wanted = |n: usize| {
            let row = matrix.row(n).iter().copied().enumerate();
            row.filter(|(_, x)| *x != T::zero()).collect::<Vec<_>>()
        };
        let elements = |lines: &Lines<T>, n: usize| {
            let mut found = Vec::new();
            lines.for_each(n, |place, x| found.push((place, x)));
            found
        };
        let bits = |list: Vec<(usize, T)>| -> Vec<_> {
            let bits = |(place, x): (usize, T)| (place, x.widen().to_bits());
            list.into_iter().map(bits).collect()
        };
        let lines = Lines::of_rows(matrix, 1.0).expect("all may be non-zero");
        assert_eq!(lines.len(), rows);
        for n in 0..rows {
            assert_eq!(bits(elements(&lines, n)), bits(wanted(n)));
        }
        let (order, mut some) = ([rows - 1, 0, rows / 2], Lines::default());
        assert!(some.gather(&lines, &order, cols, rows * cols, |x| x));
        for (i, n) in order.into_iter().enumerate() {
            assert_eq!(bits(elements(&some, i)), bits(wanted(n)));
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
        let matrix = MatrixRef::new(&data, 20, 70);
        let lines = Lines::of_rows(matrix, 0.5).expect("a third is not zero");
        let mut back = vec![0.0; data.len()];
        for n in 0..20 {
            lines.for_each(n, |place, x| back[n * 70 + place] = x);
        }
        assert_eq!(back, data);
    }

    #[test]
    fn too_many_elements_are_refused() {
        let matrix = MatrixRef::new(&[1.0, 0.0, 2.0, 3.0], 2, 2);
        assert!(Lines::of_rows(matrix, 0.75).is_some());
        assert!(Lines::of_rows(matrix, 0.74).is_none());
    }
}
