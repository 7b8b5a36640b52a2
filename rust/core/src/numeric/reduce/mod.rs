//! Reductions: the largest absolute value, whether all numbers are finite, sums of columns.

mod columns;
mod extent;

pub use columns::{add, column_sizes, column_sums};
pub use extent::{all_finite, max_abs, max_abs_of};
