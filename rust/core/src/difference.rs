//! The central difference itself, over anything whose numbers can be moved one at a time.

use std::ops::Range;

use crate::scalar::Scalar;

/// A function and the point at which it stands.
pub trait Point<T> {
    /// What evaluating the function or moving a number can fail with.
    type Error;

    /// The number at `place`.
    ///
    /// # Errors
    /// If it cannot be read.
    fn get(&mut self, place: usize) -> Result<T, Self::Error>;

    /// Replaces the number at `place`.
    ///
    /// # Errors
    /// If it cannot be written.
    fn set(&mut self, place: usize, value: T) -> Result<(), Self::Error>;

    /// The function's value where the point stands now.
    ///
    /// # Errors
    /// If it has none.
    fn value(&mut self) -> Result<f64, Self::Error>;
}

/// Writes `(f(x + h) - f(x - h)) / 2h` for each of `places` to `out`.
///
/// Every number is put back as it was, bit for bit, also when the function fails.
///
/// # Errors
/// The first failure of `point`.
pub fn central_difference<T: Scalar, P: Point<T>>(
    point: &mut P,
    places: Range<usize>,
    h: f64,
    out: &mut [T],
) -> Result<(), P::Error> {
    for (place, out) in places.zip(out) {
        let kept = point.get(place)?;
        let quotient = quotient(point, place, kept, h);
        point.set(place, kept)?;
        *out = T::from_f64(quotient?);
    }
    Ok(())
}

fn quotient<T: Scalar, P: Point<T>>(
    point: &mut P,
    place: usize,
    kept: T,
    h: f64,
) -> Result<f64, P::Error> {
    point.set(place, T::from_f64(kept.widen() + h))?;
    let above = point.value()?;
    point.set(place, T::from_f64(kept.widen() - h))?;
    let below = point.value()?;
    Ok((above - below) / (2.0 * h))
}
