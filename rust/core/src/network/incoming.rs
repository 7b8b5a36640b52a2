//! The weights of a layer by the unit they reach, with powers of them where those are wanted often.

use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// For each unit of a layer the weights of all units below, filled up to whole blocks with zeros, and behind
/// them their powers `w^m / m!`.
#[derive(Debug)]
pub struct Incoming {
    rows: Matrix<f64>,
    width: usize,
}

impl Incoming {
    /// Those of `weights`, shape (units below, units), with the powers up to `m = powers`.
    #[must_use]
    pub fn new(weights: MatrixRef<'_, f64>, powers: usize) -> Self {
        let width = weights.rows().next_multiple_of(LANES);
        let mut rows = Matrix::zeros(weights.cols(), powers * width);
        dispatch(Fill {
            weights,
            width,
            rows: rows.data_mut(),
        });
        Self { rows, width }
    }

    /// How many powers there are.
    #[inline(always)]
    #[must_use]
    pub fn powers(&self) -> usize {
        self.rows.cols() / self.width
    }

    /// What reaches unit `k` from all units.
    #[inline(always)]
    #[must_use]
    pub fn of(&self, k: usize) -> &[f64] {
        &self.rows.row(k)[..self.width]
    }

    /// The same, and all powers behind it.
    #[inline(always)]
    #[must_use]
    pub fn powers_of(&self, k: usize) -> &[f64] {
        self.rows.row(k)
    }
}

struct Fill<'a> {
    weights: MatrixRef<'a, f64>,
    width: usize,
    rows: &'a mut [f64],
}

impl Kernel for Fill<'_> {
    type Output = ();

    /// A block of units below at a time: their weights are read from the first to the last.
    #[inline(always)]
    fn run<L: Level>(self) {
        let (weights, units) = (self.weights, self.weights.cols());
        let stride = self.rows.len() / units;
        for first in (0..weights.rows()).step_by(LANES) {
            let count = LANES.min(weights.rows() - first);
            for (k, row) in self.rows.chunks_exact_mut(stride).enumerate() {
                let mut block = [0.0; LANES];
                for (lane, weight) in block[..count].iter_mut().enumerate() {
                    *weight = weights.data()[(first + lane) * units + k];
                }
                let mut power = block;
                for (m, row) in row.chunks_exact_mut(self.width).enumerate() {
                    if m > 0 {
                        next_power(&mut power, &block, m);
                    }
                    row[first..first + LANES].copy_from_slice(&power);
                }
            }
        }
    }
}

/// Makes `w^m / m!` the next one.
#[inline(always)]
pub fn next_power(power: &mut [f64; LANES], weights: &[f64; LANES], m: usize) {
    let share = 1.0 / (m + 1) as f64;
    for (power, weight) in power.iter_mut().zip(weights) {
        *power *= weight * share;
    }
}
