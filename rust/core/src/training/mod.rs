//! Gradient descent on mini-batches: many steps, without an allocation or a look outside between
//! them.
//!
//! A step does what gathering the batch, [`gradient`](crate::api::gradient) or
//! [`numerical_gradient`](crate::api::numerical_gradient), and `parameter -= lr * quotient` do
//! one after the other, with the same result bit for bit.

pub(crate) mod minibatch;
mod shard_step;
mod steps;
mod widened;

use crate::api::check_batch;
use crate::api::demand::Sizes;
use crate::error::Error;
use crate::finite_difference::{CentralDifference, Quotients};
use crate::gradient::backprop::Backprop;
use crate::gradient::prepared::Prepared;
use crate::gradient::updates::Update;
use crate::network::forward::Begin;
use crate::network::input::Input;
use crate::network::losses::{Loss, Targets};
use crate::network::parameters::Parameters;
use crate::network::{check_weight_decay, Network};
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
use crate::parallel::context::Context;
use crate::parallel::matmul_memory::prepare_thread;
use crate::parallel::memory::ensure_memory;
use crate::parallel::tuning::MIN_SHARED_FLOPS;
use crate::parallel::{run, Threads};
use crate::training::minibatch::Dataset;
use crate::training::steps::{GradientPass, Steps};

/// Steps of fewer multiplications, about ten microseconds, are taken by one thread, however many
/// there are.
const WORTH_SHARING: usize = 1 << 20;

/// How the gradient of each step is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gradient {
    /// By backpropagation.
    Backprop,
    /// By central differences.
    Numerical(CentralDifference),
}

/// Which samples each step takes.
#[derive(Debug, Clone, Copy)]
pub struct Batches<'a> {
    /// The samples of all steps, one step after the other.
    pub samples: &'a [usize],
    /// How many of them each step takes.
    pub sizes: &'a [usize],
}

impl<'a> Batches<'a> {
    /// The samples of each step.
    fn iter(&self) -> impl ExactSizeIterator<Item = &'a [usize]> + use<'a> {
        let mut rest = self.samples;
        self.sizes.iter().map(move |&size| {
            let (batch, after) = rest.split_at(size);
            rest = after;
            batch
        })
    }

    fn check(&self, samples: usize) -> Result<(), Error> {
        if let Some(index) = self.samples.iter().find(|&&index| index >= samples) {
            let wanted = format!("lie in 0..{}", samples.saturating_sub(1));
            return Err(Error::value("samples", wanted, index.to_string()));
        }
        let mut sizes = self.sizes.iter();
        let total = sizes.try_fold(0, |sum: usize, &size| sum.checked_add(size));
        if self.sizes.contains(&0) || total != Some(self.samples.len()) {
            let wanted = format!("be positive and add up to {}", self.samples.len());
            let got = format!("{:?}", self.sizes);
            return Err(Error::value("sizes", wanted, got));
        }
        Ok(())
    }
}

/// The steps of an optimizer.
#[derive(Debug)]
pub struct OptimizerSteps<'a, T> {
    /// One a step: its settings may change from step to step.
    pub updates: &'a [Update],
    /// One a step, if they are not those of the network: what the loss of a batch weighs the squares of the
    /// weights by may depend on the batch.
    pub weight_decays: Option<&'a [f64]>,
    /// As many numbers of each parameter as it keeps, before the first step.
    pub states: Vec<Parameters<T>>,
}

impl<T: Scalar> OptimizerSteps<'_, T> {
    fn check(&mut self, network: &Network<'_, T>, steps: usize) -> Result<(), Error> {
        if self.updates.len() != steps {
            let wanted = format!("hold one update for each of {steps} steps");
            return Err(Error::value(
                "updates",
                wanted,
                self.updates.len().to_string(),
            ));
        }
        self.check_weight_decays(steps)?;
        let states = self.updates.first().map_or(0, |update| update.states());
        let same = self.updates.iter().all(|update| update.states() == states);
        let fit = self
            .states
            .iter_mut()
            .all(|state| state.as_mut().fit(network));
        if same && fit && self.states.len() == states {
            return Ok(());
        }
        let wanted = format!("hold {states} arrays of the network's shapes");
        Err(Error::value(
            "states",
            wanted,
            format!("{} others", self.states.len()),
        ))
    }

    fn check_weight_decays(&self, steps: usize) -> Result<(), Error> {
        let Some(weight_decays) = self.weight_decays else {
            return Ok(());
        };
        if weight_decays.len() != steps {
            let wanted = format!("hold one for each of {steps} steps");
            let got = weight_decays.len().to_string();
            return Err(Error::value("weight_decays", wanted, got));
        }
        weight_decays.iter().try_for_each(|&weight_decay| {
            check_weight_decay(
                "weight_decays",
                weight_decay,
                "hold finite numbers, none negative",
            )
        })
    }
}

