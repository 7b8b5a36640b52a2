//! `kobai._core`: the binding of [`kobai_core`] to Python.
//!
//! Every function extracts its arguments, validates the arrays, leaves Python, calls the core, and
//! maps its error. Nothing is computed here.

mod arrays;
mod failure;
mod functions;
mod networks;
mod optimizers;
mod training;

/// The compiled core of kobai.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::functions::{
        cross_entropy_error, cross_entropy_error_labels, mean_squared_error, relu, sigmoid, softmax,
    };
    #[pymodule_export]
    use crate::networks::{
        network_correct, network_gradient, network_loss, network_numerical_gradient,
        network_probabilities, network_scores,
    };

    #[pymodule_export]
    use crate::optimizers::descend;
    #[pymodule_export]
    use crate::training::network_train;

    /// The number of threads computations use.
    ///
    /// Examples
    /// --------
    /// >>> import kobai
    /// >>> kobai.num_threads() >= 1
    /// True
    #[pyfunction]
    fn num_threads(py: Python<'_>) -> usize {
        py.detach(kobai_core::team::num_threads)
    }

    /// Sets the number of threads computations use; 0 means the default.
    ///
    /// Examples
    /// --------
    /// >>> import kobai
    /// >>> kobai.set_num_threads(1)
    /// >>> kobai.num_threads()
    /// 1
    /// >>> kobai.set_num_threads(0)
    #[pyfunction]
    #[pyo3(signature = (threads, /))]
    fn set_num_threads(py: Python<'_>, threads: usize) {
        py.detach(|| kobai_core::team::set_num_threads(threads));
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
