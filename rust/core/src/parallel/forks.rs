//! Threads are not started while the process forks.
//!
//! A fork copies the memory of the process, and of its threads only the one that forks. Where another one
//! is starting a thread at that moment, the C library's lists of threads are copied half-changed: the GNU
//! library (2.36) then may free a stack twice in the child.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many threads are about to fork this process.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// How many are starting others.
static STARTS: AtomicUsize = AtomicUsize::new(0);

/// How long a fork waits for threads to be started: far longer than that takes. A child of a fork that was
/// not announced may wait so long for one that is not there.
const PATIENCE: Duration = Duration::from_millis(200);

/// Leave to start threads, as long as it is held.
#[derive(Debug)]
pub struct Start(());

impl Start {
    /// Leave to start threads; none while the process forks.
    #[must_use]
    pub fn begin() -> Option<Self> {
        // In one order for all threads: either the fork sees this start, or it is not begun.
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

/// Announces a fork: when this returns, no thread is being started, and none will be before it is
/// [over](in_parent).
pub fn announce() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let begin = Instant::now();
    while STARTS.load(Ordering::SeqCst) > 0 && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_micros(20));
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
