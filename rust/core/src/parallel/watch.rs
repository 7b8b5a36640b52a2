//! Long computations, which the caller can interrupt.

use std::panic::resume_unwind;
use std::sync::mpsc::{sync_channel, RecvTimeoutError};
use std::sync::Mutex;
use std::time::Instant;

use crate::parallel::cancel::Cancel;
use crate::parallel::forks::Start;
use crate::parallel::matmul_memory::prepare_thread;
use crate::parallel::memory::ensure_memory_for_threads;
use crate::parallel::tuning::{MIN_WATCHED_FLOPS, WATCH_INTERVAL};
use crate::parallel::{lock, run, Threads};

/// Runs `compute`. If it is long, it runs in a thread of its own, while the calling thread calls
/// `interrupted` every few milliseconds and raises the flag that `compute` is given once `interrupted`
/// answers true.
pub fn run_watched<R: Send>(
    flops: usize,
    mut interrupted: impl FnMut() -> bool + Send,
    compute: impl FnOnce(Threads<'_>, &Cancel<'_>) -> R + Send,
) -> R {
    let cancel = Cancel::new();
    if flops < MIN_WATCHED_FLOPS {
        return run(flops, |threads| compute(threads, &cancel));
    }
    let compute = Mutex::new(Some(compute));
    let take = || lock(&compute).take();
    let result = std::thread::scope(|scope| {
        ensure_memory_for_threads(1).ok()?;
        let start = Start::begin()?;
        let (is_done, done) = sync_channel::<()>(1);
        let computing = std::thread::Builder::new().spawn_scoped(scope, || {
            // Dropped when this thread ends, also by a panic: the watching thread waits for that.
            let _is_done = is_done;
            prepare_thread().ok()?;
            take().map(|compute| run(flops, |threads| compute(threads, &cancel)))
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
        (None, Some(compute)) => run_polled(flops, interrupted, compute),
        (None, None) => unreachable!("what has been taken has given a result"),
    }
}

/// The same where the system grants no second thread: the computing thread calls `interrupted` itself,
/// between pieces of its work.
fn run_polled<R>(
    flops: usize,
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
    run(flops, |threads| compute(threads, &cancel))
}