/// What a run of steps comes to.
#[derive(Debug)]
pub struct Trained<T> {
    /// The loss of each batch before its step.
    pub losses: Vec<f64>,
    /// What the weights add to each of these.
    pub penalties: Vec<f64>,
    /// The parameters after the last step.
    pub parameters: Parameters<T>,
    /// What the optimizer keeps then.
    pub states: Vec<Parameters<T>>,
}

/// Takes one step for each of `batches`, starting from the parameters of `network`.
///
/// # Errors
/// If `data` does not fit the network, `batches` does not fit `data` or `optimizer` does not fit both, a
/// half-width is not a positive finite number, direct evaluation cannot move a parameter by it in some step,
/// or there is not enough memory.
pub fn train<S: Scalar, T: Scalar>(
    network: &Network<'_, T>,
    data: &Dataset<'_, S, T>,
    batches: Batches<'_>,
    mut optimizer: OptimizerSteps<'_, T>,
    gradient: Gradient,
) -> Result<Trained<T>, Error> {
    check_batch(network, (data.x.rows(), data.x.cols()), &data.targets)?;
    batches.check(data.x.rows())?;
    optimizer.check(network, batches.sizes.len())?;
    if let Gradient::Numerical(difference) = gradient {
        difference.check()?;
    }
    let Some(batch_size) = batches.sizes.iter().copied().max() else {
        return Ok(Trained {
            losses: Vec::new(),
            penalties: Vec::new(),
            parameters: Parameters::copied(network),
            states: optimizer.states,
        });
    };
    let step = gradient.flops(network, batch_size);
    let all = step.saturating_mul(batches.sizes.len());
    let all = match step {
        // No worker, but long enough to be counted among those that compute.
        0..WORTH_SHARING => all.min(MIN_SHARED_FLOPS),
        _ => all,
    };
    run(all, |threads| {
        prepare_thread()?;
        let sizes = Sizes::new(network, batch_size, threads.count());
        let demand = match gradient {
            Gradient::Backprop => sizes.backprop_steps(),
            Gradient::Numerical(difference) => sizes.numerical_steps(difference.method),
        };
        ensure_memory(demand.saturating_add(std::mem::size_of_val(batches.sizes)))?;
        match gradient {
            Gradient::Backprop => {
                let pass = Backprop::<T>::default();
                Steps::new(network, data, optimizer, pass, threads).run(batches.iter())
            }
            Gradient::Numerical(difference) => {
                let pass = DifferencePass::new(difference);
                Steps::new(network, data, optimizer, pass, threads).run(batches.iter())
            }
        }
    })
}

impl Gradient {
    /// A measure of the work of one step, in multiplications.
    fn flops<T: Scalar>(self, network: &Network<'_, T>, samples: usize) -> usize {
        match self {
            Self::Backprop => network.flops().saturating_mul(3).saturating_mul(samples),
            Self::Numerical(difference) => difference.method.flops(network, samples),
        }
    }
}

impl<T: Scalar> GradientPass<T> for Backprop<T> {
    fn prepare(
        &mut self,
        network: &Network<'_, T>,
        (begin, _): (Begin<'_, T>, Input<'_, T>),
        targets: &Targets<'_, T>,
        threads: Threads<'_>,
    ) -> Result<(), Error> {
        self.prepare(network, begin, targets, threads);
        Ok(())
    }

    fn loss(&self, loss: Loss, targets: &Targets<'_, T>) -> T {
        self.loss(loss, targets)
    }

    fn prepared(&self) -> Prepared<'_, T> {
        self.prepared()
    }
}

/// Numerical gradients, one batch after the other.
struct DifferencePass {
    quotients: Quotients,
    difference: CentralDifference,
    cancel: Cancel<'static>,
}

impl DifferencePass {
    fn new(difference: CentralDifference) -> Self {
        Self {
            quotients: Quotients::default(),
            difference,
            cancel: Cancel::new(),
        }
    }
}

impl GradientPass<f64> for DifferencePass {
    fn prepare(
        &mut self,
        network: &Network<'_, f64>,
        begin: (Begin<'_, f64>, Input<'_, f64>),
        targets: &Targets<'_, f64>,
        threads: Threads<'_>,
    ) -> Result<(), Error> {
        let context = Context {
            threads,
            cancel: &self.cancel,
            max_flops: usize::MAX,
        };
        // Nothing takes more than the most there is.
        let _ = self
            .quotients
            .prepare(network, begin, targets, self.difference, context)?;
        Ok(())
    }

    fn loss(&self, _: Loss, _: &Targets<'_, f64>) -> f64 {
        self.quotients.loss()
    }

    fn prepared(&self) -> Prepared<'_, f64> {
        self.quotients.prepared()
    }
}
