//! All units of a layer, each shifted by as much: what the node evaluator asks.

use super::{Lanes, PerturbedLoss, Scratch, BOTH};
use crate::network::activations::Same;
use crate::network::losses::softmax_cross_entropy::score_moves::{copy_filled, LARGE};
use crate::numeric::simd::{Level, LANES};

impl PerturbedLoss<'_> {
    /// For all units of layer `l`, the difference of the losses of sample `n` when the unit's
    /// pre-activation is `shift` higher and when it is as much lower, inside a
    /// [`Kernel`]; behind the last unit, numbers without meaning.
    ///
    /// The sample is the one last [turned to](Self::prepare_sample).
    #[inline(always)]
    pub fn row_differences<'s, L: Level>(
        &self,
        (l, n): (usize, usize),
        shift: f64,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        if self.are_scores(l) && scratch.is_small {
            scratch.scores.differences::<L>(shift, &mut scratch.above);
            return &scratch.above;
        }
        let own = (&scratch.pre[..], &scratch.post[..]);
        let changes = (&mut scratch.above[..], &mut scratch.below[..]);
        self.activation(l)
            .changes::<L, _>(own, Same(shift), changes);
        match self.score_weights(l) {
            Some(score_weights) if scratch.is_small => {
                let changes = (&mut scratch.above[..], &mut scratch.below[..]);
                let (sums, room) = (&scratch.sums, &mut scratch.denominators);
                score_weights.difference_by_units::<L>(&self.sample(n), sums, changes, room);
            }
            _ => {
                self.row_losses_after::<L>((l, n), scratch);
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
    pub fn prepare_sample<L: Level>(
        &self,
        (l, n): (usize, usize),
        most: f64,
        scratch: &mut Scratch,
    ) {
        let pre = self.forward.pre(l).row(n);
        let width = pre.len().next_multiple_of(LANES);
        scratch.above.resize(width, 0.0);
        scratch.below.resize(width, 0.0);
        let y = self.forward.outputs().row(n);
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
        if let Some(score_weights) = self.score_weights(l) {
            let reach = self.activation(l).max_change(most);
            // An infinite pre-activation moves to no number.
            if score_weights.is_small(reach) && are_finite(&scratch.pre) {
                score_weights.sums::<L>(y, &self.sample(n), reach, &mut scratch.sums);
                scratch.is_small = true;
            }
        }
    }

    /// Replaces the changes of the activations of layer `l` by the losses after them.
    #[inline(always)]
    fn row_losses_after<L: Level>(&self, at: (usize, usize), scratch: &mut Scratch) {
        for block in 0..scratch.above.len() / LANES {
            if self.is_cancelled() {
                return;
            }
            let own = block * LANES..(block + 1) * LANES;
            let mut change = [0.0; BOTH];
            change[..LANES].copy_from_slice(&scratch.above[own.clone()]);
            change[LANES..].copy_from_slice(&scratch.below[own.clone()]);
            let losses = self.losses_after::<L>(at, Lanes::Units(block), &change, scratch);
            scratch.above[own.clone()].copy_from_slice(&losses[..LANES]);
            scratch.below[own].copy_from_slice(&losses[LANES..]);
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
