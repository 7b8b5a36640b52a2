//! Extrapolation of quotients to the step zero, and how far from the limit each value of the tableau is.
//!
//! Method: Richardson's extrapolation with Neville's tableau for any steps, as in Ridders, "Accurate
//! computation of F'(x) and F'(x) F''(x)", Adv. Eng. Software 4 (1982). A *window* is some rows next to each
//! other; its value is that of the polynomial through them at zero.

use crate::differentiation::row::{Row, Side};

/// How many rows are extrapolated together, with two sides and with one.
const MAX_ROWS: [usize; 2] = [4, 6];
const MAX_WEIGHTS: usize = 6;

/// From here on a window converges: each row more changes it by so much less than the row before.
const CONVERGENCE: f64 = 0.25;

/// Truncation must be so much smaller than the quotients: those of waves shorter than the steps may come to
/// differ less and less by accident.
const SMALL: f64 = 0.01;

/// What a value of the tableau is, and how well it is known.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The extrapolated value.
    pub value: f64,
    /// The bound of its distance to the limit, noise included.
    pub error: f64,
    /// Whether the error is to be trusted.
    pub is_settled: bool,
    /// Whether a smaller step would bring the value nearer.
    pub wants_finer: bool,
    /// The first row.
    pub first: usize,
}

/// The weights at zero of the polynomial through rows at `variable`, for as many rows as there are.
pub fn weights(rows: &[Row], variable: impl Fn(&Row) -> f64) -> [f64; MAX_WEIGHTS] {
    let mut out = [0.0; MAX_WEIGHTS];
    for (i, row) in rows.iter().enumerate() {
        let own = variable(row);
        let others = rows.iter().enumerate().filter(|&(j, _)| j != i);
        let factors = others.map(|(_, row)| variable(row) / (variable(row) - own));
        out[i] = factors.product();
    }
    out
}

/// The table: entry `(k, i)` is of rows `i..=i + k`. The next one finds its buffers again.
#[derive(Debug, Default)]
pub struct Table {
    /// How many rows there are, and how many are extrapolated together at most.
    count: usize,
    depth: usize,
    values: Vec<f64>,
    sigmas: Vec<f64>,
    /// How far an entry lies from the two that it is made of.
    changes: Vec<f64>,
}

impl Table {
    fn fill(&mut self, rows: &[Row], side: Side, center_noise: f64) {
        self.count = rows.len();
        self.depth = MAX_ROWS[usize::from(side.is_one())].min(rows.len());
        for buffer in [&mut self.values, &mut self.sigmas, &mut self.changes] {
            buffer.clear();
            buffer.resize(self.depth * self.count, f64::INFINITY);
        }
        for k in 0..self.depth {
            for (i, part) in rows.windows(k + 1).enumerate() {
                let at = self.at(k, i);
                let (value, sigma) = entry(part, side, center_noise);
                (self.values[at], self.sigmas[at]) = (value, sigma);
                if k > 0 {
                    let below = self.at(k - 1, i);
                    let [coarse, fine] = [self.values[below], self.values[below + 1]];
                    self.changes[at] = (value - coarse).abs().max((value - fine).abs());
                }
            }
        }
    }

    fn at(&self, k: usize, i: usize) -> usize {
        k * self.count + i
    }

    /// How much less the last row changed the entry than the row before.
    fn ratio(&self, k: usize, i: usize) -> f64 {
        let before = self.changes[self.at(k - 1, i + 1)];
        if before > 0.0 {
            self.changes[self.at(k, i)] / before
        } else {
            1.0
        }
    }

    /// The truncation of an entry, whether it is to be trusted, and whether it is no more than noise.
    fn truncation(&self, k: usize, i: usize, side: Side) -> (f64, bool, bool) {
        if k == 0 {
            if self.depth == 1 {
                return (f64::INFINITY, false, false);
            }
            let pair = self.at(1, i.min(self.count - 2));
            let (change, noise) = (self.changes[pair], self.sigmas[pair]);
            let is_noise = change <= 6.0 * noise;
            return (change + noise, is_noise, is_noise);
        }
        let mut change = self.changes[self.at(k, i)];
        let is_noise = change <= 6.0 * self.sigmas[self.at(k, i)];
        let mut ratio = self.ratio(k, i);
        if k >= 3 {
            // Two values may be equal by accident: then the last change says too little.
            let before = self.ratio(k - 1, i + 1);
            ratio = ratio.max(before);
            change = change.max(0.125 * before * self.changes[self.at(k - 1, i + 1)]);
        }
        let enough = if side.is_one() { 3 } else { 2 };
        let is_settled = is_noise || (k >= enough && ratio <= CONVERGENCE);
        let truncation = if k >= 2 {
            change * (4.0 * ratio).min(1.0)
        } else {
            change
        };
        (truncation.max(self.correction(k, i)), is_settled, is_noise)
    }

