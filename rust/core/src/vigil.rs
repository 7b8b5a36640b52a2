//! Threads of a pool kept awake between the small pieces of a long computation.
//!
//! A thread of the pool that finds no work for some microseconds goes to sleep, and waking it costs
//! more than a piece of a training step takes. [`awake`] gives each of the others a watch: a job
//! that does nothing but look for pieces to help with, until the computation ends.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::parallel::Threads;

/// How long the computation waits for the others to take up their watches. One that comes later
/// finds its watch called off: were the computing thread to take up a watch itself, while it waits
/// for another to finish a piece, it would watch for its own end.
const MUSTER: Duration = Duration::from_micros(200);

/// More threads than this find nothing to help with in steps that are short.
const MOST_WATCHES: usize = 3;

/// How many times in a row a watch finds nothing before it lets other processes have the core.
const PATIENCE: u32 = 2_000;

const POSTED: u8 = 0;
const TAKEN: u8 = 1;
const CALLED_OFF: u8 = 2;

/// Runs `compute`; with all threads of a pool, this one computes while the others look out for
/// pieces of it.
pub fn awake<R: Send>(threads: Threads, compute: impl FnOnce() -> R + Send) -> R {
    match threads {
        Threads::One => compute(),
        Threads::All => vigil(compute),
    }
}

fn vigil<R: Send>(compute: impl FnOnce() -> R + Send) -> R {
    let others = rayon::current_num_threads().saturating_sub(1);
    let others = others.min(MOST_WATCHES);
    let watches: Vec<AtomicU8> = (0..others).map(|_| AtomicU8::new(POSTED)).collect();
    let over = AtomicBool::new(false);
    rayon::in_place_scope(|scope| {
        // Also when `compute` panics: the scope waits for the watches to end.
        let _end = End(&over);
        for watch in &watches {
            scope.spawn(|_| keep(watch, &over));
        }
        muster(&watches);
        compute()
    })
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Waits for all watches to be taken up, and calls off those that are not in time.
fn muster(watches: &[AtomicU8]) {
    let start = Instant::now();
    let is_posted = |watch: &AtomicU8| watch.load(Ordering::Acquire) == POSTED;
    while watches.iter().any(is_posted) && start.elapsed() < MUSTER {
        std::hint::spin_loop();
    }
    for watch in watches {
        // Failing means that it was taken up at the last moment: as good.
        let _ = watch.compare_exchange(POSTED, CALLED_OFF, Ordering::AcqRel, Ordering::Acquire);
    }
}

fn keep(watch: &AtomicU8, over: &AtomicBool) {
    let taken = watch.compare_exchange(POSTED, TAKEN, Ordering::AcqRel, Ordering::Acquire);
    if taken.is_err() {
        return;
    }
    let mut idle = 0;
    while !over.load(Ordering::Acquire) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            idle = 0;
        } else if idle < PATIENCE {
            idle += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
