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
use crate::error::Error;
use crate::extent::max_abs;
use crate::incremental::unit_quotients;
use crate::matrix::Matrix;
use crate::network::{LayerPlaces, Places};
use crate::parallel::{block_rows, for_each, pieces_of, try_map, Threads};
use crate::polynomial::{higher_terms, terms_for, OddInterpolation};
use crate::shift::{Scratch, Shifter};
use crate::simd::{dispatch, Kernel, Level};
use crate::smoothness::{analytic_radii, KinkFinder, SCORE_BOUND};
use crate::totals::{add_columns, column_sizes};
use crate::transposed::{multiply_transposed, Slopes, TransposedProduct};

/// The largest error of interpolation in the quotient of one sample, and the most that terms which are
/// left out may add up to in a quotient: the size of the rounding in the literal quotient of a loss of
/// about 10 with `h = 1e-4`.
pub const TOLERANCE: f64 = 1e-11;

/// Powers of larger inputs than this could overflow.
const LARGEST_INPUT: f64 = 1e18;

/// The inverse of a smaller half-width could overflow.
const SMALLEST_WIDTH: f64 = 1e-290;

/// Writes the central difference of the mean loss in every parameter.
///
/// # Errors
/// [`Error::Interrupted`] if cancelled.
pub fn node(
    shifter: &Shifter<'_>,
    h: f64,
    threads: Threads<'_>,
    cancel: &Cancel,
    gradient: &mut Places<'_, f64>,
) -> Result<(), Error> {
    let radii = analytic_radii(shifter.network());
    let plan = |(l, radii): (usize, &Vec<f64>)| Plan::new(shifter, l, (radii, h), threads);
    let plans: Vec<Plan<'_>> = radii.iter().enumerate().map(plan).collect();
    let coefficients = coefficients(&plans, shifter, threads, cancel)?;
    let mut products = Vec::with_capacity(plans.len());
    for ((plan, terms), own) in plans.iter().zip(&coefficients).zip(&mut gradient.layers) {
        if terms.is_empty() {
            own.fill(0.0);
            continue;
        }
        if let Some(bias) = &mut own.bias {
            // The bias is the weight of an input that is always 1, whose powers are 1.
            bias.fill(0.0);
            for term in terms {
                add_columns(term.view(), bias);
            }
        }
        let input = shifter.input_of(plan.layer);
        let counted = terms[..plan.counted(terms)].iter();
        let product =
            TransposedProduct::new(input, counted.map(Matrix::view).collect(), plan.is_single);
        products.push(Slopes::new(product, &mut *own.weights));
    }
    multiply_transposed(products, threads);
    for (plan, own) in plans.iter().zip(&mut gradient.layers) {
        plan.evaluate_the_rest(shifter, threads, cancel, own)?;
    }
    Ok(())
}

/// For each plan, a matrix a term of what each sample and smooth unit contributes to a quotient: the
/// coefficients of `phi_nj`'s odd part, divided by `h N`, scaled to powers of `x`.
fn coefficients(
    plans: &[Plan<'_>],
    shifter: &Shifter<'_>,
    threads: Threads<'_>,
    cancel: &Cancel,
) -> Result<Vec<Vec<Matrix<f64>>>, Error> {
    let samples = shifter.samples();
    let block = block_rows(samples);
    let room = |plan: &Plan<'_>| vec![Matrix::zeros(samples, plan.smooth.len()); plan.terms];
    let mut all: Vec<_> = plans.iter().map(room).collect();
    let mut pieces = Vec::new();
    for (plan, terms) in plans
        .iter()
        .zip(&mut all)
        .filter(|(plan, _)| plan.terms > 0)
    {
        let terms = terms.iter_mut();
        let terms = terms.map(|term| (term.data_mut(), block * plan.smooth.len()));
        let blocks = pieces_of(terms, samples.div_ceil(block));
        pieces.extend(blocks.into_iter().enumerate().map(|(b, out)| Coefficients {
            plan,
            shifter,
            first: b * block,
            out,
        }));
    }
    for_each(threads, pieces.into_iter(), |piece| {
        if cancel.check().is_ok() {
            dispatch(piece);
        }
    });
    cancel.check()?;
    Ok(all)
}

/// How the quotients of one layer are found.
struct Plan<'a> {
    layer: usize,
    /// Whether higher terms are so small that single precision gives all their digits that count.
    is_single: bool,
    h: f64,
    /// The largest absolute input, or 1 (the bias's) if that is larger.
    largest: f64,
    /// The number of terms of the polynomials, 0 if no unit has one.
    terms: usize,
    odd: OddInterpolation,
    /// For each unit, whether `terms` are enough.
    smooth: Vec<bool>,
    kinks: Option<KinkFinder<'a>>,
}

