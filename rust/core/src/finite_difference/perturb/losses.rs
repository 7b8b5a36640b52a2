//! The losses after a change of any size of a unit: the layers above it, and the loss, all over again.

use super::{Block, Both, Lanes, PerturbedLoss, Scratch, BOTH};
use crate::numeric::simd::{Level, LANES};

impl PerturbedLoss<'_> {
    /// The losses after a change of any size: the layers above, and the loss, all over again.
    #[inline(always)]
    pub(super) fn losses_after<L: Level>(
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
                self.propagate((l, n), units, change, current);
                self.propagate_anew((l, n), (units, &activations), without, current);
            }
            _ => self.propagate((l, n), units, change, current),
        }
        for depth in l + 1..self.network.layers().len() - 1 {
            self.forward_layer::<L>(depth, current, next);
            std::mem::swap(current, next);
        }
        let scores = &mut current[..self.network.classes()];
        let loss = self.network.loss();
        loss.lane_losses::<L, BOTH>(scores, self.wanted[n])
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
    fn propagate(&self, (l, n): (usize, usize), units: Lanes, change: &Both, pre: &mut [Both]) {
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
    fn propagate_anew(
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

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    #[inline(always)]
    fn forward_layer<L: Level>(&self, l: usize, pre: &mut [Both], next: &mut [Both]) {
        let layer = &self.network.layers()[l];
        let above = &self.network.layers()[l + 1];
        let z = &mut pre[..layer.units()];
        for block in &mut *z {
            layer.activation.apply_kernel::<f64, L>(block);
        }
        for (k, next) in next.iter_mut().take(above.units()).enumerate() {
            let mut sums = [above.bias.map_or(0.0, |bias| bias[k]); BOTH];
            let weights = self.incoming(l, k);
            for (z, &weight) in z.iter().zip(weights) {
                for lane in 0..BOTH {
                    sums[lane] = L::mul_add(z[lane], weight, sums[lane]);
                }
            }
            *next = sums;
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
}
