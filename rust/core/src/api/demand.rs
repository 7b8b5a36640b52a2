//! How much memory a call takes at most, from its sizes: what is asked for before it starts.
//!
//! These are bounds, not counts. A list of at most some kilobytes is not among them: for such there is a
//! reserve ([`ask`](crate::parallel::memory::ensure_memory)).

use crate::finite_difference::node::interpolation::MAX_TERMS;
use crate::finite_difference::Method;
use crate::gradient::backprop::sums_by_groups;
use crate::gradient::weight_product::SPARSE_COLUMNS;
use crate::network::losses::MAX_DERIVATIVES;
use crate::network::{Layer, Network};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::LANES;
use crate::numeric::vecmath::series::TERMS;
use crate::parallel::block_rows;
use crate::parallel::matmul_memory;
use crate::parallel::workspace::MemoryNeed;
use crate::sparse::tiles::TILE_SIDE;

/// Of a block of samples or of a piece of work: the lists that hold its parts.
const PIECE_BYTES: usize = 256;

/// Of a thread, besides its numbers: rows that are copied to where they are summed from.
const THREAD_BYTES: usize = 1 << 17;

/// Of a sample, what moves of its scores take.
const SAMPLE_BYTES: usize = 512;

const F64: usize = std::mem::size_of::<f64>();

/// The sizes of a call.
#[derive(Debug, Clone, Copy)]
pub struct Sizes<'a, 'n, T> {
    network: &'a Network<'n, T>,
    samples: usize,
    threads: usize,
    /// Of each number.
    bytes: usize,
}

/// How a factor of a product is bounded: by what no memory could hold.
fn product<const N: usize>(factors: [usize; N]) -> usize {
    factors.into_iter().fold(1, usize::saturating_mul)
}

fn sum<const N: usize>(terms: [usize; N]) -> usize {
    terms.into_iter().fold(0, usize::saturating_add)
}

impl<'a, 'n, T: Scalar> Sizes<'a, 'n, T> {
    /// Of a call with so many samples, by so many threads.
    #[must_use]
    pub fn new(network: &'a Network<'n, T>, samples: usize, threads: usize) -> Self {
        Self {
            network,
            samples,
            threads,
            bytes: std::mem::size_of::<T>(),
        }
    }

    /// The same in double precision.
    fn widened(self) -> Self {
        Self { bytes: F64, ..self }
    }

