//! The course's two losses over plain slices.

use crate::error::Error;
use crate::network::losses::softmax_cross_entropy::COURSE_EPSILON;
use crate::network::losses::{class_of, Targets};
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;

/// Half the sum of squared differences, accumulated in double precision.
#[must_use]
pub fn mean_squared_error<T: Scalar>(y: &[T], t: &[T]) -> T {
    let term = |i: usize| {
        let difference = y[i] - t[i];
        (difference * difference).widen()
    };
    T::from_f64(0.5 * pairwise_sum(0, y.len().min(t.len()), &term))
}

/// `-sum(t * log(y + 1e-7))` over all elements.
#[must_use]
pub fn cross_entropy_error<T: Scalar>(y: &[T], t: &[T]) -> T {
    let term = |i: usize| (t[i] * (y[i] + T::from_f64(COURSE_EPSILON)).ln()).widen();
    T::from_f64(-pairwise_sum(0, y.len().min(t.len()), &term))
}

/// `-sum_n log(y[n, t_n] + 1e-7)` for labels `t_n`.
///
/// # Errors
/// If there is not one label a row, or a label is no column of `y`.
pub fn cross_entropy_error_labels<T: Scalar>(
    y: MatrixRef<'_, T>,
    labels: &[i64],
) -> Result<T, Error> {
    Targets::<T>::labels(labels).check((y.rows(), y.cols()), true)?;
    let term = |n: usize| {
        let probability = y.row(n)[class_of(labels[n])];
        (probability + T::from_f64(COURSE_EPSILON)).ln().widen()
    };
    Ok(T::from_f64(-pairwise_sum(0, labels.len(), &term)))
}

/// The sum of `term(start..end)` by halves: the rounding error grows with the logarithm of the
/// count (Higham, "The accuracy of floating point summation", 1993), as in NumPy.
fn pairwise_sum(start: usize, end: usize, term: &impl Fn(usize) -> f64) -> f64 {
    if end - start <= 64 {
        return (start..end).map(term).sum();
    }
    let middle = start + (end - start) / 2;
    pairwise_sum(start, middle, term) + pairwise_sum(middle, end, term)
}
