//! The threads that computations share, and what becomes of them.
//!
//! A pool is in one of three states. It *rests*: it has no thread at all, as before its first lease and
//! after [`before_fork`]. It is *idle*: its threads sleep, or poll for work. It is *leased*: one call has
//! its workers until that call ends, and another call at the same time computes alone. Of threads that call
//! at the same time, each takes a core from the workers. A lease starts the threads of a pool that rests, so
//! a process that forks before its next lease forks without threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use arc_swap::ArcSwapOption;

use crate::parallel::forks::{self, count_threads, wait_for_threads, Start};
use crate::parallel::lease::PoolLease;
use crate::parallel::memory::ensure_memory_for_threads;
use crate::parallel::thread_count::{cores, default_threads, MAX_THREADS};
use crate::parallel::tuning::CALL_INTERVAL;
use crate::parallel::worker::{nanoseconds, Starting, Worker};

/// All threads besides the calling ones. They belong to the process that started them: a fork does not copy
/// them.
pub struct Pool {
    process: u32,
    /// How many threads are wanted, the calling one among them.
    wanted: usize,
    /// How many there are, once they have been started.
    granted: AtomicUsize,
    /// How many threads may compute at the same time: as many as there are cores, or as are wanted if that
    /// is more.
    most: usize,
    /// How many calls compute at this moment.
    calls: AtomicUsize,
    /// How many have computed at the same time, and when, in nanoseconds of the pool's age; 0 for none beside
    /// each other.
    peak: AtomicUsize,
    peak_age: AtomicU64,
    made: Instant,
    workers: Mutex<Workers>,
}

enum Workers {
    Resting,
    Idle(Vec<Worker>),
    Leased,
}

/// Not behind a lock: a lock that another thread holds at the moment of a fork stays locked for ever in the
/// child.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

impl Pool {
    /// A pool that rests.
    fn new(threads: usize) -> Arc<Self> {
        let threads = threads.clamp(1, MAX_THREADS);
        Arc::new(Self {
            process: std::process::id(),
            wanted: threads,
            granted: AtomicUsize::new(threads),
            most: threads.max(cores()),
            calls: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            peak_age: AtomicU64::new(0),
            made: Instant::now(),
            workers: Mutex::new(Workers::Resting),
        })
    }

    /// The pool of this process.
    pub fn current() -> Arc<Self> {
        loop {
            match POOL.load_full() {
                Some(pool) if pool.process == std::process::id() => return pool,
                stale => {
                    let inherited = stale.as_ref().map(|pool| pool.wanted);
                    let fresh = Self::new(inherited.unwrap_or_else(default_threads));
                    // If another thread was first, its pool stays, and the next turn of the loop finds it.
                    drop(POOL.compare_and_swap(&stale, Some(fresh)));
                    // A child never drops the pool of its parent: the threads to be joined are not there.
                    std::mem::forget(stale);
                }
            }
        }
    }

    /// How long ago the pool was made, in nanoseconds.
    pub fn age(&self) -> u64 {
        nanoseconds(self.made.elapsed())
    }

    /// How many workers may compute beside the call that has them, and beside other calls: those of this
    /// moment, or, if they were more, of a moment ago.
    pub fn free_workers(&self) -> usize {
        let calls = self.calls.load(Ordering::Relaxed).max(1);
        self.most.saturating_sub(calls.max(self.recent_peak()))
    }

    fn recent_peak(&self) -> usize {
        let peak = self.peak.load(Ordering::Relaxed);
        if peak == 0 {
            return 0;
        }
        let since = self
            .age()
            .saturating_sub(self.peak_age.load(Ordering::Relaxed));
        if since <= nanoseconds(CALL_INTERVAL) {
            return peak;
        }
        self.peak.store(0, Ordering::Relaxed);
        0
    }

