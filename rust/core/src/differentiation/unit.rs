//! A unit for numbers that are so large or small that their squares are not numbers.

/// The power of two by which some numbers are to be divided, infinities and NaN aside: 1 if the largest is of
/// usual size. Dividing by it rounds nothing that counts beside the largest.
#[must_use]
pub fn unit_of(values: impl Iterator<Item = f64>) -> f64 {
    const EXPONENT: u64 = 0x7ff << 52;
    let magnitudes = values.map(f64::abs).filter(|value| value.is_finite());
    let largest = magnitudes.fold(0.0, f64::max);
    if largest == 0.0 || (1e-60..=1e60).contains(&largest) {
        return 1.0;
    }
    f64::from_bits(largest.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::unit_of;

    #[test]
    fn extreme_values_are_divided_by_a_power_of_two_and_usual_ones_are_left() {
        for values in [[1e60, -3.0, f64::NAN], [0.0, 0.0, f64::INFINITY]] {
            assert_eq!(unit_of(values.into_iter()).to_bits(), 1.0_f64.to_bits());
        }
        for value in [1e300, f64::MAX, 1e-300, 5e-324] {
            let unit = unit_of([1e-310, f64::NEG_INFINITY, -value].into_iter());
            let mantissa = unit.to_bits() << 12;
            assert!(mantissa == 0 && value / unit < 2.0, "{value}");
        }
    }
}
