//! How far pre-activations move, a unit each.

/// How far the pre-activation of each of some units moves.
pub trait Shifts: Copy {
    /// That of unit `i`.
    fn of(self, i: usize) -> f64;

    /// The largest absolute one.
    fn largest(self) -> f64;

    /// Those of the first units: loops of as many steps then look at no bound.
    #[must_use]
    fn first(self, count: usize) -> Self;
}

/// All units move as far: what depends on the shift alone is computed once.
#[derive(Debug, Clone, Copy)]
pub struct Same(pub f64);

impl Shifts for Same {
    #[inline(always)]
    fn of(self, _: usize) -> f64 {
        self.0
    }

    #[inline(always)]
    fn largest(self) -> f64 {
        self.0.abs()
    }

    #[inline(always)]
    fn first(self, _: usize) -> Self {
        self
    }
}

/// Each unit moves as far as it says here.
#[derive(Debug, Clone, Copy)]
pub struct Each<'a>(pub &'a [f64]);

impl Shifts for Each<'_> {
    #[inline(always)]
    fn of(self, i: usize) -> f64 {
        self.0[i]
    }

    #[inline(always)]
    fn largest(self) -> f64 {
        let mut largest = 0.0;
        for shift in self.0 {
            // Written so that a NaN counts.
            largest = if shift.abs() <= largest {
                largest
            } else {
                shift.abs()
            };
        }
        largest
    }

    #[inline(always)]
    fn first(self, count: usize) -> Self {
        Self(&self.0[..count])
    }
}
