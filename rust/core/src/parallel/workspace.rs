//! Memory of a call: whether there is any, asked before it starts, for a vector that cannot grow would
//! end the whole process; and buffers that the next call of a thread finds again.

use std::any::Any;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Once;

use crate::error::Error;

/// What is asked for besides the bytes that are known to be needed, at least and at most: many small
/// things are allocated on the way, and the system grants whole pages, a mebibyte at a time where it is
/// short of them.
const RESERVE: (usize, usize) = (1 << 16, 1 << 21);

/// Checks that so many bytes can be had, and some more for what is too small to be counted.
///
/// They are given back at once, and other threads may take them; what the calling thread allocates next
/// finds them again.
///
/// # Errors
/// [`Error::Memory`] if the system refuses them.
pub fn ask(bytes: usize) -> Result<(), Error> {
    keep_blocks();
    let reserve = bytes.clamp(RESERVE.0, RESERVE.1);
    let wanted = bytes.saturating_add(bytes / 8).saturating_add(reserve);
    if is_granted(wanted) {
        Ok(())
    } else {
        Err(Error::Memory { bytes: wanted })
    }
}

/// What a new thread takes of the address space: its stack, its buffers for products and, with the
/// allocator of the GNU library, a heap of its own, for which twice as much is needed for a moment. A
/// thread that finds none of its own cannot allocate where memory is short.
const THREAD_BYTES: usize = if cfg!(target_pointer_width = "64") {
    144 << 20
} else {
    16 << 20
};

/// Checks that so many threads can be started and find memory.
///
/// # Errors
/// [`Error::Memory`] if the system refuses it.
pub fn ask_for_threads(count: usize) -> Result<(), Error> {
    ask(THREAD_BYTES.saturating_mul(count))
}

fn is_granted(bytes: usize) -> bool {
    let mut block = Vec::<u8>::new();
    let is_granted = block.try_reserve_exact(bytes).is_ok();
    // What nobody looked at need not be allocated at all.
    drop(black_box(block));
    is_granted
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
    ONCE.call_once(|| {
        let _ = is_granted(WORTH_KEEPING);
    });
}

/// What a call takes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// In the workspace, which a call of the same sizes finds again.
    pub kept: usize,
    /// Besides.
    pub passing: usize,
}

/// A workspace, and the sizes of the call it was last used for.
#[derive(Default)]
struct Kept<W> {
    sizes: Vec<usize>,
    workspace: W,
}

thread_local! {
    /// One of each type.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with a workspace that an earlier call of this thread may have left, and keeps it
/// for a later one if `is_small` says so. What a call of these `sizes` takes is asked for before.
///
/// # Errors
/// [`Error::Memory`] if the system refuses it.
pub fn with_workspace<W: Default + 'static, R>(
    sizes: impl Iterator<Item = usize> + Clone,
    demand: Demand,
    is_small: bool,
    compute: impl FnOnce(&mut W) -> R,
) -> Result<R, Error> {
    let mut kept = find::<Kept<W>>();
    if kept.sizes.iter().copied().eq(sizes.clone()) {
        ask(demand.passing)?;
    } else {
        ask(demand.kept.saturating_add(demand.passing))?;
        kept.sizes.clear();
        kept.sizes.extend(sizes);
    }
    let result = compute(&mut kept.workspace);
    if is_small {
        keep(kept);
    }
    Ok(result)
}

/// Calls `compute` with a buffer of `len` numbers, in which anything may stand. As [`with_kept`].
pub fn with_buffer<T: Copy + Default + 'static, R>(
    len: usize,
    is_small: bool,
    compute: impl FnOnce(&mut [T]) -> R,
) -> R {
    with_kept(is_small, |buffer: &mut Vec<T>| {
        if buffer.len() < len {
            buffer.resize(len, T::default());
        }
        compute(&mut buffer[..len])
    })
}

/// Calls `compute` with what an earlier piece of work of this thread may have left, and keeps it for a
/// later one if `is_small` says so. It has been asked for.
pub fn with_kept<K: Default + 'static, R>(is_small: bool, compute: impl FnOnce(&mut K) -> R) -> R {
    let mut kept = find::<K>();
    let result = compute(&mut kept);
    if is_small {
        keep(kept);
    }
    result
}

/// What an earlier call of this thread has kept, or a new one.
// In the box it is kept in again.
#[allow(clippy::unnecessary_box_returns)]
fn find<K: Default + 'static>() -> Box<K> {
    let found = KEPT.with_borrow_mut(|kept| {
        let place = kept.iter().position(|kept| kept.is::<K>());
        place.map(|place| kept.swap_remove(place))
    });
    found
        .and_then(|found| found.downcast().ok())
        .unwrap_or_default()
}

fn keep(kept: Box<dyn Any>) {
    KEPT.with_borrow_mut(|all| all.push(kept));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert_eq!(ask(0), Ok(()));
        assert_eq!(ask(1 << 20), Ok(()));
        for bytes in [1 << 60, usize::MAX] {
            assert!(matches!(ask(bytes), Err(Error::Memory { .. })));
        }
    }

    #[test]
    fn a_workspace_is_found_again_and_counts_for_the_same_sizes_only() {
        let never = Demand {
            kept: usize::MAX,
            passing: 0,
        };
        let run = |sizes: &[usize], demand| {
            with_workspace(
                sizes.iter().copied(),
                demand,
                true,
                |numbers: &mut Vec<u16>| {
                    numbers.push(1);
                    numbers.len()
                },
            )
        };
        assert_eq!(run(&[3, 4], Demand::default()), Ok(1));
        assert_eq!(run(&[3, 4], never), Ok(2));
        assert!(run(&[4, 3], never).is_err());
        // It is not kept where it may not suffice.
        assert_eq!(run(&[3, 4], Demand::default()), Ok(1));
    }

    #[test]
    fn a_workspace_in_use_is_not_found() {
        let inner = || {
            with_workspace(
                [1].into_iter(),
                Demand::default(),
                true,
                |v: &mut Vec<i8>| v.len(),
            )
        };
        let outer = with_workspace(
            [1].into_iter(),
            Demand::default(),
            true,
            |v: &mut Vec<i8>| {
                v.push(1);
                inner()
            },
        );
        assert_eq!(outer, Ok(Ok(0)));
    }
}
