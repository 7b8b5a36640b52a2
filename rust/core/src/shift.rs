//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. [`LANES`] shifts of one sample go side by side, each up and down: what is wanted is the odd
//! part of `phi`, and the two are work enough to keep the arithmetic units busy.

use crate::extent::max_abs;
use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{lane_losses, Targets};
use crate::matrix::MatrixRef;
use crate::network::{Layer, Network};
use crate::simd::{Rounding, LANES};
use crate::softmax::softmax_weights;
use crate::vecmath::{exp_small, SMALL};

/// One number a lane.
pub type Block = [f64; LANES];

/// The lanes shifted up, then the same lanes shifted down.
const BOTH: usize = 2 * LANES;
type Both = [f64; BOTH];

/// The same numbers up and down.
#[inline(always)]
fn both(block: &Block) -> Both {
    let mut out = [0.0; BOTH];
    for lane in 0..BOTH {
        out[lane] = block[lane % LANES];
    }
    out
}

/// Which unit of the layer each lane shifts.
#[derive(Debug, Clone, Copy)]
pub enum Lanes {
    /// Every lane the same one.
    Unit(usize),
    /// The units of one block, `LANES * block` and those after it; lanes past the last unit shift
    /// nothing.
    Units(usize),
}

/// Working space of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    current: Vec<Both>,
    next: Vec<Both>,
}

/// The weights of a layer by the unit they reach and by blocks of the units they come from, the
/// last block filled up with zeros.
#[derive(Debug)]
struct Incoming {
    blocks: Vec<Block>,
    per_unit: usize,
    /// The largest absolute weight.
    largest: f64,
}

impl Incoming {
    fn new(weights: MatrixRef<'_, f64>) -> Self {
        let per_unit = weights.rows().div_ceil(LANES);
        let mut blocks = vec![[0.0; LANES]; weights.cols() * per_unit];
        for j in 0..weights.rows() {
            for (k, &weight) in weights.row(j).iter().enumerate() {
                blocks[k * per_unit + j / LANES][j % LANES] = weight;
            }
        }
        Self {
            blocks,
            per_unit,
            largest: max_abs(weights.data()),
        }
    }

    /// What reaches unit `k` from all units.
    #[inline(always)]
    fn of(&self, k: usize) -> &[Block] {
        &self.blocks[k * self.per_unit..(k + 1) * self.per_unit]
    }

    /// What reaches unit `k` from each lane's unit.
    #[inline(always)]
    fn lanes(&self, k: usize, units: Lanes) -> Both {
        match units {
            Lanes::Unit(j) => [self.of(k)[j / LANES][j % LANES]; BOTH],
            Lanes::Units(block) => both(&self.of(k)[block]),
        }
    }
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct Shifter<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    probabilities: MatrixRef<'a, f64>,
    targets: &'a Targets<'a, f64>,
    /// For every layer but the first.
    incoming: Vec<Incoming>,
    width: usize,
}

impl<'a> Shifter<'a> {
    /// Prepares to shift pre-activations of `forward`, the pass of `input` through `network`,
    /// which ends in `probabilities`.
    #[must_use]
    pub fn new(
        network: &'a Network<'a, f64>,
        input: Input<'a, f64>,
        forward: &'a Forward<f64>,
        probabilities: MatrixRef<'a, f64>,
        targets: &'a Targets<'a, f64>,
    ) -> Self {
        let layers = network.layers();
        Self {
            network,
            input,
            forward,
            probabilities,
            targets,
            incoming: layers[1..]
                .iter()
                .map(|l| Incoming::new(l.weights))
                .collect(),
            width: layers.iter().map(Layer::units).max().unwrap_or(0),
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

    /// What the units are meant to answer.
    #[must_use]
    pub fn targets(&self) -> &'a Targets<'a, f64> {
        self.targets
    }

    /// What layer `l` reads.
    #[must_use]
    pub fn input_of(&self, l: usize) -> Input<'a, f64> {
        self.forward.input_of(l, self.input)
    }

    /// The number of samples in the batch.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.targets.samples()
    }

