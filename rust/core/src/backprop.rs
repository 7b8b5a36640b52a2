//! The gradient of the mean loss by backpropagation.

use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{mean_loss, score_gradient, Targets};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::{LayerPlaces, Network, Places};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::scalar::Scalar;
use crate::sgd::descend;
use crate::totals::add_columns;
use crate::transposed::{multiply_transposed, Slopes, TransposedProduct};

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
    gradient: &mut Places<'_, T>,
) -> T {
    let (loss, deltas) = deltas(network, input, targets, forward, threads);
    slopes((input, forward), &deltas, gradient, None, threads);
    loss
}

/// The mean loss and its derivative by the pre-activations of each layer, shape (samples, units).
pub fn deltas<T: Scalar>(
    network: &Network<'_, T>,
    input: Input<'_, T>,
    targets: &Targets<'_, T>,
    forward: &mut Forward<T>,
    threads: Threads<'_>,
) -> (T, Vec<Matrix<T>>) {
    forward.run(network, input, threads);
    let y = forward.probabilities();
    let loss = mean_loss(y, targets);
    let mut deltas = vec![output_deltas(y, targets)];
    for l in (1..network.layers().len()).rev() {
        let above = deltas[deltas.len() - 1].view();
        deltas.push(deltas_below(network, forward, l, above, threads));
    }
    deltas.reverse();
    (loss, deltas)
}

/// Writes the gradient, from what [`deltas`] found in that pass of `input`; with parameters and a
/// learning rate, these also take a step along it.
pub fn slopes<T: Scalar>(
    (input, forward): (Input<'_, T>, &Forward<T>),
    deltas: &[Matrix<T>],
    gradient: &mut Places<'_, T>,
    step: Option<(&mut Places<'_, T>, T)>,
    threads: Threads<'_>,
) {
    let mut products = Vec::with_capacity(deltas.len());
    let mut work = 0_usize;
    let (parameters, lr) = step.unzip();
    let mut stepping = parameters.map(|parameters| parameters.layers.iter_mut());
    for (l, (own, deltas)) in gradient.layers.iter_mut().zip(deltas).enumerate() {
        let mut step = stepping.as_mut().and_then(Iterator::next).zip(lr);
        if let Some(slopes) = &mut own.bias {
            slopes.fill(T::zero());
            add_columns(deltas.view(), slopes);
            if let Some((
                LayerPlaces {
                    bias: Some(bias), ..
                },
                lr,
            )) = &mut step
            {
                descend(bias, slopes, *lr);
            }
        }
        let read = forward.input_of(l, input);
        work = work.saturating_add(read.inputs().saturating_mul(deltas.data().len()));
        products.push(Slopes {
            product: TransposedProduct::new(read, vec![deltas.view()], false),
            out: &mut *own.weights,
            step: step.map(|(layer, lr)| (&mut *layer.weights, lr)),
        });
    }
    multiply_transposed(products, threads.worth(work));
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

/// The derivative of the mean loss by the scores, from the probabilities.
fn output_deltas<T: Scalar>(y: MatrixRef<'_, T>, targets: &Targets<'_, T>) -> Matrix<T> {
    let classes = y.cols();
    let share = T::one() / T::from_f64(y.rows() as f64);
    let mut deltas = Matrix::from_vec(y.data().to_vec(), y.rows(), classes);
    for (n, row) in deltas.data_mut().chunks_exact_mut(classes).enumerate() {
        score_gradient(row, targets.sample(n));
        for delta in row {
            *delta *= share;
        }
    }
    deltas
}
