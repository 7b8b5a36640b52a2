//! A flag by which the caller stops a long computation from another thread.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Shared between the thread that waits and those that compute.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// A flag that is down.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every computation that holds this flag to stop soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Called between pieces of work.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once [`cancel`](Self::cancel) was called.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}