    /// The difference of the losses of sample `n` when the pre-activation of the lane's unit of
    /// layer `l` is `above[lane]` and when it is `below[lane]`, inside a
    /// [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    pub fn differences<R: Rounding>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        (above, below): (&Block, &Block),
        scratch: &mut Scratch,
    ) -> Block {
        let Scratch { current, next } = scratch;
        current.resize(self.width, [0.0; BOTH]);
        let classes = self.network.classes();
        let mut moved = both(above);
        moved[LANES..].copy_from_slice(below);
        let total = if l == self.incoming.len() {
            self.shift_scores::<R>(n, units, moved, &mut current[..classes])
        } else if l + 1 == self.incoming.len() {
            let change = self.activation_change::<R>((l, n), units, moved);
            self.spread_to_scores::<R>(n, units, &change, &mut current[..classes])
        } else {
            next.resize(self.width, [0.0; BOTH]);
            let change = self.activation_change::<R>((l, n), units, moved);
            self.spread::<R>((l, n), units, &change, current);
            for depth in l + 1..self.incoming.len() {
                self.climb::<R>(depth, current, next);
                std::mem::swap(current, next);
            }
            softmax_weights::<f64, R, BOTH>(&mut current[..classes])
        };
        let target = self.targets.sample(n);
        let losses = lane_losses::<f64, R, BOTH>(&current[..classes], &total, target);
        let mut differences = [0.0; LANES];
        for lane in 0..LANES {
            differences[lane] = losses[lane] - losses[LANES + lane];
        }
        differences
    }

    /// The pre-activations of sample `n` in layer `l`, for each lane that of its unit.
    #[inline(always)]
    #[must_use]
    pub fn pre_activations(&self, l: usize, n: usize, units: Lanes) -> Block {
        lanes_of(self.forward.pre(l).row(n), units)
    }

    /// The scores themselves are moved, each lane's in one class.
    #[inline(always)]
    fn shift_scores<R: Rounding>(
        &self,
        n: usize,
        units: Lanes,
        mut moved: Both,
        weights: &mut [Both],
    ) -> Both {
        let scores = both(&self.pre_activations(self.incoming.len(), n, units));
        for lane in 0..BOTH {
            moved[lane] -= scores[lane];
        }
        let moves = Moves::Own(units, moved);
        self.move_scores::<R>(n, all_small(&moved, 1.0), &moves, weights)
    }

    /// How much a moved pre-activation in layer `l` changes the activation of its unit.
    #[inline(always)]
    fn activation_change<R: Rounding>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        mut change: Both,
    ) -> Both {
        let z = both(&lanes_of(self.forward.post(l).row(n), units));
        let activation = self.network.layers()[l].activation;
        activation.apply_in::<f64, R>(&mut change);
        let units_left = match units {
            Lanes::Unit(_) => LANES,
            Lanes::Units(block) => self.network.layers()[l].units() - block * LANES,
        };
        for lane in 0..BOTH {
            let is_unit = lane % LANES < units_left;
            change[lane] = if is_unit { change[lane] - z[lane] } else { 0.0 };
        }
        change
    }

    /// A changed activation in the layer below the scores moves all of them.
    #[inline(always)]
    fn spread_to_scores<R: Rounding>(
        &self,
        n: usize,
        units: Lanes,
        change: &Both,
        weights: &mut [Both],
    ) -> Both {
        let incoming = &self.incoming[self.incoming.len() - 1];
        let are_small = all_small(change, incoming.largest);
        self.move_scores::<R>(
            n,
            are_small,
            &Moves::Spread(units, *change, incoming),
            weights,
        )
    }

    /// Writes the unnormalised probabilities of sample `n` after its scores have moved, those of
    /// class `k` by `moves.of(k)`; returns what to divide them by.
    #[inline(always)]
    fn move_scores<R: Rounding>(
        &self,
        n: usize,
        are_small: bool,
        moves: &Moves<'_>,
        weights: &mut [Both],
    ) -> Both {
        if !are_small {
            let scores = self.forward.scores().row(n);
            for (k, (weights, &score)) in weights.iter_mut().zip(scores).enumerate() {
                *weights = moves.of(k);
                for lane in 0..BOTH {
                    // An infinite score stays, wherever it is moved.
                    weights[lane] = if score.is_infinite() {
                        score
                    } else {
                        weights[lane] + score
                    };
                }
            }
            return softmax_weights::<f64, R, BOTH>(weights);
        }
        // A small move changes a probability by a factor: no need to begin again at the scores.
        let mut total = [0.0; BOTH];
        let y = self.probabilities.row(n);
        for (k, (weights, &y)) in weights.iter_mut().zip(y).enumerate() {
            let moves = moves.of(k);
            for lane in 0..BOTH {
                weights[lane] = y * exp_small::<R>(moves[lane]);
                total[lane] += weights[lane];
            }
        }
        total
    }

    /// A changed activation in layer `l` is a rank-one change of the pre-activations of layer
    /// `l + 1`.
    #[inline(always)]
    fn spread<R: Rounding>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        change: &Both,
        pre: &mut [Both],
    ) {
        let base = self.forward.pre(l + 1).row(n);
        for (k, (pre, &base)) in pre.iter_mut().zip(base).enumerate() {
            let incoming = self.incoming[l].lanes(k, units);
            for lane in 0..BOTH {
                let moved = R::mul_add(change[lane], incoming[lane], base);
                pre[lane] = if base.is_infinite() { base } else { moved };
            }
        }
    }

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    #[inline(always)]
    fn climb<R: Rounding>(&self, l: usize, pre: &mut [Both], next: &mut [Both]) {
        let layer = &self.network.layers()[l];
        let above = &self.network.layers()[l + 1];
        let z = &mut pre[..layer.units()];
        for block in &mut *z {
            layer.activation.apply_in::<f64, R>(block);
        }
        for (k, next) in next.iter_mut().take(above.units()).enumerate() {
            let mut sums = [above.bias.map_or(0.0, |bias| bias[k]); BOTH];
            let weights = self.incoming[l].of(k).as_flattened();
            for (z, &weight) in z.iter().zip(weights) {
                for lane in 0..BOTH {
                    sums[lane] = R::mul_add(z[lane], weight, sums[lane]);
                }
            }
            *next = sums;
        }
    }
}

