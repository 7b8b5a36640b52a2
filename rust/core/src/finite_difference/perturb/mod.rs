//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. [`LANES`] shifts of one sample go side by side, each up and down: what is wanted is the odd
//! part of `phi`, and the two are work enough to keep the arithmetic units busy.
//!
//! The node evaluator asks for all units of a layer after the same shift, the incremental one for a unit after
//! many. Where scores move little, or one alone, [`unit_moves`](crate::network::losses::softmax_cross_entropy::unit_moves) and [`score_moves`](crate::network::losses::softmax_cross_entropy::score_moves)
//! answer; else what is above the unit is computed all over again.

mod losses;
mod rows;
mod unit;

use std::sync::OnceLock;

use crate::network::activations::Activation;
use crate::network::forward::Forward;
use crate::network::incoming::Incoming;
use crate::network::input::Input;
use crate::network::losses::softmax_cross_entropy::class_sums::ClassSums;
use crate::network::losses::softmax_cross_entropy::score_moves::{Others, ScoreRow, ScoreSums};
use crate::network::losses::softmax_cross_entropy::unit_moves::{
    delta_fractions, Sample, ScoreWeights,
};
use crate::network::losses::{Loss, LossCertificate, SoftmaxCrossEntropy, Target, Targets};
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

/// Which unit of a layer each lane shifts.
#[derive(Debug, Clone, Copy)]
enum Lanes {
    /// Every lane the same one.
    Unit(usize),
    /// The same; what its activation becomes where sums above are to be found anew, and NaN elsewhere.
    Anew(usize, Both),
    /// The units of one block, `LANES * block` and those after it.
    Units(usize),
}

/// Working space of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    current: Vec<Both>,
    next: Vec<Both>,
    /// The pre-activations and activations of a sample in a layer, filled up to whole blocks.
    pre: Vec<f64>,
    post: Vec<f64>,
    /// Whether its scores move little, and then what they are moved by; see [`ScoreWeights::sums`].
    is_small: bool,
    sums: ClassSums,
    scores: ScoreRow,
    above: Vec<f64>,
    below: Vec<f64>,
    denominators: Vec<f64>,
    /// What the units of the layer above sum up without one unit below; of none yet where it is empty.
    without: Vec<f64>,
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct PerturbedLoss<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    /// See [`delta_fractions`].
    shares: Matrix<f64>,
    epsilon: f64,
    targets: &'a Targets<'a, f64>,
    /// The target of each sample.
    wanted: Vec<Target<'a, f64>>,
    /// For every layer but the first and the last.
    incoming: Vec<Incoming>,
    /// For the last layer, if there is one below.
    score_weights: Option<ScoreWeights>,
    /// What moves of the scores of each sample take, once they are asked for one by one.
    score_sums: OnceLock<Vec<(ScoreSums, Others)>>,
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
        let layers = network.layers();
        let Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy { epsilon }) = network.loss();
        Self {
            network,
            input,
            forward,
            shares: delta_fractions(forward.outputs(), epsilon),
            epsilon,
            targets,
            wanted: (0..targets.samples()).map(|n| targets.sample(n)).collect(),
            score_weights: match layers {
                [.., _, last] => Some(ScoreWeights::of_weights(last.weights)),
                _ => None,
            },
            incoming: layers[1..layers.len().max(2) - 1]
                .iter()
                .map(|l| Incoming::new(l.weights, 1))
                .collect(),
            score_sums: OnceLock::new(),
            width: layers.iter().map(Layer::units).max().unwrap_or(0),
            cancel,
        }
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

    /// What is known of the loss of the batch; see [`certificate`](Loss::certificate).
    #[must_use]
    pub fn certificate(&self, useful: f64) -> LossCertificate {
        let batch = self.forward.scored(self.targets);
        self.network.loss().certificate(&batch, useful)
    }

    /// What layer `l` reads.
    #[must_use]
    pub fn input_of(&self, l: usize) -> Input<'a, f64> {
        self.forward.input_of(l, self.input)
    }

    /// The largest absolute input of layer `l`, or a bound on it that is at most 1.
    #[must_use]
    pub fn largest_input(&self, l: usize, threads: Threads<'_>) -> f64 {
        let below = l.checked_sub(1).map(|below| self.activation(below));
        match below.and_then(|below| below.certificate().bound) {
            Some(bound) if bound <= 1.0 => bound,
            _ => self.input_of(l).max_abs(threads),
        }
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

    fn sample(&self, n: usize) -> Sample<'_> {
        Sample {
            target: self.wanted[n],
            shares: self.shares.row(n),
        }
    }

    /// Whether the units of layer `l` are the scores, which are read as they are.
    fn are_scores(&self, l: usize) -> bool {
        l + 1 == self.network.layers().len()
    }

    /// What reaches unit `k` of layer `l + 1` from all units of layer `l`.
    #[inline(always)]
    fn incoming(&self, l: usize, k: usize) -> &[f64] {
        match &self.score_weights {
            Some(score_weights) if l == self.incoming.len() => score_weights.incoming().of(k),
            _ => self.incoming[l].of(k),
        }
    }

    /// What turns the pre-activations of layer `l` into what is read above it.
    fn activation(&self, l: usize) -> Activation {
        if self.are_scores(l) {
            Activation::Identity
        } else {
            self.network.layers()[l].activation
        }
    }

    /// What the activations of layer `l` do to the scores, if they reach them at once.
    fn score_weights(&self, l: usize) -> Option<&ScoreWeights> {
        self.score_weights
            .as_ref()
            .filter(|_| l == self.incoming.len())
    }
}
