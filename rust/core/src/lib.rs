//! The arithmetic of kobai.
//!
//! A [`Network`](network::Network) is a list of layers over a batch of inputs. One forward pass
//! ([`forward`]) keeps what the others need; [`backprop`], [`direct`], [`incremental`] and [`node`]
//! read it. [`numerical`] chooses among the last three, which are three evaluations of the same
//! central difference and agree to rounding.
//!
//! ```text
//! numerical ──> direct, incremental, node     node ──> incremental
//!                  │         └────┬─────┘
//!                  │            shift            what one moved pre-activation does to a loss
//!                  │      change, scores         the same where scores move little, or one alone
//!                  └──────┬───────┘
//! backprop ──────────> forward ──> input ──> matmul (dense), rows and columns (zeros skipped)
//!                         └──────> loss, activation, network, matrix
//! ```
//!
//! [`train`] takes many steps in one call: by either gradient, each step as the others would take it, or
//! by backpropagation in [`halves`] of the first layer. [`gather`] fills its batches, [`tiles`] hold what
//! is not zero of them.
//!
//! What becomes of a gradient, written down or followed at once, is a [`goal`].
//! [`parallel`] cuts work into pieces; [`pool`] keeps the threads that share them ([`worker`]), [`thread_count`]
//! says how many, and [`forks`] when none may be started. [`demand`] bounds what memory a call takes, and [`workspace`] asks for it. [`simd`] compiles a kernel
//! for each level of vector instructions.
//!
//! Results never depend on the number of threads: work is cut by the sizes of the problem alone,
//! and every sum has one fixed order.

pub mod activation;
pub mod backprop;
pub mod bits;
pub mod cancel;
pub mod change;
pub mod class_sums;
pub mod coefficients;
pub mod columns;
pub mod demand;
pub mod difference;
pub mod direct;
pub mod error;
pub mod evaluate;
pub mod extent;
pub mod forks;
pub mod forward;
pub mod functions;
pub mod gather;
pub mod goal;
pub mod halves;
pub mod incoming;
pub mod incremental;
pub mod input;
pub mod loss;
pub mod matmul;
pub mod matrix;
pub mod network;
pub mod node;
pub mod nonzero;
pub mod numerical;
pub mod packed;
pub mod parallel;
pub mod plan;
pub mod polynomial;
pub mod pool;
pub mod rows;
pub mod scalar;
pub mod scores;
pub mod series;
pub mod sgd;
pub mod shift;
pub mod simd;
pub mod smoothness;
pub mod softmax;
pub mod sparse;
pub mod stream;
pub mod thread_count;
pub mod tiles;
pub mod totals;
pub mod train;
pub mod transposed;
pub mod vecmath;
pub mod vector;
pub mod worker;
pub mod workspace;
