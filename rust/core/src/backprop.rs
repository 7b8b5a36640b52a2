//! The gradient of the mean loss by backpropagation.

use crate::extent::is_finite;
use crate::forward::{Forward, Passed};
use crate::goal::{written, LayerGoals};
use crate::input::Input;
use crate::loss::{mean_loss, score_gradient, Targets};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::{Network, Places};
use crate::parallel::{row_blocks, Threads};
use crate::scalar::Scalar;
use crate::totals::column_sums;
use crate::transposed::{multiply_transposed, Terms, TransposedProduct};

/// A pass of a batch, forwards and back; the next one finds its room again.
#[derive(Debug, Default)]
pub struct Pass<T> {
    /// Forwards.
    pub forward: Forward<T>,
    /// The derivative of the mean loss by the pre-activations of each layer, shape (samples, units).
    deltas: Vec<Matrix<T>>,
}

/// The mean loss; its gradient goes to `gradient`.
///
/// The chain rule, last layer to first: with `D_l` the derivative of the loss by the
/// pre-activations of layer `l`, the gradient of its weights is `input_l^T D_l`, that of its bias
/// the column sums of `D_l`, and `D_(l-1) = (D_l W_l^T) * activation'`.
pub fn backprop<T: Scalar>(
    network: &Network<'_, T>,
    input: Input<'_, T>,
    targets: &Targets<'_, T>,
    pass: &mut Pass<T>,
    threads: Threads<'_>,
    gradient: &mut Places<'_, T>,
) -> T {
    let loss = pass.run(network, input, targets, threads);
    let goals = written::<T, T>(&mut gradient.layers)
        .into_iter()
        .enumerate();
    let goals = goals.map(|(l, goal)| (l, pass.forward.input_of(l, input), goal));
    pass.slopes(goals, threads);
    loss
}

impl<T: Scalar> Pass<T> {
    /// Sends a batch through the network and back; returns the mean loss.
    pub fn run(
        &mut self,
        network: &Network<'_, T>,
        input: Input<'_, T>,
        targets: &Targets<'_, T>,
        threads: Threads<'_>,
    ) -> T {
        let deltas = blocks_of(&mut self.deltas, network, targets.samples());
        let forward = &mut self.forward;
        forward.run_then(network, input, threads, deltas, |deltas, passed| {
            go_back(network, targets, passed, deltas);
        });
        self.loss(targets)
    }

    /// The same, without the loss, from what `start` writes: a block of the pre-activations of the first
    /// layer.
    pub fn run_from(
        &mut self,
        network: &Network<'_, T>,
        start: impl Fn(usize, &mut [T]) + Sync,
        targets: &Targets<'_, T>,
        threads: Threads<'_>,
    ) {
        let samples = targets.samples();
        let deltas = blocks_of(&mut self.deltas, network, samples);
        let forward = &mut self.forward;
        forward.run_from(
            network,
            samples,
            start,
            threads,
            deltas,
            |deltas, passed| {
                go_back(network, targets, passed, deltas);
            },
        );
    }

    /// The derivatives of the mean loss by the pre-activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn deltas(&self, l: usize) -> MatrixRef<'_, T> {
        self.deltas[l].view()
    }

    /// Whether no derivative is infinite or NaN.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.deltas.iter().all(|deltas| is_finite(deltas.data()))
    }

    /// The mean loss of the batch that has passed.
    #[must_use]
    pub fn loss(&self, targets: &Targets<'_, T>) -> T {
        mean_loss(self.forward.probabilities(), targets)
    }

    /// Finds the gradient of some layers: their numbers, what they read, and what becomes of it.
    pub fn slopes<'a>(
        &'a self,
        layers: impl Iterator<Item = (usize, Input<'a, T>, LayerGoals<'a, T>)>,
        threads: Threads<'_>,
    ) {
        let mut products = Vec::with_capacity(self.deltas.len());
        let mut work = 0_usize;
        for (l, read, goal) in layers {
            let deltas = &self.deltas[l];
            if let Some(bias) = goal.bias {
                bias.reach(|slopes| column_sums(deltas.view(), slopes));
            }
            let terms = Terms {
                each: vec![deltas.view()],
                largest: T::one(),
                are_finite: is_finite(deltas.data()),
                are_small: false,
            };
            work = work.saturating_add(read.inputs().saturating_mul(deltas.data().len()));
            products.push((TransposedProduct::new(read, terms), goal.weights));
        }
        multiply_transposed(products, threads.worth(work));
    }
}

/// Room for the derivatives of so many samples, in blocks of them.
fn blocks_of<'a, T: Scalar>(
    deltas: &'a mut Vec<Matrix<T>>,
    network: &Network<'_, T>,
    samples: usize,
) -> Vec<Vec<&'a mut [T]>> {
    deltas.resize_with(network.layers().len(), Matrix::default);
    for (layer, deltas) in network.layers().iter().zip(&mut *deltas) {
        deltas.reshape(samples, layer.units());
    }
    row_blocks(deltas, samples)
}

/// Writes the deltas of some samples.
fn go_back<T: Scalar>(
    network: &Network<'_, T>,
    targets: &Targets<'_, T>,
    passed: &Passed<'_, T>,
    mut deltas: Vec<&mut [T]>,
) {
    let last = deltas.len() - 1;
    deltas[last].copy_from_slice(passed.post[last].data());
    let share = T::one() / T::from_f64(targets.samples() as f64);
    let rows = deltas[last].chunks_exact_mut(network.classes());
    for (i, row) in rows.enumerate() {
        score_gradient(row, targets.sample(passed.first + i));
        for delta in row {
            *delta *= share;
        }
    }
    for l in (1..deltas.len()).rev() {
        let (below, above) = deltas.split_at_mut(l);
        let z = passed.post[l - 1];
        let above = MatrixRef::new(above[0], z.rows(), network.layers()[l].units());
        let weights = Operand::plain(network.layers()[l].weights).transposed();
        multiply(Operand::plain(above), weights, false, below[l - 1]);
        let activation = network.layers()[l - 1].activation;
        activation.times_derivative(z.data(), below[l - 1]);
    }
}
