//! The losses after a change of any size: the layers above a unit, and the loss, all over again.

use super::{Both, PerturbedLoss, Scratch, Units, BOTH};
use crate::network::losses::closed_form::Lanes;
use crate::numeric::simd::{Level, LANES};

impl PerturbedLoss<'_> {
    /// The losses of sample `n` after `change`, that of the activations in a block of lanes. Where what a unit
    /// adds to sums above it is to be summed `anew`, its activation stands there, else NaN.
    #[inline(always)]
    pub(super) fn losses_after<L: Level>(
        &self,
        (units, n): (&Units<'_>, usize),
        (block, change, anew): (usize, &Both, Option<Both>),
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
        if units.above.is_none() {
            self.move_scores((units.lanes, n), (block, change), current);
        } else {
            self.propagate((units, n), (block, change), current);
        }
        if let Some(activations) = &anew {
            self.propagate_anew((units, n), activations, without, current);
        }
        for depth in units.layer + 1..self.network.layers().len() - 1 {
            self.forward_layer::<L>(depth, current, next);
            std::mem::swap(current, next);
        }
        let scores = &mut current[..self.network.classes()];
        self.network.loss().lane_losses(scores, self.wanted[n])
    }

    /// Each lane's score moves, and no other.
    #[inline(always)]
    fn move_scores(
        &self,
        (lanes, n): (Lanes, usize),
        (block, change): (usize, &Both),
        scores: &mut [Both],
    ) {
        let base = self.forward.scores().row(n);
        for (k, (scores, &base)) in scores.iter_mut().zip(base).enumerate() {
            for lane in 0..BOTH {
                let is_moved = lanes.index(block * LANES + lane % LANES) == k;
                // An infinite score stays, wherever it is moved.
                let moves = is_moved && base.is_finite();
                scores[lane] = if moves { base + change[lane] } else { base };
            }
        }
    }

    /// A changed activation is a rank-one change of the pre-activations of the next layer.
    #[inline(always)]
    fn propagate(
        &self,
        (units, n): (&Units<'_>, usize),
        (block, change): (usize, &Both),
        pre: &mut [Both],
    ) {
        let Some(incoming) = &units.above else { return };
        let base = self.forward.pre(units.layer + 1).row(n);
        for (k, (pre, &base)) in pre.iter_mut().zip(base).enumerate() {
            let weights = &incoming.of(k)[block * LANES..][..LANES];
            for lane in 0..BOTH {
                // Rounded as the term it replaces was, which so cancels where a unit goes to 0.
                let moved = change[lane] * weights[lane % LANES] + base;
                pre[lane] = if base.is_infinite() { base } else { moved };
            }
        }
    }

    /// The activations of one unit, where it loses more than half of its activation by `change`, and NaN
    /// elsewhere: what is left of a large sum above it has the digits of what was there before, and not its
    /// own, so it is summed anew. None if the unit does so nowhere.
    #[inline(always)]
    pub(super) fn sum_anew<L: Level>(
        &self,
        (unit, n): (&Units<'_>, usize),
        change: &Both,
        moved: Both,
        scratch: &mut Scratch,
    ) -> Option<Both> {
        let (post, half) = (scratch.post[0], 0.5 * scratch.post[0].abs());
        let mut loses_half = false;
        for change in change {
            loses_half |= (post + change).abs() < half;
        }
        if !loses_half {
            return None;
        }
        self.sum_without::<L>((unit, n), &mut scratch.without);
        let mut activations = moved;
        self.activation(unit.layer).apply(&mut activations);
        for z in &mut activations {
            *z = if z.abs() < half { *z } else { f64::NAN };
        }
        Some(activations)
    }

    /// Writes the pre-activations of the layer above a unit without what the unit adds to them.
    #[inline(always)]
    fn sum_without<L: Level>(&self, (unit, n): (&Units<'_>, usize), out: &mut Vec<f64>) {
        if !out.is_empty() {
            return;
        }
        let (l, j) = (unit.layer, unit.lanes.index(0));
        let above = &self.network.layers()[l + 1];
        let z = self.forward.post(l).row(n);
        for k in 0..above.units() {
            let weights = &self.incoming[l].of(k)[..z.len()];
            let mut sum = above.bias.map_or(0.0, |bias| bias[k]);
            for (z, weights) in [(&z[..j], &weights[..j]), (&z[j + 1..], &weights[j + 1..])] {
                for (&z, &weight) in z.iter().zip(weights) {
                    sum = L::mul_add(z, weight, sum);
                }
            }
            out.push(sum);
        }
    }

    /// Sums the pre-activations of the next layer anew, where they are finite.
    #[inline(always)]
    fn propagate_anew(
        &self,
        (units, n): (&Units<'_>, usize),
        activations: &Both,
        without: &[f64],
        pre: &mut [Both],
    ) {
        let Some(incoming) = &units.above else { return };
        let base = self.forward.pre(units.layer + 1).row(n);
        for (k, (pre, (base, rest))) in pre.iter_mut().zip(base.iter().zip(without)).enumerate() {
            let weight = incoming.of(k)[0];
            for lane in 0..BOTH {
                let sum = activations[lane] * weight + rest;
                if base.is_finite() && sum.is_finite() {
                    pre[lane] = sum;
                }
            }
        }
    }

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    #[inline(always)]
    fn forward_layer<L: Level>(&self, l: usize, pre: &mut [Both], next: &mut [Both]) {
        let layer = &self.network.layers()[l];
        let above = &self.network.layers()[l + 1];
        let z = &mut pre[..layer.units()];
        layer.activation.apply(z.as_flattened_mut());
        for (k, next) in next.iter_mut().take(above.units()).enumerate() {
            let mut sums = [above.bias.map_or(0.0, |bias| bias[k]); BOTH];
            let weights = self.incoming[l].of(k);
            for (z, &weight) in z.iter().zip(weights) {
                for lane in 0..BOTH {
                    sums[lane] = L::mul_add(z[lane], weight, sums[lane]);
                }
            }
            *next = sums;
        }
    }
}
