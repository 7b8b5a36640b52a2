//! What the values of one output say about its derivative by one element, and what to ask next.

use crate::differentiation::corners::{agree, groups, jump, kink, slopes};
use crate::differentiation::row::{Accuracy, Row, Sample, Side};
use crate::differentiation::tableau::{best_window, Table, Window};
use crate::differentiation::MAX_NEW_STEPS;

/// From step to step. Not a half: waves whose length fits a step would fit all steps below. The multiples of
/// a power of two are short numbers, so x plus and minus a step are not rounded.
const RATIO: f64 = 9.0 / 16.0;

/// A relative error that is small enough not to ask again.
const GOOD: f64 = 1e-10;

/// Where a function changes by less than this part of itself over the element's length, and the relative
/// error is above [`POOR`], wider steps are tried.
const HARDLY: f64 = 1e-3;
const POOR: f64 = 1e-9;

/// How far to go at a time where no window settles: farther each time.
const NEARER: [f64; 3] = [1.0 / 32.0, 1.0 / 256.0, 1.0 / 1024.0];
/// How much wider steps become at most.
const WIDER: f64 = 256.0;
/// How much nearer a kink is looked at again, as a power of two.
const LOOK_NEARER: i32 = 8;
/// Jumps are looked at again at so many of the smallest steps, where all steps were farther than so many, but
/// not nearer at a time than by this factor.
const AT_X: f64 = 4096.0;
const FAR: f64 = 16384.0;
const LEAP: f64 = 1.0 / 65536.0;
/// Steps that one element is asked for by narrowing.
const MAX_LEVELS: usize = 12;

/// How an answer is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The error holds.
    Converged = 0,
    /// No step gives quotients that settle.
    Unsettled = -1,
    /// The function is not finite at x, or at no step on one side.
    NotFinite = -3,
    /// The slopes left and right of x differ.
    Kink = -5,
    /// The function jumps at x.
    Jump = -6,
}

/// What is known of an element beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    /// Half the spacing of floats at x.
    pub rounding: f64,
    /// The length on which the function is thought to change.
    pub scale: f64,
    /// The widest step to ask for.
    pub widest: f64,
    /// The smallest step to ask for.
    pub smallest: f64,
}

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

/// What one verdict leaves for the next.
#[derive(Debug, Default)]
pub struct Buffers {
    rows: Vec<Row>,
    table: Table,
}

/// The derivative of one output by one element.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// The derivative; at a kink, the mean of both sides.
    pub derivative: f64,
    /// The bound of its error.
    pub error: f64,
    /// The widest step that it was found with.
    pub step: f64,
    /// The slope on the left, at a kink or jump.
    pub left: f64,
    /// The slope on the right, at a kink or jump.
    pub right: f64,
    /// How it is to be taken.
    pub status: Status,
    /// What to ask next.
    pub next: Next,
}

impl Verdict {
    /// The same of values in units of `unit`. What is too large for a number has not settled.
    pub fn times(self, unit: f64) -> Self {
        let error = self.error * unit;
        let is_too_large = self.status == Status::Converged && !error.is_finite();
        Self {
            derivative: self.derivative * unit,
            error,
            left: self.left * unit,
            right: self.right * unit,
            status: if is_too_large {
                Status::Unsettled
            } else {
                self.status
            },
            ..self
        }
    }

    fn not_finite(next: Next) -> Self {
        let nan = f64::NAN;
        Self {
            derivative: nan,
            error: nan,
            step: nan,
            left: nan,
            right: nan,
            status: Status::NotFinite,
            next,
        }
    }

    fn of(window: &Window, rows: &[Row]) -> Self {
        Self {
            derivative: window.value,
            error: window.error,
            step: rows[window.first].step,
            left: f64::NAN,
            right: f64::NAN,
            status: Status::Converged,
            next: Next::Nothing,
        }
    }

    fn unsettled(self, next: Next) -> Self {
        Self {
            error: f64::INFINITY,
            status: Status::Unsettled,
            next,
            ..self
        }
    }
}

