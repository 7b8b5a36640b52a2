//! Products with the transpose of what a layer reads: what gradients of weights are.

use std::cmp::Reverse;
use std::ops::Range;

use crate::gradient::prepared::Terms;
use crate::gradient::sink::GradientSink;
use crate::numeric::matmul::{self, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::add_to;
use crate::numeric::scalar::Scalar;
use crate::parallel::{for_each, group_rows, Threads};
use crate::sparse::shard::{Form, Shard};
use crate::sparse::tiles::TILE_SIDE;
use crate::sparse::transposed_times_dense::ElementMap;

/// How many columns of a sparse input make a piece of work.
pub const SPARSE_COLUMNS: usize = 2 * TILE_SIDE;

/// About how many numbers of the result make a piece of work, for an input whose elements are lists: a
/// first-level cache holds them, and what is done to them next finds them there.
const LISTED_NUMBERS: usize = 1 << 11;

/// How many columns of a dense input make a piece of work, at most.
const DENSE_COLUMNS: usize = 112;

/// What a number of a sum takes, in multiplications: it must be fetched.
const SUM_FLOPS: usize = 16;

/// How many multiplications of a product are worth being cut in two pieces.
const MIN_CUT_FLOPS: usize = 1 << 18;

/// What a layer reads, or some columns of it.
#[derive(Debug)]
enum Factor<'a, T> {
    Dense(MatrixRef<'a, T>),
    Shard(&'a Shard<T>),
    /// A shard with its zeros: a zero times an infinity or a NaN is no zero.
    WithZeros(Matrix<T>),
}

/// The gradient of the weights that some inputs of a layer have, of shape (inputs, units).
#[derive(Debug)]
pub struct WeightProduct<'a, T> {
    factor: Factor<'a, T>,
    terms: &'a Terms<'a, T>,
    /// What is added to the product.
    quotients: Option<&'a [T]>,
    /// The products of the [groups](group_rows) of rows, if they are at hand: then only their sum is wanted.
    groups: Vec<&'a [T]>,
}

impl<'a, T: Scalar> WeightProduct<'a, T> {
    /// For the inputs `x`, shape (samples, inputs).
    #[must_use]
    pub fn of_dense(
        x: MatrixRef<'a, T>,
        terms: &'a Terms<'a, T>,
        quotients: Option<&'a [T]>,
    ) -> Self {
        Self {
            factor: Factor::Dense(x),
            terms,
            quotients,
            groups: Vec::new(),
        }
    }

    /// The same, of which the products of all groups of rows are known.
    #[must_use]
    pub fn summed_from(self, groups: Vec<&'a [T]>) -> Self {
        Self { groups, ..self }
    }

    /// For the inputs of a shard.
    #[must_use]
    pub fn of_shard(
        shard: &'a Shard<T>,
        terms: &'a Terms<'a, T>,
        quotients: Option<&'a [T]>,
    ) -> Self {
        Self {
            factor: if terms.are_finite() {
                Factor::Shard(shard)
            } else {
                Factor::WithZeros(shard.to_dense())
            },
            terms,
            quotients,
            groups: Vec::new(),
        }
    }

    /// Cuts the product and its sink into pieces of work.
    fn pieces<'s, P: Scalar>(
        &'s self,
        sink: GradientSink<'s, T, P>,
    ) -> impl Iterator<Item = Piece<'s, T, P>> {
        let inputs = self.inputs();
        let units = sink.len() / inputs;
        let columns = self.piece_columns(units);
        let starts = (0..inputs).step_by(columns);
        let sinks = sink.chunks(columns * units);
        starts.zip(sinks).map(move |(start, sink)| Piece {
            product: self,
            columns: start..inputs.min(start + columns),
            sink,
        })
    }

    fn inputs(&self) -> usize {
        match &self.factor {
            Factor::Dense(x) => x.cols(),
            Factor::WithZeros(x) => x.cols(),
            Factor::Shard(x) => x.columns().len(),
        }
    }

    /// How many columns make a piece of work: of a dense input about a hundred, in an even number of pieces.
    fn piece_columns(&self, units: usize) -> usize {
        match (&self.factor, self.inputs()) {
            (_, inputs) if !self.groups.is_empty() => inputs.div_ceil(2),
            (Factor::Shard(x), _) if x.form() == Form::Lists => (LISTED_NUMBERS / units).max(1),
            (Factor::Shard(_), _) => SPARSE_COLUMNS,
            (_, inputs) if inputs <= DENSE_COLUMNS && self.dense_flops() < MIN_CUT_FLOPS => inputs,
            (_, inputs) => {
                let pieces = inputs.div_ceil(DENSE_COLUMNS).next_multiple_of(2);
                inputs.div_ceil(pieces)
            }
        }
    }

    /// How many multiplications these rows of the result take for each unit.
    fn flops_a_unit(&self, columns: &Range<usize>) -> usize {
        if !self.groups.is_empty() {
            return SUM_FLOPS * self.groups.len() * columns.len();
        }
        let elements = match &self.factor {
            Factor::Dense(x) => x.rows() * columns.len(),
            Factor::WithZeros(x) => x.rows() * columns.len(),
            Factor::Shard(x) => x.count_in(columns),
        };
        elements * self.terms.each().len()
    }

    /// How many multiplications all of it takes, its zeros counted.
    fn dense_flops(&self) -> usize {
        if let [first, ..] = self.groups[..] {
            return SUM_FLOPS * self.groups.len() * first.len();
        }
        let size = |term: &MatrixRef<'_, T>| term.data().len().saturating_mul(self.inputs());
        let sizes = self.terms.each().iter().map(size);
        sizes.fold(0, usize::saturating_add)
    }

    /// Writes these rows of the result.
    fn write(&self, columns: &Range<usize>, out: &mut [T]) {
        if let [first, rest @ ..] = &self.groups[..] {
            let units = out.len() / columns.len();
            let range = columns.start * units..columns.end * units;
            out.copy_from_slice(&first[range.clone()]);
            for group in rest {
                add_to(out, &group[range.clone()]);
            }
            return;
        }
        match self.terms.each().split_first() {
            None => out.fill(T::zero()),
            Some((first, higher)) => {
                self.write_first(columns, *first, out);
                for (p, &term) in (1..).zip(higher) {
                    let map = ElementMap::OddChebyshev(p, T::one() / self.terms.max_input());
                    self.add_mapped(columns, map, term, out);
                }
            }
        }
        if let Some(quotients) = self.quotients {
            let units = out.len() / columns.len();
            add_to(out, &quotients[columns.start * units..columns.end * units]);
        }
    }

    fn write_first(&self, columns: &Range<usize>, term: MatrixRef<'_, T>, out: &mut [T]) {
        let x = match &self.factor {
            Factor::Shard(x) => {
                return x.transposed_times(columns, ElementMap::Plain, term, out);
            }
            Factor::Dense(x) => *x,
            Factor::WithZeros(x) => x.view(),
        };
        transposed_product(x, columns, term, out);
    }

    /// Adds the product of mapped columns, transposed, with a term.
    fn add_mapped(
        &self,
        columns: &Range<usize>,
        map: ElementMap<T>,
        term: MatrixRef<'_, T>,
        out: &mut [T],
    ) {
        let mut product = vec![T::zero(); out.len()];
        let x = match &self.factor {
            Factor::Shard(x) => {
                x.transposed_times(columns, map, term, &mut product);
                return add_to(out, &product);
            }
            Factor::Dense(x) => *x,
            Factor::WithZeros(x) => x.view(),
        };
        let mut data = Vec::with_capacity(x.rows() * columns.len());
        for n in 0..x.rows() {
            let row = x.row(n)[columns.clone()].iter();
            data.extend(row.map(|&x| map.of(x)));
        }
        let mapped = Operand::plain(MatrixRef::new(&data, x.rows(), columns.len())).transposed();
        matmul::multiply(mapped, Operand::plain(term), false, &mut product);
        add_to(out, &product);
    }
}

