//! Threads: whether to use them, how to cut work, and the pool they live in.
//!
//! Work is cut by the sizes of the problem, never by the number of threads, so results are the
//! same bit for bit whatever that number is.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use crate::cancel::Cancel;

/// Below this many multiplications a computation runs on the calling thread: waking a pool costs
/// more than it would save. About a tenth of a millisecond.
const WORTH_THREADS: usize = 1 << 24;

/// Below this many multiplications a piece of a computation is not shared among threads.
const WORTH_SHARING: usize = 1 << 18;

/// From this many multiplications on (about a tenth of a second), the calling thread watches for
/// interrupts while others compute.
const WORTH_WATCHING: usize = 1 << 29;

/// How often a watching thread looks.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// How many threads a piece of code may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The calling one.
    One,
    /// Those of the pool in which it runs.
    All,
}

impl Threads {
    /// As many threads as a piece of that many multiplications deserves, within a pool that is
    /// awake: handing it over costs about two microseconds.
    #[must_use]
    pub fn worth(self, work: usize) -> Self {
        if work < WORTH_SHARING {
            Self::One
        } else {
            self
        }
    }
}

/// A pool belongs to the process that built it: threads do not survive a fork.
struct Pool {
    process: u32,
    threads: usize,
    rayon: Option<rayon::ThreadPool>,
}

/// Not behind a lock: one that another thread holds at the moment of a fork stays locked for ever
/// in the child.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// The number set by the environment, else the number of cores.
fn default_threads() -> usize {
    std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|&threads| threads > 0)
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
}

/// A pool of that many threads; one thread, or a system that grants no more, means none.
fn build(threads: usize) -> Arc<Pool> {
    let rayon = (threads > 1)
        .then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build())
        .and_then(Result::ok);
    Arc::new(Pool {
        process: std::process::id(),
        threads: if rayon.is_some() { threads } else { 1 },
        rayon,
    })
}

fn pool() -> Arc<Pool> {
    loop {
        match POOL.load_full() {
            Some(pool) if pool.process == std::process::id() => return pool,
            stale => {
                let inherited = stale.as_ref().map(|pool| pool.threads);
                let fresh = build(inherited.unwrap_or_else(default_threads));
                // Where another thread was first, its pool stays, and is taken next time round.
                drop(POOL.compare_and_swap(&stale, Some(fresh)));
                // The parent's pool is never dropped in a child: its threads are not there.
                std::mem::forget(stale);
            }
        }
    }
}

/// The number of threads computations use.
#[must_use]
pub fn num_threads() -> usize {
    pool().threads
}

/// Sets the number of threads computations use; 0 means the default.
pub fn set_num_threads(threads: usize) {
    let fresh = build(if threads == 0 {
        default_threads()
    } else {
        threads
    });
    if let Some(old) = POOL.swap(Some(fresh)) {
        if old.process != std::process::id() {
            std::mem::forget(old);
        }
    }
}

/// Runs `compute` with as many threads as `work` multiplications deserve.
pub fn run<R: Send>(work: usize, compute: impl FnOnce(Threads) -> R + Send) -> R {
    if work < WORTH_THREADS {
        return compute(Threads::One);
    }
    match &pool().rayon {
        Some(rayon) => rayon.install(|| compute(Threads::All)),
        None => compute(Threads::One),
    }
}

/// Runs `compute`; if `work` is long, calls `interrupted` every few milliseconds on the calling
/// thread meanwhile, and raises `cancel` once it answers true.
pub fn run_watched<R: Send>(
    work: usize,
    cancel: &Cancel,
    mut interrupted: impl FnMut() -> bool,
    compute: impl FnOnce(Threads) -> R + Send,
) -> R {
    if work < WORTH_WATCHING {
        return run(work, compute);
    }
    std::thread::scope(|scope| {
        let (done, result) = std::sync::mpsc::sync_channel(1);
        scope.spawn(move || done.send(run(work, compute)));
        loop {
            match result.recv_timeout(WATCH_INTERVAL) {
                Ok(result) => return result,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    if interrupted() {
                        cancel.cancel();
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    unreachable!("the computing thread sends a result before it ends")
                }
            }
        }
    })
}

/// The number of rows a block has when `rows` rows are cut: halves of a small batch, blocks of
/// about 64 of a large one.
#[must_use]
pub fn block_rows(rows: usize) -> usize {
    let blocks = if rows < 16 { 1 } else { (rows / 64).max(2) };
    rows.div_ceil(blocks).max(1)
}

/// Calls `compute` with the index and the contents of each chunk of `len` elements.
pub fn for_chunks<T: Send>(
    threads: Threads,
    data: &mut [T],
    len: usize,
    compute: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    match threads {
        Threads::One => data
            .chunks_mut(len)
            .enumerate()
            .for_each(|(i, chunk)| compute(i, chunk)),
        Threads::All => data
            .par_chunks_mut(len)
            .enumerate()
            .for_each(|(i, chunk)| compute(i, chunk)),
    }
}

/// Both results, computed one after the other or at once.
pub fn both<A: Send, B: Send>(
    threads: Threads,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    match threads {
        Threads::One => (one(), other()),
        Threads::All => rayon::join(one, other),
    }
}

/// The results of `compute` for `0..count`, in that order, or the first error.
///
/// # Errors
/// What `compute` returned.
pub fn try_map<R: Send, E: Send>(
    threads: Threads,
    count: usize,
    compute: impl Fn(usize) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    match threads {
        Threads::One => (0..count).map(compute).collect(),
        Threads::All => (0..count).into_par_iter().map(compute).collect(),
    }
}
