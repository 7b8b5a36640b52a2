//! Reductions: the largest absolute value, whether all numbers are finite, sums of columns and of squares.

mod column_sums;
mod max_abs;
mod sum_of_squares;

pub use column_sums::{add_to, column_abs_sums, column_sums};
pub use max_abs::{all_finite, max_abs, max_abs_of};
pub use sum_of_squares::sum_of_squares;
