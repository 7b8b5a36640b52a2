//! A flag by which the caller stops a long computation from another thread, or a look outside that the
//! computation takes itself.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Shared between the thread that waits and those that compute.
#[derive(Default)]
pub struct Cancel<'p> {
    is_raised: AtomicBool,
    /// Whether to stop, asked between pieces of work.
    poll: Option<&'p (dyn Fn() -> bool + Sync)>,
}

impl<'p> Cancel<'p> {
    /// A flag that is down.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that is down until `poll`, which is called between pieces of work, answers true.
    #[must_use]
    pub fn polling(poll: &'p (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            is_raised: AtomicBool::new(false),
            poll: Some(poll),
        }
    }

    /// Asks every computation that holds this flag to stop soon.
    pub fn cancel(&self) {
        self.is_raised.store(true, Ordering::Relaxed);
    }

    /// Called between pieces of work.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once [`cancel`](Self::cancel) was called.
    pub fn check(&self) -> Result<(), Error> {
        if self.poll.is_some_and(|poll| poll()) {
            self.cancel();
        }
        if self.is_raised.load(Ordering::Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

impl std::fmt::Debug for Cancel<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel")
            .field("is_raised", &self.is_raised)
            .finish_non_exhaustive()
    }
}
