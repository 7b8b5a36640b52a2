//! One thread of the [`pool`](crate::parallel::pool): how it starts, polls for work, and ends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::parallel::products;

/// How long a worker polls for work before it sleeps.
const SPIN_TIME: Duration = Duration::from_millis(1);

/// How many times in a row a thread finds nothing to do before it offers its core to other processes.
pub const SPINS_BEFORE_YIELD: u32 = 2_000;

/// How many times a worker is looked at before it counts as absent: for longer than it takes to offer
/// its core to others and get it back.
const READY_POLLS: u32 = 100;

/// How many times a worker that has begun to offer its core polls between two such offers.
const POLLS_PER_YIELD: u32 = 32;

/// How long a worker that has lost its core with work in hand is given no more, at least and at most: twice
/// as long as the last time if it loses its core again soon, as it does where other processes want it.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// One thread and what is known of it.
#[derive(Debug)]
pub struct Worker {
    /// A pool of this one thread: what it is handed goes to no other.
    thread: Option<rayon::ThreadPool>,
    handle: Option<JoinHandle<()>>,
    pulse: Arc<Pulse>,
    /// Until when it is given no work, in nanoseconds since the pool was made, and how long that was.
    backoff_until: AtomicU64,
    backoff: AtomicU64,
    process: u32,
}

/// On cache lines of its own, as both sides write to it.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Pulse {
    /// Whether the worker spins.
    spins: AtomicBool,
    /// Grows while it does.
    polls: AtomicU64,
    /// Whether it is to end.
    is_ending: AtomicBool,
}

/// A thread that has been started.
#[derive(Debug)]
pub struct Starting {
    worker: Worker,
    answer: Receiver<bool>,
}

impl Starting {
    /// The worker, once it can compute; nothing if it cannot.
    #[must_use]
    pub fn ready(self) -> Option<Worker> {
        let is_ready = self.answer.recv().unwrap_or(false);
        is_ready.then_some(self.worker)
    }
}

impl Worker {
    /// A new thread; nothing if the system grants none.
    #[must_use]
    pub fn start() -> Option<Starting> {
        let (is_ready, answer) = channel();
        let mut handle = None;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
        let pool = pool.spawn_handler(|thread| {
            let is_ready = is_ready.clone();
            let run = move || {
                // What a thread takes of the system, it takes before the work: what is asked for then
                // is still there when it is needed.
                let _ = is_ready.send(products::prepare_thread().is_ok());
                thread.run();
            };
            handle = Some(std::thread::Builder::new().spawn(run)?);
            Ok(())
        });
        let worker = Self {
            thread: Some(pool.build().ok()?),
            handle,
            pulse: Arc::default(),
            backoff_until: AtomicU64::new(0),
            backoff: AtomicU64::new(0),
            process: std::process::id(),
        };
        Some(Starting { worker, answer })
    }

    /// Makes the worker poll for work, unless it does.
    pub fn wake(&self) {
        if let Some(thread) = &self.thread {
            if !self.pulse.spins.swap(true, Ordering::AcqRel) {
                let pulse = Arc::clone(&self.pulse);
                thread.spawn(move || pulse.spin_until_idle());
            }
        }
    }

    /// What hands work to the thread, unless it has been asked to end.
    #[must_use]
    pub fn thread(&self) -> Option<&rayon::ThreadPool> {
        self.thread.as_ref()
    }

    /// Whether the worker is polling for work at this moment.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if !self.pulse.spins.load(Ordering::Acquire) {
            return false;
        }
        let polls = || self.pulse.polls.load(Ordering::Relaxed);
        let before = polls();
        (0..READY_POLLS).any(|_| {
            std::hint::spin_loop();
            polls() != before
        })
    }

    /// Whether the worker is to be left alone; `age` is that of the pool, in nanoseconds.
    #[must_use]
    pub fn backs_off(&self, age: impl Fn() -> u64) -> bool {
        let until = self.backoff_until.load(Ordering::Relaxed);
        until > 0 && age() < until
    }

    /// Leaves the worker alone from now on, for a while.
    pub fn back_off(&self, age: u64) {
        let [least, most] = [BACKOFF.0, BACKOFF.1].map(nanoseconds);
        let (until, last) = (&self.backoff_until, self.backoff.load(Ordering::Relaxed));
        let again = age < until.load(Ordering::Relaxed).saturating_add(2 * last);
        let backoff = if again { (2 * last).min(most) } else { least };
        self.backoff.store(backoff, Ordering::Relaxed);
        until.store(age.saturating_add(backoff), Ordering::Relaxed);
    }

    /// Asks the thread to end, without waiting for it.
    pub fn end(&mut self) {
        self.pulse.is_ending.store(true, Ordering::Relaxed);
        if self.process == std::process::id() {
            drop(self.thread.take());
        } else {
            // The thread has not survived the fork, and a lock it held at that moment never opens.
            std::mem::forget(self.thread.take());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
        if let Some(handle) = self.handle.take() {
            if self.process == std::process::id() {
                // It fails if the thread has panicked, which ends it as well.
                let _ = handle.join();
            }
        }
    }
}

impl Pulse {
    fn spin_until_idle(&self) {
        let mut idle = 0;
        let mut since = Instant::now();
        while !self.is_ending.load(Ordering::Relaxed) {
            self.polls.fetch_add(1, Ordering::Relaxed);
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                idle = 0;
                since = Instant::now();
            } else if idle < SPINS_BEFORE_YIELD {
                idle += 1;
                std::hint::spin_loop();
            } else if since.elapsed() < SPIN_TIME {
                std::thread::yield_now();
                idle -= POLLS_PER_YIELD;
            } else {
                break;
            }
        }
        self.spins.store(false, Ordering::Release);
    }
}

/// Nanoseconds, as far as they can be counted.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Worker {
        /// What is alive as long as the thread may poll.
        pub fn witness(&self) -> std::sync::Weak<impl Sized> {
            Arc::downgrade(&self.pulse)
        }
    }

    #[test]
    fn a_worker_that_loses_its_core_is_left_alone_for_longer_each_time() {
        let worker = Worker::start().and_then(Starting::ready);
        let worker = worker.expect("a thread");
        let [least, most] = [BACKOFF.0, BACKOFF.1].map(nanoseconds);
        let mut age = 1;
        for k in 0..10 {
            worker.back_off(age);
            let backoff = (least << k).min(most);
            assert!(worker.backs_off(|| age + backoff - 1));
            assert!(!worker.backs_off(|| age + backoff));
            age += backoff;
        }
        age += 10 * most;
        worker.back_off(age);
        assert!(!worker.backs_off(|| age + least));
    }
}
