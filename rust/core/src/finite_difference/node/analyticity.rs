//! How smooth the loss is, as a function of one pre-activation.

use crate::network::Network;
use crate::numeric::reduce::{column_abs_sums, max_abs};

/// Radii of complex shifts of the pre-activations of a layer under which all activations above stay
/// analytic (as long as no kink is crossed) and no score moves by more than it may.
///
/// Backwards through the layers: a shift `d` moves the activation by at most `slope |d|`, and with it the
/// pre-activations above by at most that times a weight each. Those may move within the discs of their own
/// activations, and so on up to the scores, which move by at most a gain times `|d|`.
#[derive(Debug)]
pub struct AnalyticRadii {
    /// For each unit, the radius that the activations allow.
    discs: Vec<f64>,
    /// For each unit, the largest gain.
    gains: Vec<f64>,
}

impl AnalyticRadii {
    /// The radius of the scores beyond which those of the units do not grow.
    #[must_use]
    pub fn useful_score_radius(&self) -> f64 {
        let pairs = self.discs.iter().zip(&self.gains);
        let moves = pairs.map(|(disc, gain)| if *gain > 0.0 { disc * gain } else { 0.0 });
        moves.fold(0.0, f64::max)
    }

    /// For each unit, the radius within which no score moves by more than `score_radius`.
    #[must_use]
    pub fn of_score_radius(&self, score_radius: f64) -> Vec<f64> {
        let radius = |(disc, gain): (&f64, &f64)| disc.min(score_radius / gain);
        self.discs.iter().zip(&self.gains).map(radius).collect()
    }
}

/// Those of each layer, first to last.
#[must_use]
pub fn analytic_radii(network: &Network<'_, f64>) -> Vec<AnalyticRadii> {
    let layers = network.layers();
    let mut radii = vec![AnalyticRadii {
        discs: vec![f64::INFINITY; network.classes()],
        gains: vec![1.0; network.classes()],
    }];
    // When all units of the layer above move at once.
    let (mut disc_above, mut gain_above) = (f64::INFINITY, 1.0);
    for l in (0..layers.len() - 1).rev() {
        let activation = layers[l].activation.certificate();
        let (disc, slope) = (activation.disc_radius, activation.disc_slope);
        let weights = layers[l + 1].weights;
        let moved = |j| slope * max_abs(weights.row(j));
        let moved: Vec<f64> = (0..weights.rows()).map(moved).collect();
        radii.push(AnalyticRadii {
            discs: moved.iter().map(|m| disc.min(disc_above / m)).collect(),
            gains: moved.iter().map(|m| gain_above * m).collect(),
        });
        let mut sizes = vec![0.0; weights.cols()];
        column_abs_sums(weights, &mut sizes);
        let moved = slope * max_abs(&sizes);
        (disc_above, gain_above) = (disc.min(disc_above / moved), gain_above * moved);
    }
    radii.reverse();
    radii
}
