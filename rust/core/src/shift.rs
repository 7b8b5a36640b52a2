//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. [`LANES`] shifts of one sample go side by side, each up and down: what is wanted is the odd
//! part of `phi`, and the two are work enough to keep the arithmetic units busy.

use crate::activation::Activation;
use crate::change::{delta_shares, Moments, Pull, Sample, Sums};
use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{lane_losses, Targets};
use crate::matrix::{Matrix, MatrixRef};
use crate::network::{Layer, Network};
use crate::parallel::Threads;
use crate::simd::{Level, LANES};
use crate::softmax::softmax_weights;

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
    /// Whether its scores move little, and then what they are moved by; see [`Pull::sums`].
    is_small: bool,
    sums: Sums,
    above: Vec<f64>,
    below: Vec<f64>,
    denominators: Vec<f64>,
}

/// The weights of a layer by the unit they reach and by blocks of the units they come from, the
/// last block filled up with zeros.
#[derive(Debug)]
struct Incoming {
    blocks: Vec<Block>,
    per_unit: usize,
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
        Self { blocks, per_unit }
    }

    /// What reaches unit `k` from all units.
    #[inline(always)]
    fn of(&self, k: usize) -> &[Block] {
        &self.blocks[k * self.per_unit..(k + 1) * self.per_unit]
    }

    /// What reaches unit `k` from each lane's unit.
    #[inline(always)]
    fn lanes(&self, k: usize, units: Lanes) -> Block {
        match units {
            Lanes::Unit(j) => [self.of(k)[j / LANES][j % LANES]; LANES],
            Lanes::Units(block) => self.of(k)[block],
        }
    }
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct Shifter<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    /// See [`delta_shares`].
    shares: Matrix<f64>,
    targets: &'a Targets<'a, f64>,
    /// For every layer but the first.
    incoming: Vec<Incoming>,
    /// For the last layer and, if there is one, the layer below it.
    pulls: Vec<Pull>,
    width: usize,
}

/// One unit of one layer in one sample, about to be shifted.
#[derive(Debug)]
pub struct Place<'a> {
    layer: usize,
    sample: usize,
    unit: usize,
    /// Its pre-activation.
    pub pre: f64,
    pulled: Option<(&'a Pull, Sample<'a>, Moments)>,
}

impl<'a> Shifter<'a> {
    /// Prepares to shift pre-activations of `forward`, the pass of `input` through `network`.
    #[must_use]
    pub fn new(
        network: &'a Network<'a, f64>,
        input: Input<'a, f64>,
        forward: &'a Forward<f64>,
        targets: &'a Targets<'a, f64>,
    ) -> Self {
        let layers = network.layers();
        let mut pulls = vec![Pull::of_scores(network.classes())];
        if let [.., _, last] = layers {
            pulls.push(Pull::of_weights(last.weights));
        }
        Self {
            network,
            input,
            forward,
            shares: delta_shares(forward.probabilities()),
            targets,
            pulls,
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

    /// The largest absolute input of layer `l`, or a bound on it that is at most 1.
    #[must_use]
    pub fn largest_input(&self, l: usize, threads: Threads<'_>) -> f64 {
        let below = l.checked_sub(1).map(|below| self.activation(below));
        match below.and_then(Activation::bound) {
            Some(bound) if bound <= 1.0 => bound,
            _ => self.input_of(l).max_abs(threads),
        }
    }

    /// The number of samples in the batch.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.targets.samples()
    }

    /// Unit `j` of layer `l` in sample `n`, inside a [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    #[must_use]
    pub fn place<R: Level>(&self, (l, n): (usize, usize), j: usize) -> Place<'_> {
        // No closure: it would not be compiled with the kernel's instructions.
        let pulled = match self.pull(l) {
            Some(pull) => {
                let moments = pull.moments_of_unit::<R>(self.forward.probabilities().row(n), j);
                Some((pull, self.sample(n), moments))
            }
            None => None,
        };
        Place {
            layer: l,
            sample: n,
            unit: j,
            pre: self.forward.pre(l).row(n)[j],
            pulled,
        }
    }