    fn layers(&self) -> &'a [Layer<'n, T>] {
        self.network.layers()
    }

    fn blocks(&self) -> usize {
        self.samples.div_ceil(block_rows(self.samples))
    }

    /// The parameters of the network, or a copy of them.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let layers = self.layers().iter();
        let numbers = layers.map(|layer| product([layer.inputs() + 1, layer.units()]));
        product([numbers.fold(0, usize::saturating_add), self.bytes])
    }

    /// The inputs of all samples.
    #[must_use]
    pub fn inputs(&self) -> usize {
        product([self.samples, self.network.inputs(), self.bytes])
    }

    fn widest(&self) -> usize {
        self.layers().iter().map(Layer::units).max().unwrap_or(0)
    }

    /// What holds the elements of a batch that are not zero: room for all of them.
    fn tiles(&self) -> usize {
        let rows = self.samples.saturating_add(self.blocks());
        let tiles = self.network.inputs().div_ceil(TILE_SIDE);
        let row = TILE_SIDE * self.bytes + 2 * std::mem::size_of::<u64>();
        let pieces = product([self.blocks(), PIECE_BYTES]);
        product([rows, tiles, row]).saturating_add(pieces)
    }

    /// Pre-activations and activations.
    fn pass(&self) -> usize {
        product([2, self.samples, self.network.units(), self.bytes])
    }

    /// What a pass and its loss take besides.
    fn beside_pass(&self) -> usize {
        let first = self.layers()[0].units();
        let sums = product([2, self.samples, first, self.bytes]);
        let logarithms = product([self.samples, self.network.classes(), self.bytes]);
        let pieces = product([self.blocks(), self.layers().len(), PIECE_BYTES]);
        let second_sums = product([self.threads, TILE_SIDE, first, self.bytes]);
        let threads = product([self.threads, THREAD_BYTES + matmul_memory::product_bytes()]);
        sum([sums, logarithms, pieces, second_sums, threads])
    }

    /// Of a forward pass alone.
    #[must_use]
    pub fn forward(&self) -> usize {
        // Each thread has the rows of a block in whole, and without their zeros.
        let inputs = self.network.inputs().next_multiple_of(TILE_SIDE);
        let rows = product([2 * (TILE_SIDE + 1), inputs, self.bytes]);
        let masks = product([
            TILE_SIDE + 1,
            inputs / TILE_SIDE,
            2 * std::mem::size_of::<u64>(),
        ]);
        let blocks = product([self.threads, rows.saturating_add(masks)]);
        sum([self.pass(), self.beside_pass(), blocks])
    }

    /// Of products with the transpose of what layers read: the inputs once more, with their zeros, and what
    /// each thread has of the product.
    fn transposed_products(&self) -> usize {
        let layers = self.layers().iter();
        let pieces = layers.map(|layer| product([layer.inputs().div_ceil(TILE_SIDE), PIECE_BYTES]));
        let pieces = pieces.fold(0, usize::saturating_add);
        let parts = product([self.threads, 2, SPARSE_COLUMNS, self.widest(), self.bytes]);
        sum([self.inputs(), pieces, parts])
    }

    /// The gradient of each group of samples, where threads sum them by groups.
    fn group_gradients(&self) -> usize {
        if self.threads == 1 || !sums_by_groups(self.network, self.samples) {
            return 0;
        }
        product([self.blocks().div_ceil(2), self.parameters()])
    }

    /// Of a gradient by backpropagation.
    #[must_use]
    pub fn backprop(&self) -> MemoryNeed {
        MemoryNeed {
            workspace: sum([
                self.tiles(),
                self.pass(),
                self.pass() / 2,
                self.group_gradients(),
            ]),
            temporary: self
                .beside_pass()
                .saturating_add(self.transposed_products()),
        }
    }

    /// Of a numerical gradient, in double precision.
    #[must_use]
    pub fn numerical(&self, method: Method) -> MemoryNeed {
        let own = self.widened();
        let evaluated = match method {
            Method::Direct => own.direct(),
            Method::Incremental => own.shifts().saturating_add(own.quotients()),
            Method::Node => sum([own.shifts(), own.quotients(), own.polynomials()]),
        };
        MemoryNeed {
            workspace: sum([own.tiles(), own.pass()]),
            temporary: sum([own.beside_pass(), own.inputs(), evaluated]),
        }
    }

    /// A copy of the parameters and a pass, for each thread.
    fn direct(&self) -> usize {
        let logarithms = product([self.samples, self.network.classes(), self.bytes]);
        let each = sum([self.parameters(), self.pass(), logarithms]);
        product([self.threads, each]).saturating_add(self.parameters())
    }

    /// What shifts of pre-activations start from.
    fn shifts(&self) -> usize {
        let lanes = |count: usize| count.next_multiple_of(LANES);
        let classes = self.network.classes();
        // What the closed form keeps of each score, and how far that is from a kink.
        let scores = product([self.samples, classes, MAX_DERIVATIVES + 1, F64]);
        let samples = product([self.samples, SAMPLE_BYTES]);
        let above = &self.layers()[1..];
        let numbers = above
            .iter()
            .map(|layer| product([lanes(layer.inputs()), layer.units()]));
        let numbers = numbers.fold(0, usize::saturating_add);
        let below = self.layers().last().map_or(0, Layer::inputs);
        let powers = product([TERMS, lanes(below), classes]);
        // One unit in each lane of a block, of each thread.
        let widest = above.iter().map(Layer::units).max().unwrap_or(0);
        let one_unit = product([self.threads, widest.max(TERMS * classes), LANES]);
        // Of each thread: numbers of each unit, one a lane up and down twice, and some others.
        let scratch = product([self.threads, lanes(self.widest()), 4 * LANES + 32]);
        let incoming = product([sum([numbers, powers, one_unit]), F64]);
        sum([scores, samples, incoming, product([scratch, F64])])
    }

    /// The quotients of each unit that are evaluated one by one, and the moves of a thread.
    fn quotients(&self) -> usize {
        let layers = self.layers().iter();
        let widest = layers.map(Layer::inputs).max().unwrap_or(0);
        // Places and shifts, which have room for all from the start, changes up and down, and growths.
        let moves = product([self.threads, widest + LANES, 6, F64]);
        let units = product([self.network.units(), PIECE_BYTES]);
        sum([self.parameters(), moves, units])
    }

    /// Coefficients and their sums, the products they are factors of, and how far kinks are.
    fn polynomials(&self) -> usize {
        let units = self.network.units();
        let rows = self.samples.saturating_add(product([2, self.blocks()]));
        let coefficients = product([MAX_TERMS, rows, units, F64]);
        let lists = product([self.blocks(), self.layers().len(), MAX_TERMS, PIECE_BYTES]);
        let products = self.transposed_products();
        sum([coefficients, lists, products, self.kinks()])
    }

    /// How far each unit moves those of the layers above it that have a kink, twice.
    fn kinks(&self) -> usize {
        let layers = self.layers();
        let has_kinks = |l: &Layer<'_, T>| !l.activation.certificate().kinks.is_empty();
        let last = if self.network.loss().has_kinks() {
            layers.len() - 1
        } else if let Some(last) = layers.iter().rposition(has_kinks) {
            last
        } else {
            return 0;
        };
        let mut numbers = 0_usize;
        for (l, below) in layers[..last].iter().enumerate() {
            for above in &layers[l + 1..=last] {
                let moved = below.units().saturating_add(above.inputs());
                numbers = numbers.saturating_add(product([2, moved, above.units()]));
            }
        }
        product([numbers, F64])
    }

    /// Of steps by backpropagation, of batches of this size at most.
    #[must_use]
    pub fn backprop_steps(&self) -> usize {
        let MemoryNeed {
            workspace,
            temporary,
        } = self.backprop();
        sum([
            workspace,
            temporary,
            self.batch(),
            self.shard_products(),
            self.stepped(),
        ])
    }

    /// Of numerical steps, of batches of this size at most.
    #[must_use]
    pub fn numerical_steps(&self, method: Method) -> usize {
        let MemoryNeed {
            workspace,
            temporary,
        } = self.numerical(method);
        let own = self.widened();
        sum([
            workspace,
            temporary,
            own.batch(),
            own.shard_products(),
            own.parameters(),
            self.stepped(),
        ])
    }

    /// The parameters, and the gradient of those that a thread steps at once.
    fn stepped(&self) -> usize {
        product([2, self.parameters()])
    }

    /// What each shard of the inputs adds to the first layer's pre-activations.
    fn shard_products(&self) -> usize {
        product([2, self.samples, self.layers()[0].units(), self.bytes])
    }

    /// The rows of a batch and of the next one, and targets.
    fn batch(&self) -> usize {
        let targets = product([self.samples, self.network.classes().max(2), self.bytes]);
        sum([self.inputs(), self.inputs(), targets])
    }
}
