//! The loop of all trainings: many steps, each along the gradient of a batch.
//!
//! A step is two rounds of shared work. In the first, the parameters take the step along the gradient of the
//! last batch, and the next batch is read; in the second, [`GradientPass::prepare`] takes that batch through
//! the network.
//!
//! Most of a network's parameters are weights of its first layer. So the first round is cut by the shards of
//! the inputs: one thread takes the step of the weights that the inputs of a shard have, reads these inputs
//! of the next batch, and sums their products. What moves from one thread's cache to another's is a number a
//! sample and unit, first a sum, then a derivative, and no weight. The numbers are those of steps taken one by
//! one, bit for bit, as sums are cut in the same way there.

use crate::error::Error;
use crate::gradient::prepared::Prepared;
use crate::gradient::sink::GradientSink;
use crate::gradient::updates::{steps, Update};
use crate::gradient::weight_product::{pieces, Piece};
use crate::network::forward::Begin;
use crate::network::input::Input;
use crate::network::losses::{Loss, Targets};
use crate::network::parameters::Parameters;
use crate::network::Network;
use crate::numeric::scalar::Scalar;
use crate::parallel::{for_each_from_both_ends, Threads};
use crate::sparse::shard::shard_columns;
use crate::training::minibatch::{Dataset, Gather, MiniBatch, MiniBatchTargets};
use crate::training::shard_step::{ShardProduct, ShardStep};
use crate::training::widened::{buffer_for, either, widened};
use crate::training::{OptimizerSteps, Trained};

/// A way to the gradient of a batch, in numbers of type `C`.
pub trait GradientPass<C: Scalar>: Sync {
    /// Takes a batch through the network; `input` is what the pass begins with.
    ///
    /// # Errors
    /// If a parameter cannot be moved.
    fn prepare(
        &mut self,
        network: &Network<'_, C>,
        begin: (Begin<'_, C>, Input<'_, C>),
        targets: &Targets<'_, C>,
        threads: Threads<'_>,
    ) -> Result<(), Error>;

