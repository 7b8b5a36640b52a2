//! The arithmetic of kobai. Knows nothing of Python.
//!
//! A room (a file or folder here) uses only itself and rooms above it in this list:
//!
//! ```text
//! error               the one error type
//! numeric             numbers, registers, dense arithmetic: knows no network and no thread
//! differentiation     derivatives of any function from its values
//! parallel            threads, the stop flag, and what a call may keep
//! sparse              what is not zero of a batch, and the products that skip the rest
//! network             what a network is, activations, losses, and one pass through it
//! functions           the course's losses over plain arrays
//! gradient            where a gradient goes, backpropagation, the steps of optimizers
//! finite_difference   one quotient, three evaluators: direct, incremental, node
//! api                 the questions one asks a network: sizes checked, memory asked for, threads chosen
//! training            many steps in one call
//! ```
//!
//! All modules are private: what the binding uses is named below, and the compiler reports what nobody
//! calls. `tests/test_rooms.py` holds the order.
//!
//! Results never depend on the number of threads: work is cut by the sizes of the problem alone, and
//! every sum has one fixed order.

mod api;
mod differentiation;
mod error;
mod finite_difference;
mod functions;
mod gradient;
mod network;
mod numeric;
mod parallel;
mod sparse;
#[cfg(test)]
mod tests;
mod training;

pub use api::held_rows::HeldRows;
pub use api::{correct, gradient, loss, numerical_gradient, outputs, scores};
pub use differentiation::noise::{along_a_line, Noise};
pub use differentiation::second::{extrapolate, Limits};
pub use differentiation::{judge_all, Answers, Verdicts, MAX_NEW_STEPS};
pub use error::Error;
pub use finite_difference::{CentralDifference, Method};
pub use functions::{cross_entropy_error, cross_entropy_error_labels, mean_squared_error};
pub use gradient::updates::{step_all, Sgd, StepMut, Update};
pub use network::activations::Activation;
pub use network::input::BatchRows;
pub use network::losses::{Loss, SoftmaxCrossEntropy, Targets};
pub use network::parameters::{LayerParts, Parameters, ParametersMut, PerLayer};
pub use network::{Layer, Network};
pub use numeric::matrix::{Matrix, MatrixRef};
pub use numeric::scalar::Scalar;
pub use numeric::softmax::softmax;
pub use parallel::forks::{in_child as forked_in_child, in_parent as forked_in_parent};
pub use parallel::memory::ensure_memory;
pub use parallel::pool::{before_fork, num_threads, set_num_threads};
pub use parallel::thread_count::{complaint as thread_count_complaint, MAX_THREADS};
pub use sparse::csr::CsrRef;
pub use sparse::rows::RowsRef;
pub use training::minibatch::Dataset;
pub use training::{train, Batches, Gradient, OptimizerSteps, Trained};
