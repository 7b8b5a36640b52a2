//! Threads that help with short pieces of work.
//!
//! A thread that sleeps takes longer to wake than a piece of a gradient takes to compute. So every
//! helper, once woken, keeps a watch: it looks for work until there has been none for a while
//! ([`LINGER`]), and lets other processes have its core as soon as it has found nothing for some
//! microseconds. Work is shared only with helpers whose watch is seen to go on: one that sleeps, or
//! has lost its core to another process, is not waited for. One that loses its core with a piece of
//! work in hand is, and then left alone for a while ([`REST`]).
//!
//! One call has all helpers, until it ends; another at the same time does without.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

/// How long a helper looks for work before it sleeps.
const LINGER: Duration = Duration::from_millis(1);

/// How many times in a row a thread finds nothing to do before it lets other processes have the core.
const PATIENCE: u32 = 2_000;

/// How many times a helper is looked at before it counts as absent: for longer than it takes to offer
/// its core to others and get it back.
const GLANCES: u32 = 100;

/// How many times a helper that has lost its patience looks for work between two such offers.
const LOOKS: u32 = 32;

/// Waiting longer than this, and than [`STEPS`] of the waiting thread's own, means that the helper has
/// lost its core: it had one step to finish. (The waiting thread may have lost its own for a while, but
/// not in its shortest step.)
const TOO_LONG: Duration = Duration::from_millis(1);
const STEPS: u32 = 4;

/// How long such a helper is given no work: twice as long as the last time if it loses its core again
/// soon, as it does where other processes want it.
const REST: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How long the one that has shared work waits, once it is done, for the scope of that work to be
/// closed by the helper, too: it would have to sleep otherwise, and be woken.
const CLOSING_SPINS: u32 = 16;

/// One thread and what is known of it.
struct Helper {
    /// A pool of one thread: what it is handed goes to no other.
    thread: rayon::ThreadPool,
    watch: Arc<Watch>,
    /// Until when it is given no work, in nanoseconds since the crew was formed, and how long that was.
    rests_until: AtomicU64,
    rest: AtomicU64,
}

/// Apart from everything else, as both sides write to it.
#[repr(align(128))]
#[derive(Default)]
struct Watch {
    /// Whether there is one.
    goes_on: AtomicBool,
    /// Grows while the helper looks for work.
    pulse: AtomicU64,
}

impl Helper {
    fn new() -> Option<Self> {
        let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        Some(Self {
            thread: thread.ok()?,
            watch: Arc::default(),
            rests_until: AtomicU64::new(0),
            rest: AtomicU64::new(0),
        })
    }

    fn wake(&self) {
        if !self.watch.goes_on.swap(true, Ordering::AcqRel) {
            let watch = Arc::clone(&self.watch);
            self.thread.spawn(move || watch.keep());
        }
    }

    /// Whether the helper is looking for work at this moment.
    fn is_ready(&self) -> bool {
        if !self.watch.goes_on.load(Ordering::Acquire) {
            return false;
        }
        let pulse = || self.watch.pulse.load(Ordering::Relaxed);
        let before = pulse();
        (0..GLANCES).any(|_| {
            std::hint::spin_loop();
            pulse() != before
        })
    }

    /// Whether the helper is to be left alone; `age` is that of the crew.
    fn rests(&self, age: impl Fn() -> u64) -> bool {
        let until = self.rests_until.load(Ordering::Relaxed);
        until > 0 && age() < until
    }

    /// Leaves the helper alone from now on, for a while.
    fn leave(&self, age: u64) {
        let [least, most] = [REST.0, REST.1].map(nanoseconds);
        let (until, last) = (&self.rests_until, self.rest.load(Ordering::Relaxed));
        let again = age < until.load(Ordering::Relaxed).saturating_add(2 * last);
        let rest = if again { (2 * last).min(most) } else { least };
        self.rest.store(rest, Ordering::Relaxed);
        until.store(age.saturating_add(rest), Ordering::Relaxed);
    }
}

impl Watch {
    fn keep(&self) {
        let mut idle = 0;
        let mut since = Instant::now();
        loop {
            self.pulse.fetch_add(1, Ordering::Relaxed);
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                idle = 0;
                since = Instant::now();
            } else if idle < PATIENCE {
                idle += 1;
                std::hint::spin_loop();
            } else if since.elapsed() < LINGER {
                std::thread::yield_now();
                idle -= LOOKS;
            } else {
                break;
            }
        }
        self.goes_on.store(false, Ordering::Release);
    }
}

/// All threads there are besides the calling ones. They belong to the process that started them:
/// threads do not survive a fork.
struct Crew {
    process: u32,
    formed: Instant,
    helpers: Vec<Helper>,
    is_taken: AtomicBool,
}

