//! A gradient that is ready to be delivered.
//!
//! The four ways to a gradient (backpropagation, direct, incremental and node) share one protocol. The first
//! half, `prepare`, does all that reads parameters. The second, [`Prepared::deliver`], writes the gradient or
//! takes a step along it, and reads none: that is why a step in place is safe.

use crate::gradient::sink::GradientSink;
use crate::gradient::weight_product::{multiply, Delivery, WeightProduct};
use crate::network::input::Input;
use crate::network::parameters::{LayerParts, PerLayer};
use crate::numeric::matrix::MatrixRef;
use crate::numeric::reduce::{add_to, all_finite, column_sums};
use crate::numeric::scalar::Scalar;
use crate::numeric::vecmath::odd_chebyshev;
use crate::parallel::workspace::with_buffer;
use crate::parallel::{group_rows, Threads};
use crate::sparse::shard::Shard;

/// What the gradient of one layer follows from by a product: with `X` what the layer reads, that of its
/// weights is `sum_p T_(2p+1)(X / max_input)^T @ each[p]`, Chebyshev's polynomials taken element by element;
/// but `p = 0` stands for `X^T @ each[0]`. That of its bias is the same for an input that is always 1.
///
/// Backpropagation has one term, the derivatives by the pre-activations.
#[derive(Debug)]
pub struct Terms<'a, T> {
    each: Vec<MatrixRef<'a, T>>,
    /// Smaller matrices whose columns have the same sums, if they are at hand.
    column_sums: Option<Vec<MatrixRef<'a, T>>>,
    max_input: T,
    /// Whether no number of theirs is infinite or NaN, if that is known.
    are_finite: Option<bool>,
}

impl<'a, T: Scalar> Terms<'a, T> {
    /// One term, of shape (samples, units).
    #[must_use]
    pub fn one(term: MatrixRef<'a, T>) -> Self {
        Self {
            each: vec![term],
            column_sums: None,
            max_input: T::one(),
            are_finite: None,
        }
    }

    /// Several terms, which hold no infinity and no NaN if `are_finite`.
    #[must_use]
    pub fn many(
        each: Vec<MatrixRef<'a, T>>,
        column_sums: Option<Vec<MatrixRef<'a, T>>>,
        max_input: T,
        are_finite: bool,
    ) -> Self {
        Self {
            each,
            column_sums,
            max_input,
            are_finite: Some(are_finite),
        }
    }

    /// No term at all: the product is zero.
    #[must_use]
    pub fn none() -> Self {
        Self::many(Vec::new(), None, T::one(), true)
    }

    /// The terms.
    #[must_use]
    pub fn each(&self) -> &[MatrixRef<'a, T>] {
        &self.each
    }

    /// What the input is divided by in all terms but the first.
    #[must_use]
    pub fn max_input(&self) -> T {
        self.max_input
    }

    /// Whether no number of theirs is infinite or NaN.
    #[must_use]
    pub fn are_finite(&self) -> bool {
        let all = || self.each.iter().all(|term| all_finite(term.data()));
        self.are_finite.unwrap_or_else(all)
    }

    fn write_bias(&self, out: &mut [T]) {
        let Some((first, higher)) = self
            .column_sums
            .as_ref()
            .unwrap_or(&self.each)
            .split_first()
        else {
            return out.fill(T::zero());
        };
        column_sums_by_groups(*first, out);
        if higher.is_empty() {
            return;
        }
        let mut sums = vec![T::zero(); out.len()];
        for (p, term) in higher.iter().enumerate() {
            column_sums(*term, &mut sums);
            let factor = odd_chebyshev(T::one() / self.max_input, p + 1);
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out += factor * sum;
            }
        }
    }
}

/// Writes the sum of each column: those of the [groups](group_rows) of rows, added up.
fn column_sums_by_groups<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    let (rows, group) = (matrix.rows(), group_rows(matrix.rows()));
    column_sums(matrix.row_range(0, rows.min(group)), sums);
    for first in (group..rows).step_by(group) {
        with_buffer(sums.len(), |part| {
            column_sums(matrix.row_range(first, rows.min(first + group)), part);
            add_to(sums, part);
        });
    }
}

