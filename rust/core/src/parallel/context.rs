//! What a computation is given besides its numbers.

use crate::parallel::cancel::Cancel;
use crate::parallel::Threads;

/// Who computes, who may end it, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The threads that share the work.
    pub threads: Threads<'a>,
    /// Whether nobody waits for the result any more.
    pub cancel: &'a Cancel<'a>,
    /// How many multiplications may be spent on what cannot be foreseen from the sizes alone.
    pub max_flops: usize,
}
