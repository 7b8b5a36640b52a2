//! The central difference itself, over anything whose numbers can be moved one at a time.

use std::ops::Range;

/// A function and the point at which it stands.
pub trait Point {
    /// What evaluating the function can fail with.
    type Error;

    /// The number at `place`.
    fn number(&mut self, place: usize) -> &mut f64;

    /// The function's value where the point stands now.
    ///
    /// # Errors
    /// If it has none.
    fn value(&mut self) -> Result<f64, Self::Error>;
}

/// Where a number goes, up and down, and how far apart the two are.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    up: f64,
    down: f64,
    /// `2h` where an end is not finite.
    step: f64,
}

impl Move {
    /// Adds and subtracts `h`: none if rounding swallows it.
    #[must_use]
    pub fn of(number: f64, h: f64) -> Option<Self> {
        let (up, down) = (number + h, number - h);
        let taken = up - down;
        let step = if taken.is_finite() { taken } else { 2.0 * h };
        (step != 0.0).then_some(Self { up, down, step })
    }
}

/// Writes `(f(x + h) - f(x - h)) / ((x + h) - (x - h))` for each of `places` to `out`; NaN where rounding
/// swallows the step.
///
/// Every number is put back as it was, bit for bit, also when the function fails.
///
/// # Errors
/// The first failure of `point`.
pub fn central_difference<P: Point>(
    point: &mut P,
    places: Range<usize>,
    h: f64,
    out: &mut [f64],
) -> Result<(), P::Error> {
    for (place, out) in places.zip(out) {
        let kept = *point.number(place);
        *out = match Move::of(kept, h) {
            Some(ends) => {
                let quotient = quotient(point, place, ends);
                *point.number(place) = kept;
                quotient?
            }
            None => f64::NAN,
        };
    }
    Ok(())
}

fn quotient<P: Point>(point: &mut P, place: usize, ends: Move) -> Result<f64, P::Error> {
    *point.number(place) = ends.up;
    let above = point.value()?;
    *point.number(place) = ends.down;
    let below = point.value()?;
    Ok((above - below) / ends.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum(Vec<f64>);

    impl Point for Sum {
        type Error = ();

        fn number(&mut self, place: usize) -> &mut f64 {
            &mut self.0[place]
        }

        fn value(&mut self) -> Result<f64, ()> {
            // So that numbers of any size do not round each other's moves away.
            let (large, small): (Vec<f64>, Vec<f64>) = self.0.iter().partition(|x| x.abs() > 1.0);
            Ok(large.iter().map(|x| x - 1e9).sum::<f64>() + small.iter().sum::<f64>())
        }
    }

    #[test]
    fn the_step_that_was_taken_divides() {
        let mut sum = Sum(vec![0.25, 1e9, 1e13, f64::INFINITY]);
        let kept = sum.0.clone();
        let mut out = [0.0; 2];
        central_difference(&mut sum, 0..2, 1e-4, &mut out).unwrap_or_default();
        assert!(out[0].is_nan(), "beside an infinite number");
        sum.0.truncate(2);
        central_difference(&mut sum, 0..2, 1e-4, &mut out).unwrap_or_default();
        assert!(out.iter().all(|quotient| (quotient - 1.0).abs() < 1e-10));
        assert_eq!(sum.0, kept[..2]);
    }

    #[test]
    fn a_step_that_rounding_swallows_is_none() {
        assert!(Move::of(1e13, 1e-4).is_none());
        assert!(Move::of(1.5, 1e-16).is_none());
        assert_eq!(Move::of(f64::NAN, 1e-4).map(|m| m.step), Some(2e-4));
        assert_eq!(
            Move::of(f64::NEG_INFINITY, 1e-4).map(|m| m.step),
            Some(2e-4)
        );
        assert_eq!(
            Move::of(-1e308, 1.7e308).map(|m| m.step),
            Some(f64::INFINITY)
        );
    }
}
