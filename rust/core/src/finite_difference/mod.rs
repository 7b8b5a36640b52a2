//! The numerical gradient of a network: one quotient, three evaluators.

pub(crate) mod direct;
pub(crate) mod incremental;
pub(crate) mod node;
pub(crate) mod perturb;
pub(crate) mod quotient;

use crate::error::Error;
use crate::finite_difference::direct::{check_steps, direct};
use crate::finite_difference::incremental::incremental;
use crate::finite_difference::node::coefficients::Coefficients;
use crate::finite_difference::node::Node;
use crate::finite_difference::perturb::PerturbedLoss;
use crate::gradient::prepared::{Prepared, PreparedLayer, Terms};
use crate::network::forward::{Begin, Forward};
use crate::network::input::Input;
use crate::network::losses::Targets;
use crate::network::parameters::{LayerParts, Parameters};
use crate::network::{Layer, Network};
use crate::numeric::scalar::Scalar;
use crate::parallel::context::Context;
use crate::parallel::Threads;

/// How the central difference is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A whole forward pass for every move of every parameter.
    Direct,
    /// Only what a moved parameter changes.
    Incremental,
    /// From the loss as a function of each pre-activation; incrementally where that is not smooth.
    Node,
}

impl Method {
    /// The method named `name` in the Python package. `auto` is the node evaluator, which goes
    /// over to the incremental one wherever its own error bound does not hold.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "incremental" => Some(Self::Incremental),
            "node" | "auto" => Some(Self::Node),
            _ => None,
        }
    }

    /// A measure of the work of one gradient, in multiplications; by node where no unit goes over to incremental.
    #[must_use]
    pub fn flops<T: Scalar>(self, network: &Network<'_, T>, samples: usize) -> usize {
        let parameters = network.flops();
        let units: usize = network.layers().iter().map(Layer::units).sum();
        let perturbed = flops_of_perturbation(network);
        let per_sample = match self {
            Self::Direct => (2 * parameters).saturating_mul(parameters),
            Self::Incremental => (2 * parameters).saturating_mul(perturbed),
            Self::Node => 2 * parameters + 4 * units * perturbed,
        };
        per_sample.saturating_mul(samples)
    }
}

/// A measure of the work of one perturbed loss, in multiplications.
#[must_use]
pub fn flops_of_perturbation<T: Scalar>(network: &Network<'_, T>) -> usize {
    // What exponentials and a logarithm cost.
    const EXPONENTIAL: usize = 48;
    let first = network.layers()[0].units();
    let above = network.flops() - network.inputs() * first;
    EXPONENTIAL * network.classes() + above / first
}

/// A central difference, and how it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CentralDifference {
    /// The half-width.
    pub h: f64,
    /// The evaluator.
    pub method: Method,
}

/// Below, numbers of moves become too small for all their digits to be kept.
const MIN_MOVE: f64 = 1e-150;

impl CentralDifference {
    /// Checks the half-width.
    ///
    /// # Errors
    /// If it is not a positive finite number.
    pub fn check(&self) -> Result<(), Error> {
        if self.h.is_finite() && self.h > 0.0 {
            return Ok(());
        }
        let got = self.h.to_string();
        Err(Error::value("h", "be a positive finite number", got))
    }

    /// A half-width that gives the same quotients as `h` to all digits, and keeps them: where the largest
    /// shift of a pre-activation is tiny, they differ from derivatives by its square.
    fn workable_h(&self, input: Input<'_, f64>, threads: Threads<'_>) -> f64 {
        if self.h >= MIN_MOVE {
            return self.h;
        }
        self.h.max(MIN_MOVE / input.max_abs(threads).max(1.0))
    }
}

/// The central difference of the mean loss of a batch in every parameter; the next one finds its buffers
/// again.
#[derive(Debug, Default)]
pub struct Quotients {
    forward: Forward<f64>,
    loss: f64,
    /// What the node evaluator finds quotients from.
    coefficients: Vec<Coefficients>,
    /// Quotients found one by one: all of them, or what is to be added to those of the node evaluator.
    one_by_one: Option<Parameters<f64>>,
}

impl Quotients {
    /// Finds what the quotients follow from; `input` is what the pass begins with. Nothing where the node
    /// evaluator goes over to the incremental one for more than `context.max_flops` multiplications.
    ///
    /// Where the loss itself is not a number, no quotient is.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled, or if direct evaluation cannot move a parameter by `h`.
    pub fn prepare(
        &mut self,
        network: &Network<'_, f64>,
        (begin, input): (Begin<'_, f64>, Input<'_, f64>),
        targets: &Targets<'_, f64>,
        difference: CentralDifference,
        context: Context<'_>,
    ) -> Result<Option<()>, Error> {
        if difference.method == Method::Direct {
            check_steps(network, difference.h)?;
        }
        self.forward.run(network, begin, context.threads);
        self.loss = network.loss().mean(&self.forward.scored(targets));
        self.one_by_one = None;
        if !self.loss.is_finite() {
            self.coefficients.clear();
            self.one_by_one = Some(Parameters::filled(network, f64::NAN));
            return Ok(Some(()));
        }
        if difference.method == Method::Direct {
            self.coefficients.clear();
            self.one_by_one = Some(direct(network, input, targets, difference.h, context)?);
            return Ok(Some(()));
        }
        let perturbed = PerturbedLoss::new(network, input, &self.forward, targets, context.cancel);
        let h = difference.workable_h(input, context.threads);
        if difference.method == Method::Incremental {
            self.coefficients.clear();
            self.one_by_one = Some(incremental(&perturbed, h, context)?);
            return Ok(Some(()));
        }
        let node = Node::new(&perturbed, h, context.threads);
        if node.flops_one_by_one() > context.max_flops {
            return Ok(None);
        }
        node.find_coefficients(&mut self.coefficients, context)?;
        self.one_by_one = node.one_by_one(context)?;
        Ok(Some(()))
    }

    /// The mean loss of the batch that was prepared.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The quotients of the batch that was prepared.
    #[must_use]
    pub fn prepared(&self) -> Prepared<'_, f64> {
        let layers = (0..self.forward.depth()).map(|l| PreparedLayer {
            input: l.checked_sub(1).map(|below| self.forward.post(below)),
            terms: match self.coefficients.get(l) {
                Some(coefficients) => coefficients.terms(),
                None => Terms::none(),
            },
            groups: Vec::new(),
            quotients: self.one_by_one.as_ref().map(|all| LayerParts {
                weights: &all.layers[l].weights[..],
                bias: all.layers[l].bias.as_deref(),
            }),
        });
        Prepared {
            layers: layers.collect(),
        }
    }
}
