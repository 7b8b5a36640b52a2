//! The gradient of the mean loss by backpropagation.

use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{mean_loss, score_gradient, Targets};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::{Network, Parameters};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::scalar::Scalar;

/// The mean loss; its gradient goes to `gradient`, and the pass to `forward`.
///
/// The chain rule, last layer to first: with `D_l` the derivative of the loss by the
/// pre-activations of layer `l`, the gradient of its weights is `input_l^T D_l`, that of its bias
/// the column sums of `D_l`, and `D_(l-1) = (D_l W_l^T) * activation'`.
pub fn backprop<T: Scalar>(
    network: &Network<'_, T>,
    input: Input<'_, T>,
    targets: &Targets<'_, T>,
    forward: &mut Forward<T>,
    threads: Threads<'_>,
    gradient: &mut Parameters<T>,
) -> T {
    forward.run(network, input, threads);
    let y = forward.probabilities();
    let loss = mean_loss(y.view(), targets);
    let mut deltas = output_deltas(y, targets);
    for (l, layer) in network.layers().iter().enumerate().rev() {
        let own = &mut gradient.layers[l];
        let threads = threads.worth(input.samples() * layer.inputs() * layer.units());
        let read = forward.input_of(l, input);
        let out = own.weights.data_mut();
        read.odd_powers_transposed_times(&[deltas.view()], false, threads, out);
        if let Some(bias) = &mut own.bias {
            column_sums(deltas.view(), bias);
        }
        if l > 0 {
            let below = &network.layers()[l - 1];
            let mut lower = Matrix::zeros(input.samples(), below.units());
            let block = block_rows(input.samples());
            for_chunks(
                threads,
                lower.data_mut(),
                block * below.units(),
                |b, out| {
                    let end = ((b + 1) * block).min(input.samples());
                    let own = deltas.view().row_range(b * block, end);
                    let weights = Operand::plain(layer.weights).transposed();
                    multiply(Operand::plain(own), weights, false, out);
                    let z = forward.post(l - 1).row_range(b * block, end);
                    below.activation.times_derivative(z.data(), out);
                },
            );
            deltas = lower;
        }
    }
    loss
}

/// The derivative of the mean loss by the scores, in place of the probabilities.
fn output_deltas<T: Scalar>(mut y: Matrix<T>, targets: &Targets<'_, T>) -> Matrix<T> {
    let classes = y.cols();
    let share = T::one() / T::from_f64(y.rows() as f64);
    for (n, row) in y.data_mut().chunks_exact_mut(classes).enumerate() {
        score_gradient(row, targets.sample(n));
        for delta in row {
            *delta *= share;
        }
    }
    y
}

/// The sum of each column, rows added in order.
fn column_sums<T: Scalar>(matrix: MatrixRef<'_, T>, out: &mut [T]) {
    out.fill(T::zero());
    for n in 0..matrix.rows() {
        for (sum, &value) in out.iter_mut().zip(matrix.row(n)) {
            *sum += value;
        }
    }
}
