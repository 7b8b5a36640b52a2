//! The central difference by the loss as a function of each pre-activation.
//!
//! Let `phi_nj(d)` be the loss of sample `n` when the pre-activation of unit `j` is shifted by `d`.
//! The quotient for the weight `W[i, j]` is `1/N sum_n [phi_nj(h x_ni) - phi_nj(-h x_ni)] / 2h`: only
//! the odd part of `phi_nj` on `[-s, s]`, `s = h max|x|`, matters. It is evaluated at a few shifts
//! and interpolated by a sum of odd Chebyshev polynomials ([`interpolation`]); all
//! quotients then follow from products of matrices, `grad_W = (X^T C_0 + T_3(X / max|x|)^T C_1 + ...) / N`.
//! No derivative formula is used anywhere, only values of the loss.
//!
//! The number of terms follows from a bound on the error of interpolation
//! ([`analyticity`]): at most `1e-11` in each sample's quotient
//! ([`degree`]). Terms whose coefficients, once found, show that they do not add up to that much are left
//! out of the products. Where no number of terms is enough, or a kink lies in the interval ([`kinks`]), `phi_nj` is evaluated at every
//! `±h x_ni` itself, as the incremental evaluator does.

pub(crate) mod analyticity;
pub(crate) mod coefficients;
pub(crate) mod degree;
pub(crate) mod interpolation;
pub(crate) mod kinks;

use crate::error::Error;
use crate::finite_difference::flops_of_perturbation;
use crate::finite_difference::incremental::unit_quotients;
use crate::finite_difference::node::analyticity::{analytic_radii, AnalyticRadii};
use crate::finite_difference::node::coefficients::Coefficients;
use crate::finite_difference::node::degree::LayerDegree;
use crate::finite_difference::perturb::PerturbedLoss;
use crate::network::parameters::{LayerParts, Parameters};
use crate::parallel::context::Context;
use crate::parallel::{try_map, Threads};

/// How the quotients of a batch are found: the degree of the polynomials of each layer.
#[derive(Debug)]
pub struct Node<'a> {
    perturbed: &'a PerturbedLoss<'a>,
    degrees: Vec<LayerDegree<'a>>,
}

impl<'a> Node<'a> {
    /// For a half-width.
    #[must_use]
    pub fn new(perturbed: &'a PerturbedLoss<'a>, h: f64, threads: Threads<'_>) -> Self {
        let radii = analytic_radii(perturbed.network());
        let degree = |(l, radii): (usize, &AnalyticRadii)| {
            LayerDegree::new(perturbed, l, (radii, h), threads)
        };
        Self {
            degrees: radii.iter().enumerate().map(degree).collect(),
            perturbed,
        }
    }

    /// How many multiplications it takes to find those quotients [one by one](Self::one_by_one) that must be.
    #[must_use]
    pub fn flops_one_by_one(&self) -> usize {
        let network = self.perturbed.network();
        let moves = self.degrees.iter().map(|degree| {
            let inputs = network.layers()[degree.layer].inputs();
            let exceptions = degree.exceptions(self.perturbed.samples());
            exceptions.saturating_mul(2 * inputs)
        });
        let moves = moves.fold(0, usize::saturating_add);
        moves.saturating_mul(flops_of_perturbation(network))
    }

    /// Finds the coefficients of each layer's polynomials, as far as these hold.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled.
    pub fn find_coefficients(
        &self,
        coefficients: &mut Vec<Coefficients>,
        context: Context<'_>,
    ) -> Result<(), Error> {
        Coefficients::find(coefficients, &self.degrees, self.perturbed, context)
    }

    /// What the pairs of a sample and a unit contribute to the quotients for which the polynomials do not
    /// hold, found as the incremental evaluator does; nothing if they hold for all.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if cancelled.
    pub fn one_by_one(&self, context: Context<'_>) -> Result<Option<Parameters<f64>>, Error> {
        if !self.degrees.iter().any(LayerDegree::has_exceptions) {
            return Ok(None);
        }
        let mut quotients = Parameters::filled(self.perturbed.network(), 0.0);
        for (degree, out) in self.degrees.iter().zip(&mut quotients.layers) {
            self.add_exceptions(degree, context, out)?;
        }
        Ok(Some(quotients))
    }

    fn add_exceptions(
        &self,
        degree: &LayerDegree<'_>,
        Context {
            threads, cancel, ..
        }: Context<'_>,
        out: &mut LayerParts<Vec<f64>>,
    ) -> Result<(), Error> {
        if !degree.has_exceptions() {
            return Ok(());
        }
        let columns = try_map(threads, degree.smooth.len(), |j| {
            cancel.check()?;
            let mut rest = (0..self.perturbed.samples())
                .filter(|&n| !degree.is_smooth(n, j))
                .peekable();
            let any = rest.peek().is_some();
            any.then(|| unit_quotients(self.perturbed, degree.layer, j, rest, degree.h, cancel))
                .transpose()
        })?;
        for (j, column) in columns.into_iter().enumerate() {
            if let Some(column) = column {
                column.add_to(out, j);
            }
        }
        Ok(())
    }
}
