//! What can be wrong with a call, in words a user of the Python package can act on.

/// The error of every fallible function of the core.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An argument has the wrong shape or a meaningless value.
    #[error("{argument} must {wanted}, got {got}")]
    Value {
        /// The argument's name in the public interface.
        argument: String,
        /// What it must do or be.
        wanted: String,
        /// What came.
        got: String,
    },
    /// The system does not grant the memory a call needs.
    #[error("not enough memory: about {bytes} bytes are needed")]
    Memory {
        /// How much.
        bytes: usize,
    },
    /// The computation was cancelled by its caller.
    #[error("the computation was interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Value`].
    pub fn value(
        argument: impl Into<String>,
        wanted: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::Value {
            argument: argument.into(),
            wanted: wanted.into(),
            got: got.into(),
        }
    }
}
