//! The forward pass: it exists once, and keeps what gradients need.

use crate::input::{times, Input};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::Network;
use crate::parallel::{block_rows, for_each, pieces_of, Threads};
use crate::scalar::Scalar;
use crate::softmax::softmax;

/// Pre-activations and activations of every layer; the last one's pre-activations are the scores, its
/// activations the probabilities.
#[derive(Debug, Clone, Default)]
pub struct Forward<T> {
    pre: Vec<Matrix<T>>,
    post: Vec<Matrix<T>>,
}

/// The rows of some samples in each matrix of a pass.
struct Piece<'a, T> {
    pre: Vec<&'a mut [T]>,
    post: Vec<&'a mut [T]>,
}

/// Blocks of the rows of each of `matrices`.
fn rows_of<T: Scalar>(
    matrices: &mut [Matrix<T>],
    block: usize,
    count: usize,
) -> Vec<Vec<&mut [T]>> {
    let arrays = matrices.iter_mut().map(|matrix| {
        let len = block * matrix.cols();
        (matrix.data_mut(), len)
    });
    pieces_of(arrays, count)
}

impl<T: Scalar> Piece<'_, T> {
    /// Computes block `b` of the pass.
    fn run(self, b: usize, network: &Network<'_, T>, input: Input<'_, T>) {
        let mut below: Option<MatrixRef<'_, T>> = None;
        let last = self.pre.len() - 1;
        for (l, (pre, post)) in self.pre.into_iter().zip(self.post).enumerate() {
            let layer = &network.layers()[l];
            match below {
                None => input.times(b, layer.weights, layer.bias, pre),
                Some(z) => times(z, layer.weights, layer.bias, pre),
            }
            post.copy_from_slice(pre);
            if l == last {
                softmax(post, layer.units(), 1);
            } else {
                layer.activation.apply(post);
            }
            let rows = post.len() / layer.units();
            below = Some(MatrixRef::new(post, rows, layer.units()));
        }
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

    /// Sends `input` through `network`, reusing the allocations of the last run. Each thread takes
    /// some samples through all layers.
    pub fn run(&mut self, network: &Network<'_, T>, input: Input<'_, T>, threads: Threads<'_>) {
        let (layers, samples) = (network.layers(), input.samples());
        self.pre.resize_with(layers.len(), Matrix::default);
        self.post.resize_with(layers.len(), Matrix::default);
        let block = block_rows(samples);
        for matrices in [&mut self.pre, &mut self.post] {
            for (layer, matrix) in layers.iter().zip(matrices) {
                matrix.reshape(samples, layer.units());
            }
        }
        let count = samples.div_ceil(block);
        let pieces = rows_of(&mut self.pre, block, count)
            .into_iter()
            .zip(rows_of(&mut self.post, block, count));
        let threads = threads.worth(network.work().saturating_mul(samples));
        for_each(threads, pieces.enumerate(), |(b, (pre, post))| {
            Piece { pre, post }.run(b, network, input);
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
