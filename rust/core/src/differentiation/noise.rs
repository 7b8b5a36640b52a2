//! The noise of a function from its values along a line.

use crate::differentiation::unit::unit_of;

/// What the difference table of some values says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// The standard deviation of the noise.
    Found(f64),
    /// Half of the neighbours are equal: the points lie too close, or all values are equal.
    TooClose,
    /// The differences are those of a function that changes, not of noise: less than this.
    TooFar(f64),
}

/// The noise of values at points of equal spacing, at least five.
///
/// Method: `ECNoise` of Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011). The
/// differences of order k of noise alone have the variance `(2k)! / (k!)^2` times that of the noise; those
/// of a smooth function vanish with the spacing. So the first order from which on three estimates agree to
/// a factor of 4, with differences of both signs, is the noise.
#[must_use]
pub fn along_a_line(values: &[f64]) -> Noise {
    let count = values.len();
    let (lowest, highest) = extremes(values);
    let magnitude = lowest.abs().max(highest.abs());
    if count < 5 || !magnitude.is_finite() {
        return Noise::TooFar(f64::INFINITY);
    }
    let unit = unit_of(values.iter().copied());
    let mut differences: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let mut levels = Vec::with_capacity(count - 1);
    let mut has_both_signs = Vec::with_capacity(count - 1);
    let mut factor = 1.0;
    for order in 1..count {
        for i in 0..count - order {
            differences[i] = differences[i + 1] - differences[i];
        }
        differences.truncate(count - order);
        if order == 1 && 2 * differences.iter().filter(|&&d| d == 0.0).count() >= count {
            return Noise::TooClose;
        }
        factor *= 0.5 * order as f64 / (2 * order - 1) as f64;
        let squares: f64 = differences.iter().map(|d| d * d).sum();
        levels.push((factor * squares / differences.len() as f64).sqrt() * unit);
        let (least, most) = extremes(&differences);
        has_both_signs.push(least < 0.0 && most > 0.0);
    }
    let last = levels[levels.len() - 1];
    if highest - lowest > 0.1 * magnitude {
        return Noise::TooFar(last);
    }
    for (three, both) in levels.windows(3).zip(has_both_signs) {
        let (least, most) = extremes(three);
        if both && most <= 4.0 * least {
            return Noise::Found(three[0]);
        }
    }
    Noise::TooFar(last)
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    values
        .iter()
        .fold(start, |(low, high), &v| (low.min(v), high.max(v)))
}

#[cfg(test)]
mod tests {
    use super::{along_a_line, Noise};

    #[test]
    fn noise_on_a_slope_is_found() {
        let noise = [0.3, -0.8, 0.5, 0.9, -0.4, -0.7, 0.2];
        let at = |(i, noise): (u8, &f64)| 1.0 + 1e-7 * f64::from(i) + 1e-9 * noise;
        let values: Vec<f64> = (0..7).zip(&noise).map(at).collect();
        let Noise::Found(level) = along_a_line(&values) else {
            panic!("{:?}", along_a_line(&values));
        };
        assert!(level > 2e-10 && level < 2e-9, "{level}");
    }

    #[test]
    fn equal_values_say_nothing_and_a_wide_change_is_no_noise() {
        assert_eq!(along_a_line(&[2.0; 7]), Noise::TooClose);
        let values: Vec<f64> = (0..7).map(|i| f64::from(i).exp()).collect();
        assert!(matches!(along_a_line(&values), Noise::TooFar(_)));
        assert_eq!(along_a_line(&[1.0, f64::NAN]), Noise::TooFar(f64::INFINITY));
    }
}
