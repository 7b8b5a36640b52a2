//! `kobai._threads`: the threads of the core, before a fork, after it and at the end.

use pyo3::prelude::*;

use crate::attached::{self, Attached};

/// The number of threads computations use.
#[pyfunction]
pub fn num_threads() -> usize {
    kobai_core::num_threads()
}

/// Sets the number of threads computations use; 0 means the default.
#[pyfunction]
#[pyo3(signature = (threads, /))]
pub fn set_num_threads(py: Python<'_>, threads: usize) -> PyResult<()> {
    // Those there were are waited for.
    Attached::enter(py)?.detached(|| {
        kobai_core::set_num_threads(threads);
        Ok(())
    })
}

/// What is wrong with the environment's number of threads, if anything is.
#[pyfunction]
pub fn thread_count_complaint() -> Option<String> {
    kobai_core::thread_count_complaint()
}

/// Ends the core's threads before this process forks, unless another thread computes with them; they start
/// again when needed.
#[pyfunction]
pub fn before_fork() {
    kobai_core::before_fork();
}

/// The fork is over.
#[pyfunction]
pub fn after_fork_in_parent() {
    kobai_core::forked_in_parent();
}

/// The fork is over, and the threads of the parent are not here.
#[pyfunction]
pub fn after_fork_in_child() {
    kobai_core::forked_in_child();
    attached::start_process();
}

/// Lets no thread but this one come back to Python from now on: the interpreter is about to finalize.
#[pyfunction]
pub fn close(py: Python<'_>) {
    attached::close(py);
}
