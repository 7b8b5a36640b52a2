//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. [`LANES`] shifts of one sample go side by side, each up and down: what is wanted is the odd
//! part of `phi`, and the two are work enough to keep the arithmetic units busy.

use std::sync::OnceLock;

use crate::activation::Activation;
use crate::cancel::Cancel;
use crate::change::{delta_shares, Moments, Pull, Sample, Sums};
use crate::forward::Forward;
use crate::incoming::Incoming;
use crate::input::Input;
use crate::loss::{lane_losses, Target, Targets};
use crate::matrix::Matrix;
use crate::network::{Layer, Network};
use crate::parallel::Threads;
use crate::scores::{copy_filled, Others, Score, ScoreRow, ScoreSums, LARGE};
use crate::simd::{dispatch, Kernel, Level, LANES};
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
    /// Whether its scores move little, and then what they are moved by; see [`Pull::sums`].
    is_small: bool,
    sums: Sums,
    scores: ScoreRow,
    above: Vec<f64>,
    below: Vec<f64>,
    denominators: Vec<f64>,
    /// What the units of the layer above sum up without one unit below; of none yet where it is empty.
    without: Vec<f64>,
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
    /// The target of each sample.
    wanted: Vec<Target<'a, f64>>,
    /// For every layer but the first and the last.
    incoming: Vec<Incoming>,
    /// For the last layer, if there is one below.
    pull: Option<Pull>,
    /// What moves of the scores of each sample take, once they are asked for one by one.
    score_sums: OnceLock<Vec<(ScoreSums, Others)>>,
    width: usize,
    cancel: &'a Cancel<'a>,
}

/// One unit of one layer in one sample, about to be shifted.
#[derive(Debug)]
pub struct Place<'a> {
    layer: usize,
    sample: usize,
    unit: usize,
    /// Its pre-activation, and its activation.
    pub pre: f64,
    post: f64,
    pulled: Option<(&'a Pull, Sample<'a>, Moments)>,
}

impl<'a> Shifter<'a> {
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
        Self {
            network,
            input,
            forward,
            shares: delta_shares(forward.probabilities()),
            targets,
            wanted: (0..targets.samples()).map(|n| targets.sample(n)).collect(),
            pull: match layers {
                [.., _, last] => Some(Pull::of_weights(last.weights)),
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

    /// Whether nobody waits for answers any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.check().is_err()
    }

    /// Unit `j` of layer `l` in sample `n`, inside a [`Kernel`].
    #[inline(always)]
    #[must_use]
    pub fn place<R: Level>(
        &self,
        (l, n): (usize, usize),
        j: usize,
        scratch: &mut Scratch,
    ) -> Place<'_> {
        scratch.without.clear();
        // No closure: it would not be compiled with the kernel's instructions.
        let pulled = match self.pull(l) {
            Some(pull) => {
                let moments = pull.moments_of_unit::<R>(self.forward.probabilities().row(n), j);
                Some((pull, self.sample(n), moments))
            }
            None => None,
        };
        let pre = self.forward.pre(l).row(n)[j];
        Place {
            layer: l,
            sample: n,
            unit: j,
            pre,
            post: if self.are_scores(l) {
                pre
            } else {
                self.forward.post(l).row(n)[j]
            },
            pulled,
        }
    }

