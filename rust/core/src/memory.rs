//! Memory of a call: whether there is any, asked before it starts, for a vector that cannot grow would
//! end the whole process; and working space that the next call of a thread finds again.

use std::any::Any;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Once;

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

/// The blocks of memory that the system's allocator is to keep once they are given back, in bytes.
const WORTH_KEEPING: usize = 1 << 22;

/// Makes the allocator keep blocks that are given back, for the next gradient of the same size: new pages
/// take longer to clear than a small gradient takes to compute.
///
/// The allocator of the GNU library asks the system for every large block anew, until it has seen one
/// given back: from then on blocks up to that size stay (`M_MMAP_THRESHOLD` in mallopt(3)). For others
/// this is a block like any other.
fn keep_blocks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(WORTH_KEEPING))));
}

thread_local! {
    /// One of each type.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with working space that an earlier call of this thread may have left, and keeps it
/// for a later one if `is_small` says so.
pub fn reused<S: Default + 'static, R>(is_small: bool, compute: impl FnOnce(&mut S) -> R) -> R {
    keep_blocks();
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
