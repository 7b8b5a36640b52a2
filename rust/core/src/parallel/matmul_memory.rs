//! The memory that matrix products take: the product crate allocates it in a thread's first product, without
//! asking whether there is any.

use std::cell::Cell;

use crate::error::Error;
use crate::numeric::matmul::{has_kernels, multiply, Operand};
use crate::numeric::matrix::MatrixRef;
use crate::parallel::memory::ensure_memory;

/// What a thread keeps for copies of factors from its first product by faer's kernels on: the sizes of two
/// third-level caches, as those kernels assume them.
const THREAD_BYTES: usize = 4 << 20;

/// What a product by matrixmultiply takes for the same purpose, at most, and frees.
const PRODUCT_BYTES: usize = 4 << 20;

/// What a product takes and frees in a thread that is [prepared](prepare_thread).
#[must_use]
pub fn product_bytes() -> usize {
    if has_kernels() {
        0
    } else {
        PRODUCT_BYTES
    }
}

/// Computes a first product in this thread, so that later ones take no more memory than they free.
///
/// # Errors
/// [`Error::Memory`] if the system refuses what that takes.
pub fn prepare_thread() -> Result<(), Error> {
    thread_local!(static IS_PREPARED: Cell<bool> = const { Cell::new(false) });
    if has_kernels() && !IS_PREPARED.get() {
        ensure_memory(THREAD_BYTES)?;
        let factor = Operand::<f64>::plain(MatrixRef::new(&[1.0], 1, 1));
        multiply(factor, factor, false, &mut [0.0]);
        IS_PREPARED.set(true);
    }
    Ok(())
}
