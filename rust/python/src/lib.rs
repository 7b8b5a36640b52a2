//! `kobai._core`: the binding of [`kobai_core`] to Python.
//!
//! Every function extracts its arguments, validates the arrays, leaves Python, calls the core, and
//! maps its error. Nothing is computed here.

mod arrays;
mod attached;
mod differentiation;
mod failure;
mod functions;
mod held_rows;
mod inputs;
mod network_values;
mod networks;
mod optimizers;
mod threads;
mod training;

/// The compiled core of kobai.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::differentiation::{difference_noise, extrapolate_differences, judge_differences};
    #[pymodule_export]
    use crate::functions::{
        cross_entropy_error, cross_entropy_error_labels, mean_squared_error, relu, sigmoid, softmax,
    };
    #[pymodule_export]
    use crate::held_rows::HeldRowsObject;
    #[pymodule_export]
    use crate::networks::{
        network_correct, network_gradient, network_loss, network_numerical_gradient,
        network_outputs, network_scores,
    };

    #[pymodule_export]
    use crate::optimizers::descend;
    #[pymodule_export]
    use crate::threads::{
        after_fork_in_child, after_fork_in_parent, before_fork, close, num_threads,
        set_num_threads, thread_count_complaint,
    };
    #[pymodule_export]
    use crate::training::network_train;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::attached::start_process();
        module.add("MAX_THREADS", kobai_core::MAX_THREADS)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
