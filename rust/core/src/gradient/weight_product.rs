//! Products with the transpose of what a layer reads: what gradients of weights are.

use std::cmp::Reverse;
use std::ops::Range;

use crate::gradient::sink::Goal;
use crate::network::input::Input;
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::add_to;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::dispatch;
use crate::parallel::{for_each, Threads};
use crate::sparse::tiles::{Tiles, TILE_SIDE};
use crate::sparse::transposed_times_dense::{ElementMap, TransposedTimesDense};

/// How many columns of a sparse input make a piece of work.
pub const SPARSE_PART: usize = 2 * TILE_SIDE;

/// `input^T @ terms[0] + sum_p T_(2p+1)(input / largest)^T @ terms[p]`, Chebyshev's polynomials taken
/// element by element: coefficients of shape (samples, units), the result of shape (inputs, units). One
/// term gives the plain product with the transpose.
#[derive(Debug)]
pub struct TransposedProduct<'a, T> {
    input: Input<'a, T>,
    /// The input with its zeros, where they must not be skipped.
    dense: Option<Matrix<T>>,
    terms: Vec<MatrixRef<'a, T>>,
    largest: T,
    /// All terms but the first, where single precision is enough.
    single: Vec<Matrix<f32>>,
}

/// The matrices of a product, one at least, and what is known of them.
#[derive(Debug)]
pub struct Terms<'a, T> {
    /// Each of shape (samples, units).
    pub each: Vec<MatrixRef<'a, T>>,
    /// What the input is divided by in all but the first.
    pub largest: T,
    /// Whether no number of theirs is infinite or NaN.
    pub are_finite: bool,
    /// Whether all but the first are so small that they may be summed in single precision.
    pub are_small: bool,
}

/// Computes products. The pieces of all of them are shared.
pub fn multiply_transposed<T: Scalar, P: Scalar>(
    all: Vec<(TransposedProduct<'_, T>, Goal<'_, T, P>)>,
    threads: Threads<'_>,
) {
    let (products, goals): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut pieces = Vec::new();
    for (product, goal) in products.iter().zip(goals) {
        let (part, units) = (product.part(), product.units());
        for (c, goal) in goal.chunks(part * units).into_iter().enumerate() {
            let columns = c * part..c * part + goal.count() / units;
            pieces.push((product, columns, goal));
        }
    }
    // What takes longest comes first: what is left at the end then takes both threads about as long.
    pieces.sort_by_cached_key(|(product, columns, _)| Reverse(product.flops(columns)));
    for_each(threads, pieces.into_iter(), |(product, columns, goal)| {
        goal.reach(|out| product.write(&columns, out));
    });
}

impl<'a, T: Scalar> TransposedProduct<'a, T> {
    /// A product to compute.
    #[must_use]
    pub fn new(input: Input<'a, T>, terms: Terms<'a, T>) -> Self {
        let each = terms.each;
        let higher = if terms.are_small { &each[1..] } else { &[] };
        Self {
            dense: match input {
                // A zero times an infinity or a NaN is no zero.
                Input::Sparse(x) if !terms.are_finite => Some(x.to_dense(0..x.rows())),
                _ => None,
            },
            input,
            single: higher.iter().map(MatrixRef::cast).collect(),
            terms: each,
            largest: terms.largest,
        }
    }

    fn units(&self) -> usize {
        self.terms[0].cols()
    }

    fn input(&self) -> Input<'_, T> {
        match &self.dense {
            Some(x) => Input::Dense(x.view()),
            None => self.input,
        }
    }

    /// How many columns of the input make a piece of work: of a dense one about a hundred, in an even number
    /// of pieces.
    fn part(&self) -> usize {
        const DENSE: usize = 112;
        match self.input() {
            Input::Sparse(_) => SPARSE_PART,
            Input::Dense(x) if x.cols() <= DENSE => x.cols(),
            Input::Dense(x) => {
                let pieces = x.cols().div_ceil(DENSE).next_multiple_of(2);
                x.cols().div_ceil(pieces)
            }
        }
    }

    /// How many multiplications these rows of the result take.
    fn flops(&self, columns: &Range<usize>) -> usize {
        let elements = match self.input() {
            Input::Sparse(x) => x.count_in(columns),
            Input::Dense(x) => x.rows() * columns.len(),
        };
        elements * self.units() * self.terms.len()
    }

    /// Writes these rows of the result.
    fn write(&self, columns: &Range<usize>, out: &mut [T]) {
        let (input, linear) = (self.input(), self.terms[0]);
        match input {
            Input::Sparse(x) => {
                transposed_times_dense(x.row_blocks(), columns, ElementMap::Plain, linear, out);
            }
            Input::Dense(x) => {
                let x = Operand::plain(x).columns(columns.start, columns.end);
                multiply(x.transposed(), Operand::plain(linear), false, out);
            }
        }
        for (p, &term) in self.terms.iter().enumerate().skip(1) {
            let map = ElementMap::OddChebyshev(p, T::one() / self.largest);
            match self.single.get(p - 1) {
                Some(term) => add_weighed(input, columns, map, term.view(), out),
                None => add_weighed(input, columns, map, term, out),
            }
        }
    }
}

/// Adds the product of weighed columns, transposed, with a matrix, computed in the type of the matrix.
fn add_weighed<T: Scalar, C: Scalar>(
    input: Input<'_, T>,
    columns: &Range<usize>,
    map: ElementMap<T>,
    matrix: MatrixRef<'_, C>,
    out: &mut [T],
) {
    let mut product = vec![C::zero(); out.len()];
    match input {
        Input::Sparse(x) => {
            transposed_times_dense(x.row_blocks(), columns, map, matrix, &mut product);
        }
        Input::Dense(x) => {
            let mut data = Vec::with_capacity(x.rows() * columns.len());
            for n in 0..x.rows() {
                let row = x.row(n)[columns.clone()].iter();
                data.extend(row.map(|&x| map.of::<C>(x)));
            }
            let weighed = MatrixRef::new(&data, x.rows(), columns.len());
            let weighed = Operand::plain(weighed).transposed();
            multiply(weighed, Operand::plain(matrix), false, &mut product);
        }
    }
    add_to(out, &product);
}

/// Writes rows `columns` of the product of a sparse matrix, its columns weighed and transposed, with another.
pub fn transposed_times_dense<T: Scalar, C: Scalar>(
    blocks: &[Tiles<T>],
    columns: &Range<usize>,
    map: ElementMap<T>,
    matrix: MatrixRef<'_, C>,
    out: &mut [C],
) {
    dispatch(TransposedTimesDense {
        blocks,
        columns: columns.clone(),
        map,
        matrix,
        out,
    });
}
