//! Units that move, and how far.

use std::marker::PhantomData;
use std::ops::Range;

/// Units that move, one a lane, each up and down by as much.
pub trait Moves: Copy {
    /// Whether it is the same unit in all lanes. Its numbers stand at the place 0 of [rows](UnitRows); else
    /// those of the unit in lane `i` stand at `i`.
    const IS_ONE_UNIT: bool;

    /// How far it moves.
    fn by(self, lane: usize) -> f64;

    /// The largest absolute move; a NaN is larger than all.
    fn max_move(self) -> f64;

    /// The lanes, of `count`, whose unit stands at `place`.
    fn lanes_of(self, place: usize, count: usize) -> Range<usize>;

    /// The moves of some lanes alone, if it is one unit that moves.
    #[must_use]
    fn range(self, lanes: Range<usize>) -> Self;
}

/// All units of a layer, by the same: what depends on that alone is computed once.
#[derive(Debug, Clone, Copy)]
pub struct AllUnits {
    /// How far they move.
    pub by: f64,
}

impl Moves for AllUnits {
    const IS_ONE_UNIT: bool = false;

    #[inline(always)]
    fn by(self, _: usize) -> f64 {
        self.by
    }

    #[inline(always)]
    fn max_move(self) -> f64 {
        self.by.abs()
    }

    #[inline(always)]
    fn lanes_of(self, place: usize, _: usize) -> Range<usize> {
        place..place + 1
    }

    #[inline(always)]
    fn range(self, _: Range<usize>) -> Self {
        self
    }
}

/// One unit, by many amounts.
#[derive(Debug, Clone, Copy)]
pub struct OneUnit<'a> {
    /// How far it moves in each lane.
    pub by: &'a [f64],
}

impl Moves for OneUnit<'_> {
    const IS_ONE_UNIT: bool = true;

    #[inline(always)]
    fn by(self, lane: usize) -> f64 {
        self.by[lane]
    }

    #[inline(always)]
    fn max_move(self) -> f64 {
        // Sizes are ordered as their bits are, a NaN behind all numbers.
        let mut largest = 0;
        for by in self.by {
            largest = largest.max(by.abs().to_bits());
        }
        f64::from_bits(largest)
    }

    #[inline(always)]
    fn lanes_of(self, place: usize, count: usize) -> Range<usize> {
        if place == 0 {
            0..count
        } else {
            0..0
        }
    }

    #[inline(always)]
    fn range(self, lanes: Range<usize>) -> Self {
        Self {
            by: &self.by[lanes],
        }
    }
}

/// Rows of one length, a number for each unit in each, read by lanes.
#[derive(Debug)]
pub struct UnitRows<'a, M, const N: usize> {
    rows: [&'a [f64]; N],
    /// The numbers at the place 0: of one unit, nothing else is read, and nothing in a loop.
    of_one_unit: [f64; N],
    moves: PhantomData<M>,
}

impl<'a, M: Moves, const N: usize> UnitRows<'a, M, N> {
    /// The first rows of `rows`, of `width` units.
    #[inline(always)]
    #[must_use]
    pub fn new(rows: &'a [f64], width: usize) -> Self {
        let mut split = [rows; N];
        let mut of_one_unit = [0.0; N];
        for m in 0..N {
            split[m] = &rows[m * width..(m + 1) * width];
            of_one_unit[m] = split[m][0];
        }
        Self {
            rows: split,
            of_one_unit,
            moves: PhantomData,
        }
    }

    /// The numbers of the unit in a lane.
    #[inline(always)]
    #[must_use]
    pub fn of(&self, lane: usize) -> [f64; N] {
        if M::IS_ONE_UNIT {
            return self.of_one_unit;
        }
        let mut numbers = [0.0; N];
        for m in 0..N {
            numbers[m] = self.rows[m][lane];
        }
        numbers
    }
}

impl<'a, M: Moves> UnitRows<'a, M, 1> {
    /// One row.
    #[inline(always)]
    #[must_use]
    pub fn row(row: &'a [f64]) -> Self {
        Self::new(row, row.len())
    }
}
