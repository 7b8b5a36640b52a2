//! A flag that stops a long computation: another thread raises it, or the computation asks between its
//! pieces whether to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// Shared by the thread that waits and the threads that compute.
#[derive(Default)]
pub struct Cancel<'p> {
    is_raised: AtomicBool,
    /// Called between pieces of work; answers whether to stop.
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

    /// A computation calls this between pieces of its work.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the flag has been raised.
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
