//! Whether the system has the memory that a call needs, asked before the call starts: a vector that cannot
//! grow would end the whole process.

use std::hint::black_box;
use std::sync::Once;

use crate::error::Error;
use crate::parallel::tuning::KEPT_BLOCK_BYTES;

/// At least this many bytes are asked for beyond the known need: calls also allocate small lists that are not
/// counted.
const MIN_RESERVE: usize = 1 << 16;

/// At most this many bytes are asked for beyond the known need: the system grants whole pages, a mebibyte
/// at a time where it is short of them.
const MAX_RESERVE: usize = 1 << 21;

/// What a new thread takes of the address space: its stack, its buffers for matrix products and, with the
/// allocator of the GNU library, a heap of its own, for which twice as much is needed for a moment. A thread
/// that finds none of its own cannot allocate where memory is short.
const THREAD_BYTES: usize = if cfg!(target_pointer_width = "64") {
    144 << 20
} else {
    16 << 20
};

/// Checks that the system grants so many bytes, and a reserve for what is too small to be counted.
///
/// The bytes are given back at once. What the calling thread allocates next finds them again, unless another
/// thread has taken them.
///
/// # Errors
/// [`Error::Memory`] if the system refuses them.
pub fn ensure_memory(bytes: usize) -> Result<(), Error> {
    keep_freed_blocks();
    let reserve = bytes.clamp(MIN_RESERVE, MAX_RESERVE);
    let wanted = bytes.saturating_add(bytes / 8).saturating_add(reserve);
    if is_granted(wanted) {
        Ok(())
    } else {
        Err(Error::Memory { bytes: wanted })
    }
}

/// Checks that so many threads can be started and find memory.
///
/// # Errors
/// [`Error::Memory`] if the system refuses it.
pub fn ensure_memory_for_threads(count: usize) -> Result<(), Error> {
    ensure_memory(THREAD_BYTES.saturating_mul(count))
}

fn is_granted(bytes: usize) -> bool {
    let mut block = Vec::<u8>::new();
    let is_granted = block.try_reserve_exact(bytes).is_ok();
    // Without this, the compiler may leave out an allocation that nobody reads.
    drop(black_box(block));
    is_granted
}

/// Makes the allocator keep freed blocks for the next gradient of the same size: the system takes longer to
/// clear new pages than a small gradient takes to compute.
///
/// The allocator of the GNU library asks the system for every large block anew until it has seen one freed:
/// from then on it keeps blocks of up to that size (`M_MMAP_THRESHOLD` in mallopt(3)). For other allocators
/// this block is one like any other.
fn keep_freed_blocks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = is_granted(KEPT_BLOCK_BYTES);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert_eq!(ensure_memory(0), Ok(()));
        assert_eq!(ensure_memory(1 << 20), Ok(()));
        for bytes in [1 << 60, usize::MAX] {
            assert!(matches!(ensure_memory(bytes), Err(Error::Memory { .. })));
        }
    }
}
