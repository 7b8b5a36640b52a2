//! Weighted sums of rows of a matrix: the product of a sparse matrix with a dense one.
//!
//! A row that is used by many lines is copied first, together with its neighbours, into a block that
//! stays in the first-level cache, its vectors aligned: from where it stands, most of its vectors
//! would lie across two cache lines, and in a cache further away.

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::{Kernel, Rounding, LANES};

/// The most vectors a row is summed in at once: with their factors they fill the registers.
const MOST_VECTORS: usize = 8;

/// Bytes of rows that are worked with at once, two thirds of a common first-level cache.
const BLOCK_BYTES: usize = 32 << 10;

/// How often, on average, a row must be used for its copy to pay.
const WORTH_PACKING: usize = 3;

/// Which rows to sum and with what weight: the non-zero elements of one line of a sparse matrix.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// Which rows, in ascending order.
    pub places: &'a [u32],
    /// The weight of each.
    pub values: &'a [T],
}

/// Lines of `out` (one for each of `lines`) become
/// `start + sum_(n, x) sum_p x^(2p + 1) matrix[n * terms + p]`.
pub struct SumRows<'a, T, L> {
    /// The weights of each line.
    pub lines: L,
    /// What every sum starts with; nothing means zeros.
    pub start: Option<&'a [T]>,
    /// The rows.
    pub matrix: MatrixRef<'a, T>,
    /// How many odd powers of a weight count, each with a row of its own.
    pub terms: usize,
    /// Where the sums go, line after line.
    pub out: &'a mut [T],
}

impl<'a, T: Scalar, L: Iterator<Item = Weights<'a, T>> + Clone> Kernel for SumRows<'a, T, L> {
    type Output = ();

    #[inline(always)]
    fn run<R: Rounding>(mut self) {
        let cols = self.matrix.cols();
        // A full register each: 512 bits.
        let width = 64 / std::mem::size_of::<T>();
        if width == 16 && cols >= 16 {
            self.sum::<R, 16>();
        } else if cols >= LANES {
            self.sum::<R, LANES>();
        } else {
            self.sum_short::<R>();
        }
    }
}

impl<'a, T: Scalar, L: Iterator<Item = Weights<'a, T>> + Clone> SumRows<'a, T, L> {
    /// Rows shorter than a vector.
    #[inline(always)]
    fn sum_short<R: Rounding>(&mut self) {
        let cols = self.matrix.cols();
        for (weights, out) in self.lines.clone().zip(self.out.chunks_exact_mut(cols)) {
            match self.start {
                Some(start) => out.copy_from_slice(start),
                None => out.fill(T::zero()),
            }
            for (&place, &value) in weights.places.iter().zip(weights.values) {
                let mut weight = value;
                for p in 0..self.terms {
                    let row = self.matrix.row(place as usize * self.terms + p);
                    for (sum, &x) in out.iter_mut().zip(row) {
                        *sum = R::mul_add(weight, x, *sum);
                    }
                    weight *= value * value;
                }
            }
        }
    }

    /// Rows of at least `W` columns, in vectors of `W`. The last vector ends where the row does,
    /// and so may compute some columns a second time.
    #[inline(always)]
    fn sum<R: Rounding, const W: usize>(&mut self) {
        let cols = self.matrix.cols();
        let vectors = cols.div_ceil(W);
        for first in (0..vectors).step_by(MOST_VECTORS) {
            let base = first * W;
            let last = ((vectors.min(first + MOST_VECTORS) - 1) * W).min(cols - W);
            match vectors - first {
                1 => self.sum_group::<R, W, 0>(base, last),
                2 => self.sum_group::<R, W, 1>(base, last),
                3 => self.sum_group::<R, W, 2>(base, last),
                4 => self.sum_group::<R, W, 3>(base, last),
                5 => self.sum_group::<R, W, 4>(base, last),
                6 => self.sum_group::<R, W, 5>(base, last),
                7 => self.sum_group::<R, W, 6>(base, last),
                _ => self.sum_group::<R, W, 7>(base, last),
            }
        }
    }

    /// The `V` vectors from column `base` on, and the one at column `last`.
    #[inline(always)]
    fn sum_group<R: Rounding, const W: usize, const V: usize>(&mut self, base: usize, last: usize) {
        let used: usize = self.lines.clone().map(|line| line.places.len()).sum();
        let places = self.matrix.rows() / self.terms;
        let columns = Columns { base, last };
        if used < WORTH_PACKING * places {
            let rows = Standing {
                matrix: self.matrix,
                columns,
            };
            for (line, out) in
                (self.lines.clone()).zip(self.out.chunks_exact_mut(self.matrix.cols()))
            {
                let mut sums = columns.load::<T, W, V>(self.start);
                sums.add::<R, _>(line, self.terms, &rows);
                columns.store(&sums, out);
            }
        } else {
            self.sum_packed::<R, W, V>(columns, places);
        }
    }

    /// Block after block of rows, each for all lines.
    #[inline(always)]
    fn sum_packed<R: Rounding, const W: usize, const V: usize>(
        &mut self,
        columns: Columns,
        places: usize,
    ) {
        let Self { matrix, terms, .. } = *self;
        let row_bytes = terms * std::mem::size_of::<Row<T, W, V>>();
        let block = places.min(BLOCK_BYTES / row_bytes).max(1);
        let mut packed: Vec<Row<T, W, V>> = Vec::with_capacity(block * terms);
        let mut done: Vec<usize> = Vec::new();
        for first in (0..places).step_by(block) {
            let end = (first + block).min(places);
            packed.clear();
            for row in first * terms..end * terms {
                packed.push(columns.load::<T, W, V>(Some(matrix.row(row))));
            }
            let rows = Packed {
                first: first * terms,
                rows: &packed,
            };
            let lines = self.lines.clone();
            for (i, (line, out)) in lines
                .zip(self.out.chunks_exact_mut(matrix.cols()))
                .enumerate()
            {
                if first == 0 {
                    done.push(0);
                }
                let begun = if first == 0 { self.start } else { Some(&*out) };
                let mut sums = columns.load::<T, W, V>(begun);
                let rest = Weights {
                    places: &line.places[done[i]..],
                    values: &line.values[done[i]..],
                };
                done[i] += sums.add_until::<R, _>(end, rest, terms, &rows);
                columns.store(&sums, out);
            }
        }
    }
}

