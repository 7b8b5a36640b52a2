//! Reductions: the largest absolute value, whether all numbers are finite, sums of columns.

mod column_sums;
mod max_abs;

pub use column_sums::{add_to, column_abs_sums, column_sums};
pub use max_abs::{all_finite, max_abs, max_abs_of};
