//! What each sample and unit contributes to the quotients of a layer, by odd polynomials of the input.

use crate::error::Error;
use crate::finite_difference::node::degree::LayerDegree;
use crate::finite_difference::perturb::{PerturbedLoss, Scratch};
use crate::gradient::prepared::Terms;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::reduce::{column_abs_sums, column_sums};
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::parallel::context::Context;
use crate::parallel::{block_rows, for_each, zip_chunks};

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
    max_input: f64,
    /// How many of the terms count: the higher ones, as far as they add up to the layer's tolerance at most
    /// in any quotient, do not.
    terms_kept: usize,
    are_finite: bool,
}

impl Coefficients {
    /// Finds those of each layer, in `all`, whatever was there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled.
    pub fn find(
        all: &mut Vec<Self>,
        degrees: &[LayerDegree<'_>],
        perturbed: &PerturbedLoss<'_>,
        Context {
            threads, cancel, ..
        }: Context<'_>,
    ) -> Result<(), Error> {
        all.resize_with(degrees.len(), Self::default);
        let mut pieces = Vec::new();
        for (degree, own) in degrees.iter().zip(&mut *all) {
            pieces.extend(own.pieces(degree, perturbed));
        }
        for_each(threads, pieces.into_iter(), |mut piece| {
            if cancel.check().is_ok() {
                dispatch(&mut piece);
                piece.sum_up();
            }
        });
        cancel.check()?;
        for (degree, own) in degrees.iter().zip(all) {
            own.count(degree);
        }
        Ok(())
    }

    /// Finds which terms count, and what is known of them.
    fn count(&mut self, degree: &LayerDegree<'_>) {
        let sizes: Vec<f64> = self
            .sizes
            .iter()
            .map(|sizes| largest_sum(sizes.view()))
            .collect();
        let is_enough =
            |&terms_kept: &usize| sizes[terms_kept..].iter().sum::<f64>() <= degree.tolerance;
        self.terms_kept = (1..degree.terms).find(is_enough).unwrap_or(degree.terms);
        self.are_finite = sizes[..self.terms_kept].iter().all(|size| size.is_finite());
        self.max_input = degree.max_input;
    }

    /// The terms that count.
    #[must_use]
    pub fn terms(&self) -> Terms<'_, f64> {
        Terms::many(
            self.terms[..self.terms_kept]
                .iter()
                .map(Matrix::view)
                .collect(),
            Some(self.sums.iter().map(Matrix::view).collect()),
            self.max_input,
            self.are_finite,
        )
    }

    /// Blocks of samples to be computed.
    fn pieces<'a>(
        &'a mut self,
        degree: &'a LayerDegree<'a>,
        perturbed: &'a PerturbedLoss<'a>,
    ) -> impl Iterator<Item = Piece<'a>> {
        let (samples, units) = (perturbed.samples(), degree.smooth.len());
        let block = block_rows(samples);
        let blocks = samples.div_ceil(block);
        let lists = [
            (&mut self.terms, samples, block),
            (&mut self.sums, blocks, 1),
            (&mut self.sizes, blocks, 1),
        ];
        let arrays = lists.into_iter().flat_map(|(list, rows, own)| {
            list.resize_with(degree.terms, Matrix::default);
            list.iter_mut().map(move |matrix| {
                matrix.reshape(rows, units);
                (matrix.data_mut(), own * units)
            })
        });
        let count = if degree.terms == 0 { 0 } else { blocks };
        let pieces = zip_chunks(arrays, count).into_iter().enumerate();
        pieces.map(move |(b, out)| Piece {
            degree,
            perturbed,
            first: b * block,
            out,
        })
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
    degree: &'a LayerDegree<'a>,
    perturbed: &'a PerturbedLoss<'a>,
    first: usize,
    /// A matrix a term, then the sums of each and the sizes of each.
    out: Vec<&'a mut [f64]>,
}

impl Piece<'_> {
    fn sum_up(&mut self) {
        let units = self.degree.smooth.len();
        let (terms, totals) = self.out.split_at_mut(self.degree.terms);
        let (sums, sizes) = totals.split_at_mut(terms.len());
        for (term, (sums, sizes)) in terms.iter().zip(sums.iter_mut().zip(sizes)) {
            let term = MatrixRef::new(term, term.len() / units, units);
            column_sums(term, sums);
            column_abs_sums(term, sizes);
        }
    }
}

impl Kernel for &mut Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Piece {
            degree,
            perturbed,
            first,
            out,
        } = self;
        let width = degree.smooth.len();
        let out = &mut out[..degree.terms];
        let mut scratch = Scratch::default();
        let units = perturbed.all_units(degree.layer);
        for i in 0..out[0].len() / width {
            if perturbed.is_cancelled() {
                return;
            }
            let (n, own) = (*first + i, i * width..(i + 1) * width);
            let weight = perturbed.targets().relative_weight(n);
            if weight == 0.0 {
                for term in &mut *out {
                    term[own.clone()].fill(0.0);
                }
                continue;
            }
            let max_shift = degree.h * degree.max_input;
            perturbed.prepare_sample::<L>(&units, n, max_shift, &mut scratch);
            for (i, point) in degree.odd.points.iter().enumerate() {
                let shift = point * degree.h * degree.max_input;
                let row = perturbed.differences_of_all::<L>(&units, n, shift, &mut scratch);
                let scale = 0.5 * weight / (degree.h * perturbed.samples() as f64);
                for (p, (term, weights)) in out.iter_mut().zip(&degree.odd.weights).enumerate() {
                    let weight = weights[i]
                        * if p == 0 {
                            scale / degree.max_input
                        } else {
                            scale
                        };
                    let term = term[own.clone()].iter_mut().zip(row);
                    if i == 0 {
                        for (term, &difference) in term {
                            *term = weight * difference;
                        }
                    } else {
                        for (term, &difference) in term {
                            *term = L::mul_add(weight, difference, *term);
                        }
                    }
                }
            }
            if degree.has_exceptions() {
                for term in &mut *out {
                    for (j, term) in term[own.clone()].iter_mut().enumerate() {
                        if !degree.is_smooth(n, j) {
                            *term = 0.0;
                        }
                    }
                }
            }
        }
    }
}
