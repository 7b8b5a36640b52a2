//! Threads: whether to use them, and how to cut work.
//!
//! Work is cut by the sizes of the problem, never by the number of threads, so results are the
//! same bit for bit whatever that number is.

pub(crate) mod cancel;
pub(crate) mod forks;
pub(crate) mod pool;
pub(crate) mod products;
pub(crate) mod thread_count;
pub(crate) mod worker;
pub(crate) mod workspace;

use std::panic::resume_unwind;
use std::sync::mpsc::{sync_channel, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::parallel::cancel::Cancel;
use crate::parallel::forks::Start;
use crate::parallel::pool::{is_worker, PoolLease};
use crate::parallel::workspace::ask_for_threads;

/// Below this many multiplications, some ten microseconds, a computation, or a piece of one, is not
/// shared with another thread: sharing costs about one.
const WORTH_SHARING: usize = 1 << 18;

/// From this many multiplications on (about a tenth of a second), the calling thread watches for
/// interrupts while others compute.
pub const WORTH_WATCHING: usize = 1 << 29;

/// How often a watching thread looks.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// How many threads a piece of code may use.
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
            Self::With(lease, most) => 1 + lease.size().min(most),
        }
    }

    /// As many threads as a piece of that many multiplications deserves.
    #[must_use]
    pub fn limited_by(self, work: usize) -> Self {
        match self {
            Self::With(lease, most) if work >= WORTH_SHARING => {
                Self::With(lease, most.min(work / WORTH_SHARING))
            }
            _ => Self::One,
        }
    }
}

/// Runs `compute` with as many threads as `work` multiplications deserve.
pub fn run<R>(work: usize, compute: impl FnOnce(Threads<'_>) -> R) -> R {
    match PoolLease::new(work / (2 * WORTH_SHARING)) {
        Some(lease) => compute(Threads::With(&lease, usize::MAX)),
        None => compute(Threads::One),
    }
}

/// Runs `compute`; if `work` is long, calls `interrupted` every few milliseconds on the calling
/// thread meanwhile, and raises the flag that `compute` is given once it answers true.
pub fn run_watched<R: Send>(
    work: usize,
    mut interrupted: impl FnMut() -> bool + Send,
    compute: impl FnOnce(Threads<'_>, &Cancel<'_>) -> R + Send,
) -> R {
    let cancel = Cancel::new();
    if work < WORTH_WATCHING {
        return run(work, |threads| compute(threads, &cancel));
    }
    let compute = Mutex::new(Some(compute));
    let take = || lock(&compute).take();
    let result = std::thread::scope(|scope| {
        ask_for_threads(1).ok()?;
        let start = Start::begin()?;
        let (is_done, done) = sync_channel::<()>(1);
        let computing = std::thread::Builder::new().spawn_scoped(scope, || {
            // Dropped at the end, whichever it is: this is what the watching thread waits for.
            let _is_done = is_done;
            products::prepare_thread().ok()?;
            take().map(|compute| run(work, |threads| compute(threads, &cancel)))
        });
        drop(start);
        let computing = computing.ok()?;
        while done.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if interrupted() {
                cancel.cancel();
            }
        }
        computing
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    });
    match (result, take()) {
        (Some(result), _) => result,
        (None, Some(compute)) => run_polled(work, interrupted, compute),
        (None, None) => unreachable!("what has been taken has given a result"),
    }
}

/// The same where the system grants no thread to watch from: the computing thread calls `interrupted`
/// itself, between pieces of its work.
fn run_polled<R>(
    work: usize,
    interrupted: impl FnMut() -> bool + Send,
    compute: impl FnOnce(Threads<'_>, &Cancel<'_>) -> R,
) -> R {
    let computing = std::thread::current().id();
    let polled = Mutex::new((Instant::now(), interrupted));
    let poll = || {
        if std::thread::current().id() != computing {
            return false;
        }
        let (last, interrupted) = &mut *lock(&polled);
        if last.elapsed() < WATCH_INTERVAL {
            return false;
        }
        let is_interrupted = interrupted();
        *last = Instant::now();
        is_interrupted
    };
    let cancel = Cancel::polling(&poll);
    run(work, |threads| compute(threads, &cancel))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of rows a block has when `rows` rows are cut: halves of a small batch, blocks of at
/// most 64 of a large one.
#[must_use]
pub fn block_rows(rows: usize) -> usize {
    let blocks = if rows < 16 {
        1
    } else {
        rows.div_ceil(64).max(2)
    };
    rows.div_ceil(blocks).max(1)
}

/// Calls `compute` with each of `pieces`, each thread taking the next one when it is done with its
/// last.
pub fn for_each<P: Send>(
    threads: Threads<'_>,
    pieces: impl Iterator<Item = P> + Send,
    compute: impl Fn(P) + Sync,
) {
    for_each_by(threads, pieces, Iterator::next, compute);
}

/// The same for pieces that come again and again: the calling thread takes them from the front, workers from
/// the back, so that each finds most of what it needs in its cache.
pub fn for_each_again<P: Send>(
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
        Threads::With(lease, most) => {
            let pieces = Mutex::new(pieces);
            let next = || next(&mut lock(&pieces));
            lease.share(most, &|| next().map(&compute).is_some());
        }
    }
}

/// Calls `compute` with the index and the contents of each chunk of `len` elements.
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

/// Cuts arrays into the same `count` pieces: piece `b` has chunk `b` of each. An array comes with the
/// length of its chunks.
#[must_use]
pub fn pieces_of<'a, T>(
    arrays: impl Iterator<Item = (&'a mut [T], usize)>,
    count: usize,
) -> Vec<Vec<&'a mut [T]>> {
    let mut pieces: Vec<Vec<&'a mut [T]>> = (0..count).map(|_| Vec::new()).collect();
    for (array, len) in arrays {
        for (piece, chunk) in pieces.iter_mut().zip(array.chunks_mut(len)) {
            piece.push(chunk);
        }
    }
    pieces
}

/// Blocks of [`block_rows`] of the rows of each of `matrices`, which have `rows` each.
#[must_use]
pub fn row_blocks<T: Scalar>(matrices: &mut [Matrix<T>], rows: usize) -> Vec<Vec<&mut [T]>> {
    let block = block_rows(rows);
    let arrays = matrices.iter_mut().map(|matrix| {
        let len = block * matrix.cols();
        (matrix.data_mut(), len)
    });
    pieces_of(arrays, rows.div_ceil(block))
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
