//! One thread of the [`pool`](crate::parallel::pool): how it starts, polls for work, and ends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::parallel::matmul_memory;
use crate::parallel::tuning::{
    MAX_BACKOFF, MIN_BACKOFF, POLLS_PER_YIELD, READY_POLLS, SPINS_BEFORE_YIELD, SPIN_TIME,
};

/// Whether the calling thread is a worker.
#[must_use]
pub fn is_worker() -> bool {
    rayon::current_thread_index().is_some()
}

/// One thread, and what is known of it.
#[derive(Debug)]
pub struct Worker {
    /// A pool of this one thread: what is spawned on it runs on no other.
    thread: Option<rayon::ThreadPool>,
    handle: Option<JoinHandle<()>>,
    pulse: Arc<Pulse>,
    /// Until when it gets no work, in nanoseconds since the pool was made.
    backoff_until: AtomicU64,
    /// How long it got none the last time, in nanoseconds.
    backoff: AtomicU64,
    process: u32,
}

/// How others see what the thread does. On cache lines of its own, as both sides write to it.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Pulse {
    /// Whether the worker polls for work.
    is_polling: AtomicBool,
    /// How often it has polled.
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
                // What a thread takes of the system, it takes now: the memory that a call asks for is then
                // still there when the call needs it.
                let _ = is_ready.send(matmul_memory::prepare_thread().is_ok());
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

    /// Makes the worker poll for work, unless it already does.
    pub fn wake(&self) {
        if let Some(thread) = &self.thread {
            if !self.pulse.is_polling.swap(true, Ordering::AcqRel) {
                let pulse = Arc::clone(&self.pulse);
                thread.spawn(move || pulse.spin_until_idle());
            }
        }
    }

    /// Where to spawn work for the thread; nothing once it has been asked to end.
    #[must_use]
    pub fn thread(&self) -> Option<&rayon::ThreadPool> {
        self.thread.as_ref()
    }

    /// Whether the worker is polling for work at this moment.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if !self.pulse.is_polling.load(Ordering::Acquire) {
            return false;
        }
        let polls = || self.pulse.polls.load(Ordering::Relaxed);
        let before = polls();
        (0..READY_POLLS).any(|_| {
            std::hint::spin_loop();
            polls() != before
        })
    }

    /// Whether the worker gets no work for now; `age` is that of the pool, in nanoseconds.
    #[must_use]
    pub fn backs_off(&self, age: impl Fn() -> u64) -> bool {
        let until = self.backoff_until.load(Ordering::Relaxed);
        until > 0 && age() < until
    }

    /// Gives the worker no work from now on, for a while: twice as long as the last time if that was recent.
    pub fn back_off(&self, age: u64) {
        let [min, max] = [MIN_BACKOFF, MAX_BACKOFF].map(nanoseconds);
        let (until, last) = (&self.backoff_until, self.backoff.load(Ordering::Relaxed));
        let again = age < until.load(Ordering::Relaxed).saturating_add(2 * last);
        let backoff = if again { (2 * last).min(max) } else { min };
        self.backoff.store(backoff, Ordering::Relaxed);
        until.store(age.saturating_add(backoff), Ordering::Relaxed);
    }

    /// Asks the thread to end, without waiting for it.
    pub fn end(&mut self) {
        self.pulse.is_ending.store(true, Ordering::Relaxed);
        if self.process == std::process::id() {
            drop(self.thread.take());
        } else {
            // The fork has not copied the thread, and a lock that it held at that moment stays locked.
            std::mem::forget(self.thread.take());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
        if let Some(handle) = self.handle.take() {
            if self.process == std::process::id() {
                // An error means that the thread has panicked, which ends it as well.
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
        self.is_polling.store(false, Ordering::Release);
    }
}

/// The duration in nanoseconds, or the largest number if there are more.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Worker {
        /// A reference that is dead once the thread can no longer poll.
        pub fn witness(&self) -> std::sync::Weak<impl Sized> {
            Arc::downgrade(&self.pulse)
        }
    }

    #[test]
    fn a_worker_that_loses_its_core_is_left_alone_for_longer_each_time() {
        let worker = Worker::start().and_then(Starting::ready);
        let worker = worker.expect("a thread");
        let [min, max] = [MIN_BACKOFF, MAX_BACKOFF].map(nanoseconds);
        let mut age = 1;
        for k in 0..10 {
            worker.back_off(age);
            let backoff = (min << k).min(max);
            assert!(worker.backs_off(|| age + backoff - 1));
            assert!(!worker.backs_off(|| age + backoff));
            age += backoff;
        }
        age += 10 * max;
        worker.back_off(age);
        assert!(!worker.backs_off(|| age + min));
    }
}
