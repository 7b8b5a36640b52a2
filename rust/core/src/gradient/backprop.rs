//! The gradient of the mean loss by backpropagation.

use crate::gradient::prepared::{Prepared, PreparedLayer, Terms};
use crate::gradient::weight_product::transposed_product;
use crate::network::forward::{Begin, Forward, Passed};
use crate::network::input::Input;
use crate::network::losses::{Loss, Targets};
use crate::network::parameters::{LayerParts, Parameters};
use crate::network::Network;
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::column_sums;
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, group_rows, row_blocks, Threads};

/// A pass of a batch, forwards and back; the next one finds its buffers again.
#[derive(Debug, Default)]
pub struct Backprop<T> {
    forward: Forward<T>,
    /// The derivative of the mean loss by the pre-activations of each layer, shape (samples, units).
    deltas: Vec<Matrix<T>>,
    /// The gradient of each [group](group_rows) of samples, if threads have found it; else none.
    groups: Vec<Parameters<T>>,
}

/// Whether threads that share a dense batch sum the gradient of each group of samples: each then hands on
/// a gradient, where that is less than what layers have read and their derivatives.
#[must_use]
pub fn sums_by_groups<T: Scalar>(network: &Network<'_, T>, samples: usize) -> bool {
    let groups = samples.div_ceil(group_rows(samples));
    let layers = network.layers().iter();
    let (parameters, read) = layers.fold((0, 0), |(parameters, read), layer| {
        let moved = layer.inputs().saturating_add(layer.units());
        (
            parameters + layer.weights.data().len(),
            moved.saturating_add(read),
        )
    });
    groups > 1 && groups.saturating_mul(parameters) <= samples.saturating_mul(read)
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
        let is_grouped = sums_by_groups(network, samples);
        let shared = threads.limited_by(network.flops().saturating_mul(samples));
        let block = match begin {
            Begin::Input(Input::Dense(x)) if is_grouped && shared.count() > 1 => {
                return self.prepare_groups(network, x, targets, threads);
            }
            // The pieces of dense products do not depend on threads.
            Begin::Input(Input::Dense(_)) if is_grouped => group_rows(samples),
            _ => block_rows(samples),
        };
        self.groups.clear();
        let deltas = row_blocks(&mut self.deltas, (samples, block));
        let then = |mut deltas: Vec<&mut [T]>, passed: &Passed<'_, T>| {
            go_back(network, targets, passed, &mut deltas);
        };
        self.forward
            .run_then(network, begin, threads, (block, deltas), then);
    }

    /// Sends a dense batch through the network and back, and sums the gradient of each group of samples, whose
    /// numbers stay in the cache of one thread.
    fn prepare_groups(
        &mut self,
        network: &Network<'_, T>,
        x: MatrixRef<'_, T>,
        targets: &Targets<'_, T>,
        threads: Threads<'_>,
    ) {
        let (samples, group) = (x.rows(), group_rows(x.rows()));
        let count = samples.div_ceil(group);
        if self.groups.len() != count || !self.groups[0].as_mut().fit(network) {
            self.groups = vec![Parameters::filled(network, T::zero()); count];
        }
        let deltas = row_blocks(&mut self.deltas, (samples, group));
        let beside = deltas.into_iter().zip(&mut self.groups).collect();
        let begin = Begin::Input(Input::Dense(x));
        let then = |(mut deltas, gradient): (Vec<&mut [T]>, &mut Parameters<T>),
                    passed: &Passed<'_, T>| {
            go_back(network, targets, passed, &mut deltas);
            let mut input = x.row_range(passed.first, passed.first + passed.post[0].rows());
            for (l, layer) in gradient.layers.iter_mut().enumerate() {
                let z = passed.post[l];
                let deltas = MatrixRef::new(deltas[l], z.rows(), z.cols());
                transposed_product(input, &(0..input.cols()), deltas, &mut layer.weights);
                if let Some(bias) = &mut layer.bias {
                    column_sums(deltas, bias);
                }
                input = z;
            }
        };
        self.forward
            .run_then(network, begin, threads, (group, beside), then);
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
                groups: self.groups.iter().map(|group| of_layer(group, l)).collect(),
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

/// The numbers of layer `l`.
fn of_layer<T>(parameters: &Parameters<T>, l: usize) -> LayerParts<&[T]> {
    parameters.layers[l].each_ref().map(Vec::as_slice)
}

/// Writes the deltas of some samples.
fn go_back<T: Scalar>(
    network: &Network<'_, T>,
    targets: &Targets<'_, T>,
    passed: &Passed<'_, T>,
    deltas: &mut [&mut [T]],
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