/// Not behind a lock: one that another thread holds at the moment of a fork stays locked for ever
/// in the child.
static CREW: ArcSwapOption<Crew> = ArcSwapOption::const_empty();

impl Crew {
    /// Of as many helpers as make `threads` with the calling thread, or as the system grants.
    fn of(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            process: std::process::id(),
            formed: Instant::now(),
            helpers: (1..threads).map_while(|_| Helper::new()).collect(),
            is_taken: AtomicBool::new(false),
        })
    }

    fn current() -> Arc<Self> {
        loop {
            match CREW.load_full() {
                Some(crew) if crew.process == std::process::id() => return crew,
                stale => {
                    let inherited = stale.as_ref().map(|crew| crew.helpers.len() + 1);
                    let fresh = Self::of(inherited.unwrap_or_else(default_threads));
                    // Where another thread was first, its crew stays, and is taken next time round.
                    drop(CREW.compare_and_swap(&stale, Some(fresh)));
                    // The parent's crew is never dropped in a child: its threads are not there.
                    std::mem::forget(stale);
                }
            }
        }
    }
}

/// The number set by the environment, else the number of cores.
fn default_threads() -> usize {
    std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|&threads| threads > 0)
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
}

/// The number of threads computations use.
#[must_use]
pub fn num_threads() -> usize {
    Crew::current().helpers.len() + 1
}

/// Sets the number of threads computations use; 0 means the default.
pub fn set_num_threads(threads: usize) {
    let fresh = Crew::of(if threads == 0 {
        default_threads()
    } else {
        threads
    });
    if let Some(old) = CREW.swap(Some(fresh)) {
        if old.process != std::process::id() {
            std::mem::forget(old);
        }
    }
}

/// Whether the thread that asks is a helper.
#[must_use]
pub fn is_helper() -> bool {
    rayon::current_thread_index().is_some()
}

/// The helpers, for one call.
pub struct Team {
    crew: Arc<Crew>,
    most: usize,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Team {
    /// At most so many helpers, woken; nothing if there are none, or another call has them.
    #[must_use]
    pub fn call(most: usize) -> Option<Self> {
        let crew = Crew::current();
        if crew.helpers.is_empty() || most == 0 || crew.is_taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        let most = most.min(crew.helpers.len());
        crew.helpers[..most].iter().for_each(Helper::wake);
        Some(Self { crew, most })
    }

    /// How many helpers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.most
    }

    /// Calls `step` on this thread and, at the same time, on at most `most` helpers, until it answers
    /// that nothing is left to do.
    pub fn share(&self, most: usize, step: &(impl Fn() -> bool + Sync)) {
        let helpers = &self.crew.helpers[..most.min(self.most)];
        let _ = self.spread(&mut helpers.iter().collect(), step);
    }

    /// A helper that is not there yet may come later: it is looked for before each step. Returns how
    /// long the shortest of this thread's own steps took.
    fn spread(&self, helpers: &mut Vec<&Helper>, step: &(impl Fn() -> bool + Sync)) -> Duration {
        let age = || nanoseconds(self.crew.formed.elapsed());
        let mut shortest = Duration::MAX;
        let helper = loop {
            let is_fit = |helper: &&Helper| !helper.rests(age) && helper.is_ready();
            if let Some(ready) = helpers.iter().position(is_fit) {
                break helpers.swap_remove(ready);
            }
            for helper in helpers.iter() {
                helper.wake();
            }
            let start = Instant::now();
            if !step() {
                return shortest;
            }
            shortest = shortest.min(start.elapsed());
        };
        let is_done = AtomicBool::new(false);
        helper.thread.in_place_scope(|scope| {
            scope.spawn(|_| {
                // Also when a step panics.
                let _done = Done(&is_done);
                while step() {}
            });
            shortest = shortest.min(self.spread(helpers, step));
            self.wait(helper, shortest, &is_done);
        });
        shortest
    }

    /// Waits for a helper; a step should take about as long as `one`.
    fn wait(&self, helper: &Helper, one: Duration, is_done: &AtomicBool) {
        let start = Instant::now();
        let mut spins = 0;
        while !is_done.load(Ordering::Acquire) {
            spins += 1;
            if spins < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        if spins >= PATIENCE && start.elapsed() > TOO_LONG.saturating_add(one.saturating_mul(STEPS))
        {
            helper.leave(nanoseconds(self.crew.formed.elapsed()));
        }
        for _ in 0..CLOSING_SPINS {
            std::hint::spin_loop();
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.crew.is_taken.store(false, Ordering::Release);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
