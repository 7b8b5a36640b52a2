//! Threads that help with short pieces of work.
//!
//! A thread that sleeps takes longer to wake than a piece of a gradient takes to compute. So every
//! worker, once woken, spins: it polls for work until there has been none for [`SPIN_TIME`], and offers
//! its core to other processes as soon as it has found nothing for some microseconds. Work is shared
//! only with workers that are seen to poll: one that sleeps, or has lost its core to another process, is
//! not waited for. One that loses its core with a piece of work in hand is, and then left alone for a
//! while ([`BACKOFF`]).
//!
//! A pool is in one of three states. It *rests*: it has no thread at all, as before its first lease and
//! after [`before_fork`]. It is *idle*: its threads sleep, or spin. It is *leased*: one call has its workers until
//! that call ends, and another call at the same time computes alone. A lease starts the threads of a pool
//! that rests, so a fork in between finds a process without them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::parallel::forks::{self, Start};
use crate::parallel::thread_count::{default_threads, MAX_THREADS};
use crate::parallel::worker::{nanoseconds, Starting, Worker, SPINS_BEFORE_YIELD};
use crate::parallel::workspace::ask_for_threads;

/// Waiting longer than this, and than [`STEPS`] of the waiting thread's own, means that a worker has
/// lost its core: it had one step to finish. (The waiting thread may have lost its own for a while, but
/// not in its shortest step.)
const TOO_LONG: Duration = Duration::from_millis(1);
const STEPS: u32 = 4;

/// How long the thread that has shared work spins, once the work is done, for the worker to close the
/// scope of that work, too: it would have to sleep otherwise, and be woken.
const CLOSING_SPINS: u32 = 16;

/// All threads there are besides the calling ones. They belong to the process that started them:
/// threads do not survive a fork.
struct Pool {
    process: u32,
    /// How many threads are wanted, the calling one among them.
    wanted: usize,
    /// How many there are, once they have been started.
    granted: AtomicUsize,
    made: Instant,
    workers: Mutex<Workers>,
}

enum Workers {
    Resting,
    Idle(Vec<Worker>),
    Leased,
}

/// Not behind a lock: one that another thread holds at the moment of a fork stays locked for ever
/// in the child.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

impl Pool {
    /// A pool that rests.
    fn new(threads: usize) -> Arc<Self> {
        let threads = threads.clamp(1, MAX_THREADS);
        Arc::new(Self {
            process: std::process::id(),
            wanted: threads,
            granted: AtomicUsize::new(threads),
            made: Instant::now(),
            workers: Mutex::new(Workers::Resting),
        })
    }

