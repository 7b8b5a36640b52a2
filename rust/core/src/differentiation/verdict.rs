//! What the values of one output say about its derivative by one element, and what to ask next.

use crate::differentiation::corners::{agree, groups, jump, kink, slopes};
use crate::differentiation::next::{finer, nearer, wider, Next};
use crate::differentiation::row::{Accuracy, Element, Row, Sample, Side};
use crate::differentiation::tableau::{best_window, Table, Window};
/// A relative error that is small enough not to ask again.
const GOOD: f64 = 1e-10;

/// How much nearer a kink is looked at again, as a power of two.
const LOOK_NEARER: i32 = 8;
/// Jumps are looked at again at so many of the smallest steps, where all steps were farther than so many, but
/// not nearer at a time than by this factor.
const AT_X: f64 = 4096.0;
const FAR: f64 = 16384.0;
const LEAP: f64 = 1.0 / 65536.0;
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
    /// The same of values in units of `unit` and distances in units of `length`. What is too large for a number
    /// has not settled.
    pub fn times(self, unit: f64, length: f64) -> Self {
        let slope = |number: f64| {
            // The units are powers of two, and in this order nothing leaves the numbers on the way.
            if length > 1.0 {
                number / length * unit
            } else {
                number * unit / length
            }
        };
        let error = slope(self.error);
        let is_too_large = self.status == Status::Converged && !error.is_finite();
        Self {
            derivative: slope(self.derivative),
            error,
            step: self.step * length,
            left: slope(self.left),
            right: slope(self.right),
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

/// What is to be said of a kink or jump, if there is one.
///
/// A smooth function that bends on a scale below the steps looks like a kink. So a kink is looked at again
/// nearer to x, as near as noise allows, and is one if it is the same there. Noise does not hide a jump nearer to x.
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
        && (is_jump || at.noise * f64::powi(2.0, halvings + 3) < at.height.abs())
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