/// The vectors from one column on, and the one at another.
#[derive(Debug, Clone, Copy)]
struct Columns {
    base: usize,
    last: usize,
}

impl Columns {
    /// Those of `row`; of none, zeros.
    #[inline(always)]
    fn load<T: Scalar, const W: usize, const V: usize>(self, row: Option<&[T]>) -> Row<T, W, V> {
        match row {
            None => Row {
                full: [[T::zero(); W]; V],
                end: [T::zero(); W],
            },
            Some(row) => {
                let (full, end) = self.of(row);
                Row {
                    full: *full,
                    end: *end,
                }
            }
        }
    }

    #[inline(always)]
    fn of<T, const W: usize, const V: usize>(self, row: &[T]) -> (&[[T; W]; V], &[T; W]) {
        let (full, _) = row[self.base..self.base + V * W].as_chunks::<W>();
        let full = full.try_into().expect("V vectors were taken");
        let end = row[self.last..self.last + W]
            .try_into()
            .expect("W numbers were taken");
        (full, end)
    }

    #[inline(always)]
    fn store<T: Scalar, const W: usize, const V: usize>(self, sums: &Row<T, W, V>, out: &mut [T]) {
        for (v, sum) in sums.full.iter().enumerate() {
            out[self.base + v * W..self.base + (v + 1) * W].copy_from_slice(sum);
        }
        out[self.last..self.last + W].copy_from_slice(&sums.end);
    }
}

/// Vectors of one row, or sums of such.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Row<T, const W: usize, const V: usize> {
    full: [[T; W]; V],
    end: [T; W],
}

impl<T: Scalar, const W: usize, const V: usize> Row<T, W, V> {
    /// Adds `rows`, weighted.
    #[inline(always)]
    fn add<R: Rounding, S: Source<T, W, V>>(
        &mut self,
        line: Weights<'_, T>,
        terms: usize,
        rows: &S,
    ) {
        self.add_until::<R, S>(usize::MAX, line, terms, rows);
    }

    /// The same up to place `end`; returns how many weights that were.
    #[inline(always)]
    fn add_until<R: Rounding, S: Source<T, W, V>>(
        &mut self,
        end: usize,
        line: Weights<'_, T>,
        terms: usize,
        rows: &S,
    ) -> usize {
        let mut sums = *self;
        let mut count = 0;
        for (&place, &value) in line.places.iter().zip(line.values) {
            let place = place as usize;
            if place >= end {
                break;
            }
            count += 1;
            let mut weight = value;
            for p in 0..terms {
                let (full, end) = rows.row(place * terms + p);
                for v in 0..V {
                    for k in 0..W {
                        sums.full[v][k] = R::mul_add(weight, full[v][k], sums.full[v][k]);
                    }
                }
                for k in 0..W {
                    sums.end[k] = R::mul_add(weight, end[k], sums.end[k]);
                }
                weight *= value * value;
            }
        }
        *self = sums;
        count
    }
}

/// Where rows come from.
trait Source<T, const W: usize, const V: usize> {
    fn row(&self, index: usize) -> (&[[T; W]; V], &[T; W]);
}

/// Rows of a matrix.
struct Standing<'a, T> {
    matrix: MatrixRef<'a, T>,
    columns: Columns,
}

impl<T: Scalar, const W: usize, const V: usize> Source<T, W, V> for Standing<'_, T> {
    #[inline(always)]
    fn row(&self, index: usize) -> (&[[T; W]; V], &[T; W]) {
        self.columns.of(self.matrix.row(index))
    }
}

/// Copied rows, of which the first one has the number `first`.
struct Packed<'a, T, const W: usize, const V: usize> {
    first: usize,
    rows: &'a [Row<T, W, V>],
}

impl<T: Scalar, const W: usize, const V: usize> Source<T, W, V> for Packed<'_, T, W, V> {
    #[inline(always)]
    fn row(&self, index: usize) -> (&[[T; W]; V], &[T; W]) {
        let row = &self.rows[index - self.first];
        (&row.full, &row.end)
    }
}

/// Writes the weighted sum of the rows of `matrix`, which have at least [`LANES`] columns, inside a
/// [`Kernel`].
#[inline(always)]
pub fn sum_rows<R: Rounding>(
    weights: Weights<'_, f64>,
    matrix: MatrixRef<'_, f64>,
    out: &mut [f64],
) {
    SumRows {
        lines: std::iter::once(weights),
        start: None,
        matrix,
        terms: 1,
        out,
    }
    .sum::<R, LANES>();
}