    /// How far entries of more rows lie from this one, where that is more than their noise.
    fn correction(&self, k: usize, i: usize) -> f64 {
        if k + 1 >= self.depth {
            return 0.0;
        }
        let own = self.values[self.at(k, i)];
        let longer = i.saturating_sub(1)..(i + 1).min(self.count - k - 1);
        longer
            .map(|j| self.at(k + 1, j))
            .map(|at| ((self.values[at] - own).abs(), self.sigmas[at]))
            .filter(|&(distance, sigma)| distance > 3.0 * sigma)
            .fold(0.0, |most, (distance, _)| distance.max(most))
    }
}

fn entry(rows: &[Row], side: Side, center_noise: f64) -> (f64, f64) {
    // Errors are power series in the square of the step, or in the step itself where one side was asked.
    let unit = rows[0].step;
    let w = weights(rows, |row| {
        let step = row.step / unit;
        if side.is_one() {
            step
        } else {
            step * step
        }
    });
    let (mut value, mut variance, mut share) = (0.0, 0.0, 0.0);
    for (weight, row) in w.iter().zip(rows) {
        value += weight * row.quotient;
        let noise = weight * row.sigma;
        variance += noise * noise;
        share += weight / row.step;
    }
    let center = center_noise * share;
    (value, (variance + center * center).sqrt())
}

/// The window that is known best, of rows by falling steps, at least two; settled ones first.
///
/// `center_noise` is that of a value that all rows share. A window is settled if more rows change it less and
/// less, or by noise alone, if the two sides draw together in it, and if all finer rows lie near it.
pub fn best_window(rows: &[Row], side: Side, center_noise: f64, table: &mut Table) -> Window {
    let count = rows.len();
    table.fill(rows, side, center_noise);
    let mut best = Window::unknown();
    for k in 0..table.depth {
        for i in 0..count - k {
            let value = table.values[table.at(k, i)];
            let noise = 3.0 * table.sigmas[table.at(k, i)];
            let (truncation, mut is_settled, is_noise) = table.truncation(k, i, side);
            let error = truncation + noise + 4.0 * f64::EPSILON * value.abs();
            let pair = if k == 0 {
                i.min(count - 2)..i.min(count - 2) + 2
            } else {
                i..i + k + 1
            };
            let quotients = rows[i..=i + k].iter().map(|row| row.quotient.abs());
            let is_small = truncation <= SMALL * quotients.fold(0.0, f64::max);
            is_settled = is_settled
                && (is_noise || is_small)
                && (side.is_one() || flattens(&rows[pair]))
                && finer_rows_agree(&rows[i + k..], value, error);
            let window = Window {
                value,
                error,
                is_settled,
                wants_finer: !is_noise && truncation > noise && i + k + 1 == count,
                first: i,
            };
            if window.is_better_than(&best) {
                best = window;
            }
        }
    }
    best
}

impl Window {
    /// Worse than any.
    fn unknown() -> Self {
        Self {
            value: f64::NAN,
            error: f64::INFINITY,
            is_settled: false,
            wants_finer: false,
            first: 0,
        }
    }

    fn is_better_than(&self, other: &Self) -> bool {
        (!self.is_settled, self.error) < (!other.is_settled, other.error)
    }
}

/// Whether the quotients of the two sides draw together as the step shrinks, where they differ at all.
fn flattens(rows: &[Row]) -> bool {
    rows.windows(2).all(|pair| {
        let [wide, narrow] = [&pair[0], &pair[1]].map(|row| (row.right - row.left).abs());
        let row = &pair[1];
        let noise = 6.0 * super::corners::SQRT_6 * row.noise / row.step;
        narrow <= 0.05 * row.right.abs().max(row.left.abs())
            || narrow <= 0.75 * wide
            || narrow <= noise
    })
}

/// Whether rows that follow the first lie no farther from `value` than the first does.
fn finer_rows_agree(rows: &[Row], value: f64, error: f64) -> bool {
    let near = (rows[0].quotient - value).abs().max(error);
    rows[1..]
        .iter()
        .all(|row| (row.quotient - value).abs() <= near + 6.0 * row.sigma)
}