/// Judges one output of one element from all that has been asked for it.
///
/// `buffers` are those of the verdict before.
pub fn judge(
    samples: &[Sample],
    side: Side,
    center: f64,
    accuracy: Accuracy,
    element: Element,
    is_last: bool,
    buffers: &mut Buffers,
) -> Verdict {
    if !center.is_finite() {
        return Verdict::not_finite(Next::Nothing);
    }
    let Buffers { rows, table } = buffers;
    rows.clear();
    let found = samples
        .iter()
        .filter_map(|&sample| Row::new(sample, side, center, accuracy, element.rounding));
    rows.extend(found);
    rows.sort_by(|a, b| b.step.total_cmp(&a.step));
    rows.dedup_by(|a, b| a.step.total_cmp(&b.step).is_eq());
    let nearer = if is_last {
        Next::Nothing
    } else {
        nearer(samples, side, element)
    };
    if rows.len() < 3 {
        let verdict = Verdict::not_finite(nearer);
        let is_finite = samples
            .iter()
            .all(|s| s.above.is_finite() && (side.is_one() || s.below.is_finite()) || s.up <= 0.0);
        return if is_finite {
            verdict.unsettled(nearer)
        } else {
            verdict
        };
    }
    let center_noise = if side.is_one() {
        accuracy.of(center.abs())
    } else {
        0.0
    };
    let window = best_window(rows, side, center_noise, table);
    if side == Side::Both {
        if let Some(verdict) = corner(rows, &window, element, is_last) {
            return verdict;
        }
    }
    let verdict = Verdict::of(&window, rows);
    if !window.is_settled {
        return verdict.unsettled(nearer);
    }
    if is_last || window.error <= GOOD * window.value.abs() {
        return verdict;
    }
    let next = if window.wants_finer {
        finer(rows, element)
    } else {
        wider(rows, &window, center.abs().max(accuracy.magnitude), element)
    };
    Verdict { next, ..verdict }
}

/// Steps that are much nearer than the nearest so far.
fn nearer(samples: &[Sample], side: Side, element: Element) -> Next {
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

fn finer(rows: &[Row], element: Element) -> Next {
    let step = RATIO * rows[rows.len() - 1].step;
    if step >= element.smallest && rows.len() < MAX_LEVELS {
        Next::Finer(step)
    } else {
        Next::Nothing
    }
}

fn wider(rows: &[Row], window: &Window, size: f64, element: Element) -> Next {
    let slopes = rows.iter().map(|row| row.right.abs().max(row.left.abs()));
    let change = element.scale * slopes.fold(0.0, f64::max);
    let is_poor = window.first == 0
        && change < HARDLY * size
        && window.error > POOR * window.value.abs()
        && element.widest >= 8.0 * rows[0].step;
    if !is_poor {
        return Next::Nothing;
    }
    let mut step = rows[0].step;
    while 2.0 * step <= element.widest && step < WIDER * rows[0].step {
        step *= 2.0;
    }
    Next::Wider(step, 3)
}

/// What is to be said of a kink or jump, if there is one.
///
/// A smooth function that bends on a scale below the steps looks like a kink. So a kink is looked at again
/// nearer to x, as near as noise allows, and is one if it is the same there.
fn corner(rows: &[Row], window: &Window, element: Element, is_last: bool) -> Option<Verdict> {
    let count = rows.len();
    let finest = [rows[count - 3], rows[count - 2], rows[count - 1]];
    let at = kink(&finest);
    let height = jump(&finest);
    let is_jump = height != 0.0;
    let is_kink = at.is_certain && (!window.is_settled || at.height.abs() > 4.0 * window.error);
    let is_open_jump = is_jump && !window.is_settled;
    if !(is_kink || is_open_jump) {
        return None;
    }
    let groups = groups(rows);
    let before = groups.len().checked_sub(2).map(|i| &groups[i]);
    let is_sure = before.is_some_and(|rows| {
        if is_jump {
            return agree(jump(rows), height);
        }
        let there = kink(rows);
        there.is_certain && agree(there.height, at.height)
    });
    let verdict = Verdict::of(window, rows);
    let nearest = finest[2].step;
    let mut halvings = 0;
    while halvings < LOOK_NEARER
        && at.noise * f64::powi(2.0, halvings + 3) < at.height.abs()
        && nearest * f64::powi(2.0, -halvings - 3) >= element.smallest
    {
        halvings += 1;
    }
    if !is_sure && !is_last && halvings >= 3 {
        return Some(verdict.unsettled(Next::Nearer(nearest * f64::powi(2.0, -halvings), 3)));
    }
    // A steep slope looks like a jump from afar.
    if is_jump && is_sure && !is_last && nearest > FAR * element.smallest {
        let step = (AT_X * element.smallest).max(nearest * LEAP);
        return Some(verdict.unsettled(Next::Nearer(step, 3)));
    }
    if !is_sure && before.is_some() {
        return Some(verdict.unsettled(Next::Nothing));
    }
    let (left, right) = slopes(&finest);
    if is_jump {
        return Some(Verdict {
            derivative: finest[2].quotient,
            error: f64::INFINITY,
            step: nearest,
            left,
            right,
            status: Status::Jump,
            next: Next::Nothing,
        });
    }
    Some(Verdict {
        derivative: 0.5 * (left + right),
        error: 0.5 * (right - left).abs() + at.noise,
        step: finest[0].step,
        left,
        right,
        status: Status::Kink,
        next: Next::Nothing,
    })
}
