//! What keeps a fork safe: no thread is started while the process forks, and those that have ended are gone.
//!
//! A fork copies the memory of the process, and of its threads only the one that forks. If another thread is
//! starting a third one at that moment, the child gets the C library's lists of threads half-changed: the GNU
//! library (2.36) may then free a stack twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Who is about to fork a process, and who starts threads in it.
#[derive(Debug, Default)]
struct Gate {
    /// How many threads are about to fork the process.
    forks: AtomicUsize,
    /// How many threads are starting others.
    starts: AtomicUsize,
}

/// That of this process.
static GATE: Gate = Gate {
    forks: AtomicUsize::new(0),
    starts: AtomicUsize::new(0),
};

/// How long a fork waits for threads to be started: far longer than starting them takes. In the child of a
/// fork that was not announced, the count may include a thread that is not there; its own fork then waits
/// this long in vain.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// How long a wait sleeps before it looks again.
const POLL_INTERVAL: Duration = Duration::from_micros(20);

/// The permission to start threads, for as long as it is held.
#[derive(Debug)]
pub struct Start<'g>(&'g Gate);

impl Start<'static> {
    /// The permission; none while the process forks.
    #[must_use]
    pub fn begin() -> Option<Self> {
        GATE.begin_start()
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.0.starts.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn begin_start(&self) -> Option<Start<'_>> {
        // Sequentially consistent: either the fork sees this start, or this start sees the fork.
        self.starts.fetch_add(1, Ordering::SeqCst);
        let start = Start(self);
        (self.forks.load(Ordering::SeqCst) == 0).then_some(start)
    }

    fn announce(&self) {
        self.forks.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        while self.starts.load(Ordering::SeqCst) > 0 && begin.elapsed() < MAX_WAIT {
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn fork_is_over(&self) {
        self.forks.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Announces a fork: when this returns, no thread is being started, and none will be before the fork is
/// [over](in_parent).
pub fn announce() {
    GATE.announce();
}

/// The fork that was announced is over, or has failed.
pub fn in_parent() {
    GATE.fork_is_over();
}

/// This process is the child of the fork that was announced: nobody else is in it.
pub fn in_child() {
    GATE.forks.store(0, Ordering::SeqCst);
    GATE.starts.store(0, Ordering::SeqCst);
}

/// How many threads the system counts in this process, where that can be known.
#[must_use]
pub fn count_threads() -> Option<usize> {
    // The name of the program, in brackets, may hold anything: the 18th field behind it is the count.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(')')?.1;
    fields.split_ascii_whitespace().nth(17)?.parse().ok()
}

/// Waits until the system counts at most so many threads. It still counts threads for some microseconds
/// after they have been joined; so would Python, which warns of a fork with threads.
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
        // A gate of its own: at that of the process, other tests start threads.
        let gate = Gate::default();
        let start = gate.begin_start().expect("no fork");
        let is_announced = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.announce();
                is_announced.store(true, Ordering::SeqCst);
            });
            while gate.forks.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert!(gate.begin_start().is_none());
            assert!(!is_announced.load(Ordering::SeqCst));
            drop(start);
        });
        assert!(gate.begin_start().is_none());
        gate.announce();
        gate.fork_is_over();
        assert!(gate.begin_start().is_none(), "another fork is under way");
        gate.fork_is_over();
        assert!(gate.begin_start().is_some());
    }
}