/// How far each score moves.
enum Moves<'a> {
    /// Each lane's own score moves, and no other.
    Own(Lanes, Both),
    /// Each lane's activation changes, and moves all scores by what it weighs in them.
    Spread(Lanes, Both, &'a Incoming),
}

impl Moves<'_> {
    /// How far the score of class `k` moves.
    #[inline(always)]
    fn of(&self, k: usize) -> Both {
        let mut moves = [0.0; BOTH];
        match self {
            Self::Own(units, own) => {
                for lane in 0..BOTH {
                    let is_moved = match units {
                        Lanes::Unit(j) => *j == k,
                        Lanes::Units(block) => block * LANES + lane % LANES == k,
                    };
                    moves[lane] = if is_moved { own[lane] } else { 0.0 };
                }
            }
            Self::Spread(units, change, incoming) => {
                let incoming = incoming.lanes(k, *units);
                for lane in 0..BOTH {
                    moves[lane] = change[lane] * incoming[lane];
                }
            }
        }
        moves
    }
}

/// Whether every lane, times `scale`, is small enough for [`exp_small`]; a NaN is not.
#[inline(always)]
fn all_small(lanes: &Both, scale: f64) -> bool {
    let mut are_small = true;
    for lane in 0..BOTH {
        are_small &= lanes[lane].abs() * scale <= SMALL;
    }
    are_small
}

/// The number of each lane's unit, 0 past the last.
#[inline(always)]
fn lanes_of(row: &[f64], units: Lanes) -> Block {
    match units {
        Lanes::Unit(j) => [row[j]; LANES],
        Lanes::Units(block) => {
            let own = &row[block * LANES..];
            // A whole block is copied as one: a copy of any length would be a call of a function.
            if let Some(whole) = own.first_chunk() {
                return *whole;
            }
            let mut out = [0.0; LANES];
            out[..own.len()].copy_from_slice(own);
            out
        }
    }
}
