//! What one thread does with a shard of the inputs between two passes.

use crate::gradient::prepared::PreparedLayer;
use crate::gradient::sink::GradientSink;
use crate::gradient::updates::StepMut;
use crate::gradient::weight_product::multiply;
use crate::network::parameters::LayerParts;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::parallel::Threads;
use crate::sparse::shard::Shard;
use crate::training::minibatch::{fill_shard, Dataset};
use crate::training::widened::{widened, WidenedMut};

/// A shard of the inputs, the weights these inputs have, and what becomes of both.
pub struct ShardStep<'a, P, C> {
    shard: &'a mut Shard<C>,
    weights: StepMut<'a, P>,
    /// The bias, which goes with the first shard.
    bias: Option<StepMut<'a, P>>,
    widened: WidenedMut<'a, C>,
    product: &'a mut ShardProduct<C>,
}

/// What a shard adds to the pre-activations of the first layer.
#[derive(Debug, Default)]
pub struct ShardProduct<C> {
    /// Shape (samples, units).
    pub sums: Matrix<C>,
    /// Whether these are the sums of the batch that was read: not if it has too few zeros, or if a weight is
    /// infinite or NaN.
    pub is_known: bool,
}

impl<'a, P: Scalar, C: Scalar> ShardStep<'a, P, C> {
    /// One of each shard, of the step of the first layer.
    pub fn all(
        shards: &'a mut [Shard<C>],
        step: LayerParts<StepMut<'a, P>>,
        widened: Option<LayerParts<&'a mut [C]>>,
        products: &'a mut [ShardProduct<C>],
    ) -> Vec<Self> {
        let inputs: usize = shards.iter().map(|shard| shard.columns().len()).sum();
        let units = step.weights.parameters.len() / inputs;
        let mut bias = step.bias;
        let mut rest = step.weights;
        let mut widened = WidenedMut::of(widened);
        let mut all = Vec::with_capacity(shards.len());
        for (shard, product) in shards.iter_mut().zip(products) {
            let count = shard.columns().len() * units;
            let (weights, tail) = rest.split_at(count);
            let (own, others) = widened.split_at(count);
            (rest, widened) = (tail, others);
            all.push(Self {
                shard,
                weights,
                bias: bias.take(),
                widened: own,
                product,
            });
        }
        all
    }

    /// Takes the step of these weights along the gradient of the last batch.
    pub fn step(&mut self, layer: &PreparedLayer<'_, C>) {
        if let Some(bias) = &mut self.bias {
            layer.deliver_bias(GradientSink::Step(bias.reborrow()));
        }
        let units = self.product.sums.cols();
        let product = layer.shard_product(self.shard, units);
        let sink = GradientSink::Step(self.weights.reborrow());
        multiply(vec![(product, Some(sink))], Threads::One);
    }

    /// Reads the next batch, and sums its products with these weights.
    pub fn read<S: Scalar>(&mut self, data: &Dataset<'_, S, P>, samples: &[usize]) {
        fill_shard(self.shard, data, samples);
        let inputs = self.shard.columns().len();
        let units = self.weights.parameters.len() / inputs;
        let ShardProduct { sums, is_known } = &mut *self.product;
        sums.reshape(samples.len(), units);
        let weights = widened(self.weights.parameters, self.widened.weights);
        let bias = self.bias.as_ref().map(|bias| &*bias.parameters);
        let bias = bias.map(|bias| widened(bias, &mut *self.widened.bias));
        let matrix = MatrixRef::new(weights, inputs, units);
        *is_known = self.shard.is_filled() && self.shard.times_rows(matrix, bias, sums.data_mut());
    }
}
