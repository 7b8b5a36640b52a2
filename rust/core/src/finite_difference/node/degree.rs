//! How the node evaluator finds the quotients of a layer: how many terms its polynomials have, and where
//! they hold.

use crate::finite_difference::node::analyticity::AnalyticRadii;
use crate::finite_difference::node::interpolation::{terms_for, OddInterpolation};
use crate::finite_difference::node::kinks::KinkFinder;
use crate::finite_difference::perturb::PerturbedLoss;
use crate::parallel::Threads;

/// The largest error of interpolation in the quotient of one sample, and the most that terms which are
/// left out may add up to in a quotient: the size of the rounding in the literal quotient of a loss of
/// about 10 with `h = 1e-4`, whose derivatives by the scores are about 1. It goes by their
/// [scale](crate::network::losses::LossCertificate::scale).
const TOLERANCE: f64 = 1e-11;

/// The inverse of a smaller half-width could overflow.
const MIN_HALF_WIDTH: f64 = 1e-290;

/// How the quotients of one layer are found.
#[derive(Debug)]
pub struct LayerDegree<'a> {
    /// Which layer.
    pub layer: usize,
    /// See [`TOLERANCE`].
    pub tolerance: f64,
    /// The half-width.
    pub h: f64,
    /// The largest absolute input, or 1 (the bias's) if that is larger.
    pub max_input: f64,
    /// The number of terms of the polynomials, 0 if no unit has one.
    pub terms: usize,
    /// The polynomials.
    pub odd: OddInterpolation,
    /// For each unit, whether `terms` are enough.
    pub smooth: Vec<bool>,
    kinks: Option<KinkFinder<'a>>,
}

impl<'a> LayerDegree<'a> {
    /// For the pre-activations of layer `layer`, whose radii follow from that of the scores, and a
    /// half-width.
    #[must_use]
    pub fn new(
        perturbed: &'a PerturbedLoss<'_>,
        layer: usize,
        (radii, h): (&AnalyticRadii, f64),
        threads: Threads<'_>,
    ) -> Self {
        let max_input = perturbed.max_input(layer, threads).max(1.0);
        let max_shift = h * max_input;
        let loss = perturbed.certificate(radii.useful_score_radius());
        let radii = radii.of_score_radius(loss.radius);
        let (bound, tolerance) = (loss.bound / h, TOLERANCE * loss.scale);
        let fits = h >= MIN_HALF_WIDTH;
        let terms_of =
            |radius: f64| terms_for(max_shift / radius, bound, tolerance).filter(|_| fits);
        let min_radius = radii.iter().copied().fold(f64::INFINITY, f64::min);
        let (terms, smooth) = if let Some(terms) = terms_of(min_radius) {
            // No unit needs more than the one of the smallest radius.
            (terms, vec![true; radii.len()])
        } else {
            let needed: Vec<_> = radii.iter().map(|&radius| terms_of(radius)).collect();
            let terms = needed.iter().flatten().copied().max().unwrap_or(0);
            (terms, needed.iter().map(Option::is_some).collect())
        };
        Self {
            layer,
            tolerance,
            h,
            max_input,
            terms,
            odd: OddInterpolation::new(terms),
            smooth,
            kinks: KinkFinder::new(perturbed, layer, max_shift),
        }
    }

    /// Whether any pair may be other than smooth.
    #[must_use]
    pub fn has_exceptions(&self) -> bool {
        self.kinks.is_some() || self.smooth.contains(&false)
    }

    /// How many pairs of a unit and one of so many samples are not smooth.
    #[must_use]
    pub fn exceptions(&self, samples: usize) -> usize {
        if self.kinks.is_none() {
            let rough = self.smooth.iter().filter(|&&is_smooth| !is_smooth);
            return rough.count().saturating_mul(samples);
        }
        let pairs = (0..samples).flat_map(|n| (0..self.smooth.len()).map(move |j| (n, j)));
        pairs.filter(|&(n, j)| !self.is_smooth(n, j)).count()
    }

    /// Whether the polynomial holds for unit `j` in sample `n`.
    #[must_use]
    pub fn is_smooth(&self, n: usize, j: usize) -> bool {
        self.smooth[j] && !self.kinks.as_ref().is_some_and(|k| k.crosses(n, j))
    }
}
