//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. Many shifts of one sample go side by side, one a lane.

use std::ops::Range;

use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{lane_losses, Targets, MAX_LANES};
use crate::matrix::Matrix;
use crate::network::Network;

/// Which unit of the layer each lane shifts.
#[derive(Debug, Clone)]
pub enum Lanes {
    /// Every lane the same one.
    Unit(usize),
    /// Each lane its own, in order.
    Units(Range<usize>),
}

/// Working space of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    current: Vec<f64>,
    next: Vec<f64>,
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct Shifter<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    targets: &'a Targets<'a, f64>,
    /// The weights of every layer but the first, transposed: row `k` holds what reaches unit `k`.
    incoming: Vec<Matrix<f64>>,
    width: usize,
}

impl<'a> Shifter<'a> {
    /// Prepares to shift pre-activations of `forward`, the pass of `input` through `network`.
    #[must_use]
    pub fn new(
        network: &'a Network<'a, f64>,
        input: Input<'a, f64>,
        forward: &'a Forward<f64>,
        targets: &'a Targets<'a, f64>,
    ) -> Self {
        let layers = network.layers();
        Self {
            network,
            input,
            forward,
            targets,
            incoming: layers[1..].iter().map(|l| l.weights.transposed()).collect(),
            width: layers.iter().map(|l| l.units()).max().unwrap_or(0),
        }
    }

    /// The network whose units are shifted.
    #[must_use]
    pub fn network(&self) -> &'a Network<'a, f64> {
        self.network
    }

    /// The pass that is shifted.
    #[must_use]
    pub fn forward(&self) -> &'a Forward<f64> {
        self.forward
    }

    /// What the units are meant to answer.
    #[must_use]
    pub fn targets(&self) -> &'a Targets<'a, f64> {
        self.targets
    }

    /// What layer `l` reads.
    #[must_use]
    pub fn input_of(&self, l: usize) -> Input<'a, f64> {
        self.forward.input_of(l, self.input)
    }

    /// The number of samples in the batch.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.targets.samples()
    }

    /// Writes `phi(shifts[lane])` for sample `n` and the lane's unit of layer `l` to
    /// `losses[lane]`, for at most [`MAX_LANES`] lanes.
    pub fn losses(
        &self,
        l: usize,
        n: usize,
        units: &Lanes,
        shifts: &[f64],
        scratch: &mut Scratch,
        losses: &mut [f64],
    ) {
        let lanes = shifts.len();
        scratch.current.resize(self.width * MAX_LANES, 0.0);
        scratch.next.resize(self.width * MAX_LANES, 0.0);
        let (mut current, mut next) = (&mut scratch.current, &mut scratch.next);
        let mut depth = l + 1;
        if depth == self.network.layers().len() {
            self.shift_scores(n, units, shifts, current);
        } else {
            self.shift_next(l, n, units, shifts, current);
            while depth + 1 < self.network.layers().len() {
                self.climb(depth, lanes, current, next);
                std::mem::swap(&mut current, &mut next);
                depth += 1;
            }
        }
        let scores = &mut current[..self.network.classes() * lanes];
        lane_losses(scores, self.targets.sample(n), losses);
    }

    /// The scores themselves are shifted.
    fn shift_scores(&self, n: usize, units: &Lanes, shifts: &[f64], scores: &mut [f64]) {
        let lanes = shifts.len();
        let row = self.forward.scores().row(n);
        for (lane_scores, &score) in scores.chunks_exact_mut(lanes).zip(row) {
            lane_scores.fill(score);
        }
        for (lane, &shift) in shifts.iter().enumerate() {
            let unit = match units {
                Lanes::Unit(j) => *j,
                Lanes::Units(range) => range.start + lane,
            };
            scores[unit * lanes + lane] += shift;
        }
    }

    /// A shift in layer `l` becomes a rank-one change of the pre-activations of layer `l + 1`.
    fn shift_next(&self, l: usize, n: usize, units: &Lanes, shifts: &[f64], pre: &mut [f64]) {
        let lanes = shifts.len();
        let mut change = [0.0; MAX_LANES];
        let change = &mut change[..lanes];
        let (a, z) = (self.forward.pre(l).row(n), self.forward.post(l).row(n));
        let (a, z) = match units {
            Lanes::Unit(j) => (&a[*j..=*j], &z[*j..=*j]),
            Lanes::Units(range) => (&a[range.clone()], &z[range.clone()]),
        };
        for ((c, &a), &shift) in change.iter_mut().zip(a.iter().cycle()).zip(shifts) {
            *c = a + shift;
        }
        self.network.layers()[l].activation.apply(change);
        for (c, &z) in change.iter_mut().zip(z.iter().cycle()) {
            *c -= z;
        }
        let base = self.forward.pre(l + 1).row(n);
        for (k, (pre, &base)) in pre.chunks_exact_mut(lanes).zip(base).enumerate() {
            let weights = self.incoming[l].row(k);
            match units {
                Lanes::Unit(j) => {
                    let weight = weights[*j];
                    for (p, &c) in pre.iter_mut().zip(&*change) {
                        *p = base + c * weight;
                    }
                }
                Lanes::Units(range) => {
                    for ((p, &c), &weight) in
                        pre.iter_mut().zip(&*change).zip(&weights[range.clone()])
                    {
                        *p = base + c * weight;
                    }
                }
            }
        }
    }

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    fn climb(&self, l: usize, lanes: usize, pre: &mut [f64], next: &mut [f64]) {
        let layer = &self.network.layers()[l];
        let above = &self.network.layers()[l + 1];
        let z = &mut pre[..layer.units() * lanes];
        layer.activation.apply(z);
        for (k, next) in next
            .chunks_exact_mut(lanes)
            .take(above.units())
            .enumerate()
        {
            next.fill(above.bias.map_or(0.0, |bias| bias[k]));
            for (z, &weight) in z.chunks_exact(lanes).zip(self.incoming[l].row(k)) {
                for (a, &z) in next.iter_mut().zip(z) {
                    *a += z * weight;
                }
            }
        }
    }
}