impl<'a> Plan<'a> {
    fn new(
        shifter: &Shifter<'a>,
        layer: usize,
        (radii, h): (&[f64], f64),
        threads: Threads<'_>,
    ) -> Self {
        let largest = shifter.input_of(layer).max_abs(threads).max(1.0);
        let s = h * largest;
        let bound = SCORE_BOUND * shifter.targets().mass() / h;
        let terms = |&radius: &f64| {
            terms_for(s / radius, bound, TOLERANCE)
                .filter(|_| largest <= LARGEST_INPUT && h >= SMALLEST_WIDTH)
        };
        let needed: Vec<Option<usize>> = radii.iter().map(terms).collect();
        // Of a sum in single precision, one term a sample, each of two rounded factors.
        let rounding = (shifter.samples() + 3) as f64 * f64::from(f32::EPSILON) / 2.0;
        let least = radii.iter().copied().fold(f64::INFINITY, f64::min);
        let terms = needed.iter().flatten().copied().max().unwrap_or(0);
        Self {
            layer,
            is_single: higher_terms(s / least, bound) * rounding <= TOLERANCE,
            h,
            largest,
            terms,
            odd: OddInterpolation::new(terms),
            smooth: needed.iter().map(Option::is_some).collect(),
            kinks: KinkFinder::new(shifter.network(), shifter.forward(), layer, s),
        }
    }

    /// Whether any pair may be other than smooth.
    fn has_exceptions(&self) -> bool {
        self.kinks.is_some() || self.smooth.contains(&false)
    }

    fn is_smooth(&self, n: usize, j: usize) -> bool {
        self.smooth[j] && !self.kinks.as_ref().is_some_and(|k| k.crosses(n, j))
    }

    /// How many of the terms count: the highest, as far as they add up to [`TOLERANCE`] at most in any
    /// quotient, do not.
    fn counted(&self, coefficients: &[Matrix<f64>]) -> usize {
        let square = self.largest * self.largest;
        let mut power = self.largest;
        let higher = coefficients.iter().skip(1).map(|term| {
            power *= square;
            power * max_abs(&column_sizes(term.view()))
        });
        let bounds: Vec<f64> = higher.collect();
        let is_enough = |&counted: &usize| bounds[counted - 1..].iter().sum::<f64>() <= TOLERANCE;
        let counted = (1..coefficients.len()).find(is_enough);
        counted.unwrap_or(coefficients.len())
    }

    /// Adds what the other pairs contribute.
    fn evaluate_the_rest(
        &self,
        shifter: &Shifter<'_>,
        threads: Threads<'_>,
        cancel: &Cancel,
        own: &mut LayerPlaces<'_, f64>,
    ) -> Result<(), Error> {
        if !self.has_exceptions() {
            return Ok(());
        }
        let columns = try_map(threads, self.smooth.len(), |j| {
            cancel.check()?;
            let mut rest = (0..shifter.samples())
                .filter(|&n| !self.is_smooth(n, j))
                .peekable();
            let any = rest.peek().is_some();
            any.then(|| unit_quotients(shifter, self.layer, j, rest, self.h, cancel))
                .transpose()
        })?;
        for (j, column) in columns.into_iter().enumerate() {
            if let Some(column) = column {
                column.add_to(own, j);
            }
        }
        Ok(())
    }
}

/// Writes the [`coefficients`] of the samples from `first` on.
struct Coefficients<'a> {
    plan: &'a Plan<'a>,
    shifter: &'a Shifter<'a>,
    first: usize,
    /// A matrix a term.
    out: Vec<&'a mut [f64]>,
}

impl Kernel for Coefficients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        let Self {
            plan,
            shifter,
            first,
            mut out,
        } = self;
        let units = plan.smooth.len();
        let mut scratch = Scratch::default();
        for i in 0..out[0].len() / units {
            let (n, own) = (first + i, i * units..(i + 1) * units);
            shifter.turn_to::<R>((plan.layer, n), plan.h * plan.largest, &mut scratch);
            for (i, point) in plan.odd.points.iter().enumerate() {
                let shift = point * plan.h * plan.largest;
                let row = shifter.row_differences::<R>((plan.layer, n), shift, &mut scratch);
                // Of powers of x, not of x over the largest.
                let mut scale = 0.5 / (plan.h * plan.largest * shifter.samples() as f64);
                for (term, weights) in out.iter_mut().zip(&plan.odd.weights) {
                    let weight = weights[i] * scale;
                    for (term, &difference) in term[own.clone()].iter_mut().zip(row) {
                        *term = R::mul_add(weight, difference, *term);
                    }
                    scale /= plan.largest * plan.largest;
                }
            }
            if plan.has_exceptions() {
                for term in &mut out {
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
