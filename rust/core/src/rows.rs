//! Weighted sums of rows of a matrix: the product of a sparse row with a dense matrix.

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::{Kernel, Rounding, LANES};

/// The most vectors a row is summed in at once: with their factors they fill the registers.
const MOST_VECTORS: usize = 8;

/// Which rows to sum and with what weight: the non-zero elements of one line of a sparse matrix.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// Which rows.
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

impl<'a, T: Scalar, L: Iterator<Item = Weights<'a, T>>> Kernel for SumRows<'a, T, L> {
    type Output = ();

    #[inline(always)]
    fn run<R: Rounding>(self) {
        let cols = self.matrix.cols();
        let rows = Rows {
            start: self.start,
            data: self.matrix.data(),
            cols,
            terms: self.terms,
        };
        let lines = self.lines.zip(self.out.chunks_exact_mut(cols));
        // A full register each: 512 bits.
        let width = 64 / std::mem::size_of::<T>();
        for (weights, out) in lines {
            if width == 16 && cols >= 16 {
                rows.sum::<R, 16>(weights, out);
            } else if cols >= 8 {
                rows.sum::<R, 8>(weights, out);
            } else {
                rows.sum_short::<R>(weights, out);
            }
        }
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
    let rows = Rows {
        start: None,
        data: matrix.data(),
        cols: matrix.cols(),
        terms: 1,
    };
    rows.sum::<R, LANES>(weights, out);
}

struct Rows<'a, T> {
    start: Option<&'a [T]>,
    data: &'a [T],
    cols: usize,
    terms: usize,
}

impl<T: Scalar> Rows<'_, T> {
    /// Rows shorter than a vector.
    #[inline(always)]
    fn sum_short<R: Rounding>(&self, weights: Weights<'_, T>, out: &mut [T]) {
        match self.start {
            Some(start) => out.copy_from_slice(start),
            None => out.fill(T::zero()),
        }
        for (&place, &value) in weights.places.iter().zip(weights.values) {
            let mut weight = value;
            for p in 0..self.terms {
                let row = &self.data[(place as usize * self.terms + p) * self.cols..];
                for (sum, &x) in out.iter_mut().zip(row) {
                    *sum = R::mul_add(weight, x, *sum);
                }
                weight *= value * value;
            }
        }
    }

    /// Rows of at least `L` columns, in vectors of `L`. The last vector ends where the row does,
    /// and so may compute some columns a second time.
    #[inline(always)]
    fn sum<R: Rounding, const L: usize>(&self, weights: Weights<'_, T>, out: &mut [T]) {
        let vectors = self.cols.div_ceil(L);
        for first in (0..vectors).step_by(MOST_VECTORS) {
            let base = first * L;
            let last = ((vectors.min(first + MOST_VECTORS) - 1) * L).min(self.cols - L);
            match vectors - first {
                1 => self.sum_group::<R, L, 0>(weights, base, last, out),
                2 => self.sum_group::<R, L, 1>(weights, base, last, out),
                3 => self.sum_group::<R, L, 2>(weights, base, last, out),
                4 => self.sum_group::<R, L, 3>(weights, base, last, out),
                5 => self.sum_group::<R, L, 4>(weights, base, last, out),
                6 => self.sum_group::<R, L, 5>(weights, base, last, out),
                7 => self.sum_group::<R, L, 6>(weights, base, last, out),
                _ => self.sum_group::<R, L, 7>(weights, base, last, out),
            }
        }
    }

    /// The `V` vectors from column `base` on, and the one at column `last`.
    #[inline(always)]
    fn sum_group<R: Rounding, const L: usize, const V: usize>(
        &self,
        weights: Weights<'_, T>,
        base: usize,
        last: usize,
        out: &mut [T],
    ) {
        let mut sums = [[T::zero(); L]; V];
        let mut end = [T::zero(); L];
        if let Some(start) = self.start {
            let (full, tail) = group::<T, L, V>(start, base, last);
            sums = *full;
            end = *tail;
        }
        for (&place, &value) in weights.places.iter().zip(weights.values) {
            let mut weight = value;
            for p in 0..self.terms {
                let at = (place as usize * self.terms + p) * self.cols;
                let row = &self.data[at..at + self.cols];
                let (full, tail) = group::<T, L, V>(row, base, last);
                for v in 0..V {
                    for k in 0..L {
                        sums[v][k] = R::mul_add(weight, full[v][k], sums[v][k]);
                    }
                }
                for k in 0..L {
                    end[k] = R::mul_add(weight, tail[k], end[k]);
                }
                weight *= value * value;
            }
        }
        for (v, sum) in sums.iter().enumerate() {
            out[base + v * L..base + (v + 1) * L].copy_from_slice(sum);
        }
        out[last..last + L].copy_from_slice(&end);
    }
}

/// The `V` vectors from `base` on, and the one at `last`.
#[inline(always)]
fn group<T, const L: usize, const V: usize>(
    row: &[T],
    base: usize,
    last: usize,
) -> (&[[T; L]; V], &[T; L]) {
    let (full, _) = row[base..base + V * L].as_chunks::<L>();
    let full = full.try_into().expect("V vectors were taken");
    let tail = row[last..last + L]
        .try_into()
        .expect("L numbers were taken");
    (full, tail)
}
