//! The workers of one call, and how they share its steps.
//!
//! A thread that sleeps takes longer to wake than a piece of a gradient takes to compute. So a worker, once
//! woken, polls for work until there has been none for [`SPIN_TIME`](crate::parallel::tuning::SPIN_TIME),
//! and offers its core to other processes as soon as it has found nothing for some microseconds. Steps are
//! shared only with workers that are seen to poll: the calling thread does not wait for one that sleeps, or
//! has lost its core to another process. It does wait for one that loses its core in the middle of a step,
//! and then gives it no work for a while ([`MIN_BACKOFF`](crate::parallel::tuning::MIN_BACKOFF)).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::parallel::pool::Pool;
use crate::parallel::tuning::{CLOSING_SPINS, SPINS_BEFORE_YIELD, STALL_STEPS, STALL_TIME};
use crate::parallel::worker::Worker;

/// The workers of the pool, for one call.
pub struct PoolLease {
    pool: Arc<Pool>,
    workers: Vec<Worker>,
    size: usize,
}

impl std::fmt::Debug for PoolLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolLease")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl PoolLease {
    /// A lease of all `workers` of `pool`, of which the first `max_workers` are used. Those that may compute
    /// now are woken.
    #[must_use]
    pub fn of(pool: Arc<Pool>, workers: Vec<Worker>, max_workers: usize) -> Self {
        let size = max_workers.min(workers.len());
        let first = &workers[..size.min(pool.free_workers())];
        first.iter().for_each(Worker::wake);
        Self {
            pool,
            workers,
            size,
        }
    }

    /// How many workers are used.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Calls `step` again and again, on this thread and on at most `max_workers` workers at the same time,
    /// until it answers that nothing is left to do.
    pub fn share(&self, max_workers: usize, step: &(impl Fn() -> bool + Sync)) {
        let max_workers = max_workers.min(self.pool.free_workers());
        let workers = &self.workers[..max_workers.min(self.size)];
        let _ = self.share_with(&mut workers.iter().collect(), step);
    }

    /// Shares the steps with `workers`, and returns how long the shortest of this thread's own steps took.
    /// A worker that is not ready yet may become so: this thread looks for one before each of its steps,
    /// hands it the steps, and goes on with the others.
    fn share_with(
        &self,
        workers: &mut Vec<&Worker>,
        step: &(impl Fn() -> bool + Sync),
    ) -> Duration {
        let mut shortest = Duration::MAX;
        let (worker, thread) = loop {
            if let Some(ready) = self.take_ready(workers) {
                break ready;
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
                // Dropped also when a step panics.
                let _done = SetOnDrop(&is_done);
                while step() {}
            });
            shortest = shortest.min(self.share_with(workers, step));
            self.wait_for(worker, shortest, &is_done);
        });
        shortest
    }

    /// Takes a worker that is ready out of `workers`; if there is none, wakes all of them.
    fn take_ready<'w>(
        &self,
        workers: &mut Vec<&'w Worker>,
    ) -> Option<(&'w Worker, &'w rayon::ThreadPool)> {
        let age = || self.pool.age();
        let is_fit = |worker: &&Worker| !worker.backs_off(age) && worker.is_ready();
        if let Some(ready) = workers.iter().position(is_fit) {
            let worker = workers.swap_remove(ready);
            if let Some(thread) = worker.thread() {
                return Some((worker, thread));
            }
        }
        for worker in workers.iter() {
            worker.wake();
        }
        None
    }

    /// Waits until `worker` has taken its last step, which should take about as long as `shortest_step`. A
    /// worker that takes far longer has lost its core: it backs off.
    fn wait_for(&self, worker: &Worker, shortest_step: Duration, is_done: &AtomicBool) {
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
        let expected = STALL_TIME.saturating_add(shortest_step.saturating_mul(STALL_STEPS));
        if spins >= SPINS_BEFORE_YIELD && start.elapsed() > expected {
            worker.back_off(self.pool.age());
        }
        for _ in 0..CLOSING_SPINS {
            std::hint::spin_loop();
        }
    }
}

impl Drop for PoolLease {
    fn drop(&mut self) {
        self.pool.take_back(std::mem::take(&mut self.workers));
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
impl PoolLease {
    /// All workers of the pool.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }
}