    fn lock(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Workers>> {
        match self.workers.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// At most `max_workers` workers, woken; nothing if there are none, or another call has them.
    pub fn lease(self: Arc<Self>, max_workers: usize) -> Option<PoolLease> {
        if max_workers == 0 || self.wanted == 1 {
            return None;
        }
        let mut state = self.try_lock()?;
        let idle = match std::mem::replace(&mut *state, Workers::Leased) {
            Workers::Idle(workers) => Some(workers),
            Workers::Resting => None,
            Workers::Leased => return None,
        };
        drop(state);
        let Some(workers) = idle.or_else(|| self.start()) else {
            *self.lock() = Workers::Resting;
            return None;
        };
        let lease = PoolLease::of(self, workers, max_workers);
        (lease.size() > 0).then_some(lease)
    }

    /// Takes the workers of a lease back.
    pub fn take_back(&self, workers: Vec<Worker>) {
        *self.lock() = Workers::Idle(workers);
    }

    /// Starts workers: with the calling thread they make the wanted number of threads, or as many as the
    /// system grants. Nothing while the process forks.
    fn start(&self) -> Option<Vec<Worker>> {
        let _start = Start::begin()?;
        let count = self.wanted - 1;
        // Where memory is short, one after the other: the next may need what the last one has freed.
        let all_at_once = ensure_memory_for_threads(count).is_ok();
        let mut workers = Vec::new();
        let mut starting = Vec::new();
        for _ in 0..count {
            if !all_at_once && ensure_memory_for_threads(1).is_err() {
                break;
            }
            let Some(worker) = Worker::start() else {
                break;
            };
            starting.push(worker);
            if !all_at_once {
                workers.extend(starting.drain(..).filter_map(Starting::ready));
            }
        }
        workers.extend(starting.into_iter().filter_map(Starting::ready));
        self.granted.store(1 + workers.len(), Ordering::Relaxed);
        Some(workers)
    }

    /// Ends all threads, unless a call has them: they are gone when this returns.
    fn rest(&self) {
        let Some(mut state) = self.try_lock() else {
            return;
        };
        let mut workers = match std::mem::replace(&mut *state, Workers::Resting) {
            Workers::Idle(workers) => workers,
            other => {
                *state = other;
                return;
            }
        };
        drop(state);
        let before = count_threads();
        let ended = workers.len();
        workers.iter_mut().for_each(Worker::end);
        drop(workers);
        if let Some(before) = before {
            wait_for_threads(before.saturating_sub(ended));
        }
    }
}

/// A call, counted while it computes.
pub struct Call<'a>(&'a Pool);

impl<'a> Call<'a> {
    /// Counts one more.
    #[must_use]
    pub fn begin(pool: &'a Pool) -> Self {
        let calls = pool.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if calls > 1 && calls >= pool.recent_peak() {
            pool.peak.store(calls, Ordering::Relaxed);
            pool.peak_age.store(pool.age(), Ordering::Relaxed);
        }
        Self(pool)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of threads that computations use.
#[must_use]
pub fn num_threads() -> usize {
    Pool::current().granted.load(Ordering::Relaxed)
}

/// Sets the number of threads that computations use, [`MAX_THREADS`] at most; 0 means the default. They are
/// started when they are first needed.
pub fn set_num_threads(threads: usize) {
    let fresh = Pool::new(match threads {
        0 => default_threads(),
        _ => threads,
    });
    if let Some(old) = POOL.swap(Some(fresh)) {
        if old.process != std::process::id() {
            std::mem::forget(old);
        }
    }
}

/// Ends the threads of the pool before this process forks, unless a call has them. Once the fork is
/// [over](forks::in_parent), the next call that is worth sharing starts as many again, in the parent and in
/// the child.
pub fn before_fork() {
    forks::announce();
    if let Some(pool) = POOL.load_full() {
        if pool.process == std::process::id() {
            pool.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::parallel::worker::is_worker;

    /// Counts to `count` with all workers of a lease; how many steps each kind of thread has taken.
    fn count_to(lease: &PoolLease, count: usize) -> (usize, usize) {
        let (next, own, others) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        lease.share(usize::MAX, &|| {
            if next.fetch_add(1, Ordering::Relaxed) >= count {
                return false;
            }
            let steps = if is_worker() { &others } else { &own };
            steps.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(50));
            true
        });
        (own.into_inner(), others.into_inner())
    }

    /// Whether a worker takes a step within a time in which a busy machine gives it a core.
    fn gets_help(lease: &PoolLease) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if count_to(lease, 20).1 > 0 {
                return true;
            }
        }
        false
    }

    fn is_resting(pool: &Pool) -> bool {
        matches!(*pool.lock(), Workers::Resting)
    }

    #[test]
    fn all_steps_are_taken_once_by_any_number_of_threads() {
        for threads in [2, 3, 5] {
            let pool = Pool::new(threads);
            let lease = Arc::clone(&pool).lease(usize::MAX).expect("it is idle");
            assert_eq!(lease.size(), threads - 1);
            for count in [0, 1, 2, 400] {
                let (own, others) = count_to(&lease, count);
                assert_eq!(own + others, count);
            }
            assert!(gets_help(&lease), "{threads} threads have not helped");
        }
        assert!(Pool::new(1).lease(usize::MAX).is_none());
        assert!(Pool::new(3).lease(0).is_none());
    }

    #[test]
    fn a_lease_takes_no_more_workers_than_it_asks_for() {
        let pool = Pool::new(4);
        let lease = Arc::clone(&pool).lease(2).expect("it is idle");
        assert_eq!(lease.size(), 2);
        drop(lease);
        assert_eq!(pool.lease(9).map(|lease| lease.size()), Some(3));
    }

    #[test]
    fn another_call_at_the_same_time_does_without() {
        let pool = Pool::new(2);
        let lease = Arc::clone(&pool).lease(1).expect("it is idle");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(Arc::clone(&pool).lease(1).is_none()));
            }
        });
        drop(lease);
        assert!(pool.lease(1).is_some());
    }

    #[test]
    fn calls_at_the_same_time_leave_fewer_workers() {
        // As many threads as there are cores, or more: each counts.
        let threads = cores() + 1;
        let pool = Pool::new(threads);
        let _own = Call::begin(&pool);
        let lease = Arc::clone(&pool).lease(usize::MAX).expect("it is idle");
        assert_eq!(pool.free_workers(), threads - 1);
        let others: Vec<_> = (1..threads).map(|_| Call::begin(&pool)).collect();
        assert_eq!(pool.free_workers(), 0);
        assert_eq!(count_to(&lease, 50), (50, 0));
        drop(others);
        assert_eq!(pool.free_workers(), 0, "they come again in a moment");
        std::thread::sleep(2 * CALL_INTERVAL);
        assert_eq!(pool.free_workers(), threads - 1);
        assert!(gets_help(&lease), "the workers have not come back");
    }

    #[test]
    fn many_calls_at_once_take_their_steps() {
        let pool = Pool::new(3);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        if let Some(lease) = Arc::clone(&pool).lease(usize::MAX) {
                            let (own, others) = count_to(&lease, 10);
                            assert_eq!(own + others, 10);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_in_a_step_arrives_and_the_pool_goes_on() {
        let pool = Pool::new(3);
        for panics_in_worker in [true, false] {
            let lease = Arc::clone(&pool).lease(usize::MAX).expect("it is idle");
            // Not before a worker has come: it might not have to, on a busy machine.
            let has_come = AtomicBool::new(false);
            let steps = || {
                lease.share(usize::MAX, &|| {
                    has_come.fetch_or(is_worker(), Ordering::Relaxed);
                    assert!(is_worker() != panics_in_worker, "a fault");
                    let is_waiting = !has_come.load(Ordering::Relaxed);
                    std::thread::yield_now();
                    panics_in_worker && is_waiting
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(steps)).is_err());
            drop(lease);
        }
        let lease = pool.lease(usize::MAX).expect("it is idle again");
        let (own, others) = count_to(&lease, 400);
        assert_eq!(own + others, 400);
    }

    #[test]
    fn a_worker_that_is_stalled_is_not_waited_for() {
        let pool = Pool::new(2);
        let lease = Arc::clone(&pool).lease(1).expect("it is idle");
        let (release, stalled) = channel::<()>();
        let (begin, has_begun) = channel();
        if let Some(thread) = lease.workers()[0].thread() {
            thread.spawn(move || {
                let _ = begin.send(());
                let _ = stalled.recv();
            });
        }
        assert!(has_begun.recv().is_ok());
        assert_eq!(count_to(&lease, 50), (50, 0));
        drop(release);
        assert!(gets_help(&lease), "it has not come back");
    }

    #[test]
    fn a_pool_rests_and_starts_again_with_as_many() {
        let pool = Pool::new(4);
        for _ in 0..3 {
            assert!(is_resting(&pool));
            let lease = Arc::clone(&pool).lease(usize::MAX).expect("it is idle");
            assert_eq!(lease.size(), 3);
            count_to(&lease, 30);
            let threads: Vec<_> = lease.workers().iter().map(Worker::witness).collect();
            drop(lease);
            pool.rest();
            // A thread that is gone holds nothing.
            assert!(threads.iter().all(|thread| thread.upgrade().is_none()));
        }
        pool.rest();
        assert!(is_resting(&pool));
    }

    #[test]
    fn a_pool_does_not_rest_in_the_middle_of_a_call() {
        let pool = Pool::new(3);
        let lease = Arc::clone(&pool).lease(usize::MAX).expect("it is idle");
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    pool.rest();
                }
            });
            let (own, others) = count_to(&lease, 400);
            assert_eq!(own + others, 400);
            is_done.store(true, Ordering::Relaxed);
        });
        assert_eq!(lease.size(), 2);
        drop(lease);
        assert!(!is_resting(&pool));
        pool.rest();
        assert!(is_resting(&pool));
    }

    #[test]
    fn calls_and_rests_in_turn_disturb_each_other_not() {
        let pool = Pool::new(3);
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    pool.rest();
                    std::thread::yield_now();
                }
            });
            for _ in 0..100 {
                if let Some(lease) = Arc::clone(&pool).lease(usize::MAX) {
                    let (own, others) = count_to(&lease, 5);
                    assert_eq!(own + others, 5);
                }
            }
            is_done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn the_number_of_threads_is_bounded() {
        assert_eq!(Pool::new(usize::MAX).wanted, MAX_THREADS);
        assert_eq!(Pool::new(0).wanted, 1);
    }
}
