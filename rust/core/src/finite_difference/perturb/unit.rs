//! One unit, shifted by many amounts: what the incremental evaluator asks.

use super::{Block, Both, Lanes, PerturbedLoss, Scratch, BOTH};
use crate::network::activations::Each;
use crate::network::losses::softmax_cross_entropy::class_sums::Moments;
use crate::network::losses::softmax_cross_entropy::score_moves::{Others, Score, ScoreSums, LARGE};
use crate::network::losses::softmax_cross_entropy::unit_moves::{Sample, ScoreWeights};
use crate::network::losses::Target;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// One unit of one layer in one sample, about to be shifted.
#[derive(Debug)]
pub struct Unit<'a> {
    layer: usize,
    sample: usize,
    index: usize,
    /// Its pre-activation, and its activation.
    pub pre: f64,
    post: f64,
    score_weights: Option<(&'a ScoreWeights, Sample<'a>, Moments)>,
}

impl PerturbedLoss<'_> {
    /// Unit `j` of layer `l` in sample `n`, inside a [`Kernel`].
    #[inline(always)]
    #[must_use]
    pub fn place<L: Level>(
        &self,
        (l, n): (usize, usize),
        j: usize,
        scratch: &mut Scratch,
    ) -> Unit<'_> {
        scratch.without.clear();
        // No closure: it would not be compiled with the kernel's instructions.
        let score_weights = match self.score_weights(l) {
            Some(score_weights) => {
                let moments = score_weights.moments_of_unit::<L>(self.forward.outputs().row(n), j);
                Some((score_weights, self.sample(n), moments))
            }
            None => None,
        };
        let pre = self.forward.pre(l).row(n)[j];
        Unit {
            layer: l,
            sample: n,
            index: j,
            pre,
            post: if self.are_scores(l) {
                pre
            } else {
                self.forward.post(l).row(n)[j]
            },
            score_weights,
        }
    }

    /// The difference of the losses of a sample when the pre-activation of a unit moves up by
    /// `shifts[lane]` and when it moves down, inside a [`Kernel`]. It is finite now.
    #[inline(always)]
    pub fn differences<L: Level>(
        &self,
        place: &Unit<'_>,
        shifts: &Block,
        scratch: &mut Scratch,
    ) -> Block {
        if self.are_scores(place.layer) {
            return self.differences_by_score::<L>(place, shifts, scratch);
        }
        let moved = both(shifts).map(|shift| place.pre + shift);
        let unit = (&[place.pre; LANES][..], &[place.post; LANES][..]);
        let mut change = [0.0; BOTH];
        let (above, below) = change.split_at_mut(LANES);
        self.activation(place.layer)
            .changes::<L, _>(unit, Each(shifts), (above, below));
        self.differences_after::<L>(place, (&change, moved), scratch)
    }

    /// The same where the pre-activation is infinite, and is `above[lane]` and `below[lane]` afterwards.
    #[inline(always)]
    pub fn differences_between<L: Level>(
        &self,
        place: &Unit<'_>,
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
        self.activation(place.layer)
            .apply_kernel::<f64, L>(&mut change);
        for change in &mut change {
            *change -= place.post;
        }
        self.differences_after::<L>(place, (&change, moved), scratch)
    }

    /// The same after changes of a hidden unit's activation, which come from its `moved` pre-activation.
    #[inline(always)]
    fn differences_after<L: Level>(
        &self,
        place: &Unit<'_>,
        (change, moved): (&Both, Both),
        scratch: &mut Scratch,
    ) -> Block {
        let losses = match &place.score_weights {
            Some((score_weights, sample, moments)) if score_weights.are_small(change) => {
                score_weights.growth_by_unit::<L, BOTH>(sample, (place.index, moments), change)
            }
            _ => {
                let units = self.lanes_of::<L>(place, (change, moved), scratch);
                self.losses_after::<L>((place.layer, place.sample), units, change, scratch)
            }
        };
        difference(&losses)
    }

    /// The lanes of a hidden unit that changes. Where it loses more than half of its activation, what is left
    /// of a large sum above it has the digits of what was there before, and not its own: it is summed anew.
    #[inline(always)]
    fn lanes_of<L: Level>(
        &self,
        place: &Unit<'_>,
        (change, mut moved): (&Both, Both),
        scratch: &mut Scratch,
    ) -> Lanes {
        let half = 0.5 * place.post.abs();
        if !change
            .iter()
            .any(|change| (place.post + change).abs() < half)
        {
            return Lanes::Unit(place.index);
        }
        self.sum_without::<L>(place, &mut scratch.without);
        self.activation(place.layer)
            .apply_kernel::<f64, L>(&mut moved);
        for moved in &mut moved {
            *moved = if moved.abs() < half { *moved } else { f64::NAN };
        }
        Lanes::Anew(place.index, moved)
    }

    /// The same after moves of a score.
    #[inline(always)]
    fn differences_by_score<L: Level>(
        &self,
        place: &Unit<'_>,
        moves: &Block,
        scratch: &mut Scratch,
    ) -> Block {
        let (n, j) = (place.sample, place.index);
        let (sums, others) = &self.score_sums.get_or_init(|| dispatch(SumUp(self)))[n];
        let scores = self.forward.scores().row(n);
        let reach = moves.iter().fold(0.0, |most: f64, by| most.max(by.abs()));
        match self.wanted[n] {
            target if reach <= LARGE => {
                let score = Score {
                    y: self.forward.outputs().row(n)[j],
                    t: target.weight(j),
                    share: self.shares.row(n)[j],
                };
                sums.differences::<L>(score, moves, reach)
            }
            Target::Label(k) => others.differences::<L>(scores, (k, j), self.epsilon, moves),
            Target::Dense(_) => {
                let at = (place.layer, n);
                difference(&self.losses_after::<L>(at, Lanes::Unit(j), &both(moves), scratch))
            }
        }
    }

    /// Writes the pre-activations of the layer above a unit without what the unit adds to them.
    #[inline(always)]
    fn sum_without<L: Level>(&self, place: &Unit<'_>, out: &mut Vec<f64>) {
        if !out.is_empty() {
            return;
        }
        let (l, j) = (place.layer, place.index);
        let above = &self.network.layers()[l + 1];
        let z = self.forward.post(l).row(place.sample);
        for k in 0..above.units() {
            let weights = &self.incoming(l, k)[..z.len()];
            let mut sum = above.bias.map_or(0.0, |bias| bias[k]);
            for (z, weights) in [(&z[..j], &weights[..j]), (&z[j + 1..], &weights[j + 1..])] {
                for (&z, &weight) in z.iter().zip(weights) {
                    sum = L::mul_add(z, weight, sum);
                }
            }
            out.push(sum);
        }
    }
}

/// Finds what moves of the scores of each sample take.
struct SumUp<'s, 'a>(&'s PerturbedLoss<'a>);

impl Kernel for SumUp<'_, '_> {
    type Output = Vec<(ScoreSums, Others)>;

    #[inline(always)]
    fn run<L: Level>(self) -> Self::Output {
        let mut all = Vec::with_capacity(self.0.samples());
        for n in 0..self.0.samples() {
            if self.0.is_cancelled() {
                // Nobody waits for what follows from these.
                all.resize_with(self.0.samples(), Default::default);
                break;
            }
            let others = Others::new::<L>(self.0.forward.scores().row(n));
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
