//! Extrapolation of quotients that are given: those of second derivatives.

use crate::differentiation::row::{Row, Side};
use crate::differentiation::tableau::{best_window, Table};
use crate::differentiation::unit::unit_of;

/// The limits of some quotients, each of L steps.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// The extrapolated values.
    pub values: Vec<f64>,
    /// The bounds of their errors.
    pub errors: Vec<f64>,
    /// The widest steps that they were found with.
    pub steps: Vec<f64>,
    /// Whether the errors are to be trusted.
    pub are_settled: Vec<bool>,
}

/// Extrapolates `quotients` to the step zero: N x L numbers with as many `steps` and `sigmas`, their noise.
///
/// `is_even` says for each of the N whether its error is a power series in the square of the step. Quotients
/// that are not finite are left out; where fewer than three are left, there is no limit, but NaN.
#[must_use]
pub fn extrapolate(steps: &[f64], quotients: &[f64], sigmas: &[f64], is_even: &[bool]) -> Limits {
    let levels = if is_even.is_empty() {
        0
    } else {
        steps.len() / is_even.len()
    };
    let mut limits = Limits::default();
    let mut table = Table::default();
    for (n, &is_even) in is_even.iter().enumerate() {
        let range = n * levels..(n + 1) * levels;
        let both = [&quotients[range.clone()], &sigmas[range.clone()]];
        let unit = unit_of(both.into_iter().flatten().copied());
        let mut rows: Vec<Row> = range
            .filter(|&i| steps[i] > 0.0 && quotients[i].is_finite() && sigmas[i].is_finite())
            .map(|i| row(steps[i], quotients[i] / unit, sigmas[i] / unit))
            .collect();
        rows.sort_by(|a, b| b.step.total_cmp(&a.step));
        if rows.len() < 3 {
            limits.push(f64::NAN, f64::NAN, f64::NAN, false);
            continue;
        }
        let side = if is_even { Side::Both } else { Side::Right };
        let window = best_window(&rows, side, 0.0, &mut table);
        let step = rows[window.first].step;
        limits.push(
            window.value * unit,
            window.error * unit,
            step,
            window.is_settled,
        );
    }
    limits
}

impl Limits {
    fn push(&mut self, value: f64, error: f64, step: f64, is_settled: bool) {
        self.values.push(value);
        self.errors.push(error);
        self.steps.push(step);
        self.are_settled.push(is_settled);
    }
}

fn row(step: f64, quotient: f64, sigma: f64) -> Row {
    Row {
        step,
        quotient,
        sigma,
        right: quotient,
        left: quotient,
        noise: 0.0,
        odd: 0.0,
        even: 0.0,
    }
}
