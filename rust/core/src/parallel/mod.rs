//! Threads: how many a computation uses, and how its work is cut.
//!
//! Work is cut by the sizes of the problem, never by the number of threads, and every sum has one fixed
//! order. So results are the same bit for bit, whatever that number is.

pub(crate) mod cancel;
pub(crate) mod context;
pub(crate) mod forks;
pub(crate) mod lease;
pub(crate) mod matmul_memory;
pub(crate) mod memory;
pub(crate) mod pool;
pub(crate) mod thread_count;
pub(crate) mod tuning;
mod watch;
pub(crate) mod worker;
pub(crate) mod workspace;

pub use watch::run_watched;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::parallel::lease::PoolLease;
use crate::parallel::pool::{Call, Pool};
use crate::parallel::tuning::{MIN_SHARED_FLOPS, MIN_SPLIT_ROWS};
use crate::parallel::worker::is_worker;

/// The threads that a piece of code may use.
#[derive(Debug, Clone, Copy)]
pub enum Threads<'t> {
    /// The calling one.
    One,
    /// The calling one, and at most so many workers of its lease.
    With(&'t PoolLease, usize),
}

impl Threads<'_> {
    /// How many there are, at most.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::With(lease, max_workers) => 1 + lease.size().min(max_workers),
        }
    }

    /// As many of these threads as a piece of work of so many multiplications is worth.
    #[must_use]
    pub fn limited_by(self, flops: usize) -> Self {
        match self {
            Self::With(lease, max_workers) if flops >= MIN_SHARED_FLOPS => {
                Self::With(lease, max_workers.min(flops / MIN_SHARED_FLOPS))
            }
            _ => Self::One,
        }
    }
}

/// Runs `compute` with as many threads as a computation of so many multiplications is worth.
pub fn run<R>(flops: usize, compute: impl FnOnce(Threads<'_>) -> R) -> R {
    if flops < MIN_SHARED_FLOPS {
        // It is over before it matters how many threads there are: it does not even look for the pool.
        return compute(Threads::One);
    }
    let pool = Pool::current();
    let _call = Call::begin(&pool);
    match Arc::clone(&pool).lease(flops / (2 * MIN_SHARED_FLOPS)) {
        Some(lease) => compute(Threads::With(&lease, usize::MAX)),
        None => compute(Threads::One),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No block has more rows than this.
pub const MAX_BLOCK_ROWS: usize = 64;

/// How many rows each block of `rows` rows has (the last one may have fewer): a small batch is one block or
/// two, a large one is cut into an even number of blocks of at most [`MAX_BLOCK_ROWS`].
#[inline]
#[must_use]
pub fn block_rows(rows: usize) -> usize {
    if rows < MIN_SPLIT_ROWS {
        return rows.max(1);
    }
    let blocks = rows.div_ceil(MAX_BLOCK_ROWS).next_multiple_of(2);
    rows.div_ceil(blocks)
}

/// How many rows each group of `rows` rows has: two blocks. Sums over the samples of a dense batch are summed
/// group by group, so that a thread can sum those of a group while they are in its cache.
#[inline]
#[must_use]
pub fn group_rows(rows: usize) -> usize {
    2 * block_rows(rows)
}

/// Calls `compute` with each of `pieces`: each thread takes the next piece when it has finished its last one.
pub fn for_each<P: Send>(
    threads: Threads<'_>,
    pieces: impl Iterator<Item = P> + Send,
    compute: impl Fn(P) + Sync,
) {
    for_each_by(threads, pieces, Iterator::next, compute);
}

/// The same, but the calling thread takes pieces from the front and workers take them from the back: where
/// the same pieces come again and again, each thread finds most of what it needs in its own cache.
pub fn for_each_from_both_ends<P: Send>(
    threads: Threads<'_>,
    pieces: impl DoubleEndedIterator<Item = P> + Send,
    compute: impl Fn(P) + Sync,
) {
    let next = |pieces: &mut _| {
        if is_worker() {
            DoubleEndedIterator::next_back(pieces)
        } else {
            Iterator::next(pieces)
        }
    };
    for_each_by(threads, pieces, next, compute);
}

fn for_each_by<P: Send, I: Iterator<Item = P> + Send>(
    threads: Threads<'_>,
    pieces: I,
    next: impl Fn(&mut I) -> Option<P> + Sync,
    compute: impl Fn(P) + Sync,
) {
    match threads {
        Threads::One => pieces.for_each(compute),
        Threads::With(lease, max_workers) => {
            let pieces = Mutex::new(pieces);
            let next = || next(&mut lock(&pieces));
            lease.share(max_workers, &|| next().map(&compute).is_some());
        }
    }
}

/// Calls `compute` with the index and the elements of each chunk of `len` elements of `data`.
pub fn for_chunks<T: Send>(
    threads: Threads<'_>,
    data: &mut [T],
    len: usize,
    compute: impl Fn(usize, &mut [T]) + Sync,
) {
    for_each(threads, data.chunks_mut(len).enumerate(), |(i, chunk)| {
        compute(i, chunk);
    });
}

/// Cuts each of `arrays` into chunks, of the length that comes with it, and returns `count` lists: list `b`
/// has chunk `b` of each array.
#[must_use]
pub fn zip_chunks<'a, T>(
    arrays: impl Iterator<Item = (&'a mut [T], usize)>,
    count: usize,
) -> Vec<Vec<&'a mut [T]>> {
    let mut lists: Vec<Vec<&'a mut [T]>> = (0..count).map(|_| Vec::new()).collect();
    for (array, len) in arrays {
        for (list, chunk) in lists.iter_mut().zip(array.chunks_mut(len)) {
            list.push(chunk);
        }
    }
    lists
}

/// Cuts `matrices`, which have `rows` rows each, into pieces of `block` rows: list `b` has piece `b` of each.
#[must_use]
pub fn row_blocks<T: Scalar>(
    matrices: &mut [Matrix<T>],
    (rows, block): (usize, usize),
) -> Vec<Vec<&mut [T]>> {
    let arrays = matrices.iter_mut().map(|matrix| {
        let len = block * matrix.cols();
        (matrix.data_mut(), len)
    });
    zip_chunks(arrays, rows.div_ceil(block))
}

/// The results of `compute` for `0..count`, in that order, or the first error.
///
/// # Errors
/// What `compute` returned.
pub fn try_map<R: Send, E: Send>(
    threads: Threads<'_>,
    count: usize,
    compute: impl Fn(usize) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let mut results: Vec<Option<Result<R, E>>> = (0..count).map(|_| None).collect();
    for_each(threads, results.iter_mut().enumerate(), |(i, result)| {
        *result = Some(compute(i));
    });
    results.into_iter().flatten().collect()
}
