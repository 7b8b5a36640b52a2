//! What each sample and unit contributes to the quotients of a layer, by odd polynomials of the input.

use crate::error::Error;
use crate::finite_difference::node::degree::Plan;
use crate::finite_difference::perturb::{Scratch, Shifter};
use crate::gradient::weight_product::Terms;
use crate::numeric::extent::max_abs;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::totals::{column_sizes, column_sums};
use crate::numeric::vecmath::odd_chebyshev;
use crate::parallel::cancel::Cancel;
use crate::parallel::{block_rows, for_each, pieces_of, Threads};

/// The coefficients of `phi_nj`'s odd part, divided by `h N`: those of Chebyshev's polynomials of the input
/// over the largest, the first of the input itself.
#[derive(Debug, Default)]
pub struct Coefficients {
    /// One of each polynomial, shape (samples, units).
    terms: Vec<Matrix<f64>>,
    /// For each of them the sums of its columns in each block of samples, shape (blocks, units).
    sums: Vec<Matrix<f64>>,
    /// The sums of absolute values.
    sizes: Vec<Matrix<f64>>,
    /// The largest absolute input.
    largest: f64,
    /// How many of the terms count: the higher ones, as far as they add up to the plan's tolerance at most
    /// in any quotient, do not.
    counted: usize,
    are_finite: bool,
    are_small: bool,
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
        for (plan, own) in plans.iter().zip(&mut *all) {
            pieces.extend(own.pieces(plan, shifter));
        }
        for_each(threads, pieces.into_iter(), |mut piece| {
            if cancel.check().is_ok() {
                dispatch(&mut piece);
                piece.sum_up();
            }
        });
        cancel.check()?;
        for (plan, own) in plans.iter().zip(all) {
            own.count(plan);
        }
        Ok(())
    }

    /// Finds which terms count, and what is known of them.
    fn count(&mut self, plan: &Plan<'_>) {
        let sizes: Vec<f64> = self
            .sizes
            .iter()
            .map(|sizes| largest_sum(sizes.view()))
            .collect();
        let is_enough = |&counted: &usize| sizes[counted..].iter().sum::<f64>() <= plan.tolerance;
        self.counted = (1..plan.terms).find(is_enough).unwrap_or(plan.terms);
        self.are_finite = sizes[..self.counted].iter().all(|size| size.is_finite());
        self.are_small = plan.is_single;
        self.largest = plan.largest;
    }

    /// The terms that count, if there are any.
    #[must_use]
    pub fn terms(&self) -> Option<Terms<'_, f64>> {
        (self.counted > 0).then(|| Terms {
            each: self.terms[..self.counted]
                .iter()
                .map(Matrix::view)
                .collect(),
            largest: self.largest,
            are_finite: self.are_finite,
            are_small: self.are_small,
        })
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
        let mut own = vec![0.0; out.len()];
        for (p, sums) in self.sums.iter().enumerate() {
            column_sums(sums.view(), &mut own);
            let factor = match p {
                0 => 1.0,
                _ => odd_chebyshev(1.0 / self.largest, p),
            };
            for (out, own) in out.iter_mut().zip(&own) {
                *out += factor * own;
            }
        }
    }
}

/// The largest of the sums of the columns.
fn largest_sum(matrix: MatrixRef<'_, f64>) -> f64 {
    let mut sums = vec![0.0; matrix.cols()];
    column_sums(matrix, &mut sums);
    max_abs(&sums)
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
            column_sums(term, sums);
            column_sizes(term, sizes);
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
            if shifter.is_cancelled() {
                return;
            }
            let (n, own) = (*first + i, i * units..(i + 1) * units);
            shifter.turn_to::<R>((plan.layer, n), plan.h * plan.largest, &mut scratch);
            for (i, point) in plan.odd.points.iter().enumerate() {
                let shift = point * plan.h * plan.largest;
                let row = shifter.row_differences::<R>((plan.layer, n), shift, &mut scratch);
                let scale = 0.5 / (plan.h * shifter.samples() as f64);
                for (p, (term, weights)) in out.iter_mut().zip(&plan.odd.weights).enumerate() {
                    let weight = weights[i] * if p == 0 { scale / plan.largest } else { scale };
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
