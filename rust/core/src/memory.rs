//! Memory of a call: whether there is any, asked before it starts, for a vector that cannot grow would
//! end the whole process; and working space that the next call of a thread finds again.

use std::any::Any;
use std::cell::RefCell;

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

thread_local! {
    /// One of each type.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with working space that an earlier call of this thread may have left, and keeps it
/// for a later one if `is_small` says so. Memory that is given back and asked for again comes in new
/// pages, which take longer to clear than a small gradient takes to compute.
pub fn reused<S: Default + 'static, R>(is_small: bool, compute: impl FnOnce(&mut S) -> R) -> R {
    let found = KEPT.with_borrow_mut(|kept| {
        let place = kept.iter().position(|space| space.is::<S>());
        place.map(|place| kept.swap_remove(place))
    });
    let mut space = found
        .and_then(|space| space.downcast::<S>().ok())
        .unwrap_or_default();
    let result = compute(&mut space);
    if is_small {
        KEPT.with_borrow_mut(|kept| kept.push(space));
    }
    result
}
