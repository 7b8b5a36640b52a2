//! The central difference by the loss as a function of each pre-activation.
//!
//! Let `phi_nj(d)` be the loss of sample `n` when the pre-activation of unit `j` is shifted by `d`.
//! The quotient for the weight `W[i, j]` is `1/N sum_n [phi_nj(h x_ni) - phi_nj(-h x_ni)] / 2h`: only
//! the odd part of `phi_nj` on `[-s, s]`, `s = h max|x|`, matters. It is evaluated at a few shifts
//! and interpolated by an odd polynomial ([`polynomial`](crate::polynomial)); all quotients then
//! follow from products of matrices, `grad_W = (X^T C_0 + (X^3)^T C_1 + ...) / N`. No derivative
//! formula is used anywhere, only values of the loss.
//!
//! The number of terms follows from a bound on the error of interpolation
//! ([`smoothness`](crate::smoothness)): at most [`TOLERANCE`] in each sample's quotient. Terms whose
//! coefficients, once found, show that they do not add up to that much are left out of the products.
//! Where no number of terms is enough, or a kink lies in the interval, `phi_nj` is evaluated at every
//! `±h x_ni` itself, as the incremental evaluator does.

use crate::cancel::Cancel;
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::incremental::unit_quotients;
use crate::matrix::Matrix;
use crate::network::{LayerPlaces, Places};
use crate::parallel::{try_map, Threads};
use crate::plan::{Plan, TOLERANCE};
use crate::shift::Shifter;
use crate::smoothness::analytic_radii;
use crate::transposed::{multiply_transposed, Slopes, Terms, TransposedProduct};

/// Writes the central difference of the mean loss in every parameter; `coefficients` is room for what
/// it is found from.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn node(
    shifter: &Shifter<'_>,
    h: f64,
    (threads, cancel): (Threads<'_>, &Cancel),
    coefficients: &mut Vec<Coefficients>,
    gradient: &mut Places<'_, f64>,
) -> Result<(), Error> {
    let radii = analytic_radii(shifter.network());
    let plan = |(l, radii): (usize, &Vec<f64>)| Plan::new(shifter, l, (radii, h), threads);
    let plans: Vec<Plan<'_>> = radii.iter().enumerate().map(plan).collect();
    Coefficients::find(coefficients, &plans, shifter, threads, cancel)?;
    let mut products = Vec::with_capacity(plans.len());
    for ((plan, own), out) in plans.iter().zip(&*coefficients).zip(&mut gradient.layers) {
        if plan.terms == 0 {
            out.fill(0.0);
            continue;
        }
        if let Some(bias) = &mut out.bias {
            // The bias is the weight of an input that is always 1, whose powers are 1.
            own.sum(bias);
        }
        let input = shifter.input_of(plan.layer);
        let sizes: Vec<f64> = (0..plan.terms).map(|p| own.size(p)).collect();
        let counted = counted(plan, &sizes);
        let terms = Terms {
            each: own.terms[..counted].iter().map(Matrix::view).collect(),
            are_finite: sizes[..counted].iter().all(|size| size.is_finite()),
            are_small: plan.is_single,
        };
        let product = TransposedProduct::new(input, terms);
        products.push(Slopes::new(product, &mut *out.weights));
    }
    multiply_transposed(products, threads);
    for (plan, out) in plans.iter().zip(&mut gradient.layers) {
        evaluate_the_rest(plan, shifter, threads, cancel, out)?;
    }
    Ok(())
}

/// How many terms, of these [sizes](Coefficients::size), count: the highest, as far as they add up to
/// [`TOLERANCE`] at most in any quotient, do not.
fn counted(plan: &Plan<'_>, sizes: &[f64]) -> usize {
    let mut power = plan.largest;
    let higher = sizes.iter().skip(1).map(|size| {
        power *= plan.largest * plan.largest;
        power * size
    });
    let bounds: Vec<f64> = higher.collect();
    let is_enough = |&counted: &usize| bounds[counted - 1..].iter().sum::<f64>() <= TOLERANCE;
    (1..plan.terms).find(is_enough).unwrap_or(plan.terms)
}

/// Adds what the pairs contribute for which the polynomials do not hold.
fn evaluate_the_rest(
    plan: &Plan<'_>,
    shifter: &Shifter<'_>,
    threads: Threads<'_>,
    cancel: &Cancel,
    out: &mut LayerPlaces<'_, f64>,
) -> Result<(), Error> {
    if !plan.has_exceptions() {
        return Ok(());
    }
    let columns = try_map(threads, plan.smooth.len(), |j| {
        cancel.check()?;
        let mut rest = (0..shifter.samples())
            .filter(|&n| !plan.is_smooth(n, j))
            .peekable();
        let any = rest.peek().is_some();
        any.then(|| unit_quotients(shifter, plan.layer, j, rest, plan.h, cancel))
            .transpose()
    })?;
    for (j, column) in columns.into_iter().enumerate() {
        if let Some(column) = column {
            column.add_to(out, j);
        }
    }
    Ok(())
}
