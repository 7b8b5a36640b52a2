//! One step of one element: its quotient, and the noise of it.

/// On which side of x the function was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// On both.
    Both,
    /// Above x.
    Right,
    /// Below x.
    Left,
}

impl Side {
    /// 0, 1 and -1.
    pub fn from_sign(sign: i64) -> Self {
        match sign.signum() {
            0 => Self::Both,
            1 => Self::Right,
            _ => Self::Left,
        }
    }

    /// Whether only one side was asked.
    pub fn is_one(self) -> bool {
        self != Self::Both
    }
}

/// Two distances and the values there.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The distance up; with one side, the distance to that side.
    pub up: f64,
    /// The distance down.
    pub down: f64,
    /// The value at the end of `up`.
    pub above: f64,
    /// The value at the end of `down`.
    pub below: f64,
}

impl Sample {
    /// The values there and at x, and their noise, by the distances: 0 where there is none, the largest number
    /// at most. Noise is not below the smallest normal number, so that a unit for it all keeps what is rounded to 0.
    pub fn quotients(&self, center: f64, accuracy: Accuracy) -> [f64; 4] {
        let quotients = [
            (self.above, self.up),
            (self.below, self.down),
            (center, self.up),
            (accuracy.noise.max(accuracy.smallest), self.up),
        ];
        quotients.map(|(value, distance)| {
            let is_there = value.is_finite() && distance > 0.0;
            if is_there {
                (value / distance).abs().min(f64::MAX)
            } else {
                0.0
            }
        })
    }
}

/// How well the values are known.
#[derive(Debug, Clone, Copy)]
pub struct Accuracy {
    /// Their noise at x.
    pub noise: f64,
    /// The magnitude of values that had that noise.
    pub magnitude: f64,
    /// The spacing of their dtype at 1.
    pub epsilon: f64,
    /// The smallest normal number of their dtype.
    pub smallest: f64,
}

/// Noise is taken to grow with the values, as relative noise does, but not by more than this: where a
/// function is near zero at x, rounding of what it adds up is not relative to it.
const MAX_GROWTH: f64 = 8.0;

impl Accuracy {
    /// The same of values that have been divided by `unit`.
    pub fn in_units_of(self, unit: f64) -> Self {
        Self {
            noise: self.noise / unit,
            magnitude: self.magnitude / unit,
            epsilon: self.epsilon,
            smallest: self.smallest / unit,
        }
    }

    /// The noise of a value of magnitude `size`.
    pub fn of(&self, size: f64) -> f64 {
        let growth = if self.magnitude > 0.0 {
            (size / self.magnitude).clamp(1.0, MAX_GROWTH)
        } else {
            1.0
        };
        let rounding = 0.5 * self.epsilon * size.max(self.smallest);
        (self.noise * growth).max(rounding)
    }
}

/// What is known of an element beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    /// Half the spacing of floats at x.
    pub rounding: f64,
    /// The length on which the function is thought to change.
    pub scale: f64,
    /// The widest step to ask for.
    pub widest: f64,
    /// The smallest step to ask for.
    pub smallest: f64,
    /// The narrowest step that was asked, also one that was left out.
    pub narrowest: f64,
}

impl Element {
    /// The same where distances have been divided by `length`.
    pub fn in_units_of(self, length: f64) -> Self {
        Self {
            rounding: self.rounding / length,
            scale: self.scale / length,
            widest: self.widest / length,
            smallest: self.smallest / length,
            narrowest: self.narrowest / length,
        }
    }
}

/// A quotient, as a row of the tableau.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The step.
    pub step: f64,
    /// The quotient.
    pub quotient: f64,
    /// The noise of the quotient; with one side, but for the noise of the value at x.
    pub sigma: f64,
    /// The quotients of the sides.
    pub right: f64,
    pub left: f64,
    /// The noise of one value.
    pub noise: f64,
    /// `f(x + h) - f(x - h)`.
    pub odd: f64,
    /// `f(x + h) - 2 f(x) + f(x - h)`, less what unequal steps add to it along a slope.
    pub even: f64,
}

impl Row {
    /// Nothing where the step was not asked, or a value is not finite.
    ///
    /// Steps that differ by rounding of x give the quotient that is exact for parabolas. `rounding` is half
    /// the spacing of floats at x: a function may round what it computes from x first, by as much.
    pub fn new(
        sample: Sample,
        side: Side,
        center: f64,
        accuracy: Accuracy,
        rounding: f64,
    ) -> Option<Self> {
        let Sample {
            up,
            down,
            above,
            below,
        } = sample;
        if up.is_nan() || up <= 0.0 || !above.is_finite() {
            return None;
        }
        let right = (above - center) / up;
        if side.is_one() {
            let quotient = if side == Side::Right { right } else { -right };
            let size = above.abs().max(center.abs());
            let noise = accuracy.of(size) + rounding * quotient.abs();
            return Some(Self {
                step: up,
                quotient,
                sigma: noise / up,
                right: quotient,
                left: quotient,
                noise,
                odd: 0.0,
                even: 0.0,
            });
        }
        if down.is_nan() || down <= 0.0 || !below.is_finite() {
            return None;
        }
        let left = (center - below) / down;
        let is_symmetric = (up - down).abs() <= 4.0 * f64::EPSILON * up;
        let quotient = if is_symmetric {
            (above - below) / (up + down)
        } else {
            (down * right + up * left) / (up + down)
        };
        let size = above.abs().max(below.abs());
        let noise = accuracy.of(size) + rounding * right.abs().max(left.abs());
        Some(Self {
            step: up.sqrt() * down.sqrt(),
            quotient,
            sigma: noise * std::f64::consts::SQRT_2 / (up + down),
            right,
            left,
            noise,
            odd: above - below,
            even: (above - center) - (center - below) - quotient * (up - down),
        })
    }
}
