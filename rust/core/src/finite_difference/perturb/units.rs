//! Which units are shifted, and what they reach.

use std::borrow::Cow;

use super::PerturbedLoss;
use crate::network::incoming::Incoming;
use crate::network::losses::closed_form::Lanes;

/// Units of one layer that are shifted, one a lane.
#[derive(Debug)]
pub struct Units<'a> {
    /// Which layer.
    pub(super) layer: usize,
    pub(super) lanes: Lanes,
    /// The weights by which they reach the layer above, if they are not the scores.
    pub(super) above: Option<Cow<'a, Incoming>>,
}

impl PerturbedLoss<'_> {
    /// All units of layer `l`.
    #[must_use]
    pub fn all_units(&self, l: usize) -> Units<'_> {
        Units {
            layer: l,
            lanes: Lanes::All,
            above: self.incoming.get(l).map(Cow::Borrowed),
        }
    }

    /// Unit `j` of layer `l`, in every lane of a block.
    #[must_use]
    pub fn one_unit(&self, l: usize, j: usize) -> Units<'_> {
        let above = self.network.layers().get(l + 1);
        let above = above.map(|above| Incoming::of_unit(above.weights, j, self.powers_above(l)));
        Units {
            layer: l,
            lanes: Lanes::One(j),
            above: above.map(Cow::Owned),
        }
    }
}
