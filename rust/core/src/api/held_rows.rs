//! Rows that are asked for gradients again and again: their elements are gathered once.

use crate::api::demand::Sizes;
use crate::api::{check_batch, check_out, write_gradient};
use crate::error::Error;
use crate::gradient::backprop::Backprop;
use crate::network::input::{Batch, Input};
use crate::network::losses::Targets;
use crate::network::parameters::ParametersMut;
use crate::network::Network;
use crate::numeric::scalar::Scalar;
use crate::parallel::matmul_memory::prepare_thread;
use crate::parallel::memory::ensure_memory;
use crate::parallel::{run, Threads};
use crate::sparse::csr::CsrRef;
use crate::sparse::tiles::TILE_SIDE;
use crate::sparse::Sparse;

/// Batches without their zeros, and what gradients of theirs are computed in, which all of them share.
#[derive(Debug)]
pub struct HeldRows<T> {
    batches: Vec<Sparse<T>>,
    backprop: Backprop<T>,
}

impl<T: Scalar> HeldRows<T> {
    /// The rows of `x` in batches, the first `sizes[0]` of them in the first one. None if a batch has too few
    /// zeros to be kept without them.
    ///
    /// # Errors
    /// If the sizes do not add up to the rows, or there is not enough memory.
    pub fn new(x: CsrRef<'_, T>, sizes: &[usize]) -> Result<Option<Self>, Error> {
        let total = sizes
            .iter()
            .fold(0, |sum: usize, &size| sum.saturating_add(size));
        if total != x.rows() || sizes.contains(&0) {
            let wanted = format!("be positive and add up to {}", x.rows());
            return Err(Error::value("sizes", wanted, format!("{sizes:?}")));
        }
        ensure_memory(bytes_of(x, sizes.len()))?;
        let mut batches = Vec::with_capacity(sizes.len());
        let mut first = 0;
        for &size in sizes {
            let mut sparse = Sparse::default();
            let rows = x.row_range(first..first + size);
            if let Batch::Cast(_) | Batch::Dense(_) = Batch::new(rows, Threads::One, &mut sparse) {
                return Ok(None);
            }
            batches.push(sparse);
            first += size;
        }
        Ok(Some(Self {
            batches,
            backprop: Backprop::default(),
        }))
    }

    /// The mean loss of batch `b`; its gradient by backpropagation goes to `out`, as
    /// [`gradient`](crate::api::gradient) has it for the same rows, bit for bit.
    ///
    /// # Errors
    /// If there is no such batch, or the targets or `out` do not fit it and the network.
    pub fn gradient(
        &mut self,
        network: &Network<'_, T>,
        b: usize,
        targets: &Targets<'_, T>,
        out: &mut ParametersMut<'_, T>,
    ) -> Result<T, Error> {
        let Some(batch) = self.batches.get(b) else {
            let wanted = format!("be one of {}", self.batches.len());
            return Err(Error::value("batch", wanted, b.to_string()));
        };
        check_batch(network, (batch.rows(), batch.cols()), targets)?;
        check_out(network, out)?;
        let work = network.flops().saturating_mul(batch.rows());
        run(work.saturating_mul(3), |threads| {
            prepare_thread()?;
            let need = Sizes::new(network, batch.rows(), threads.count()).backprop();
            ensure_memory(need.workspace.saturating_add(need.temporary))?;
            let input = Input::Sparse(batch);
            let backprop = &mut self.backprop;
            Ok(write_gradient(
                backprop, network, input, targets, out, threads,
            ))
        })
    }
}

/// How many bytes the elements of `x` take in so many batches, each element in a row and in a column, or in a
/// tile.
fn bytes_of<T>(x: CsrRef<'_, T>, batches: usize) -> usize
where
    T: Scalar,
{
    const WORD: usize = size_of::<u64>();
    let elements = x.stored().saturating_mul(2 * (size_of::<T>() + WORD));
    let tiles = x.cols().div_ceil(TILE_SIDE);
    let masks = (x.rows() + batches)
        .saturating_mul(tiles)
        .saturating_mul(2 * WORD);
    let columns = batches.saturating_mul(x.cols()).saturating_mul(WORD);
    elements.saturating_add(masks).saturating_add(columns)
}
