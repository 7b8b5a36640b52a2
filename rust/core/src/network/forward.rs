//! The forward pass: it exists once, and keeps what gradients need.

use crate::network::input::{times, BatchRows, Input};
use crate::network::losses::{Scored, Targets};
use crate::network::stream::Stream;
use crate::network::{Layer, Network};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::add_to;
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, for_each_from_both_ends, row_blocks, Threads};
use crate::sparse::shard::MAX_SHARDS;
use crate::sparse::times_dense::IsFinite;

/// Pre-activations and activations of every layer; the last one's pre-activations are the scores, its
/// activations what the loss makes of them.
#[derive(Debug, Clone, Default)]
pub struct Forward<T> {
    pre: Vec<Matrix<T>>,
    post: Vec<Matrix<T>>,
}

/// What a pass begins with.
#[derive(Debug, Clone, Copy)]
pub enum Begin<'a, T> {
    /// What the first layer reads.
    Input(Input<'a, T>),
    /// What its pre-activations are the sum of: one matrix at least, each of shape (samples, units).
    Sums(&'a [&'a Matrix<T>]),
    /// What it reads, once.
    Stream(&'a Stream<'a, T>),
}

impl<T: Scalar> Begin<'_, T> {
    fn samples(&self) -> usize {
        match self {
            Self::Input(input) => input.samples(),
            Self::Sums(sums) => sums[0].rows(),
            Self::Stream(stream) => stream.samples(),
        }
    }

    /// Writes the pre-activations of `layer`, which is the first, for a piece of the samples that begins with
    /// number `first`; false if there are none of meaning.
    fn write(
        &self,
        first: usize,
        layer: &Layer<'_, T>,
        are_finite: &[IsFinite; MAX_SHARDS],
        out: &mut [T],
    ) -> bool {
        match self {
            Self::Input(input) => {
                input.times(first, (layer.weights, are_finite), layer.bias, out);
            }
            Self::Sums(sums) => {
                let start = first * layer.units();
                let block = start..start + out.len();
                out.copy_from_slice(&sums[0].data()[block.clone()]);
                for sums in &sums[1..] {
                    add_to(out, &sums.data()[block.clone()]);
                }
            }
            Self::Stream(stream) => return stream.write(first, layer, are_finite, out),
        }
        true
    }
}

/// The rows of some samples in each matrix of a pass.
struct Piece<'a, T> {
    pre: Vec<&'a mut [T]>,
    post: Vec<&'a mut [T]>,
}

/// Some samples that have passed: those from `first` on.
#[derive(Debug)]
pub struct Passed<'a, T> {
    /// The number of the first one in its batch.
    pub first: usize,
    /// Their pre-activations in each layer.
    pub pre: Vec<MatrixRef<'a, T>>,
    /// Their activations in each layer.
    pub post: Vec<MatrixRef<'a, T>>,
}

impl<'a, T: Scalar> Piece<'a, T> {
    /// Computes the pass of these samples, if it can begin; the first of them is number `first`.
    fn run(
        self,
        first: usize,
        network: &Network<'_, T>,
        begin: Begin<'_, T>,
        are_finite: &[IsFinite; MAX_SHARDS],
    ) -> Option<Passed<'a, T>> {
        let mut passed = Passed {
            first,
            pre: Vec::with_capacity(self.pre.len()),
            post: Vec::with_capacity(self.pre.len()),
        };
        let last = self.pre.len() - 1;
        for (l, (pre, post)) in self.pre.into_iter().zip(self.post).enumerate() {
            let layer = &network.layers()[l];
            match passed.post.last() {
                None if !begin.write(first, layer, are_finite, pre) => return None,
                None => {}
                Some(z) => times(*z, layer.weights, layer.bias, pre),
            }
            post.copy_from_slice(pre);
            if l == last {
                network.loss().output(post, layer.units());
            } else {
                layer.activation.apply(post);
            }
            let rows = post.len() / layer.units();
            passed.pre.push(MatrixRef::new(pre, rows, layer.units()));
            passed.post.push(MatrixRef::new(post, rows, layer.units()));
        }
        Some(passed)
    }
}