    /// The mean loss of the batch that was prepared.
    fn loss(&self, loss: Loss, targets: &Targets<'_, C>) -> C;

    /// Its gradient.
    fn prepared(&self) -> Prepared<'_, C>;
}

/// What there is to do between two passes.
enum Work<'w, P, C> {
    /// The step of the weights of a shard, and its part of the next batch.
    Shard(ShardStep<'w, P, C>),
    /// The step of some other weights.
    Piece(Piece<'w, C, P>),
    /// Some rows of the next batch.
    Gather(Gather<'w, C>),
    /// What is left.
    Rest(Box<dyn FnOnce() + Send + 'w>),
}

/// A run of steps: parameters of type `P`, gradients of type `C`, inputs of type `S`.
pub struct Steps<'a, S, P, C, G> {
    network: &'a Network<'a, P>,
    data: &'a Dataset<'a, S, P>,
    /// One a step.
    updates: &'a [Update],
    /// One a step, if they are not that of the network.
    weight_decays: Option<&'a [f64]>,
    /// How many steps have been taken.
    taken: usize,
    threads: Threads<'a>,
    parameters: Parameters<P>,
    states: Vec<Parameters<P>>,
    /// The parameters in the type of the gradients, if that is another.
    widened: Parameters<C>,
    batch: MiniBatch<C>,
    targets: MiniBatchTargets<C>,
    /// One a shard.
    products: Vec<ShardProduct<C>>,
    pass: G,
    /// Whether the next batch is read in shards; not once there has been one with too few zeros.
    is_sharded: bool,
    /// What the weights add to the loss of the batch.
    penalty: f64,
    /// Whether a gradient waits for its step.
    is_prepared: bool,
}

impl<'a, S: Scalar, P: Scalar, C: Scalar, G: GradientPass<C>> Steps<'a, S, P, C, G> {
    /// Steps from the parameters of `network` and the state of an optimizer.
    pub fn new(
        network: &'a Network<'a, P>,
        data: &'a Dataset<'a, S, P>,
        optimizer: OptimizerSteps<'a, P>,
        pass: G,
        threads: Threads<'a>,
    ) -> Self {
        let shards = shard_columns(network.inputs()).len();
        let parameters = Parameters::copied(network);
        Self {
            network,
            data,
            updates: optimizer.updates,
            weight_decays: optimizer.weight_decays,
            taken: 0,
            threads,
            states: optimizer.states,
            widened: buffer_for(network),
            parameters,
            batch: MiniBatch::default(),
            targets: MiniBatchTargets::default(),
            products: (0..shards).map(|_| ShardProduct::default()).collect(),
            pass,
            is_sharded: shards > 1,
            penalty: 0.0,
            is_prepared: false,
        }
    }

    /// Takes a step for each of `batches`, of which there are as many as updates.
    ///
    /// # Errors
    /// If a parameter cannot be moved.
    pub fn run<'b>(
        mut self,
        batches: impl ExactSizeIterator<Item = &'b [usize]>,
    ) -> Result<Trained<P>, Error> {
        let mut losses = Vec::with_capacity(batches.len());
        let mut penalties = Vec::with_capacity(batches.len());
        for samples in batches {
            losses.extend(self.advance(Some(samples)).map(Scalar::widen));
            self.prepare(samples)?;
            penalties.push(self.penalty);
        }
        losses.extend(self.advance(None).map(Scalar::widen));
        Ok(Trained {
            losses,
            penalties,
            parameters: self.parameters,
            states: self.states,
        })
    }

    /// Takes the step that waits, and reads the next batch; returns the loss before the step.
    fn advance(&mut self, next: Option<&[usize]>) -> Option<C> {
        let loss = self.step_and_read(next);
        if let (Some(samples), false) = (next, self.is_sharded) {
            for (buffer, numbers) in self.widened.slices_mut().zip(self.parameters.slices()) {
                widened(numbers, buffer);
            }
            if self.is_prepared {
                self.batch.turn(self.data, samples, self.threads);
            } else {
                self.batch.fill(self.data, samples, self.threads);
            }
        }
        self.taken += usize::from(self.is_prepared);
        self.is_prepared = false;
        loss.map(|mean| C::from_f64(mean.widen() + self.penalty))
    }

    /// What the step that waits is taken by (none waits after the last), and the weights are decayed by.
    fn update(&self) -> (Update, f64) {
        let step = self.taken.min(self.updates.len() - 1);
        (self.updates[step], self.weight_decay(step))
    }

    fn weight_decay(&self, step: usize) -> f64 {
        self.weight_decays
            .map_or_else(|| self.network.weight_decay(), |each| each[step])
    }

    /// Takes the step that waits. Of the next batch it reads the targets, and the inputs as far as they can be
    /// read meanwhile.
    fn step_and_read(&mut self, next: Option<&[usize]>) -> Option<C> {
        let (data, pass, network_loss) = (self.data, &self.pass, self.network.loss());
        let update = self.update();
        let targets = &mut self.targets;
        let prepared = self.is_prepared.then(|| pass.prepared());
        let layers = prepared.as_ref().map(|prepared| &prepared.layers[..]);
        let mut steps = steps(&mut self.parameters, &mut self.states, update).layers;
        let mut products = Vec::new();
        let mut work = Vec::new();
        let mut input = None;
        if self.is_sharded {
            if let Some(samples) = next {
                self.batch.reshape(data, samples);
            }
            let first_buffer = self.widened.as_mut().layers.into_iter().next();
            let shards = self.batch.shards_mut();
            let first = steps.remove(0);
            let shards = ShardStep::all(shards, first, first_buffer, &mut self.products);
            work.extend(shards.into_iter().map(Work::Shard));
        } else if self.is_prepared {
            let (batch, gathers) = self.batch.input_and_next(data, next.unwrap_or_default());
            input = Some(batch);
            work.extend(gathers.into_iter().map(Work::Gather));
        }
        let mut biases = Vec::new();
        let above = usize::from(self.is_sharded);
        for (layer, step) in layers.into_iter().flatten().skip(above).zip(steps) {
            if let Some(input) = layer.input.map(Input::Dense).or(input) {
                let sink = GradientSink::Step(step.weights);
                layer.add_products(input, sink, &mut products);
            }
            biases.extend(step.bias.map(|step| (layer, GradientSink::Step(step))));
        }
        let mut loss = None;
        let rest = Work::Rest(Box::new(|| {
            loss = layers.map(|_| pass.loss(network_loss, &targets.view()));
            for (layer, sink) in biases {
                layer.deliver_bias(sink);
            }
            if let Some(samples) = next {
                targets.fill(data.targets, samples);
            }
        }));
        // Threads take work from both ends, so that each meets its own shards and groups again, and its own
        // weights.
        let mut pieces = pieces(&mut products).map(Work::Piece);
        let first = pieces.next();
        let middle = work.len().div_ceil(2);
        work.splice(
            middle..middle,
            first.into_iter().chain([rest]).chain(pieces),
        );
        for_each_from_both_ends(self.threads, work.into_iter(), |work| match work {
            Work::Shard(mut shard) => {
                if let Some([first, ..]) = layers {
                    shard.step(first);
                }
                if let Some(samples) = next {
                    shard.read(data, samples);
                }
            }
            Work::Piece(piece) => piece.deliver(),
            Work::Gather(gather) => gather.run(data),
            Work::Rest(rest) => rest(),
        });
        loss
    }

    /// Takes the batch that was read through the network.
    fn prepare(&mut self, samples: &[usize]) -> Result<(), Error> {
        if self.is_sharded {
            self.widen_above();
        }
        let are_known = self.products.iter().all(|product| product.is_known);
        if self.is_sharded && !(are_known && self.batch.check_shards()) {
            self.is_sharded = false;
            self.batch.fill(self.data, samples, self.threads);
        }
        let (_, weight_decay) = self.update();
        let network = either(&self.parameters, &self.widened)
            .network(self.network)
            .weighing_squares_by(weight_decay);
        self.penalty = network.penalty();
        let input = self.batch.input();
        let sums: Vec<_> = self.products.iter().map(|product| &product.sums).collect();
        let begin = if self.is_sharded {
            Begin::Sums(&sums)
        } else {
            Begin::Input(input)
        };
        let targets = self.targets.view();
        self.pass
            .prepare(&network, (begin, input), &targets, self.threads)?;
        self.is_prepared = true;
        Ok(())
    }

    /// Widens the parameters above the first layer.
    fn widen_above(&mut self) {
        let layers = self.widened.layers.iter_mut().zip(&self.parameters.layers);
        for (buffers, layer) in layers.skip(1) {
            for (buffer, numbers) in buffers.each_mut().zip(layer.each_ref()) {
                widened(numbers, buffer);
            }
        }
    }
}
