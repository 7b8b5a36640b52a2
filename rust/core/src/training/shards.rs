//! Steps of backpropagation of which each thread keeps half of the first layer: the weights of half of the
//! inputs, and that half of each batch.
//!
//! Most of a network's parameters are weights of its first layer. Where all work is cut by samples, half of
//! them move from one thread's cache to the other's, in each step anew. Cut by inputs, they stay, and what
//! moves is a number a sample and unit: first sums, then derivatives.
//!
//! A step is two rounds of shared work. In one, each thread follows the gradient of the last batch, takes
//! its half of the next one, and sums; in the other, it takes some of the samples through the rest of the
//! pass, forwards and back. The numbers are those that [`Pass::run`] and [`Pass::slopes`] come to, bit for
//! bit.

use std::ops::Range;

use crate::gradient::backprop::Pass;
use crate::gradient::sink::{step, Goal};
use crate::gradient::weight_product::{transposed_times_dense, SPARSE_PART};
use crate::network::forward::Begin;
use crate::network::input::{Input, SPARSE_DENSITY};
use crate::network::{Network, Parameters};
use crate::numeric::matrix::Matrix;
use crate::numeric::reduce::column_sums;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::dispatch;
use crate::parallel::{block_rows, for_each_from_both_ends, Threads};
use crate::sparse::nonzero_budget;
use crate::sparse::tiles::Tiles;
use crate::sparse::times_dense::{half_of, TimesDense};
use crate::sparse::transposed_times_dense::ElementMap;
use crate::training::minibatch::{Dataset, MiniBatchTargets};

/// Half of the first layer.
struct Half<T> {
    inputs: Range<usize>,
    /// Shape (inputs, units).
    weights: Matrix<T>,
    /// The batch, in pieces of [`block_rows`] samples.
    batch: Vec<Tiles<T>>,
    /// Their part of the pre-activations, shape (samples, units).
    sums: Matrix<T>,
    /// Whether these are what they should be.
    is_right: bool,
}

impl<T: Scalar> Half<T> {
    fn new(network: &Network<'_, T>, inputs: Range<usize>) -> Self {
        let weights = network.layers()[0].weights;
        let own = weights.row_range(inputs.start, inputs.end);
        Self {
            weights: Matrix::from_vec(own.data().to_vec(), own.rows(), own.cols()),
            inputs,
            batch: Vec::new(),
            sums: Matrix::default(),
            is_right: false,
        }
    }

    /// Takes a step along the gradient of the batch that has passed.
    fn follow(&mut self, pass: &Pass<T>, bias: Option<&mut [T]>, lr: T) {
        let deltas = pass.deltas(0);
        if let Some(bias) = bias {
            Goal::Step(bias, lr).reach(|slopes| column_sums(deltas, slopes));
        }
        let (inputs, part) = (self.weights.rows(), SPARSE_PART);
        let weights = Goal::Step(self.weights.data_mut(), lr);
        for (c, weights) in weights.chunks(part * deltas.cols()).into_iter().enumerate() {
            let columns = c * part..inputs.min((c + 1) * part);
            let map = ElementMap::Plain;
            weights
                .reach(|slopes| transposed_times_dense(&self.batch, &columns, map, deltas, slopes));
        }
    }

    /// Sums for the next batch, unless it has too few zeros.
    fn begin<S: Scalar>(
        &mut self,
        data: &Dataset<'_, S, T>,
        samples: &[usize],
        bias: Option<&[T]>,
    ) {
        let blocks = samples.chunks(block_rows(samples.len()));
        self.batch.resize_with(blocks.len(), Tiles::default);
        self.is_right = blocks.zip(&mut self.batch).all(|(samples, tiles)| {
            let max_nonzeros = nonzero_budget(SPARSE_DENSITY, (samples.len(), self.inputs.len()));
            max_nonzeros.is_some_and(|max_nonzeros| {
                data.take(samples, &self.inputs, max_nonzeros, tiles)
                    .is_ok()
            })
        });
        if !self.is_right {
            return;
        }
        self.sums.reshape(samples.len(), self.weights.cols());
        self.is_right = dispatch(TimesDense {
            blocks: &self.batch,
            first_tile: 0,
            half: self.inputs.len(),
            bias,
            matrix: self.weights.view(),
            out: self.sums.data_mut(),
        });
    }
}

