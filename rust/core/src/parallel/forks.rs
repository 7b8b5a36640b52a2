//! What keeps a fork safe: no thread is started while the process forks, and those that have ended are gone.
//!
//! A fork copies the memory of the process, and of its threads only the one that forks. If another thread is
//! starting a third one at that moment, the child gets the C library's lists of threads half-changed: the GNU
//! library (2.36) may then free a stack twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many threads are about to fork this process.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// How many threads are starting others.
static STARTS: AtomicUsize = AtomicUsize::new(0);

/// How long a fork waits for threads to be started: far longer than starting them takes. In the child of a fork that
/// was not announced, the count may include a thread that is not there; its own fork then waits this long in vain.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// How long a wait sleeps before it looks again.
const POLL_INTERVAL: Duration = Duration::from_micros(20);

/// The permission to start threads, for as long as it is held.
#[derive(Debug)]
pub struct Start(());

impl Start {
    /// The permission; none while the process forks.
    #[must_use]
    pub fn begin() -> Option<Self> {
        // Sequentially consistent: either the fork sees this start, or this start sees the fork.
        STARTS.fetch_add(1, Ordering::SeqCst);
        let start = Self(());
        (FORKS.load(Ordering::SeqCst) == 0).then_some(start)
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        STARTS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Announces a fork: when this returns, no thread is being started, and none will be before the fork is
/// [over](in_parent).
pub fn announce() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let begin = Instant::now();
    while STARTS.load(Ordering::SeqCst) > 0 && begin.elapsed() < MAX_WAIT {
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// The fork that was announced is over, or has failed.
pub fn in_parent() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

/// This process is the child of the fork that was announced: nobody else is in it.
pub fn in_child() {
    FORKS.store(0, Ordering::SeqCst);
    STARTS.store(0, Ordering::SeqCst);
}

/// How many threads the system counts in this process, where that can be known.
#[must_use]
pub fn count_threads() -> Option<usize> {
    // The name of the program, in brackets, may hold anything: the 18th field behind it is the count.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(')')?.1;
    fields.split_ascii_whitespace().nth(17)?.parse().ok()
}

/// Waits until the system counts at most so many threads. It still counts threads for some microseconds after they
/// have been joined; so would Python, which warns of a fork with threads.
pub fn wait_for_threads(count: usize) {
    const TRIES: u32 = 100;
    for _ in 0..TRIES {
        if count_threads().is_none_or(|now| now <= count) {
            break;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn nothing_starts_during_a_fork_and_a_fork_waits_for_what_has_started() {
        // One test, as the counts are the process's.
        let start = Start::begin().expect("no fork");
        let is_announced = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                announce();
                is_announced.store(true, Ordering::SeqCst);
            });
            while FORKS.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert!(Start::begin().is_none());
            assert!(!is_announced.load(Ordering::SeqCst));
            drop(start);
        });
        assert!(Start::begin().is_none());
        announce();
        in_parent();
        assert!(Start::begin().is_none(), "another fork is under way");
        in_parent();
        assert!(Start::begin().is_some());
    }
}