    fn sample(&self, n: usize) -> Sample<'_> {
        Sample {
            target: self.wanted[n],
            shares: self.shares.row(n),
        }
    }

    /// The difference of the losses of a sample when the pre-activation of a unit moves up by
    /// `shifts[lane]` and when it moves down, inside a [`Kernel`]. It is finite now.
    #[inline(always)]
    pub fn differences<R: Level>(
        &self,
        place: &Place<'_>,
        shifts: &Block,
        scratch: &mut Scratch,
    ) -> Block {
        if self.are_scores(place.layer) {
            return self.differences_by_score::<R>(place, shifts, scratch);
        }
        let mut change = both(shifts);
        let moved = change.map(|shift| place.pre + shift);
        let unit = (place.pre, place.post);
        self.activation(place.layer)
            .changes_of_unit::<R, BOTH>(unit, &mut change);
        self.differences_after::<R>(place, (&change, moved), scratch)
    }

    /// The same where the pre-activation is infinite, and is `above[lane]` and `below[lane]` afterwards.
    #[inline(always)]
    pub fn differences_between<R: Level>(
        &self,
        place: &Place<'_>,
        (above, below): (&Block, &Block),
        scratch: &mut Scratch,
    ) -> Block {
        if self.are_scores(place.layer) {
            // An infinite score stays, wherever it is moved.
            return [0.0; LANES];
        }
        let mut moved = [0.0; BOTH];
        moved[..LANES].copy_from_slice(above);
        moved[LANES..].copy_from_slice(below);
        let mut change = moved;
        self.activation(place.layer).apply_in::<f64, R>(&mut change);
        for change in &mut change {
            *change -= place.post;
        }
        self.differences_after::<R>(place, (&change, moved), scratch)
    }

    /// The same after changes of a hidden unit's activation, which come from its `moved` pre-activation.
    #[inline(always)]
    fn differences_after<R: Level>(
        &self,
        place: &Place<'_>,
        (change, moved): (&Both, Both),
        scratch: &mut Scratch,
    ) -> Block {
        let losses = match &place.pulled {
            Some((pull, sample, moments)) if pull.are_small(change) => {
                pull.growth_by_unit::<R, BOTH>(sample, (place.unit, moments), change)
            }
            _ => {
                let units = self.lanes_of::<R>(place, (change, moved), scratch);
                self.losses_after::<R>((place.layer, place.sample), units, change, scratch)
            }
        };
        difference(&losses)
    }

    /// The lanes of a hidden unit that changes. Where it loses more than half of its activation, what is left
    /// of a large sum above it has the digits of what was there before, and not its own: it is summed anew.
    #[inline(always)]
    fn lanes_of<R: Level>(
        &self,
        place: &Place<'_>,
        (change, mut moved): (&Both, Both),
        scratch: &mut Scratch,
    ) -> Lanes {
        let half = 0.5 * place.post.abs();
        if !change
            .iter()
            .any(|change| (place.post + change).abs() < half)
        {
            return Lanes::Unit(place.unit);
        }
        self.sum_without::<R>(place, &mut scratch.without);
        self.activation(place.layer).apply_in::<f64, R>(&mut moved);
        for moved in &mut moved {
            *moved = if moved.abs() < half { *moved } else { f64::NAN };
        }
        Lanes::Anew(place.unit, moved)
    }

    /// The same after moves of a score.
    #[inline(always)]
    fn differences_by_score<R: Level>(
        &self,
        place: &Place<'_>,
        moves: &Block,
        scratch: &mut Scratch,
    ) -> Block {
        let (n, j) = (place.sample, place.unit);
        let (sums, others) = &self.score_sums.get_or_init(|| dispatch(SumUp(self)))[n];
        let scores = self.forward.scores().row(n);
        let reach = moves.iter().fold(0.0, |most: f64, by| most.max(by.abs()));
        match self.wanted[n] {
            target if reach <= LARGE => {
                let score = Score {
                    y: self.forward.probabilities().row(n)[j],
                    t: target.weight(j),
                    share: self.shares.row(n)[j],
                };
                sums.differences::<R>(score, moves, reach)
            }
            Target::Label(k) => others.differences::<R>(scores, (k, j), moves),
            Target::Dense(_) => {
                let at = (place.layer, n);
                difference(&self.losses_after::<R>(at, Lanes::Unit(j), &both(moves), scratch))
            }
        }
    }

    /// For all units of layer `l`, the difference of the losses of sample `n` when the unit's
    /// pre-activation is `shift` higher and when it is as much lower, inside a
    /// [`Kernel`]; behind the last unit, numbers without meaning.
    ///
    /// The sample is the one last [turned to](Self::turn_to).
    #[inline(always)]
    pub fn row_differences<'s, R: Level>(
        &self,
        (l, n): (usize, usize),
        shift: f64,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        if self.are_scores(l) && scratch.is_small {
            scratch.scores.differences::<R>(shift, &mut scratch.above);
            return &scratch.above;
        }
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
    /// up to `most`, inside a [`Kernel`].
    #[inline(always)]
    pub fn turn_to<R: Level>(&self, (l, n): (usize, usize), most: f64, scratch: &mut Scratch) {
        let pre = self.forward.pre(l).row(n);
        let width = pre.len().next_multiple_of(LANES);
        scratch.above.resize(width, 0.0);
        scratch.below.resize(width, 0.0);
        let y = self.forward.probabilities().row(n);
        if self.are_scores(l) {
            scratch.is_small = most <= LARGE;
            if scratch.is_small {
                return scratch.scores.fill(y, &self.sample(n), most);
            }
        }
        copy_filled(pre, &mut scratch.pre);
        let post = if self.are_scores(l) {
            pre
        } else {
            self.forward.post(l).row(n)
        };
        copy_filled(post, &mut scratch.post);
        scratch.is_small = false;
        if let Some(pull) = self.pull(l) {
            let reach = self.activation(l).reach(most);
            // An infinite pre-activation moves to no number.
            if pull.is_small(reach) && are_finite(&scratch.pre) {
                pull.sums::<R>(y, &self.sample(n), reach, &mut scratch.sums);
                scratch.is_small = true;
            }
        }
    }

    /// Whether the units of layer `l` are the scores, which are read as they are.
    fn are_scores(&self, l: usize) -> bool {
        l + 1 == self.network.layers().len()
    }

    /// What reaches unit `k` of layer `l + 1` from all units of layer `l`.
    #[inline(always)]
    fn incoming(&self, l: usize, k: usize) -> &[f64] {
        match &self.pull {
            Some(pull) if l == self.incoming.len() => pull.incoming().of(k),
            _ => self.incoming[l].of(k),
        }
    }

    /// The same from each lane's unit.
    #[inline(always)]
    fn incoming_lanes(&self, l: usize, k: usize, units: Lanes) -> Block {
        let weights = self.incoming(l, k);
        match units {
            Lanes::Unit(j) | Lanes::Anew(j, _) => [weights[j]; LANES],
            Lanes::Units(block) => {
                let mut lanes = [0.0; LANES];
                lanes.copy_from_slice(&weights[block * LANES..][..LANES]);
                lanes
            }
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
    fn pull(&self, l: usize) -> Option<&Pull> {
        self.pull.as_ref().filter(|_| l == self.incoming.len())
    }

    /// Replaces the changes of the activations of layer `l` by the losses after them.
    #[inline(always)]
    fn row_losses_after<R: Level>(&self, at: (usize, usize), scratch: &mut Scratch) {
        for block in 0..scratch.above.len() / LANES {
            if self.is_cancelled() {
                return;
            }
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
        let Scratch {
            current,
            next,
            without,
            ..
        } = scratch;
        current.resize(self.width, [0.0; BOTH]);
        next.resize(self.width, [0.0; BOTH]);
        match units {
            _ if self.are_scores(l) => self.move_scores(n, units, change, current),
            Lanes::Anew(_, activations) => {
                self.spread((l, n), units, change, current);
                self.spread_anew((l, n), (units, &activations), without, current);
            }
            _ => self.spread((l, n), units, change, current),
        }
        for depth in l + 1..self.network.layers().len() - 1 {
            self.climb::<R>(depth, current, next);
            std::mem::swap(current, next);
        }
        let weights = &mut current[..self.network.classes()];
        let total = softmax_weights::<f64, R, BOTH>(weights);
        lane_losses::<f64, R, BOTH>(weights, &total, self.wanted[n])
    }

    /// Each lane's own score moves, and no other.
    #[inline(always)]
    fn move_scores(&self, n: usize, units: Lanes, change: &Both, scores: &mut [Both]) {
        let base = self.forward.scores().row(n);
        for (k, (scores, &base)) in scores.iter_mut().zip(base).enumerate() {
            for lane in 0..BOTH {
                let is_moved = match units {
                    Lanes::Unit(j) | Lanes::Anew(j, _) => j == k,
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
            let incoming = self.incoming_lanes(l, k, units);
            for lane in 0..BOTH {
                // Rounded as the term it replaces was, which so cancels where a unit goes to 0.
                let moved = change[lane] * incoming[lane % LANES] + base;
                pre[lane] = if base.is_infinite() { base } else { moved };
            }
        }
    }

    /// Sums the pre-activations of the next layer anew, where they are finite.
    #[inline(always)]
    fn spread_anew(
        &self,
        (l, n): (usize, usize),
        (units, activations): (Lanes, &Both),
        without: &[f64],
        pre: &mut [Both],
    ) {
        let base = self.forward.pre(l + 1).row(n).iter().zip(without);
        for (k, (pre, (base, rest))) in pre.iter_mut().zip(base).enumerate() {
            let incoming = self.incoming_lanes(l, k, units);
            for lane in 0..BOTH {
                let sum = activations[lane] * incoming[lane % LANES] + rest;
                if base.is_finite() && sum.is_finite() {
                    pre[lane] = sum;
                }
            }
        }
    }

    /// Writes the pre-activations of the layer above a unit without what the unit adds to them.
    #[inline(always)]
    fn sum_without<R: Level>(&self, place: &Place<'_>, out: &mut Vec<f64>) {
        if !out.is_empty() {
            return;
        }
        let (l, j) = (place.layer, place.unit);
        let above = &self.network.layers()[l + 1];
        let z = self.forward.post(l).row(place.sample);
        for k in 0..above.units() {
            let weights = &self.incoming(l, k)[..z.len()];
            let mut sum = above.bias.map_or(0.0, |bias| bias[k]);
            for (z, weights) in [(&z[..j], &weights[..j]), (&z[j + 1..], &weights[j + 1..])] {
                for (&z, &weight) in z.iter().zip(weights) {
                    sum = R::mul_add(z, weight, sum);
                }
            }
            out.push(sum);
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
            let weights = self.incoming(l, k);
            for (z, &weight) in z.iter().zip(weights) {
                for lane in 0..BOTH {
                    sums[lane] = R::mul_add(z[lane], weight, sums[lane]);
                }
            }
            *next = sums;
        }
    }
}

/// Finds what moves of the scores of each sample take.
struct SumUp<'s, 'a>(&'s Shifter<'a>);

impl Kernel for SumUp<'_, '_> {
    type Output = Vec<(ScoreSums, Others)>;

    #[inline(always)]
    fn run<R: Level>(self) -> Self::Output {
        let mut all = Vec::with_capacity(self.0.samples());
        for n in 0..self.0.samples() {
            let others = Others::new::<R>(self.0.forward.scores().row(n));
            all.push((ScoreSums::new(&self.0.sample(n)), others));
        }
        all
    }
}

/// Shifts up, and the same down.
#[inline(always)]
fn both(shifts: &Block) -> Both {
    let mut both = [0.0; BOTH];
    for lane in 0..LANES {
        (both[lane], both[LANES + lane]) = (shifts[lane], -shifts[lane]);
    }
    both
}

/// What is above less what is below.
#[inline(always)]
fn difference(losses: &Both) -> Block {
    let mut differences = [0.0; LANES];
    for lane in 0..LANES {
        differences[lane] = losses[lane] - losses[LANES + lane];
    }
    differences
}

#[inline(always)]
fn are_finite(numbers: &[f64]) -> bool {
    let mut odd = 0_u32;
    for x in numbers {
        odd |= u32::from(!x.is_finite());
    }
    odd == 0
}