/// A run of steps.
struct Steps<'a, S, T> {
    network: &'a Network<'a, T>,
    data: &'a Dataset<'a, S, T>,
    lr: T,
    threads: Threads<'a>,
    halves: [Half<T>; 2],
    targets: MiniBatchTargets<T>,
    pass: Pass<T>,
    /// Whether the gradient of the last batch has not been followed yet.
    is_behind: bool,
}

impl<S: Scalar, T: Scalar> Steps<'_, S, T> {
    /// Follows the gradient of the last batch, and sums for the next one; returns the loss of the last.
    fn go_on(&mut self, parameters: &mut Parameters<T>, next: Option<&[usize]>) -> Option<T> {
        let (data, lr, targets) = (self.data, self.lr, &mut self.targets);
        let last = self.is_behind.then_some(&self.pass);
        let mut places = parameters.places();
        let (first, above) = places.layers.split_first_mut()?;
        let bias = &mut first.bias;
        let [near, far] = &mut self.halves;
        let mut loss = None;
        let mut work: [Box<dyn FnMut() + Send + '_>; 3] = [
            Box::new(|| {
                if let Some(pass) = last {
                    near.follow(pass, bias.as_deref_mut(), lr);
                }
                if let Some(samples) = next {
                    near.begin(data, samples, bias.as_deref());
                }
            }),
            Box::new(|| {
                if let Some(pass) = last {
                    loss = Some(pass.loss(self.network.loss(), &targets.view()));
                    let read = Input::Dense(pass.activations(0));
                    pass.slopes(read, step(above, lr), Threads::One);
                }
                if let Some(samples) = next {
                    targets.fill(data.targets, samples);
                }
            }),
            Box::new(|| {
                if let Some(pass) = last {
                    far.follow(pass, None, lr);
                }
                if let Some(samples) = next {
                    far.begin(data, samples, None);
                }
            }),
        ];
        for_each_from_both_ends(self.threads, work.iter_mut(), |work| work());
        drop(work);
        self.is_behind = false;
        loss
    }

    /// Takes the batch through the rest of the pass; false, and nothing of meaning, if that cannot be done
    /// in this way.
    fn pass(&mut self, parameters: &Parameters<T>) -> bool {
        let [near, far] = &self.halves;
        if !(near.is_right && far.is_right) {
            return false;
        }
        let begin = Begin::Sums([&near.sums, &far.sums]);
        let network = parameters.network(self.network);
        let targets = self.targets.view();
        self.pass.run(&network, begin, &targets, self.threads);
        self.is_behind = self.pass.is_finite();
        self.is_behind
    }
}

/// Takes a step for each of `batches`, as long as they have enough zeros and no number is infinite or NaN;
/// adds the loss of each batch before its step to `losses`.
pub fn descend<'b, S: Scalar, T: Scalar>(
    network: &Network<'_, T>,
    data: &Dataset<'_, S, T>,
    batches: impl Iterator<Item = &'b [usize]>,
    (lr, threads): (T, Threads<'_>),
    parameters: &mut Parameters<T>,
    losses: &mut Vec<f64>,
) {
    let half = half_of(network.inputs());
    if half == network.inputs() || threads.count() != 2 {
        return;
    }
    let mut steps = Steps {
        network,
        data,
        lr,
        threads,
        halves: [0..half, half..network.inputs()].map(|inputs| Half::new(network, inputs)),
        targets: MiniBatchTargets::default(),
        pass: Pass::default(),
        is_behind: false,
    };
    for samples in batches {
        losses.extend(steps.go_on(parameters, Some(samples)).map(Scalar::widen));
        if !steps.pass(parameters) {
            break;
        }
    }
    losses.extend(steps.go_on(parameters, None).map(Scalar::widen));
    let weights = parameters.layers[0].weights.data_mut();
    let (near, far) = weights.split_at_mut(half * network.layers()[0].units());
    near.copy_from_slice(steps.halves[0].weights.data());
    far.copy_from_slice(steps.halves[1].weights.data());
}
