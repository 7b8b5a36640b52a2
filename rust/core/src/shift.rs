//! What a moved pre-activation does to the loss: the function `phi` of the incremental and the
//! node evaluator.
//!
//! For sample `n` and unit `j` of layer `l`, `phi(d)` is the loss of sample `n` when the
//! pre-activation of unit `j` is `d` higher. Only what that changes is computed again: one
//! activation, a rank-one change of the next layer's pre-activations, the layers after it, the
//! loss. [`LANES`] shifts of one sample go side by side.

use crate::forward::Forward;
use crate::input::Input;
use crate::loss::{lane_losses, Targets};
use crate::matrix::MatrixRef;
use crate::network::{Layer, Network};
use crate::simd::{Rounding, LANES};

/// One number a lane.
pub type Block = [f64; LANES];

/// Which unit of the layer each lane shifts.
#[derive(Debug, Clone, Copy)]
pub enum Lanes {
    /// Every lane the same one.
    Unit(usize),
    /// The units of one block, `LANES * block` and those after it; lanes past the last unit shift
    /// nothing.
    Units(usize),
}

/// Working space of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    current: Vec<Block>,
    next: Vec<Block>,
}

/// The weights of a layer by the unit they reach and by blocks of the units they come from, the
/// last block filled up with zeros.
#[derive(Debug)]
struct Incoming {
    blocks: Vec<Block>,
    per_unit: usize,
}

impl Incoming {
    fn new(weights: MatrixRef<'_, f64>) -> Self {
        let per_unit = weights.rows().div_ceil(LANES);
        let mut blocks = vec![[0.0; LANES]; weights.cols() * per_unit];
        for j in 0..weights.rows() {
            for (k, &weight) in weights.row(j).iter().enumerate() {
                blocks[k * per_unit + j / LANES][j % LANES] = weight;
            }
        }
        Self { blocks, per_unit }
    }

    /// What reaches unit `k`.
    #[inline(always)]
    fn of(&self, k: usize) -> &[Block] {
        &self.blocks[k * self.per_unit..(k + 1) * self.per_unit]
    }
}

/// A network, the forward pass of a batch through it, and the targets.
#[derive(Debug)]
pub struct Shifter<'a> {
    network: &'a Network<'a, f64>,
    input: Input<'a, f64>,
    forward: &'a Forward<f64>,
    targets: &'a Targets<'a, f64>,
    /// For every layer but the first.
    incoming: Vec<Incoming>,
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
            incoming: layers[1..]
                .iter()
                .map(|l| Incoming::new(l.weights))
                .collect(),
            width: layers.iter().map(Layer::units).max().unwrap_or(0),
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

    /// `phi(shifts[lane])` for sample `n` and the lane's unit of layer `l`, inside a
    /// [`Kernel`](crate::simd::Kernel).
    #[inline(always)]
    pub fn losses<R: Rounding>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        shifts: &Block,
        scratch: &mut Scratch,
    ) -> Block {
        scratch.current.resize(self.width, [0.0; LANES]);
        scratch.next.resize(self.width, [0.0; LANES]);
        let (mut current, mut next) = (&mut scratch.current, &mut scratch.next);
        let mut depth = l + 1;
        if depth == self.network.layers().len() {
            self.shift_scores(n, units, shifts, current);
        } else {
            self.shift_next::<R>((l, n), units, shifts, current);
            while depth + 1 < self.network.layers().len() {
                self.climb::<R>(depth, current, next);
                std::mem::swap(&mut current, &mut next);
                depth += 1;
            }
        }
        let scores = &mut current[..self.network.classes()];
        lane_losses::<f64, R, LANES>(scores, self.targets.sample(n))
    }

    /// The scores themselves are shifted.
    #[inline(always)]
    fn shift_scores(&self, n: usize, units: Lanes, shifts: &Block, scores: &mut [Block]) {
        let row = self.forward.scores().row(n);
        for (block, &score) in scores.iter_mut().zip(row) {
            *block = [score; LANES];
        }
        match units {
            Lanes::Unit(j) => {
                for (score, shift) in scores[j].iter_mut().zip(shifts) {
                    *score += shift;
                }
            }
            Lanes::Units(block) => {
                let own = scores[..row.len()].iter_mut().skip(block * LANES);
                for (lane, scores) in own.take(LANES).enumerate() {
                    scores[lane] += shifts[lane];
                }
            }
        }
    }

    /// A shift in layer `l` becomes a rank-one change of the pre-activations of layer `l + 1`.
    #[inline(always)]
    fn shift_next<R: Rounding>(
        &self,
        (l, n): (usize, usize),
        units: Lanes,
        shifts: &Block,
        pre: &mut [Block],
    ) {
        let a = lanes_of(self.forward.pre(l).row(n), units);
        let z = lanes_of(self.forward.post(l).row(n), units);
        let mut change = *shifts;
        for (c, a) in change.iter_mut().zip(a) {
            *c += a;
        }
        self.network.layers()[l]
            .activation
            .apply_in::<f64, R>(&mut change);
        for (c, z) in change.iter_mut().zip(z) {
            *c -= z;
        }
        let base = self.forward.pre(l + 1).row(n);
        for (k, (pre, &base)) in pre.iter_mut().zip(base).enumerate() {
            let incoming = self.incoming[l].of(k);
            let weights = match units {
                Lanes::Unit(j) => [incoming[j / LANES][j % LANES]; LANES],
                Lanes::Units(block) => incoming[block],
            };
            for lane in 0..LANES {
                pre[lane] = R::mul_add(change[lane], weights[lane], base);
            }
        }
    }

    /// From the pre-activations of layer `l` to those of layer `l + 1`.
    #[inline(always)]
    fn climb<R: Rounding>(&self, l: usize, pre: &mut [Block], next: &mut [Block]) {
        let layer = &self.network.layers()[l];
        let above = &self.network.layers()[l + 1];
        let z = &mut pre[..layer.units()];
        for block in &mut *z {
            layer.activation.apply_in::<f64, R>(block);
        }
        for (k, next) in next.iter_mut().take(above.units()).enumerate() {
            let mut sums = [above.bias.map_or(0.0, |bias| bias[k]); LANES];
            let weights = self.incoming[l].of(k).as_flattened();
            for (z, &weight) in z.iter().zip(weights) {
                for lane in 0..LANES {
                    sums[lane] = R::mul_add(z[lane], weight, sums[lane]);
                }
            }
            *next = sums;
        }
    }
}

/// The number of each lane's unit, 0 past the last.
#[inline(always)]
fn lanes_of(row: &[f64], units: Lanes) -> Block {
    match units {
        Lanes::Unit(j) => [row[j]; LANES],
        Lanes::Units(block) => {
            let own = &row[block * LANES..row.len().min((block + 1) * LANES)];
            let mut out = [0.0; LANES];
            out[..own.len()].copy_from_slice(own);
            out
        }
    }
}
