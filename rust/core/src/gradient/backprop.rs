//! The gradient of the mean loss by backpropagation.

use crate::gradient::sink::{written, LayerGoals};
use crate::gradient::weight_product::{multiply_transposed, Terms, TransposedProduct};
use crate::network::forward::{Begin, Forward, Passed};
use crate::network::input::Input;
use crate::network::losses::{Loss, Targets};
use crate::network::{Network, ParametersMut};
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::all_finite;
use crate::numeric::reduce::column_sums;
use crate::numeric::scalar::Scalar;
use crate::parallel::{row_blocks, Threads};

/// A pass of a batch, forwards and back; the next one finds its room again.
#[derive(Debug, Default)]
pub struct Pass<T> {
    forward: Forward<T>,
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
    gradient: &mut ParametersMut<'_, T>,
) -> T {
    pass.run(network, Begin::Input(input), targets, threads);
    pass.slopes(input, written(&mut gradient.layers), threads);
    pass.loss(network.loss(), targets)
}

impl<T: Scalar> Pass<T> {
    /// Sends a batch through the network and back.
    pub fn run(
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

    /// The activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn activations(&self, l: usize) -> MatrixRef<'_, T> {
        self.forward.post(l)
    }

    /// The derivatives of the mean loss by the pre-activations of layer `l`, shape (samples, units).
    #[must_use]
    pub fn deltas(&self, l: usize) -> MatrixRef<'_, T> {
        self.deltas[l].view()
    }

    /// Whether no derivative is infinite or NaN.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.deltas.iter().all(|deltas| all_finite(deltas.data()))
    }

    /// The mean loss of the batch that has passed.
    #[must_use]
    pub fn loss(&self, loss: Loss, targets: &Targets<'_, T>) -> T {
        loss.mean(&self.forward.scored(targets))
    }

    /// Finds the gradient of the last layers, as many as there are `goals`; the first of them reads `read`.
    pub fn slopes(&self, read: Input<'_, T>, goals: Vec<LayerGoals<'_, T>>, threads: Threads<'_>) {
        let first = self.deltas.len() - goals.len();
        let mut products = Vec::with_capacity(goals.len());
        let mut work = 0_usize;
        for (k, goal) in goals.into_iter().enumerate() {
            let deltas = &self.deltas[first + k];
            let read = match k {
                0 => read,
                _ => Input::Dense(self.activations(first + k - 1)),
            };
            if let Some(bias) = goal.bias {
                bias.reach(|slopes| column_sums(deltas.view(), slopes));
            }
            let terms = Terms {
                each: vec![deltas.view()],
                largest: T::one(),
                are_finite: all_finite(deltas.data()),
                are_small: false,
            };
            work = work.saturating_add(read.inputs().saturating_mul(deltas.data().len()));
            products.push((TransposedProduct::new(read, terms), goal.weights));
        }
        multiply_transposed(products, threads.limited_by(work));
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
    let share = T::one() / T::from_f64(targets.samples() as f64);
    for delta in &mut *deltas[last] {
        *delta *= share;
    }
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