/// Writes `x[:, columns].T @ deltas`: the products of the [groups](group_rows) of rows, added up.
pub fn transposed_product<T: Scalar>(
    x: MatrixRef<'_, T>,
    columns: &Range<usize>,
    deltas: MatrixRef<'_, T>,
    out: &mut [T],
) {
    let (rows, group) = (x.rows(), group_rows(x.rows()));
    for first in (0..rows).step_by(group) {
        let end = rows.min(first + group);
        let x = Operand::plain(x.row_range(first, end)).columns(columns.start, columns.end);
        let deltas = Operand::plain(deltas.row_range(first, end));
        matmul::multiply(x.transposed(), deltas, first > 0, out);
    }
}

/// Some rows of a product, and where they go.
pub struct Piece<'a, T, P> {
    product: &'a WeightProduct<'a, T>,
    columns: Range<usize>,
    sink: GradientSink<'a, T, P>,
}

impl<T: Scalar, P: Scalar> Piece<'_, T, P> {
    /// Computes these rows.
    pub fn deliver(self) {
        let Self {
            product,
            columns,
            sink,
        } = self;
        sink.consume(|out| product.write(&columns, out));
    }

    fn flops(&self) -> usize {
        let units = self.sink.len() / self.columns.len();
        self.product.flops_a_unit(&self.columns) * units
    }
}

/// A product, and where it goes.
pub type Delivery<'a, T, P> = (WeightProduct<'a, T>, Option<GradientSink<'a, T, P>>);

/// The pieces of work of some products.
pub fn pieces<'a, 'p: 'a, T: Scalar, P: Scalar>(
    products: &'a mut [Delivery<'p, T, P>],
) -> impl Iterator<Item = Piece<'a, T, P>> + use<'a, 'p, T, P> {
    let products = products.iter_mut();
    let pieces = products.filter_map(|(product, sink)| Some(product.pieces(sink.take()?)));
    pieces.flatten()
}

/// Computes products. The pieces of all of them are shared.
pub fn multiply<T: Scalar, P: Scalar>(mut products: Vec<Delivery<'_, T, P>>, threads: Threads<'_>) {
    let flops = products.iter().map(|(product, _)| product.dense_flops());
    let threads = threads.limited_by(flops.fold(0, usize::saturating_add));
    let pieces = pieces(&mut products);
    if threads.count() == 1 {
        return pieces.for_each(Piece::deliver);
    }
    let mut pieces: Vec<_> = pieces.collect();
    // What takes longest comes first: what is left at the end then takes all threads about as long.
    pieces.sort_by_cached_key(|piece| Reverse(piece.flops()));
    for_each(threads, pieces.into_iter(), Piece::deliver);
}
