//! What each sample and unit contributes to the quotients of a layer, by odd powers of the input.

use crate::cancel::Cancel;
use crate::error::Error;
use crate::extent::max_abs;
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{block_rows, for_each, pieces_of, Threads};
use crate::plan::Plan;
use crate::shift::{Scratch, Shifter};
use crate::simd::{dispatch, Kernel, Level};
use crate::totals::{add_column_sizes, add_columns};

/// The coefficients of `phi_nj`'s odd part, divided by `h N`, scaled to powers of `x`.
#[derive(Debug, Default)]
pub struct Coefficients {
    /// One of each power, shape (samples, units).
    pub terms: Vec<Matrix<f64>>,
    /// For each of them the sums of its columns in each block of samples, shape (blocks, units).
    sums: Vec<Matrix<f64>>,
    /// The sums of absolute values.
    sizes: Vec<Matrix<f64>>,
}

impl Coefficients {
    /// Finds those of each plan, in `all`, whatever was there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled.
    pub fn find(
        all: &mut Vec<Self>,
        plans: &[Plan<'_>],
        shifter: &Shifter<'_>,
        threads: Threads<'_>,
        cancel: &Cancel,
    ) -> Result<(), Error> {
        all.resize_with(plans.len(), Self::default);
        let mut pieces = Vec::new();
        for (plan, own) in plans.iter().zip(all) {
            pieces.extend(own.pieces(plan, shifter));
        }
        for_each(threads, pieces.into_iter(), |mut piece| {
            if cancel.check().is_ok() {
                dispatch(&mut piece);
                piece.sum_up();
            }
        });
        cancel.check()
    }

    /// Blocks of samples to be computed.
    fn pieces<'a>(
        &'a mut self,
        plan: &'a Plan<'a>,
        shifter: &'a Shifter<'a>,
    ) -> impl Iterator<Item = Piece<'a>> {
        let (samples, units) = (shifter.samples(), plan.smooth.len());
        let block = block_rows(samples);
        let blocks = samples.div_ceil(block);
        let lists = [
            (&mut self.terms, samples, block),
            (&mut self.sums, blocks, 1),
            (&mut self.sizes, blocks, 1),
        ];
        let arrays = lists.into_iter().flat_map(|(list, rows, own)| {
            list.resize_with(plan.terms, Matrix::default);
            list.iter_mut().map(move |matrix| {
                matrix.reshape(rows, units);
                (matrix.data_mut(), own * units)
            })
        });
        let count = if plan.terms == 0 { 0 } else { blocks };
        let pieces = pieces_of(arrays, count).into_iter().enumerate();
        pieces.map(move |(b, out)| Piece {
            plan,
            shifter,
            first: b * block,
            out,
        })
    }

    /// Writes the sums of all terms, one a unit: the quotients of an input that is always 1.
    pub fn sum(&self, out: &mut [f64]) {
        out.fill(0.0);
        for sums in &self.sums {
            add_columns(sums.view(), out);
        }
    }

    /// The largest sum of absolute values that a unit has in term `p`.
    #[must_use]
    pub fn size(&self, p: usize) -> f64 {
        let sizes = self.sizes[p].view();
        let mut sums = vec![0.0; sizes.cols()];
        add_columns(sizes, &mut sums);
        max_abs(&sums)
    }
}

/// The coefficients of some samples, from `first` on.
struct Piece<'a> {
    plan: &'a Plan<'a>,
    shifter: &'a Shifter<'a>,
    first: usize,
    /// A matrix a term, then the sums of each and the sizes of each.
    out: Vec<&'a mut [f64]>,
}

impl Piece<'_> {
    fn sum_up(&mut self) {
        let units = self.plan.smooth.len();
        let (terms, totals) = self.out.split_at_mut(self.plan.terms);
        let (sums, sizes) = totals.split_at_mut(terms.len());
        for (term, (sums, sizes)) in terms.iter().zip(sums.iter_mut().zip(sizes)) {
            let term = MatrixRef::new(term, term.len() / units, units);
            sums.fill(0.0);
            add_columns(term, sums);
            sizes.fill(0.0);
            add_column_sizes(term, sizes);
        }
    }
}

impl Kernel for &mut Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        let Piece {
            plan,
            shifter,
            first,
            out,
        } = self;
        let units = plan.smooth.len();
        let out = &mut out[..plan.terms];
        let mut scratch = Scratch::default();
        for i in 0..out[0].len() / units {
            let (n, own) = (*first + i, i * units..(i + 1) * units);
            shifter.turn_to::<R>((plan.layer, n), plan.h * plan.largest, &mut scratch);
            for (i, point) in plan.odd.points.iter().enumerate() {
                let shift = point * plan.h * plan.largest;
                let row = shifter.row_differences::<R>((plan.layer, n), shift, &mut scratch);
                // Of powers of x, not of x over the largest.
                let mut scale = 0.5 / (plan.h * plan.largest * shifter.samples() as f64);
                for (term, weights) in out.iter_mut().zip(&plan.odd.weights) {
                    let weight = weights[i] * scale;
                    let term = term[own.clone()].iter_mut().zip(row);
                    if i == 0 {
                        for (term, &difference) in term {
                            *term = weight * difference;
                        }
                    } else {
                        for (term, &difference) in term {
                            *term = R::mul_add(weight, difference, *term);
                        }
                    }
                    scale /= plan.largest * plan.largest;
                }
            }
            if plan.has_exceptions() {
                for term in &mut *out {
                    for (j, term) in term[own.clone()].iter_mut().enumerate() {
                        if !plan.is_smooth(n, j) {
                            *term = 0.0;
                        }
                    }
                }
            }
        }
    }
}