    /// The pool of this process.
    fn current() -> Arc<Self> {
        loop {
            match POOL.load_full() {
                Some(pool) if pool.process == std::process::id() => return pool,
                stale => {
                    let inherited = stale.as_ref().map(|pool| pool.wanted);
                    let fresh = Self::new(inherited.unwrap_or_else(default_threads));
                    // Where another thread was first, its pool stays, and is taken next time round.
                    drop(POOL.compare_and_swap(&stale, Some(fresh)));
                    // The parent's pool is never dropped in a child: its threads are not there.
                    std::mem::forget(stale);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At most so many workers, woken; nothing if there are none, or another call has them.
    fn lease(self: Arc<Self>, most: usize) -> Option<PoolLease> {
        if most == 0 || self.wanted == 1 {
            return None;
        }
        let mut state = match self.workers.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
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
        let most = most.min(workers.len());
        workers[..most].iter().for_each(Worker::wake);
        let lease = PoolLease {
            pool: self,
            workers,
            most,
        };
        (most > 0).then_some(lease)
    }

    /// As many workers as make the wanted number of threads with the calling thread, or as the system
    /// grants; nothing while the process forks.
    fn start(&self) -> Option<Vec<Worker>> {
        let _start = Start::begin()?;
        let count = self.wanted - 1;
        // One after the other only where the next might not find what the last has left.
        let all_at_once = ask_for_threads(count).is_ok();
        let mut workers = Vec::new();
        let mut starting = Vec::new();
        for _ in 0..count {
            if !all_at_once && ask_for_threads(1).is_err() {
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
        let mut state = match self.workers.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
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

/// How many threads the system counts in this process, where that can be known.
fn count_threads() -> Option<usize> {
    // The name of the program, in brackets, may hold anything; the 18th field behind it is meant.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(')')?.1;
    fields.split_ascii_whitespace().nth(17)?.parse().ok()
}

/// Waits until the system counts no more than so many threads: for some microseconds, it still counts
/// threads that have been joined, and so would Python, which warns of a fork with threads.
fn wait_for_threads(count: usize) {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        if count_threads().is_none_or(|now| now <= count) {
            break;
        }
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// The number of threads computations use.
#[must_use]
pub fn num_threads() -> usize {
    Pool::current().granted.load(Ordering::Relaxed)
}

/// Sets the number of threads computations use, [`MAX_THREADS`] at most; 0 means the default. They are
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

/// Ends the threads of the pool before this process forks, unless a call has them. The next call that is
/// worth it, once the fork is [over](forks::in_parent), starts as many again, in the parent and in the
/// child.
pub fn before_fork() {
    forks::announce();
    if let Some(pool) = POOL.load_full() {
        if pool.process == std::process::id() {
            pool.rest();
        }
    }
}

/// Whether the thread that asks is a worker.
#[must_use]
pub fn is_worker() -> bool {
    rayon::current_thread_index().is_some()
}

/// The workers, for one call.
pub struct PoolLease {
    pool: Arc<Pool>,
    workers: Vec<Worker>,
    most: usize,
}

impl std::fmt::Debug for PoolLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolLease")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl PoolLease {
    /// At most so many workers, woken; nothing if there are none, or another call has them.
    #[must_use]
    pub fn new(most: usize) -> Option<Self> {
        // Not even looked for where none is wanted.
        (most > 0).then(Pool::current)?.lease(most)
    }

    /// How many workers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.most
    }

    /// Calls `step` on this thread and, at the same time, on at most `most` workers, until it answers
    /// that nothing is left to do.
    pub fn share(&self, most: usize, step: &(impl Fn() -> bool + Sync)) {
        let workers = &self.workers[..most.min(self.most)];
        let _ = self.spread(&mut workers.iter().collect(), step);
    }

    /// A worker that is not ready yet may be later: it is looked for before each step. Returns how
    /// long the shortest of this thread's own steps took.
    fn spread(&self, workers: &mut Vec<&Worker>, step: &(impl Fn() -> bool + Sync)) -> Duration {
        let age = || nanoseconds(self.pool.made.elapsed());
        let mut shortest = Duration::MAX;
        let (worker, thread) = loop {
            let is_fit = |worker: &&Worker| !worker.backs_off(age) && worker.is_ready();
            if let Some(ready) = workers.iter().position(is_fit) {
                let worker = workers.swap_remove(ready);
                if let Some(thread) = worker.thread() {
                    break (worker, thread);
                }
            }
            for worker in workers.iter() {
                worker.wake();
            }
            let start = Instant::now();
            if !step() {
                return shortest;
            }
            shortest = shortest.min(start.elapsed());
        };
        let is_done = AtomicBool::new(false);
        thread.in_place_scope(|scope| {
            scope.spawn(|_| {
                // Also when a step panics.
                let _done = Done(&is_done);
                while step() {}
            });
            shortest = shortest.min(self.spread(workers, step));
            self.wait(worker, shortest, &is_done);
        });
        shortest
    }

    /// Waits for a worker; a step should take about as long as `one`.
    fn wait(&self, worker: &Worker, one: Duration, is_done: &AtomicBool) {
        let start = Instant::now();
        let mut spins = 0;
        while !is_done.load(Ordering::Acquire) {
            spins += 1;
            if spins < SPINS_BEFORE_YIELD {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        let patience = TOO_LONG.saturating_add(one.saturating_mul(STEPS));
        if spins >= SPINS_BEFORE_YIELD && start.elapsed() > patience {
            worker.back_off(nanoseconds(self.pool.made.elapsed()));
        }
        for _ in 0..CLOSING_SPINS {
            std::hint::spin_loop();
        }
    }
}

impl Drop for PoolLease {
    fn drop(&mut self) {
        *self.pool.lock() = Workers::Idle(std::mem::take(&mut self.workers));
    }
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::mpsc::channel;

    use super::*;

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
        while start.elapsed() < Duration::from_secs(20) {
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
        if let Some(thread) = lease.workers[0].thread() {
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
            let threads: Vec<_> = lease.workers.iter().map(Worker::witness).collect();
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