impl<T: Scalar> Forward<T> {
    /// A pass with nothing in it; [`run`](Self::run) fills it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pre: Vec::new(),
            post: Vec::new(),
        }
    }

    /// Sends a batch through `network` from where it begins, in the buffers of the last pass. Each thread
    /// takes some samples through all layers.
    pub fn run(&mut self, network: &Network<'_, T>, begin: Begin<'_, T>, threads: Threads<'_>) {
        let samples = begin.samples();
        let block = block_rows(samples);
        let beside = vec![(); samples.div_ceil(block)];
        self.run_then(network, begin, threads, (block, beside), |(), _| {});
    }

    /// How many layers there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pre.len()
    }

    /// Sends rows through `network` that are read once.
    pub fn run_stream(
        &mut self,
        network: &Network<'_, T>,
        rows: BatchRows<'_, T>,
        threads: Threads<'_>,
    ) {
        let block = block_rows(rows.rows());
        let blocks = rows.rows().div_ceil(block);
        for skips_zeros in [true, false] {
            let stream = Stream::new(rows, skips_zeros);
            let pieces = (block, vec![(); blocks]);
            self.run_then(network, Begin::Stream(&stream), threads, pieces, |(), _| {});
            if !stream.is_too_dense() {
                break;
            }
        }
    }

    /// Sends a batch through `network` from where it begins, in pieces of `block` samples: one block of
    /// [`block_rows`], or several where the input is dense. `then` gets each piece as soon as it has passed, and
    /// what `beside` holds for it.
    pub fn run_then<E: Send>(
        &mut self,
        network: &Network<'_, T>,
        begin: Begin<'_, T>,
        threads: Threads<'_>,
        (block, beside): (usize, Vec<E>),
        then: impl Fn(E, &Passed<'_, T>) + Sync,
    ) {
        let (layers, samples) = (network.layers(), begin.samples());
        for matrices in [&mut self.pre, &mut self.post] {
            matrices.resize_with(layers.len(), Matrix::default);
            for (layer, matrix) in layers.iter().zip(matrices) {
                matrix.reshape(samples, layer.units());
            }
        }
        let threads = threads.limited_by(network.flops().saturating_mul(samples));
        let pieces = row_blocks(&mut self.pre, (samples, block))
            .into_iter()
            .zip(row_blocks(&mut self.post, (samples, block)))
            .zip(beside);
        let are_finite = Default::default();
        for_each_from_both_ends(threads, pieces.enumerate(), |(b, ((pre, post), beside))| {
            if let Some(passed) = (Piece { pre, post }).run(b * block, network, begin, &are_finite)
            {
                then(beside, &passed);
            }
        });
    }

    /// The pre-activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn pre(&self, l: usize) -> MatrixRef<'_, T> {
        self.pre[l].view()
    }

    /// The activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn post(&self, l: usize) -> MatrixRef<'_, T> {
        self.post[l].view()
    }

    /// What layer `l` read.
    #[must_use]
    pub fn input_of<'a>(&'a self, l: usize, input: Input<'a, T>) -> Input<'a, T> {
        match l {
            0 => input,
            _ => Input::Dense(self.post(l - 1)),
        }
    }

    /// The scores: the pre-activations of the last layer.
    #[must_use]
    pub fn scores(&self) -> MatrixRef<'_, T> {
        self.pre[self.pre.len() - 1].view()
    }

    /// What the loss makes of the scores: probabilities, or what they are.
    #[must_use]
    pub fn outputs(&self) -> MatrixRef<'_, T> {
        self.post[self.post.len() - 1].view()
    }

    /// The batch as its loss sees it.
    #[must_use]
    pub fn scored<'a>(&'a self, targets: &'a Targets<'a, T>) -> Scored<'a, T> {
        Scored {
            scores: self.scores(),
            outputs: self.outputs(),
            targets,
        }
    }

    /// The scores, given away.
    #[must_use]
    pub fn into_scores(mut self) -> Matrix<T> {
        self.pre.pop().unwrap_or_default()
    }

    /// The outputs, given away.
    #[must_use]
    pub fn into_outputs(mut self) -> Matrix<T> {
        self.post.pop().unwrap_or_default()
    }
}
