//! The steps at which to ask next.

use crate::differentiation::row::{Element, Row, Sample, Side};
use crate::differentiation::tableau::Window;
use crate::differentiation::MAX_NEW_STEPS;

/// From step to step. Not a half: waves whose length fits a step would fit all steps below. The multiples of
/// a power of two are short numbers, so x plus and minus a step are not rounded.
const RATIO: f64 = 9.0 / 16.0;

/// Where a function changes by less than this part of itself over the element's length, and the relative
/// error is above [`POOR`], wider steps are tried.
const HARDLY: f64 = 1e-3;
const POOR: f64 = 1e-9;

/// How far to go at a time where no window settles: farther each time.
const NEARER: [f64; 3] = [1.0 / 32.0, 1.0 / 256.0, 1.0 / 1024.0];
/// How much wider steps become at most.
const WIDER: f64 = 256.0;
/// Where nothing of the slope is seen, steps become as many times wider as the square of what they span, so that
/// from any number to 1 it takes a few rounds; but not wider than this part of the widest, from which on the
/// function may bend.
const UNSEEN_PART: f64 = 1.0 / 16.0;
/// Where they became too wide, they go back to the middle of a gap of this factor at least.
const GAP: f64 = 1024.0;
/// Steps that one element is asked for by narrowing.
const MAX_LEVELS: usize = 12;

/// The steps to ask next, by rising need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// None.
    Nothing,
    /// So many wider steps, for less noise.
    Wider(f64, usize),
    /// One step more, for less truncation.
    Finer(f64),
    /// So many steps much nearer to x.
    Nearer(f64, usize),
}

impl Next {
    /// The one of greater need.
    pub fn or(self, other: Self) -> Self {
        if other.need() > self.need() {
            other
        } else {
            self
        }
    }

    fn need(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Wider(..) => 1,
            Self::Finer(_) => 2,
            Self::Nearer(..) => 3,
        }
    }

    /// The steps, and zeros.
    pub fn write_to(self, steps: &mut [f64]) {
        let (widest, count) = match self {
            Self::Nothing => (0.0, 0),
            Self::Finer(step) => (step, 1),
            Self::Wider(step, count) | Self::Nearer(step, count) => (step, count),
        };
        let mut step = widest;
        for (i, out) in steps.iter_mut().enumerate() {
            *out = if i < count { step } else { 0.0 };
            step *= RATIO;
        }
    }
}

/// Steps that are much nearer than the nearest so far.
pub fn nearer(samples: &[Sample], side: Side, element: Element) -> Next {
    let asked = samples
        .iter()
        .map(|sample| sample.up)
        .filter(|&up| up > 0.0);
    let (mut nearest, mut asked_count) = (f64::INFINITY, 0);
    for up in asked {
        nearest = nearest.min(up);
        asked_count += 1;
    }
    let so_far = (asked_count / 3).clamp(1, NEARER.len());
    let count = if side.is_one() { MAX_NEW_STEPS } else { 3 };
    let step = nearest * NEARER[so_far - 1];
    let is_possible = step.is_finite() && step * 0.125 >= element.smallest;
    if is_possible {
        Next::Nearer(step, count)
    } else {
        Next::Nothing
    }
}

/// One narrower step, if there is room and patience for it.
pub fn finer(rows: &[Row], element: Element) -> Next {
    let step = RATIO * rows[rows.len() - 1].step;
    if step >= element.smallest && rows.len() < MAX_LEVELS {
        Next::Finer(step)
    } else {
        Next::Nothing
    }
}

/// Steps that are wider than the widest, or in a gap, where noise hides the slope.
///
/// `size` is the magnitude of the values.
pub fn wider(rows: &[Row], window: &Window, size: f64, element: Element) -> Next {
    let slopes = rows.iter().map(|row| row.right.abs().max(row.left.abs()));
    let change = element.scale * slopes.fold(0.0, f64::max);
    let is_poor = change < HARDLY * size && window.error > POOR * window.value.abs();
    if !is_poor {
        return Next::Nothing;
    }
    let is_unseen = window.error >= window.value.abs();
    if window.first > 0 {
        let [wide, narrow] = [rows[window.first - 1].step, rows[window.first].step];
        let has_gap = is_unseen && wide > GAP * narrow;
        return if has_gap {
            Next::Wider(wide.sqrt() * narrow.sqrt(), 3)
        } else {
            Next::Nothing
        };
    }
    let widest = rows[0].step;
    if element.widest < 8.0 * widest {
        return Next::Nothing;
    }
    let mut step = widest;
    while 2.0 * step <= element.widest && step < WIDER * widest {
        step *= 2.0;
    }
    if is_unseen {
        let span = widest / element.narrowest;
        let end = (widest * span * span).min(UNSEEN_PART * element.widest);
        while 2.0 * step <= end {
            step *= 2.0;
        }
    }
    Next::Wider(step, 3)
}
