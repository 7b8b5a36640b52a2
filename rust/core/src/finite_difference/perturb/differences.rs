//! The differences of losses after moves up and down.

use super::{Block, Both, PerturbedLoss, Scratch, Units, BOTH};
use std::ops::Range;

use crate::network::activations::{AllUnits, Moves, OneUnit};
use crate::network::losses::closed_form::{fill_lanes, Lanes};
use crate::numeric::simd::{Level, LANES};

impl PerturbedLoss<'_> {
    /// Prepares for [moves](Self::differences_of_all) of units in sample `n` by at most `max_shift`, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel).
    #[inline(always)]
    pub fn prepare_sample<L: Level>(
        &self,
        units: &Units<'_>,
        n: usize,
        max_shift: f64,
        scratch: &mut Scratch,
    ) {
        let (l, sample) = (units.layer, self.sample(n));
        let pre = self.forward.pre(l).row(n);
        fill_lanes(pre, units.lanes, &mut scratch.pre);
        scratch.without.clear();
        (scratch.reach, scratch.is_within_reach) = (-1.0, false);
        let Some(incoming) = &units.above else {
            if let Some(form) = &self.closed_form {
                let reach = max_shift.min(form.max_move(sample));
                (scratch.reach, scratch.is_within_reach) = (reach, max_shift <= reach);
                form.sum_for_scores(sample, units.lanes, reach, &mut scratch.sums);
            }
            return;
        };
        fill_lanes(self.forward.post(l).row(n), units.lanes, &mut scratch.post);
        // No closure: it would not be compiled with the kernel's instructions.
        if let Some(form) = self.closed_form_above(l) {
            let max_change = self.activation(l).max_change(max_shift);
            let reach = max_change.min(form.max_change(n, incoming));
            // An infinite pre-activation moves to no number.
            if reach >= 0.0 && are_finite(&scratch.pre) {
                (scratch.reach, scratch.is_within_reach) = (reach, max_change <= reach);
                form.sum_for_units::<L>(sample, incoming, reach, &mut scratch.sums);
            }
        }
    }

    /// For all units of a layer, the difference of the losses of sample `n`, which is
    /// [prepared](Self::prepare_sample), when the unit's pre-activation is `shift` higher and when it is as
    /// much lower, inside a [`Kernel`](crate::numeric::simd::Kernel); behind the last unit, numbers without
    /// meaning.
    #[inline(always)]
    pub fn differences_of_all<'s, L: Level>(
        &self,
        units: &Units<'_>,
        n: usize,
        shift: f64,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        let count = scratch.pre.len();
        self.differences::<L, _>((units, n), (AllUnits { by: shift }, count), scratch);
        &scratch.above
    }

    /// For one unit, the differences of the losses of sample `n`, which is
    /// [prepared](Self::prepare_sample), when the unit's pre-activation, which is finite, moves up and down by
    /// each of `shifts`, whole blocks of them, inside a [`Kernel`](crate::numeric::simd::Kernel).
    #[inline(always)]
    pub fn differences_of_one<'s, L: Level>(
        &self,
        unit: &Units<'_>,
        n: usize,
        shifts: &[f64],
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        let moves = OneUnit { by: shifts };
        self.differences::<L, _>((unit, n), (moves, shifts.len()), scratch);
        &scratch.above
    }

    /// The same where the pre-activation is infinite, and is `above[lane]` and `below[lane]` afterwards.
    #[inline(always)]
    pub fn differences_between<L: Level>(
        &self,
        unit: &Units<'_>,
        n: usize,
        (above, below): (&Block, &Block),
        scratch: &mut Scratch,
    ) -> Block {
        if unit.above.is_none() {
            // An infinite score stays, wherever it is moved.
            return [0.0; LANES];
        }
        let moved = both(above, below);
        let mut change = moved;
        self.activation(unit.layer).apply(&mut change);
        for change in &mut change {
            *change -= scratch.post[0];
        }
        let anew = self.sum_anew::<L>((unit, n), &change, moved, scratch);
        difference(&self.losses_after::<L>((unit, n), (0, &change, anew), scratch))
    }

    /// Writes the differences for `count` lanes.
    #[inline(always)]
    fn differences<L: Level, M: Moves>(
        &self,
        (units, n): (&Units<'_>, usize),
        (moves, count): (M, usize),
        scratch: &mut Scratch,
    ) {
        scratch.above.resize(count, 0.0);
        scratch.below.resize(count, 0.0);
        if units.above.is_none() {
            if scratch.is_within_reach {
                return self.differences_within_reach::<L, M>(
                    (units, n),
                    (moves, 0..count),
                    scratch,
                );
            }
            for i in 0..count {
                (scratch.above[i], scratch.below[i]) = (moves.by(i), -moves.by(i));
            }
        } else {
            let lanes = (&scratch.pre[..], &scratch.post[..]);
            let changes = (&mut scratch.above[..], &mut scratch.below[..]);
            self.activation(units.layer)
                .changes::<L, M>(lanes, moves, changes);
        }
        let reach = scratch.reach;
        if scratch.is_within_reach
            || are_within(&scratch.above, reach) && are_within(&scratch.below, reach)
        {
            return self.differences_within_reach::<L, M>((units, n), (moves, 0..count), scratch);
        }
        for start in (0..count).step_by(LANES) {
            if self.is_cancelled() {
                return;
            }
            let lanes = start..start + LANES;
            let is_within_reach = are_within(&scratch.above[lanes.clone()], reach)
                && are_within(&scratch.below[lanes.clone()], reach);
            // The numbers of one unit serve every block.
            if is_within_reach && matches!(units.lanes, Lanes::One(_)) {
                self.differences_within_reach::<L, M>((units, n), (moves, lanes), scratch);
            } else {
                self.differences_anew::<L, M>((units, n), (moves, start), scratch);
            }
        }
    }

    /// Replaces changes of activations in some lanes, or moves of scores, by the differences of the losses
    /// after them, by the closed form.
    #[inline(always)]
    fn differences_within_reach<L: Level, M: Moves>(
        &self,
        (units, n): (&Units<'_>, usize),
        (moves, lanes): (M, Range<usize>),
        scratch: &mut Scratch,
    ) {
        let (sample, moves) = (self.sample(n), moves.range(lanes.clone()));
        let Some(form) = &self.closed_form else {
            return;
        };
        let (above, sums) = (&mut scratch.above[lanes.clone()], &mut scratch.sums);
        match &units.above {
            Some(incoming) => {
                let changes = (above, &mut scratch.below[lanes]);
                form.differences_by_units::<L, M>(sample, incoming, sums, changes);
            }
            None => form.differences_by_scores::<L, M>(sample, units.lanes, sums, moves, above),
        }
    }

    /// The same for a block of lanes and changes of any size: what is above the units is computed anew.
    #[inline(always)]
    fn differences_anew<L: Level, M: Moves>(
        &self,
        (units, n): (&Units<'_>, usize),
        (moves, start): (M, usize),
        scratch: &mut Scratch,
    ) {
        let lanes = start..start + LANES;
        let change = both(&scratch.above[lanes.clone()], &scratch.below[lanes.clone()]);
        let (block, anew) = match (units.lanes, &units.above) {
            (Lanes::One(_), Some(_)) => {
                let mut moved = [scratch.pre[0]; BOTH];
                for lane in 0..LANES {
                    moved[lane] += moves.by(start + lane);
                    moved[LANES + lane] -= moves.by(start + lane);
                }
                (0, self.sum_anew::<L>((units, n), &change, moved, scratch))
            }
            (Lanes::One(_), None) => (0, None),
            (Lanes::All, _) => (start / LANES, None),
        };
        let losses = self.losses_after::<L>((units, n), (block, &change, anew), scratch);
        scratch.above[lanes].copy_from_slice(&difference(&losses));
    }
}

#[inline(always)]
fn are_finite(numbers: &[f64]) -> bool {
    let mut infinite = 0_u32;
    for x in numbers {
        infinite |= u32::from(!x.is_finite());
    }
    infinite == 0
}

/// Whether no number is larger than `reach` in size; a NaN is.
#[inline(always)]
fn are_within(numbers: &[f64], reach: f64) -> bool {
    let mut within = 1_u32;
    for x in numbers {
        within &= u32::from(x.abs() <= reach);
    }
    within == 1
}

/// What is above, then what is below.
#[inline(always)]
fn both(above: &[f64], below: &[f64]) -> Both {
    let mut both = [0.0; BOTH];
    both[..LANES].copy_from_slice(above);
    both[LANES..].copy_from_slice(below);
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
