//! The gradient of the mean loss by backpropagation.

use crate::gradient::prepared::{Prepared, PreparedLayer, Terms};
use crate::network::forward::{Begin, Forward, Passed};
use crate::network::losses::{Loss, Targets};
use crate::network::Network;
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::{row_blocks, Threads};

/// A pass of a batch, forwards and back; the next one finds its buffers again.
#[derive(Debug, Default)]
pub struct Backprop<T> {
    forward: Forward<T>,
    /// The derivative of the mean loss by the pre-activations of each layer, shape (samples, units).
    deltas: Vec<Matrix<T>>,
}

impl<T: Scalar> Backprop<T> {
    /// Sends a batch through the network and back.
    ///
    /// The chain rule, last layer to first: with `D_l` the derivative of the loss by the pre-activations of
    /// layer `l`, the gradient of its weights is `input_l^T D_l`, that of its bias the column sums of `D_l`,
    /// and `D_(l-1) = (D_l W_l^T) * activation'`.
    pub fn prepare(
        &mut self,
        network: &Network<'_, T>,
        begin: Begin<'_, T>,
        targets: &Targets<'_, T>,
        threads: Threads<'_>,
    ) {
        let (layers, samples) = (network.layers(), targets.samples());
        self.deltas.resize_with(layers.len(), Matrix::default);
        for (layer, deltas) in layers.iter().zip(&mut self.deltas) {
            deltas.reshape(samples, layer.units());
        }
        let deltas = row_blocks(&mut self.deltas, samples);
        self.forward
            .run_then(network, begin, threads, deltas, |deltas, passed| {
                go_back(network, targets, passed, deltas);
            });
    }

    /// The gradient of the batch that has passed.
    #[must_use]
    pub fn prepared(&self) -> Prepared<'_, T> {
        let layers = self
            .deltas
            .iter()
            .enumerate()
            .map(|(l, deltas)| PreparedLayer {
                input: l.checked_sub(1).map(|below| self.forward.post(below)),
                terms: Terms::one(deltas.view()),
                quotients: None,
            });
        Prepared {
            layers: layers.collect(),
        }
    }

    /// The mean loss of the batch that has passed.
    #[must_use]
    pub fn loss(&self, loss: Loss, targets: &Targets<'_, T>) -> T {
        loss.mean(&self.forward.scored(targets))
    }
}

/// Writes the deltas of some samples.
fn go_back<T: Scalar>(
    network: &Network<'_, T>,
    targets: &Targets<'_, T>,
    passed: &Passed<'_, T>,
    mut deltas: Vec<&mut [T]>,
) {
    let last = deltas.len() - 1;
    let scored = (passed.pre[last], passed.post[last]);
    let batch = (targets, passed.first);
    network
        .loss()
        .score_gradients(scored, batch, &mut *deltas[last]);
    weigh(targets, passed.first, deltas[last], network.classes());
    for l in (1..deltas.len()).rev() {
        let (below, above) = deltas.split_at_mut(l);
        let (a, z) = (passed.pre[l - 1], passed.post[l - 1]);
        let above = MatrixRef::new(above[0], z.rows(), network.layers()[l].units());
        let weights = Operand::plain(network.layers()[l].weights).transposed();
        multiply(Operand::plain(above), weights, false, below[l - 1]);
        let activation = network.layers()[l - 1].activation;
        activation.times_derivative((a.data(), z.data()), below[l - 1]);
    }
}

/// Multiplies the derivatives of the losses of some samples, from `first` on, by what each counts in the mean.
fn weigh<T: Scalar>(targets: &Targets<'_, T>, first: usize, deltas: &mut [T], classes: usize) {
    if targets.weights().is_none() {
        let share = T::one() / T::from_f64(targets.samples() as f64);
        return deltas.iter_mut().for_each(|delta| *delta *= share);
    }
    for (i, row) in deltas.chunks_exact_mut(classes).enumerate() {
        match targets.share(first + i) {
            // It counts nothing, whatever its loss is.
            0.0 => row.fill(T::zero()),
            share => row
                .iter_mut()
                .for_each(|delta| *delta *= T::from_f64(share)),
        }
    }
}
