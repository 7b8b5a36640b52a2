//! Products with the transpose of what a layer reads: what gradients of weights are.

use std::cmp::Reverse;
use std::ops::Range;

use crate::columns::{odd_power, SumColumns};
use crate::input::Input;
use crate::lines::BLOCK;
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{for_each, Threads};
use crate::scalar::Scalar;
use crate::sgd::descend;
use crate::simd::{dispatch, Kernel, Level};
use crate::sparse::Sparse;

/// `sum_p (input^(2p + 1))^T @ terms[p]`, powers taken element by element: coefficients of shape
/// (samples, units), the result of shape (inputs, units). One term gives the plain product with the
/// transpose.
#[derive(Debug)]
pub struct TransposedProduct<'a, T> {
    input: Input<'a, T>,
    /// The input with its zeros, where they must not be skipped.
    dense: Option<Matrix<T>>,
    terms: Vec<MatrixRef<'a, T>>,
    /// All terms but the first, where single precision is enough.
    single: Vec<Matrix<f32>>,
}

/// The matrices of a product, one at least, and what is known of them.
#[derive(Debug)]
pub struct Terms<'a, T> {
    /// Each of shape (samples, units).
    pub each: Vec<MatrixRef<'a, T>>,
    /// Whether no number of theirs is infinite or NaN.
    pub are_finite: bool,
    /// Whether all but the first are so small that they may be summed in single precision.
    pub are_small: bool,
}

/// A product and where it goes.
#[derive(Debug)]
pub struct Slopes<'a, T, P = T> {
    /// What is computed.
    pub product: TransposedProduct<'a, T>,
    /// Where it is written.
    pub out: &'a mut [T],
    /// Parameters that take a step along it at once, while it is near, and the learning rate.
    pub step: Option<(&'a mut [P], P)>,
}

impl<'a, T> Slopes<'a, T> {
    /// A product that is only written.
    #[must_use]
    pub fn new(product: TransposedProduct<'a, T>, out: &'a mut [T]) -> Self {
        let step = None;
        Self { product, out, step }
    }
}

/// Computes products. The pieces of all of them are shared.
pub fn multiply_transposed<T: Scalar, P: Scalar>(
    mut all: Vec<Slopes<'_, T, P>>,
    threads: Threads<'_>,
) {
    let mut pieces = Vec::new();
    for Slopes { product, out, step } in &mut all {
        let columns = product.part();
        let size = columns * product.units();
        let mut steps = step.as_mut().map(|(own, lr)| (own.chunks_mut(size), *lr));
        for (c, out) in out.chunks_mut(size).enumerate() {
            let step = steps.as_mut();
            let step = step.and_then(|(chunks, lr)| Some((chunks.next()?, *lr)));
            let columns = c * columns..c * columns + out.len() / product.units();
            pieces.push((&*product, columns, out, step));
        }
    }
    // What takes longest comes first: what is left at the end then takes both threads about as long.
    pieces.sort_by_cached_key(|(product, columns, ..)| Reverse(product.work(columns)));
    for_each(
        threads,
        pieces.into_iter(),
        |(product, columns, out, step)| {
            product.write(&columns, out);
            if let Some((parameters, lr)) = step {
                descend(parameters, out, lr);
            }
        },
    );
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
                Input::Sparse(x) if !terms.are_finite => Some(x.to_dense()),
                _ => None,
            },
            input,
            single: higher.iter().map(MatrixRef::cast).collect(),
            terms: each,
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

    /// How many columns of the input make a piece of work: two blocks of a sparse one, about a hundred of
    /// a dense one, in an even number of pieces.
    fn part(&self) -> usize {
        const DENSE: usize = 112;
        match self.input() {
            Input::Sparse(_) => 2 * BLOCK,
            Input::Dense(x) if x.cols() <= DENSE => x.cols(),
            Input::Dense(x) => {
                let pieces = x.cols().div_ceil(DENSE).next_multiple_of(2);
                x.cols().div_ceil(pieces)
            }
        }
    }

    /// How many multiplications these rows of the result take.
    fn work(&self, columns: &Range<usize>) -> usize {
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
            Input::Sparse(x) => sum_columns(x, columns, 0, linear, out),
            Input::Dense(x) => {
                let x = Operand::plain(x).columns(columns.start, columns.end);
                multiply(x.transposed(), Operand::plain(linear), false, out);
            }
        }
        for (p, &term) in self.terms.iter().enumerate().skip(1) {
            match self.single.get(p - 1) {
                Some(term) => add_power(input, columns, p, term.view(), out),
                None => add_power(input, columns, p, term, out),
            }
        }
    }
}

/// Adds the product of columns raised to an odd power, transposed, with a matrix, computed in the type
/// of the matrix.
fn add_power<T: Scalar, C: Scalar>(
    input: Input<'_, T>,
    columns: &Range<usize>,
    power: usize,
    matrix: MatrixRef<'_, C>,
    out: &mut [T],
) {
    let mut product = vec![C::zero(); out.len()];
    match input {
        Input::Sparse(x) => sum_columns(x, columns, power, matrix, &mut product),
        Input::Dense(x) => {
            let mut data = Vec::with_capacity(x.rows() * columns.len());
            for n in 0..x.rows() {
                let row = x.row(n)[columns.clone()].iter();
                data.extend(row.map(|&x| odd_power::<T, C>(x, power)));
            }
            let raised = MatrixRef::new(&data, x.rows(), columns.len());
            let raised = Operand::plain(raised).transposed();
            multiply(raised, Operand::plain(matrix), false, &mut product);
        }
    }
    dispatch(Add(out, &product));
}

fn sum_columns<T: Scalar, C: Scalar>(
    x: &Sparse<T>,
    columns: &Range<usize>,
    power: usize,
    matrix: MatrixRef<'_, C>,
    out: &mut [C],
) {
    dispatch(SumColumns {
        lines: x.row_parts(),
        columns: columns.clone(),
        power,
        matrix,
        out,
    });
}

/// Adds numbers to others.
struct Add<'a, T, C>(&'a mut [T], &'a [C]);

impl<T: Scalar, C: Scalar> Kernel for Add<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        for (sum, &term) in self.0.iter_mut().zip(self.1) {
            *sum += T::from_f64(term.widen());
        }
    }
}