    fn sample(&self, n: usize) -> Sample<'_> {
        Sample {
            target: self.targets.sample(n),
            shares: self.shares.row(n),
        }
    }

    /// The difference of the losses of a sample when the pre-activation of a unit is
    /// `above[lane]` and when it is `below[lane]`, inside a [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    pub fn differences<R: Level>(
        &self,
        place: &Place<'_>,
        (above, below): (&Block, &Block),
        scratch: &mut Scratch,
    ) -> Block {
        let (l, n) = (place.layer, place.sample);
        let mut change = [0.0; BOTH];
        change[..LANES].copy_from_slice(above);
        change[LANES..].copy_from_slice(below);
        let before = if l == self.incoming.len() {
            place.pre
        } else {
            self.network.layers()[l]
                .activation
                .apply_in::<f64, R>(&mut change);
            self.forward.post(l).row(n)[place.unit]
        };
        for lane in 0..BOTH {
            change[lane] -= before;
        }
        let losses = match &place.pulled {
            Some((pull, sample, moments)) if pull.are_small(&change) => {
                pull.growth_by_unit::<R, BOTH>(sample, (place.unit, moments), &change)
            }
            _ => self.losses_after::<R>((l, n), Lanes::Unit(place.unit), &change, scratch),
        };
        let mut differences = [0.0; LANES];
        for lane in 0..LANES {
            differences[lane] = losses[lane] - losses[LANES + lane];
        }
        differences
    }

    /// For all units of layer `l`, the difference of the losses of sample `n` when the unit's
    /// pre-activation is `shift` higher and when it is as much lower, inside a
    /// [`Kernel`](crate::simd::Kernel); behind the last unit, numbers without meaning.
    ///
    /// The sample is the one last [turned to](Self::turn_to).
    #[inline(always)]
    pub fn row_differences<'s, R: Level>(
        &self,
        (l, n): (usize, usize),
        shift: f64,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        let own = (&scratch.pre[..], &scratch.post[..]);
        let changes = (&mut scratch.above[..], &mut scratch.below[..]);
        self.activation(l).changes_in::<R>(own, shift, changes);
        match self.pull(l) {
            Some(pull) if scratch.is_small => {
                let changes = (&mut scratch.above[..], &mut scratch.below[..]);
                let (sums, room) = (&scratch.sums, &mut scratch.denominators);
                pull.difference_by_units::<R>(&self.sample(n), sums, changes, room);
            }
            _ => {
                self.row_losses_after::<R>((l, n), scratch);
                for (above, below) in scratch.above.iter_mut().zip(&scratch.below) {
                    *above -= below;
                }
            }
        }
        &scratch.above
    }

    /// Prepares for the [differences](Self::row_differences) of sample `n` and layer `l` after shifts
    /// up to `most`, inside a [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    pub fn turn_to<R: Level>(&self, (l, n): (usize, usize), most: f64, scratch: &mut Scratch) {
        let pre = self.forward.pre(l).row(n);
        let post = if l < self.incoming.len() {
            self.forward.post(l).row(n)
        } else {
            pre
        };
        for (row, own) in [(pre, &mut scratch.pre), (post, &mut scratch.post)] {
            own.resize(row.len().next_multiple_of(LANES), 0.0);
            let (units, rest) = own.split_at_mut(row.len());
            units.copy_from_slice(row);
            rest.fill(0.0);
        }
        scratch.above.resize(scratch.pre.len(), 0.0);
        scratch.below.resize(scratch.pre.len(), 0.0);
        let reach = self.activation(l).reach(most);
        scratch.is_small = false;
        if let Some(pull) = self.pull(l) {
            // An infinite pre-activation moves to no number.
            if pull.is_small(reach) && are_finite(&scratch.pre) {
                let y = self.forward.probabilities().row(n);
                pull.sums::<R>(y, &self.sample(n), reach, &mut scratch.sums);
                scratch.is_small = true;
            }
        }
    }

    /// What turns the pre-activations of layer `l` into what is read above it; nothing is above the
    /// scores, which are read as they are.
    fn activation(&self, l: usize) -> Activation {
        if l < self.incoming.len() {
            self.network.layers()[l].activation
        } else {
            Activation::Identity
        }
    }

    /// What the activations of layer `l` do to the scores, if they reach them at once.
    fn pull(&self, l: usize) -> Option<&Pull> {
        self.pulls.get(self.incoming.len() - l)
    }

    /// Replaces the changes of the activations of layer `l` by the losses after them.
    #[inline(always)]
    fn row_losses_after<R: Level>(&self, at: (usize, usize), scratch: &mut Scratch) {
        for block in 0..scratch.above.len() / LANES {
            let own = block * LANES..(block + 1) * LANES;
            let mut change = [0.0; BOTH];
            change[..LANES].copy_from_slice(&scratch.above[own.clone()]);
            change[LANES..].copy_from_slice(&scratch.below[own.clone()]);
            let losses = self.losses_after::<R>(at, Lanes::Units(block), &change, scratch);
            scratch.above[own.clone()].copy_from_slice(&losses[..LANES]);
            scratch.below[own].copy_from_slice(&losses[LANES..]);
        }
    }

    /// The losses after a change of any size: the layers above, and the loss, all over again.
    #[inline(always)]
    fn losses_after<R: Level>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        change: &Both,
        scratch: &mut Scratch,
    ) -> Both {
        let Scratch { current, next, .. } = scratch;
        current.resize(self.width, [0.0; BOTH]);
        next.resize(self.width, [0.0; BOTH]);
        if l == self.incoming.len() {
            self.move_scores(n, units, change, current);
        } else {
            self.spread((l, n), units, change, current);
        }
        for depth in l + 1..self.incoming.len() {
            self.climb::<R>(depth, current, next);
            std::mem::swap(current, next);
        }
        let weights = &mut current[..self.network.classes()];
        let total = softmax_weights::<f64, R, BOTH>(weights);
        let target = self.targets.sample(n);
        lane_losses::<f64, R, BOTH>(weights, &total, target)
    }

    /// Each lane's own score moves, and no other.
    #[inline(always)]
    fn move_scores(&self, n: usize, units: Lanes, change: &Both, scores: &mut [Both]) {
        let base = self.forward.scores().row(n);
        for (k, (scores, &base)) in scores.iter_mut().zip(base).enumerate() {
            for lane in 0..BOTH {
                let is_moved = match units {
                    Lanes::Unit(j) => j == k,
                    Lanes::Units(block) => block * LANES + lane % LANES == k,
                };
                // An infinite score stays, wherever it is moved.
                let moves = is_moved && base.is_finite();
                scores[lane] = if moves { base + change[lane] } else { base };
            }
        }
    }

    /// A changed activation is a rank-one change of the pre-activations of the next layer.
    #[inline(always)]
    fn spread(&self, (l, n): (usize, usize), units: Lanes, change: &Both, pre: &mut [Both]) {
        let base = self.forward.pre(l + 1).row(n);
        for (k, (pre, &base)) in pre.iter_mut().zip(base).enumerate() {
            let incoming = self.incoming[l].lanes(k, units);
            for lane in 0..BOTH {
                // Rounded as the term it replaces was, which so cancels where a unit goes to 0.
                let moved = change[lane] * incoming[lane % LANES] + base;
                pre[lane] = if base.is_infinite() { base } else { moved };
            }
        }
    }

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    #[inline(always)]
    fn climb<R: Level>(&self, l: usize, pre: &mut [Both], next: &mut [Both]) {
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

#[inline(always)]
fn are_finite(numbers: &[f64]) -> bool {
    let mut odd = 0_u32;
    for x in numbers {
        odd |= u32::from(!x.is_finite());
    }
    odd == 0
}
