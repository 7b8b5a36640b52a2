//! The forward pass: it exists once, and keeps what gradients need.

use crate::input::Input;
use crate::matrix::{Matrix, MatrixRef};
use crate::network::Network;
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::scalar::Scalar;
use crate::softmax::softmax;

/// Pre-activations of every layer, and activations of every layer but the last (whose scores are
/// its pre-activations).
#[derive(Debug, Clone, Default)]
pub struct Forward<T> {
    pre: Vec<Matrix<T>>,
    post: Vec<Matrix<T>>,
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

    /// Sends `input` through `network`, reusing the allocations of the last run.
    pub fn run(&mut self, network: &Network<'_, T>, input: Input<'_, T>, threads: Threads) {
        let depth = network.layers().len();
        self.pre.resize_with(depth, Matrix::default);
        self.post.resize_with(depth - 1, Matrix::default);
        for (l, layer) in network.layers().iter().enumerate() {
            let below = match l {
                0 => input,
                _ => Input::Dense(self.post[l - 1].view()),
            };
            let pre = &mut self.pre[l];
            pre.reshape(below.samples(), layer.units());
            below.times(layer.weights, layer.bias, threads, pre.data_mut());
            if let Some(post) = self.post.get_mut(l) {
                post.reshape(pre.rows(), pre.cols());
                let block = block_rows(pre.rows()) * pre.cols();
                // An activation is worth some sixteen multiplications.
                let threads = threads.worth(16 * pre.data().len());
                for_chunks(threads, post.data_mut(), block, |b, out| {
                    out.copy_from_slice(&pre.data()[b * block..b * block + out.len()]);
                    layer.activation.apply(out);
                });
            }
        }
    }

    /// The pre-activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn pre(&self, l: usize) -> MatrixRef<'_, T> {
        self.pre[l].view()
    }

    /// The activations of layer `l`, not the last, shape (samples, units).
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
    pub fn probabilities(&self) -> Matrix<T> {
        let scores = self.scores();
        let mut y = Matrix::from_vec(scores.data().to_vec(), scores.rows(), scores.cols());
        softmax(y.data_mut(), scores.cols(), 1);
        y
    }

    /// The scores, given away.
    #[must_use]
    pub fn into_scores(mut self) -> Matrix<T> {
        self.pre.pop().unwrap_or_default()
    }
}
