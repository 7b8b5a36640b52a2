//! The central difference by the loss as a function of each pre-activation.
//!
//! Let `phi_nj(d)` be the loss of sample `n` when the pre-activation of unit `j` is shifted by `d`.
//! The quotient for the weight `W[i, j]` is `1/N sum_n [phi_nj(h x_ni) - phi_nj(-h x_ni)] / 2h`: only
//! the odd part of `phi_nj` on `[-s, s]`, `s = h max|x|`, matters. It is evaluated at a few shifts
//! and interpolated by a sum of odd Chebyshev polynomials ([`polynomial`](crate::finite_difference::node::interpolation)); all
//! quotients then follow from products of matrices, `grad_W = (X^T C_0 + T_3(X / max|x|)^T C_1 + ...) / N`.
//! No derivative formula is used anywhere, only values of the loss.
//!
//! The number of terms follows from a bound on the error of interpolation
//! ([`smoothness`](crate::finite_difference::node::analyticity)): at most `1e-11` in each sample's quotient
//! ([`degree`](crate::finite_difference::node::degree)). Terms whose coefficients, once found, show that they do not add up to that much are left out
//! of the products.
//! Where no number of terms is enough, or a kink lies in the interval, `phi_nj` is evaluated at every
//! `±h x_ni` itself, as the incremental evaluator does.

pub(crate) mod analyticity;
pub(crate) mod coefficients;
pub(crate) mod degree;
pub(crate) mod interpolation;

use crate::error::Error;
use crate::finite_difference::flops_of_perturbation;
use crate::finite_difference::incremental::unit_quotients;
use crate::finite_difference::node::analyticity::{analytic_radii, AnalyticRadii};
use crate::finite_difference::node::coefficients::Coefficients;
use crate::finite_difference::node::degree::LayerDegree;
use crate::finite_difference::perturb::PerturbedLoss;
use crate::gradient::sink::{written, LayerGoals};
use crate::gradient::weight_product::{multiply_transposed, TransposedProduct};
use crate::network::forward::Forward;
use crate::network::input::Input;
use crate::network::{LayerParametersMut, ParametersMut};
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
use crate::parallel::{try_map, Threads};

/// What has been found of a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// All of it, which is written.
    Gradient,
    /// The coefficients it [follows](multiply) from, as the polynomials hold everywhere.
    Coefficients,
    /// None of it: it takes more than was wanted.
    Nothing,
}

/// Finds the central difference of the mean loss in every parameter, or only its `coefficients`, which are
/// room for what it is found from; nothing where what must be evaluated incrementally takes more than `most`
/// multiplications.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn node(
    perturbed: &PerturbedLoss<'_>,
    (h, most): (f64, usize),
    (threads, cancel): (Threads<'_>, &Cancel),
    coefficients: &mut Vec<Coefficients>,
    gradient: &mut ParametersMut<'_, f64>,
) -> Result<Found, Error> {
    let radii = analytic_radii(perturbed.network());
    let degree =
        |(l, radii): (usize, &AnalyticRadii)| LayerDegree::new(perturbed, l, (radii, h), threads);
    let degrees: Vec<LayerDegree<'_>> = radii.iter().enumerate().map(degree).collect();
    let moves = |degree: &LayerDegree<'_>| {
        let inputs = perturbed.network().layers()[degree.layer].inputs();
        degree
            .exceptions(perturbed.samples())
            .saturating_mul(2 * inputs)
    };
    let moves = degrees.iter().map(moves).fold(0, usize::saturating_add);
    if moves.saturating_mul(flops_of_perturbation(perturbed.network())) > most {
        return Ok(Found::Nothing);
    }
    Coefficients::find(coefficients, &degrees, perturbed, threads, cancel)?;
    if !degrees.iter().any(LayerDegree::has_exceptions) {
        return Ok(Found::Coefficients);
    }
    let pass = (perturbed.input_of(0), perturbed.forward());
    multiply(
        coefficients,
        pass,
        written::<_, f64>(&mut gradient.layers),
        threads,
    );
    for (degree, out) in degrees.iter().zip(&mut gradient.layers) {
        evaluate_the_rest(degree, perturbed, threads, cancel, out)?;
    }
    Ok(Found::Gradient)
}

/// Finds the central difference from the coefficients of a pass, as far as the polynomials hold.
pub fn multiply<P: Scalar>(
    coefficients: &[Coefficients],
    (input, forward): (Input<'_, f64>, &Forward<f64>),
    goals: Vec<LayerGoals<'_, f64, P>>,
    threads: Threads<'_>,
) {
    let mut products = Vec::with_capacity(coefficients.len());
    for (l, (own, goal)) in coefficients.iter().zip(goals).enumerate() {
        if let Some(bias) = goal.bias {
            // The bias is the weight of an input that is always 1.
            bias.reach(|bias| own.sum(bias));
        }
        match own.terms() {
            Some(terms) => {
                let product = TransposedProduct::new(forward.input_of(l, input), terms);
                products.push((product, goal.weights));
            }
            None => goal.weights.reach(|weights| weights.fill(0.0)),
        }
    }
    multiply_transposed(products, threads);
}

/// Adds what the pairs contribute for which the polynomials do not hold.
fn evaluate_the_rest(
    degree: &LayerDegree<'_>,
    perturbed: &PerturbedLoss<'_>,
    threads: Threads<'_>,
    cancel: &Cancel,
    out: &mut LayerParametersMut<'_, f64>,
) -> Result<(), Error> {
    if !degree.has_exceptions() {
        return Ok(());
    }
    let columns = try_map(threads, degree.smooth.len(), |j| {
        cancel.check()?;
        let mut rest = (0..perturbed.samples())
            .filter(|&n| !degree.is_smooth(n, j))
            .peekable();
        let any = rest.peek().is_some();
        any.then(|| unit_quotients(perturbed, degree.layer, j, rest, degree.h, cancel))
            .transpose()
    })?;
    for (j, column) in columns.into_iter().enumerate() {
        if let Some(column) = column {
            column.add_to(out, j);
        }
    }
    Ok(())
}
