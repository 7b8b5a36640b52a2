//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. Moves go side by side, one a lane, each up and down: what is wanted is the odd part of `phi`.
//!
//! The node evaluator moves all units of a layer, one a lane, by the same shift; the incremental one moves a
//! unit by many shifts. Both take the same way: changes of activations, and then the loss's
//! [closed form](crate::network::losses::closed_form), where it has one that holds for them. Else what is
//! above the units is computed [anew](anew).

mod anew;
mod differences;
mod units;

pub use units::Units;

use crate::network::activations::Activation;
use crate::network::forward::Forward;
use crate::network::incoming::Incoming;
use crate::network::input::Input;
use crate::network::losses::closed_form::{ClosedForm, Sample, Sums};
use crate::network::losses::{LossCertificate, Target, Targets};
use crate::network::{Layer, Network};
use crate::numeric::matrix::Matrix;
use crate::numeric::simd::LANES;
use crate::parallel::cancel::Cancel;
use crate::parallel::Threads;

/// One number a lane.
pub type Block = [f64; LANES];

/// The lanes shifted up, then the same lanes shifted down.
const BOTH: usize = 2 * LANES;
type Both = [f64; BOTH];

/// Working space of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The pre-activation and the activation of each lane's unit in a sample, filled up to whole blocks.
    pre: Vec<f64>,
    post: Vec<f64>,
    /// What the closed form takes for changes of activations, or moves of scores, up to `reach`; for none
    /// where that is negative.
    sums: Sums,
    reach: f64,
    /// Whether all that is asked for lies within reach.
    is_within_reach: bool,
    /// Changes of activations up and down, a lane each, and then the differences of losses.
    above: Vec<f64>,
    below: Vec<f64>,
    /// Pre-activations of a layer and of the one above, and what the units of a layer above sum up without
    /// one unit below; of none yet where that is empty.
    current: Vec<Both>,
    next: Vec<Both>,
    without: Vec<f64>,
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct PerturbedLoss<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    targets: &'a Targets<'a, f64>,
    /// The target of each sample.
    wanted: Vec<Target<'a, f64>>,
    closed_form: Option<ClosedForm<'a>>,
    kink_distances: Option<Matrix<f64>>,
    /// For every layer but the first; with powers for the last.
    incoming: Vec<Incoming>,
    /// The number of units of the widest layer.
    width: usize,
    cancel: &'a Cancel<'a>,
}

impl<'a> PerturbedLoss<'a> {
    /// Prepares to shift pre-activations of `forward`, the pass of `input` through `network`. Once
    /// `cancel` is raised, what it answers has no meaning.
    #[must_use]
    pub fn new(
        network: &'a Network<'a, f64>,
        input: Input<'a, f64>,
        forward: &'a Forward<f64>,
        targets: &'a Targets<'a, f64>,
        cancel: &'a Cancel<'a>,
    ) -> Self {
        let wanted: Vec<_> = (0..targets.samples()).map(|n| targets.sample(n)).collect();
        let batch = forward.scored(targets);
        let mut perturbed = Self {
            network,
            input,
            forward,
            targets,
            closed_form: network.loss().closed_form(&batch, &wanted),
            kink_distances: network.loss().kink_distances(&batch),
            wanted,
            incoming: Vec::new(),
            width: network.layers().iter().map(Layer::units).max().unwrap_or(0),
            cancel,
        };
        for (l, layer) in network.layers().iter().enumerate().skip(1) {
            let incoming = Incoming::new(layer.weights, perturbed.powers_above(l - 1));
            perturbed.incoming.push(incoming);
        }
        perturbed
    }

    /// The network whose units are shifted.
    #[must_use]
    pub fn network(&self) -> &'a Network<'a, f64> {
        self.network
    }

    /// The pass that is shifted.
    #[must_use]
    pub fn forward(&self) -> &'a Forward<f64> {
        self.forward
    }

    /// What is known of the loss of the batch: see
    /// [`certificate`](crate::network::losses::LossFunction::certificate).
    #[must_use]
    pub fn certificate(&self, useful: f64) -> LossCertificate {
        let batch = self.forward.scored(self.targets);
        self.network.loss().certificate(&batch, useful)
    }

    /// How far each score is from where the loss is not analytic, if that is anywhere.
    #[must_use]
    pub fn kink_distances(&self) -> Option<&Matrix<f64>> {
        self.kink_distances.as_ref()
    }

    /// What layer `l` reads.
    #[must_use]
    pub fn input_of(&self, l: usize) -> Input<'a, f64> {
        self.forward.input_of(l, self.input)
    }

    /// The largest absolute input of layer `l`, or a bound on it that is at most 1.
    #[must_use]
    pub fn max_input(&self, l: usize, threads: Threads<'_>) -> f64 {
        let below = l.checked_sub(1).map(|below| self.activation(below));
        match below.and_then(|below| below.certificate().bound) {
            Some(bound) if bound <= 1.0 => bound,
            _ => self.input_of(l).max_abs(threads),
        }
    }

    /// What the samples should have been answered by, and how much each counts.
    #[must_use]
    pub fn targets(&self) -> &'a Targets<'a, f64> {
        self.targets
    }

    /// The number of samples in the batch.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.targets.samples()
    }

    /// Whether nobody waits for answers any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.check().is_err()
    }

    fn sample(&self, n: usize) -> Sample<'a> {
        (n, self.wanted[n])
    }

    /// The closed form, if the activations of layer `l` reach the scores at once.
    fn closed_form_above(&self, l: usize) -> Option<&ClosedForm<'a>> {
        let form = self.closed_form.as_ref();
        form.filter(|_| l + 2 == self.network.layers().len())
    }

    /// How many powers of the weights above layer `l` are wanted.
    fn powers_above(&self, l: usize) -> usize {
        self.closed_form_above(l).map_or(1, ClosedForm::powers)
    }

    /// What turns the pre-activations of layer `l` into what is read above it.
    fn activation(&self, l: usize) -> Activation {
        self.network.layers()[l].activation
    }
}
