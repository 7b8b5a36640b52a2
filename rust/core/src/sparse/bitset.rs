//! Sets of the numbers 0 to 63: a word with a bit for each.

/// The numbers in a set, in ascending order.
#[derive(Debug)]
pub struct Bits(pub u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let number = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(number)
    }
}

/// Transposes 64 x 64 bits: bit `j` of word `i` becomes bit `i` of word `j`. Swaps the upper right and the
/// lower left quarter of squares, which are 64 wide at first and 2 at last (Warren, "Hacker's Delight", 2nd
/// edition, 7-3).
#[inline(always)]
pub fn transpose(words: &mut [u64; 64]) {
    let mut width = 32;
    let mut low = u64::MAX >> 32;
    while width > 0 {
        for square in words.chunks_exact_mut(2 * width) {
            let (upper, lower) = square.split_at_mut(width);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let changed = ((*upper >> width) ^ *lower) & low;
                *upper ^= changed << width;
                *lower ^= changed;
            }
        }
        width /= 2;
        low ^= low << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state ^ (state >> 29)
        };
        let before: [u64; 64] = std::array::from_fn(|_| next());
        let mut after = before;
        transpose(&mut after);
        for (i, word) in before.iter().enumerate() {
            for (j, column) in after.iter().enumerate() {
                assert_eq!(word >> j & 1, column >> i & 1);
            }
        }
    }

    #[test]
    fn numbers_come_in_order() {
        let set = 1 | 1 << 7 | 1 << 63;
        assert!(Bits(set).eq([0, 7, 63]));
        assert_eq!(Bits(0).next(), None);
    }
}
