//! Whether there is memory for a call, asked before it starts: a vector that cannot grow would end
//! the whole process.

use crate::error::Error;

/// Below this many bytes nothing is asked: such a vector is always granted or lost for any program.
const WORTH_ASKING: usize = 1 << 26;

/// Checks that `count` numbers of type `T` can be held.
///
/// # Errors
/// [`Error::Memory`] if the system refuses them.
pub fn check<T>(count: usize) -> Result<(), Error> {
    let bytes = count.saturating_mul(std::mem::size_of::<T>());
    if bytes < WORTH_ASKING || Vec::<u8>::new().try_reserve_exact(bytes).is_ok() {
        Ok(())
    } else {
        Err(Error::Memory { bytes })
    }
}
