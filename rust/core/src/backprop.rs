//! The gradient of the mean loss by backpropagation.

use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{mean_loss, score_gradient, Targets};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::{Network, Parameters};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::scalar::Scalar;
use crate::transposed::{multiply_transposed, TransposedProduct};

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
    let mut deltas = vec![output_deltas(y, targets)];
    for l in (1..network.layers().len()).rev() {
        let above = deltas[deltas.len() - 1].view();
        deltas.push(deltas_below(network, forward, l, above, threads));
    }
    deltas.reverse();
    let mut products = Vec::with_capacity(deltas.len());
    for (l, (own, deltas)) in gradient.layers.iter_mut().zip(&deltas).enumerate() {
        if let Some(bias) = &mut own.bias {
            column_sums(deltas.view(), bias);
        }
        let read = forward.input_of(l, input);
        let product = TransposedProduct::new(read, vec![deltas.view()], false);
        products.push((product, own.weights.data_mut()));
    }
    let work = network.work().saturating_mul(input.samples());
    multiply_transposed(products, threads.worth(work));
    loss
}

/// The derivative of the loss by the pre-activations of layer `l - 1`, from that by those of layer `l`.
fn deltas_below<T: Scalar>(
    network: &Network<'_, T>,
    forward: &Forward<T>,
    l: usize,
    above: MatrixRef<'_, T>,
    threads: Threads<'_>,
) -> Matrix<T> {
    let (below, layer) = (&network.layers()[l - 1], &network.layers()[l]);
    let samples = above.rows();
    let (block, units) = (block_rows(samples), below.units());
    let threads = threads.worth(samples * units * layer.units());
    let mut deltas = Matrix::zeros(samples, units);
    for_chunks(threads, deltas.data_mut(), block * units, |b, out| {
        let rows = b * block..((b + 1) * block).min(samples);
        let own = Operand::plain(above.row_range(rows.start, rows.end));
        let weights = Operand::plain(layer.weights).transposed();
        multiply(own, weights, false, out);
        let z = forward.post(l - 1).row_range(rows.start, rows.end);
        below.activation.times_derivative(z.data(), out);
    });
    deltas
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
