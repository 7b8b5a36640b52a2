//! What dense products take of the system: a thread's first one takes it, without asking.

use std::cell::Cell;

use crate::error::Error;
use crate::numeric::matmul::{has_kernels, multiply, Operand};
use crate::numeric::matrix::MatrixRef;
use crate::parallel::workspace::ask;

/// What a thread keeps for copies of factors from its first product by faer's kernels on: two third-level
/// caches as large as they take them to be. They take it without asking.
const THREAD_BYTES: usize = 4 << 20;

/// What a product by matrixmultiply takes for the same, at most, and gives back.
const PRODUCT_BYTES: usize = 4 << 20;

/// What a product takes of the system in a thread that is [prepared](prepare_thread).
#[must_use]
pub fn product_bytes() -> usize {
    if has_kernels() {
        0
    } else {
        PRODUCT_BYTES
    }
}

/// Lets this thread compute products without taking more of the system than it gives back.
///
/// # Errors
/// [`Error::Memory`] if the system refuses what that takes.
pub fn prepare_thread() -> Result<(), Error> {
    thread_local!(static IS_PREPARED: Cell<bool> = const { Cell::new(false) });
    if has_kernels() && !IS_PREPARED.get() {
        ask(THREAD_BYTES)?;
        let factor = Operand::<f64>::plain(MatrixRef::new(&[1.0], 1, 1));
        multiply(factor, factor, false, &mut [0.0]);
        IS_PREPARED.set(true);
    }
    Ok(())
}