/// What the gradient of one layer follows from.
#[derive(Debug)]
pub struct PreparedLayer<'a, T> {
    /// What the layer reads, if that is not the batch itself.
    pub input: Option<MatrixRef<'a, T>>,
    /// By products.
    pub terms: Terms<'a, T>,
    /// The gradients of the [groups](group_rows) of samples, if they are at hand: then it is their sum.
    pub groups: Vec<LayerParts<&'a [T]>>,
    /// What is added to it, found one by one.
    pub quotients: Option<LayerParts<&'a [T]>>,
}

impl<T: Scalar> PreparedLayer<'_, T> {
    /// Delivers the gradient of the bias.
    pub fn deliver_bias<P: Scalar>(&self, sink: GradientSink<'_, T, P>) {
        sink.consume(|out| {
            let mut groups = self.groups.iter().filter_map(|group| group.bias);
            match groups.next() {
                None => self.terms.write_bias(out),
                Some(first) => {
                    out.copy_from_slice(first);
                    groups.for_each(|group| add_to(out, group));
                }
            }
            let quotients = self.quotients.as_ref().and_then(|quotients| quotients.bias);
            for (out, &quotient) in out.iter_mut().zip(quotients.unwrap_or_default()) {
                *out += quotient;
            }
        });
    }

    /// Adds the products that give the gradient of the weights, of a layer that reads `input`, and where each
    /// goes, to `products`.
    pub fn add_products<'s, P: Scalar>(
        &'s self,
        input: Input<'s, T>,
        sink: GradientSink<'s, T, P>,
        products: &mut Vec<Delivery<'s, T, P>>,
    ) {
        let quotients = self.quotients.as_ref().map(|quotients| quotients.weights);
        let x = match input {
            Input::Dense(x) => {
                let groups = self.groups.iter().map(|group| group.weights).collect();
                let product = WeightProduct::of_dense(x, &self.terms, quotients);
                return products.push((product.summed_from(groups), Some(sink)));
            }
            Input::Sparse(x) => x,
        };
        let units = sink.len() / x.cols();
        let mut rest = sink;
        for shard in x.shards() {
            let (sink, tail) = rest.split_at(shard.columns().len() * units);
            products.push((self.shard_product(shard, units), Some(sink)));
            rest = tail;
        }
    }

    /// The product that gives the gradient of the weights that the inputs of a shard have.
    #[must_use]
    pub fn shard_product<'s>(&'s self, shard: &'s Shard<T>, units: usize) -> WeightProduct<'s, T> {
        let columns = shard.columns();
        let quotients = self.quotients.as_ref().map(|quotients| quotients.weights);
        let quotients = quotients.map(|all| &all[columns.start * units..columns.end * units]);
        WeightProduct::of_shard(shard, &self.terms, quotients)
    }
}

/// What the gradient of some layers follows from, in their order.
#[derive(Debug)]
pub struct Prepared<'a, T> {
    /// First layer to last.
    pub layers: Vec<PreparedLayer<'a, T>>,
}

impl<T: Scalar> Prepared<'_, T> {
    /// Delivers the gradient of a network that reads `batch`.
    pub fn deliver<P: Scalar>(
        &self,
        batch: Input<'_, T>,
        sinks: PerLayer<GradientSink<'_, T, P>>,
        threads: Threads<'_>,
    ) {
        deliver(&self.layers, batch, sinks.layers, threads);
    }
}

/// Delivers the gradient of some layers, of which the first reads `input`.
pub fn deliver<T: Scalar, P: Scalar>(
    layers: &[PreparedLayer<'_, T>],
    input: Input<'_, T>,
    sinks: Vec<LayerParts<GradientSink<'_, T, P>>>,
    threads: Threads<'_>,
) {
    let mut products = Vec::with_capacity(layers.len() + 1);
    for (layer, sinks) in layers.iter().zip(sinks) {
        if let Some(sink) = sinks.bias {
            layer.deliver_bias(sink);
        }
        let input = layer.input.map_or(input, Input::Dense);
        layer.add_products(input, sinks.weights, &mut products);
    }
    multiply(products, threads);
}
