//! Who is attached to the interpreter inside a function of this binding, and what becomes of such threads
//! at its end.
//!
//! Before 3.14, Python ends a thread that wants to attach once the interpreter finalizes, wherever it
//! stands: a daemon thread, most often. In the midst of Rust code that ends the process. So the last
//! thing that happens before is [`close`]: from then on threads wait here for the end of the process,
//! before they attach or call into Python again, and those that have begun to are waited for.

use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, Ordering};
use std::sync::OnceLock;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use kobai_core::{ensure_memory, Error};
use pyo3::exceptions::PyRuntimeError;
use pyo3::{PyResult, Python};

use crate::failure::Failure;

/// How many threads are inside and attached, or about to attach.
static INSIDE: AtomicIsize = AtomicIsize::new(0);

/// The process whose threads these are: a fork leaves the others behind.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Whether threads are to wait for the end of the process, all but the one that brings it about.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);
static FINALIZING: OnceLock<ThreadId> = OnceLock::new();

/// How long [`close`] waits for the threads that are inside: a copy of the largest array takes less.
const PATIENCE: Duration = Duration::from_secs(10);

/// The calling thread, counted as being inside.
pub struct Attached<'py>(Python<'py>);

impl<'py> Attached<'py> {
    /// Enters: the first thing that a function which is called from Python does.
    pub fn enter(py: Python<'py>) -> PyResult<Self> {
        if !begin() {
            py.detach(wait_for_the_end);
        }
        let own = Self(py);
        // For all that is too small to be asked for: Rust ends the process where it cannot have it.
        ensure_memory(0).map_err(Failure)?;
        Ok(own)
    }

    /// The interpreter.
    pub fn py(&self) -> Python<'py> {
        self.0
    }

    /// Leaves Python, computes, comes back and maps the error: one call, so that no site forgets any.
    pub fn detached<R: Send>(
        &self,
        compute: impl FnOnce() -> Result<R, Error> + Send,
    ) -> PyResult<R> {
        let result = self.0.detach(|| {
            end();
            let result = catch_unwind(AssertUnwindSafe(compute));
            if !begin() {
                wait_for_the_end();
            }
            result
        });
        match result {
            Ok(result) => result.map_err(|error| Failure(error).into()),
            Err(panic) => Err(PyRuntimeError::new_err(format!(
                "this is a fault of kobai's, please report it: {}",
                message_of(&*panic)
            ))),
        }
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        end();
    }
}

/// Calls `look` with the interpreter, for a moment, in a thread that has left it.
pub fn look_inside<R: Send>(look: impl FnOnce(Python<'_>) -> R + Send) -> Option<R> {
    if !begin() {
        wait_for_the_end();
    }
    let result = catch_unwind(AssertUnwindSafe(|| Python::try_attach(look)));
    end();
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Whether this thread may go on; it is counted then.
fn begin() -> bool {
    // In one order for all threads: either `close` sees the count, or this thread sees that it is closed.
    INSIDE.fetch_add(1, Ordering::SeqCst);
    if !IS_CLOSED.load(Ordering::SeqCst) || FINALIZING.get() == Some(&std::thread::current().id()) {
        return true;
    }
    end();
    false
}

fn end() {
    INSIDE.fetch_sub(1, Ordering::SeqCst);
}

fn wait_for_the_end() {
    loop {
        std::thread::park();
    }
}

/// Closes: to be called by the thread that finalizes the interpreter, before it begins to.
pub fn close(py: Python<'_>) {
    let _ = FINALIZING.set(std::thread::current().id());
    IS_CLOSED.store(true, Ordering::SeqCst);
    if PROCESS.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    py.detach(|| {
        let start = Instant::now();
        while INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_micros(50));
        }
    });
}

/// Forgets threads of another process: to be called when the module is made and after a fork.
pub fn start_process() {
    PROCESS.store(std::process::id(), Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let message = owned.or_else(|| panic.downcast_ref::<&str>().copied());
    message.unwrap_or("no message")
}
