//! Kinks and jumps: what the quotients of the two sides, and the values themselves, tend to at x.

use crate::differentiation::row::Row;
use crate::differentiation::tableau::weights;

/// The square root of 6: the noise of `f(x + h) - 2 f(x) + f(x - h)` in that of one value.
pub const SQRT_6: f64 = 2.449_489_742_783_178;

/// The limit of something at x.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// What it tends to.
    pub height: f64,
    /// Three standard deviations of its noise.
    pub noise: f64,
    /// Whether it is not zero, whatever noise and truncation.
    pub is_certain: bool,
}

/// The polynomial through three rows at zero; `certain` times the largest of the three may lie between them.
fn limit(rows: &[Row; 3], of: impl Fn(&Row) -> (f64, f64), certain: f64) -> Limit {
    let three = weights(rows, |row| row.step);
    let two = weights(&rows[1..], |row| row.step);
    let found = [of(&rows[0]), of(&rows[1]), of(&rows[2])];
    let height = three[0] * found[0].0 + three[1] * found[1].0 + three[2] * found[2].0;
    let lower = two[0] * found[1].0 + two[1] * found[2].0;
    let variance: f64 = (0..3)
        .map(|i| (three[i] * found[i].1) * (three[i] * found[i].1))
        .sum();
    let noise = 3.0 * variance.sqrt();
    let truncation = (height - lower).abs();
    let highest = found[0].0.max(found[1].0).max(found[2].0);
    let lowest = found[0].0.min(found[1].0).min(found[2].0);
    let size = highest.abs().max(lowest.abs());
    Limit {
        height,
        noise,
        is_certain: height.abs() > 2.0 * noise + 3.0 * truncation
            && highest - lowest <= certain * size + 2.0 * noise,
    }
}

/// The difference of the slopes right and left of x.
pub fn kink(rows: &[Row; 3]) -> Limit {
    limit(
        rows,
        |row| (row.right - row.left, SQRT_6 * row.noise / row.step),
        0.25,
    )
}

/// The height of a jump at x, of the value at x alone included; 0 if there is none.
pub fn jump(rows: &[Row; 3]) -> f64 {
    let noise = |row: &Row| 2.5 * row.noise;
    let across = limit(rows, |row| (row.odd, noise(row)), 0.1);
    let alone = limit(rows, |row| (row.even, noise(row)), 0.1);
    [across, alone]
        .into_iter()
        .find(|limit| limit.is_certain)
        .map_or(0.0, |limit| limit.height)
}

/// The slopes left and right of x.
pub fn slopes(rows: &[Row; 3]) -> (f64, f64) {
    let w = weights(rows, |row| row.step);
    let sum = |of: fn(&Row) -> f64| w[0] * of(&rows[0]) + w[1] * of(&rows[1]) + w[2] * of(&rows[2]);
    (sum(|row| row.left), sum(|row| row.right))
}

/// The finest three rows of each group of steps without a wide gap between them, the finest group last.
pub fn groups(rows: &[Row]) -> Vec<[Row; 3]> {
    let is_gap = |pair: &[Row]| pair[0].step > 5.0 * pair[1].step;
    let mut ends: Vec<usize> = (1..rows.len())
        .filter(|&i| is_gap(&rows[i - 1..=i]))
        .collect();
    ends.push(rows.len());
    let mut start = 0;
    let mut found = Vec::new();
    for end in ends {
        if end - start >= 3 {
            found.push([rows[end - 3], rows[end - 2], rows[end - 1]]);
        }
        start = end;
    }
    found
}

/// Whether two heights are those of one and the same corner.
pub fn agree(one: f64, other: f64) -> bool {
    (one - other).abs() <= 0.25 * one.abs().max(other.abs())
}
