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
use crate::finite_difference::node::{multiply, node, Found};
use crate::finite_difference::perturb::PerturbedLoss;
use crate::gradient::sink::{written, LayerGoals};
use crate::network::forward::Forward;
use crate::network::input::Input;
use crate::network::losses::Targets;
use crate::network::{Layer, Network, ParametersMut};
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
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
        let shifted = flops_of_perturbation(network);
        let per_sample = match self {
            Self::Direct => (2 * parameters).saturating_mul(parameters),
            Self::Incremental => (2 * parameters).saturating_mul(shifted),
            Self::Node => 2 * parameters + 4 * units * shifted,
        };
        per_sample.saturating_mul(samples)
    }
}

/// A measure of the work of one shifted loss, in multiplications.
#[must_use]
pub fn flops_of_perturbation<T: Scalar>(network: &Network<'_, T>) -> usize {
    // What exponentials and a logarithm cost.
    const EXPONENTIAL: usize = 48;
    let first = network.layers()[0].units();
    let above = network.flops() - network.inputs() * first;
    EXPONENTIAL * network.classes() + above / first
}

/// Below, numbers of moves become too small for all their digits to be kept.
const SMALLEST_SHIFT: f64 = 1e-150;

/// A half-width that gives the same quotients as `h` to all digits, and keeps them: where the largest shift
/// of a pre-activation is tiny, they differ from derivatives by its square.
fn workable(h: f64, input: Input<'_, f64>, threads: Threads<'_>) -> f64 {
    if h >= SMALLEST_SHIFT {
        return h;
    }
    h.max(SMALLEST_SHIFT / input.max_abs(threads).max(1.0))
}

/// Working space of a numerical gradient, which the next one finds again.
#[derive(Debug, Default)]
pub struct Space {
    forward: Forward<f64>,
    coefficients: Vec<Coefficients>,
}

impl Space {
    /// The mean loss, and what has been found of its central difference, of half-width `h`, in every
    /// parameter: all of it in `gradient`, or coefficients that are left here, or nothing where the node
    /// evaluator goes over to the incremental one for more than `most` multiplications.
    ///
    /// Where the loss itself is not a number, no quotient is.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled, or if direct evaluation cannot move a parameter by `h`.
    pub fn begin(
        &mut self,
        network: &Network<'_, f64>,
        input: Input<'_, f64>,
        targets: &Targets<'_, f64>,
        (h, method, most): (f64, Method, usize),
        (threads, cancel): (Threads<'_>, &Cancel),
        gradient: &mut ParametersMut<'_, f64>,
    ) -> Result<(f64, Found), Error> {
        let Self {
            forward,
            coefficients,
        } = self;
        if method == Method::Direct {
            check_steps(network, h)?;
        }
        forward.run(network, input, threads);
        let loss = network.loss().mean(&forward.scored(targets));
        if !loss.is_finite() {
            gradient.fill(f64::NAN);
            return Ok((loss, Found::Gradient));
        }
        let perturbed = || PerturbedLoss::new(network, input, forward, targets, cancel);
        let width = || workable(h, input, threads);
        match method {
            Method::Direct => direct(network, input, targets, h, threads, cancel, gradient)?,
            Method::Incremental => incremental(&perturbed(), width(), threads, cancel, gradient)?,
            Method::Node => {
                let found = node(
                    &perturbed(),
                    (width(), most),
                    (threads, cancel),
                    coefficients,
                    gradient,
                )?;
                return Ok((loss, found));
            }
        }
        Ok((loss, Found::Gradient))
    }

    /// Finds the quotients from the coefficients of what was [begun](Self::begin) for `input`.
    pub fn finish<P: Scalar>(
        &self,
        input: Input<'_, f64>,
        goals: Vec<LayerGoals<'_, f64, P>>,
        threads: Threads<'_>,
    ) {
        multiply(&self.coefficients, (input, &self.forward), goals, threads);
    }
}

/// The mean loss; its central difference, of half-width `h`, in every parameter goes to `gradient`. Nothing
/// where that would take [too long](Space::begin).
///
/// Where the loss itself is not a number, no quotient is.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled, or if direct evaluation cannot move a parameter by `h`.
pub fn numerical_gradient(
    network: &Network<'_, f64>,
    input: Input<'_, f64>,
    targets: &Targets<'_, f64>,
    how: (f64, Method, usize),
    space: &mut Space,
    (threads, cancel): (Threads<'_>, &Cancel),
    gradient: &mut ParametersMut<'_, f64>,
) -> Result<Option<f64>, Error> {
    let (loss, found) = space.begin(network, input, targets, how, (threads, cancel), gradient)?;
    match found {
        Found::Gradient => {}
        Found::Coefficients => {
            space.finish(input, written::<_, f64>(&mut gradient.layers), threads);
        }
        Found::Nothing => return Ok(None),
    }
    Ok(Some(loss))
}
