//! Gradient descent on mini-batches: many steps, without an allocation or a look outside between
//! them.
//!
//! A step does what gathering the batch, [`gradient`](crate::api::gradient) or
//! [`numerical_gradient`](crate::api::numerical_gradient), and `parameter -= lr * quotient` do
//! one after the other, with the same result bit for bit.

pub(crate) mod minibatch;
pub(crate) mod shards;

use std::any::Any;

use crate::api::demand::Sizes;
use crate::api::{check_batch, check_half_width};
use crate::error::Error;
use crate::finite_difference::node::Found;
use crate::finite_difference::{self, Method};
use crate::gradient::backprop::Pass;
use crate::gradient::sink;
use crate::gradient::updates::sgd;
use crate::network::forward::Begin;
use crate::network::{Network, Parameters};
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
use crate::parallel::matmul_memory::prepare_thread;
use crate::parallel::memory::ensure_memory;
use crate::parallel::{run, Threads};
use crate::training::minibatch::{Dataset, MiniBatch};

/// Steps of fewer multiplications, about ten microseconds, are taken by one thread, however many
/// there are.
const WORTH_SHARING: usize = 1 << 20;

/// How the gradient of each step is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gradient {
    /// By backpropagation.
    Backprop,
    /// By central differences of this half-width, evaluated by this method.
    Numerical(f64, Method),
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
    fn iter(&self) -> impl Iterator<Item = &'a [usize]> + use<'a> {
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

/// Takes one step for each of `batches`, starting from the parameters of `network`; returns the
/// loss of each batch before its step, and the parameters after the last.
///
/// # Errors
/// If `data` does not fit the network or `batches` does not fit `data`, a half-width is not a
/// positive finite number, direct evaluation cannot move a parameter by it in some step, or there is not
/// enough memory.
pub fn train<S: Scalar, T: Scalar>(
    network: &Network<'_, T>,
    data: &Dataset<'_, S, T>,
    batches: Batches<'_>,
    lr: f64,
    gradient: Gradient,
) -> Result<(Vec<f64>, Parameters<T>), Error> {
    check_batch(network, (data.x.rows(), data.x.cols()), &data.targets)?;
    batches.check(data.x.rows())?;
    if let Gradient::Numerical(h, _) = gradient {
        check_half_width(h)?;
    }
    let largest = batches.sizes.iter().copied().max().unwrap_or(0);
    let lr = T::from_f64(lr);
    let work = match gradient {
        Gradient::Backprop => network.flops().saturating_mul(3).saturating_mul(largest),
        Gradient::Numerical(_, method) => method.flops(network, largest),
    };
    let work = match work {
        0..WORTH_SHARING => 0,
        _ => work.saturating_mul(batches.sizes.len()),
    };
    run(work, |threads| {
        prepare_thread()?;
        let sizes = Sizes::new(network, largest, threads.count());
        let steps = match gradient {
            Gradient::Backprop => sizes.backprop_steps(),
            Gradient::Numerical(_, method) => sizes.numerical_steps(method),
        };
        ensure_memory(steps.saturating_add(std::mem::size_of_val(batches.sizes)))?;
        let mut parameters = Parameters::copied(network);
        let mut losses = Vec::with_capacity(batches.sizes.len());
        let own = (&mut parameters, &mut losses);
        match gradient {
            Gradient::Backprop => backprop_steps(network, data, batches, (lr, threads), own),
            Gradient::Numerical(h, method) => {
                let (own, losses) = own;
                let mut quotients = Quotients::new(network, (h, method), threads);
                let mut batch = MiniBatch::new();
                for indices in batches.iter() {
                    batch.fill(data, indices, threads);
                    losses.push(quotients.follow(own, network, &batch, lr)?);
                }
            }
        }
        Ok((losses, parameters))
    })
}

/// Takes all steps by backpropagation.
fn backprop_steps<S: Scalar, T: Scalar>(
    network: &Network<'_, T>,
    data: &Dataset<'_, S, T>,
    batches: Batches<'_>,
    (lr, threads): (T, Threads<'_>),
    (parameters, losses): (&mut Parameters<T>, &mut Vec<f64>),
) {
    let how = (lr, threads);
    shards::descend(network, data, batches.iter(), how, parameters, losses);
    let mut pass = Pass::default();
    let mut batch = MiniBatch::new();
    for indices in batches.iter().skip(losses.len()) {
        batch.fill(data, indices, threads);
        losses.push(backprop(&mut pass, parameters, network, &batch, how));
    }
}

/// Takes a step by backpropagation; returns the loss before it.
fn backprop<T: Scalar>(
    pass: &mut Pass<T>,
    parameters: &mut Parameters<T>,
    like: &Network<'_, T>,
    batch: &MiniBatch<T>,
    (lr, threads): (T, Threads<'_>),
) -> f64 {
    let (input, targets) = (batch.input(), batch.targets());
    let begin = Begin::Input(input);
    pass.run(&parameters.network(like), begin, &targets, threads);
    let mut places = parameters.places();
    pass.slopes(input, sink::step(&mut places.layers, lr), threads);
    pass.loss(like.loss(), &targets).widen()
}

/// Numerical gradients of a network of any type, in double precision.
struct Quotients<'t> {
    /// The parameters, where they are not of double precision themselves.
    wide: Parameters<f64>,
    slopes: Parameters<f64>,
    space: finite_difference::Space,
    how: (f64, Method),
    threads: Threads<'t>,
    cancel: Cancel<'static>,
}

impl<'t> Quotients<'t> {
    fn new<T: Scalar>(network: &Network<'_, T>, how: (f64, Method), threads: Threads<'t>) -> Self {
        let wide = Parameters::like(&Parameters::copied(network), 0.0);
        Self {
            slopes: wide.clone(),
            wide,
            space: finite_difference::Space::default(),
            how,
            threads,
            cancel: Cancel::new(),
        }
    }

    /// Takes a step; returns the loss before it.
    fn follow<T: Scalar>(
        &mut self,
        parameters: &mut Parameters<T>,
        like: &Network<'_, T>,
        batch: &MiniBatch<f64>,
        lr: T,
    ) -> Result<f64, Error> {
        let wide = if let Some(own) = (&*parameters as &dyn Any).downcast_ref() {
            own
        } else {
            for (wide, own) in self.wide.slices_mut().zip(parameters.slices()) {
                for (wide, own) in wide.iter_mut().zip(own) {
                    *wide = own.widen();
                }
            }
            &self.wide
        };
        let input = batch.input();
        let (loss, found) = self.space.begin(
            &wide.network(like),
            input,
            &batch.targets(),
            (self.how.0, self.how.1, usize::MAX),
            (self.threads, &self.cancel),
            &mut self.slopes.places(),
        )?;
        match found {
            Found::Coefficients => {
                let mut places = parameters.places();
                let goals = sink::step(&mut places.layers, lr);
                self.space.finish(input, goals, self.threads);
            }
            Found::Gradient | Found::Nothing => {
                for (own, slopes) in parameters.slices_mut().zip(self.slopes.slices()) {
                    sgd::descend_shared(own, slopes, lr, self.threads);
                }
            }
        }
        Ok(loss)
    }
}
