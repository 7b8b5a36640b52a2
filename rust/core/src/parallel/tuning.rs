//! Every threshold that decides what is worth its cost, and what it was measured with.
//!
//! None of them changes a result, but for those that say so: each only chooses between ways to compute the
//! same bits. Constants of accuracy stand where they are used, with the bound that they keep.
//!
//! Times are of an AMD EPYC (AVX-512, 2 cores), ratios medians of two builds in turn. The constants of
//! threads, from [`MIN_SHARED_FLOPS`] to [`CLOSING_SPINS`], were chosen with both cores free; no record of
//! those measurements is left. Before you change one, measure rows of two threads with `make bench` on a
//! machine that does nothing else.

use std::time::Duration;

/// A computation, or a piece of one, of fewer multiplications than this (2 to 10 microseconds) is not
/// shared with another thread. With a worker that polls, sharing costs about one microsecond; where other
/// processes want the second core, about twenty.
pub const MIN_SHARED_FLOPS: usize = 1 << 18;

/// From this many multiplications on (4 to 40 milliseconds), the calling thread watches for interrupts
/// while other threads compute. A thread has to be started for that.
pub const MIN_WATCHED_FLOPS: usize = 1 << 29;

/// How often a watching thread asks whether to stop.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// For so long after calls of several threads at the same time, each of them keeps its core: what a thread
/// does in Python between two calls takes a core, too. Two fits of scikit-learn's searches in threads of one
/// process are tens of milliseconds of Python apart.
pub const CALL_INTERVAL: Duration = Duration::from_millis(100);

/// How long a worker polls for work before it sleeps: longer than Python takes from one call to the next.
pub const SPIN_TIME: Duration = Duration::from_millis(1);

/// How many times in a row a thread finds nothing to do before it offers its core to other processes: 45
/// microseconds.
pub const SPINS_BEFORE_YIELD: u32 = 2_000;

/// How many times a worker that has begun to offer its core polls between two offers: 0.7 microseconds. An
/// offer that nobody takes costs 0.5.
pub const POLLS_PER_YIELD: u32 = 32;

/// How many times a worker is looked at before it counts as absent: 2.3 microseconds, longer than it takes
/// to offer its core to others and get it back.
pub const READY_POLLS: u32 = 100;

/// A worker has lost its core if the thread that waits for its last step waits longer than this ...
pub const STALL_TIME: Duration = Duration::from_millis(1);

/// ... and longer than this many of its own shortest steps. (The waiting thread may have lost its own core
/// for a while, but not in its shortest step.)
pub const STALL_STEPS: u32 = 4;

/// How long a worker that has lost its core in the middle of a step gets no work, the first time: about a
/// time slice of the system.
pub const MIN_BACKOFF: Duration = Duration::from_millis(5);

/// The same, at most: each time is twice as long as the last if the worker loses its core again soon, as it
/// does where other processes want it.
pub const MAX_BACKOFF: Duration = Duration::from_millis(100);

/// How long the calling thread spins after a worker's last step, until the worker has closed the scope of the
/// shared work, too: otherwise the calling thread would have to sleep, and be woken.
pub const CLOSING_SPINS: u32 = 16;

/// A batch of fewer rows than this is one block, and one of more at least two. The order of sums depends on
/// it.
pub const MIN_SPLIT_ROWS: usize = 16;

/// A workspace or buffer of at most so many numbers stays allocated for the next call. Chosen for memory, not
/// speed: 8 MiB of double precision for each kind of workspace.
pub const MAX_KEPT_NUMBERS: usize = 1 << 20;

/// The system's allocator is made to keep blocks of up to this many bytes when they are given back.
///
/// Measured with 17 kinds of calls, one thread: without it the loss of 1,000 samples takes 1.06 of its time,
/// a node gradient 1.02, gradients of 50 to 1,000 units 1.00 to 1.02, all others as long.
pub const KEPT_BLOCK_BYTES: usize = 1 << 22;

/// How often, on average, a row of the dense factor must be used for copying it into an aligned block to pay.
///
/// Measured with gradients and predictions of 784-50-10, batches of 100, single precision, one thread, time
/// with copies / without: 0.76 (AVX2: 0.79) where 5 % of the inputs are not zero, so that each row is used
/// 2.5 times, 0.96 to 1.00 (0.93) for 2 %, 1.02 to 1.11 (1.00) for 1 %, 1.2 for a single sample of 10 %.
/// Without any copies, a gradient of MNIST's density takes 1.22 (1.04) of its time, one of 300 units 1.35
/// (1.18), a node gradient 1.15 (1.02).
pub const MIN_USES_TO_PACK: usize = 1;

/// While the non-zero elements of a row are gathered, the row that follows so many rows later is
/// prefetched: the rows of a mini-batch lie anywhere in a data set that no cache holds.
///
/// Measured with the steps of a training on MNIST (60,000 rows, 784-50-10, batches of 100, drawn), time
/// without prefetching / with it: one thread, backpropagation in single precision 1.28 (AVX2: 1.23), node
/// 1.18 (1.19); two threads 1.16 and 1.12. Against four rows, into the first-level cache: two rows 1.04, eight
/// 1.02, four into the second-level cache 1.01.
/// Single gradients do not feel it: 0.98 to 1.01.
pub const PREFETCH_ROWS: usize = 4;

/// Rows that come by their elements are kept as lists, not in tiles, if they have at most so many elements for
/// each tile that a row would have.
///
/// Measured with fits of 15,000 rows x 10,000 columns, 50 elements a row, 100 units, double precision, one
/// thread, time with lists / in tiles: L-BFGS 0.5, steps of 200 rows 0.7 to 0.8, of 32 rows 0.85 to 0.95.
/// To prefetch the rows of the dense factor that are added 2, 4 or 8 terms later gains nothing.
pub const MAX_LISTED_PER_TILE: usize = 1;
