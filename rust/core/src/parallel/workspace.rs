//! Buffers that stay allocated: a call leaves its workspace behind in its thread, and the next call of that
//! thread uses it again. What holds more than [`MAX_KEPT_NUMBERS`] is freed at the end of its call.

use std::any::Any;
use std::cell::RefCell;

use crate::error::Error;
use crate::parallel::memory::ensure_memory;
use crate::parallel::tuning::MAX_KEPT_NUMBERS;

/// How many bytes a call needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// In its workspace, which the next call of the same sizes finds allocated.
    pub workspace: usize,
    /// In buffers that are freed at its end.
    pub temporary: usize,
}

/// A workspace, and the sizes of the call that used it last.
#[derive(Default)]
struct SizedWorkspace<W> {
    sizes: Vec<usize>,
    workspace: W,
}

thread_local! {
    /// What the calls of this thread have left behind: at most one value of each type is in use at a time,
    /// unless calls are nested.
    static CACHE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `compute` with a workspace of about so many numbers, that of this thread's last call if there is one,
/// once the memory that a call of these `sizes` needs has been granted.
///
/// # Errors
/// [`Error::Memory`] if the system refuses the memory.
pub fn with_workspace<W: Default + 'static, R>(
    sizes: impl Iterator<Item = usize> + Clone,
    need: MemoryNeed,
    numbers: usize,
    compute: impl FnOnce(&mut W) -> R,
) -> Result<R, Error> {
    let mut cached = take::<SizedWorkspace<W>>();
    if cached.sizes.iter().copied().eq(sizes.clone()) {
        ensure_memory(need.temporary)?;
    } else {
        ensure_memory(need.workspace.saturating_add(need.temporary))?;
        cached.sizes.clear();
        cached.sizes.extend(sizes);
    }
    let result = compute(&mut cached.workspace);
    put_back(cached, numbers);
    Ok(result)
}

/// Calls `compute` with a buffer of `len` numbers of any value. As [`with_cached`].
pub fn with_buffer<T: Copy + Default + 'static, R>(
    len: usize,
    compute: impl FnOnce(&mut [T]) -> R,
) -> R {
    with_cached(len, |buffer: &mut Vec<T>| {
        if buffer.len() < len {
            buffer.resize(len, T::default());
        }
        compute(&mut buffer[..len])
    })
}

/// Calls `compute` with the value of type `K` that this thread has left behind, or a new one; it comes to hold
/// about so many numbers. The caller has made sure of the memory.
pub fn with_cached<K: Default + 'static, R>(
    numbers: usize,
    compute: impl FnOnce(&mut K) -> R,
) -> R {
    let mut cached = take::<K>();
    let result = compute(&mut cached);
    put_back(cached, numbers);
    result
}

/// Takes the value of type `K` out of the cache, so that a nested call does not find it; a new one if there
/// is none.
// The box goes back into the cache.
#[allow(clippy::unnecessary_box_returns)]
fn take<K: Default + 'static>() -> Box<K> {
    let cached = CACHE.with_borrow_mut(|cache| {
        let place = cache.iter().position(|value| value.is::<K>());
        place.map(|place| cache.swap_remove(place))
    });
    cached
        .and_then(|value| value.downcast().ok())
        .unwrap_or_default()
}

/// Leaves a value behind for the next call, unless it holds so many numbers that it is freed.
fn put_back(value: Box<dyn Any>, numbers: usize) {
    if numbers <= MAX_KEPT_NUMBERS {
        CACHE.with_borrow_mut(|cache| cache.push(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_found_again_and_counts_for_the_same_sizes_only() {
        let never = MemoryNeed {
            workspace: usize::MAX,
            temporary: 0,
        };
        let run = |sizes: &[usize], need| {
            with_workspace(sizes.iter().copied(), need, 2, |numbers: &mut Vec<u16>| {
                numbers.push(1);
                numbers.len()
            })
        };
        assert_eq!(run(&[3, 4], MemoryNeed::default()), Ok(1));
        assert_eq!(run(&[3, 4], never), Ok(2));
        assert!(run(&[4, 3], never).is_err());
        // It is not kept where it may not suffice.
        assert_eq!(run(&[3, 4], MemoryNeed::default()), Ok(1));
    }

    #[test]
    fn a_workspace_in_use_is_not_found() {
        let inner = || {
            with_workspace(
                [1].into_iter(),
                MemoryNeed::default(),
                1,
                |v: &mut Vec<i8>| v.len(),
            )
        };
        let outer = with_workspace(
            [1].into_iter(),
            MemoryNeed::default(),
            1,
            |v: &mut Vec<i8>| {
                v.push(1);
                inner()
            },
        );
        assert_eq!(outer, Ok(Ok(0)));
    }

    #[test]
    fn a_large_buffer_is_freed() {
        let written = |len: usize| {
            with_buffer(len, |buffer: &mut [u8]| {
                let first = buffer[0];
                buffer[0] = 7;
                first
            })
        };
        assert_eq!(
            (written(MAX_KEPT_NUMBERS + 1), written(1), written(1)),
            (0, 0, 7)
        );
    }
}
