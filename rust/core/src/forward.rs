//! The forward pass: it exists once, and keeps what gradients need.

use crate::input::{times, Input};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::Network;
use crate::parallel::{block_rows, for_each_again, row_blocks, Threads};
use crate::scalar::Scalar;
use crate::softmax::softmax;
use crate::totals::add;

/// Pre-activations and activations of every layer; the last one's pre-activations are the scores, its
/// activations the probabilities.
#[derive(Debug, Clone, Default)]
pub struct Forward<T> {
    pre: Vec<Matrix<T>>,
    post: Vec<Matrix<T>>,
    /// Room for the parts of the first layer's pre-activations.
    sums: [Matrix<T>; 2],
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
    /// Their activations in each layer.
    pub post: Vec<MatrixRef<'a, T>>,
}

impl<'a, T: Scalar> Piece<'a, T> {
    /// Computes block `b` of the pass of so many samples; `start` the pre-activations of its first layer.
    fn run(
        self,
        (b, samples): (usize, usize),
        network: &Network<'_, T>,
        start: &impl Fn(usize, &mut [T]),
    ) -> Passed<'a, T> {
        let mut passed: Vec<MatrixRef<'a, T>> = Vec::with_capacity(self.pre.len());
        let last = self.pre.len() - 1;
        for (l, (pre, post)) in self.pre.into_iter().zip(self.post).enumerate() {
            let layer = &network.layers()[l];
            match passed.last() {
                None => start(b, pre),
                Some(z) => times(*z, layer.weights, layer.bias, pre),
            }
            post.copy_from_slice(pre);
            if l == last {
                softmax(post, layer.units(), 1);
            } else {
                layer.activation.apply(post);
            }
            let rows = post.len() / layer.units();
            passed.push(MatrixRef::new(post, rows, layer.units()));
        }
        Passed {
            first: b * block_rows(samples),
            post: passed,
        }
    }
}

/// Writes block `b`, of [`block_rows`] samples, of what two sums add up to.
pub fn add_up<T: Scalar>([first, second]: [&Matrix<T>; 2], b: usize, out: &mut [T]) {
    let start = b * block_rows(first.rows()) * first.cols();
    let own = start..start + out.len();
    out.copy_from_slice(&first.data()[own.clone()]);
    add(out, &second.data()[own]);
}

impl<T: Scalar> Forward<T> {
    /// A pass with nothing in it; [`run`](Self::run) fills it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pre: Vec::new(),
            post: Vec::new(),
            sums: Default::default(),
        }
    }

    /// Sends `input` through `network`, reusing the allocations of the last run. Each thread takes
    /// some samples through all layers.
    pub fn run(&mut self, network: &Network<'_, T>, input: Input<'_, T>, threads: Threads<'_>) {
        let blocks = input.samples().div_ceil(block_rows(input.samples()));
        self.run_then(network, input, threads, vec![(); blocks], |(), _| {});
    }

    /// The same; `then` gets each block of [`block_rows`] samples as soon as it has passed, and what `beside`
    /// holds for it.
    pub fn run_then<E: Send>(
        &mut self,
        network: &Network<'_, T>,
        input: Input<'_, T>,
        threads: Threads<'_>,
        beside: Vec<E>,
        then: impl Fn(E, &Passed<'_, T>) + Sync,
    ) {
        let (layer, mut sums) = (network.layers()[0], std::mem::take(&mut self.sums));
        let (samples, read) = (input.samples(), (layer.weights, layer.bias));
        let own = threads.worth(network.work().saturating_mul(samples));
        let is_cut = input.two_sums(read, own, &mut sums);
        let start = |b: usize, pre: &mut [T]| match &sums {
            [first, second] if is_cut => add_up([first, second], b, pre),
            _ => input.times(b, layer.weights, layer.bias, pre),
        };
        self.run_from(network, samples, start, threads, beside, then);
        self.sums = sums;
    }

    /// The same of so many samples, from what `start` writes: a block of the pre-activations of the first
    /// layer.
    pub fn run_from<E: Send>(
        &mut self,
        network: &Network<'_, T>,
        samples: usize,
        start: impl Fn(usize, &mut [T]) + Sync,
        threads: Threads<'_>,
        beside: Vec<E>,
        then: impl Fn(E, &Passed<'_, T>) + Sync,
    ) {
        for matrices in [&mut self.pre, &mut self.post] {
            matrices.resize_with(network.layers().len(), Matrix::default);
            for (layer, matrix) in network.layers().iter().zip(matrices) {
                matrix.reshape(samples, layer.units());
            }
        }
        let pieces = row_blocks(&mut self.pre, samples)
            .into_iter()
            .zip(row_blocks(&mut self.post, samples))
            .zip(beside);
        let threads = threads.worth(network.work().saturating_mul(samples));
        for_each_again(threads, pieces.enumerate(), |(b, ((pre, post), beside))| {
            let passed = Piece { pre, post }.run((b, samples), network, &start);
            then(beside, &passed);
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

    /// The probabilities: the softmax of the scores.
    #[must_use]
    pub fn probabilities(&self) -> MatrixRef<'_, T> {
        self.post[self.post.len() - 1].view()
    }

    /// The scores, given away.
    #[must_use]
    pub fn into_scores(mut self) -> Matrix<T> {
        self.pre.pop().unwrap_or_default()
    }

    /// The probabilities, given away.
    #[must_use]
    pub fn into_probabilities(mut self) -> Matrix<T> {
        self.post.pop().unwrap_or_default()
    }
}
