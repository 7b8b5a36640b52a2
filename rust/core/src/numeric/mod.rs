//! Numbers, registers and dense arithmetic. Knows no network and no thread.

pub(crate) mod matmul;
pub(crate) mod matrix;
pub(crate) mod reduce;
pub(crate) mod scalar;
pub(crate) mod simd;
pub(crate) mod softmax;
pub(crate) mod vecmath;
pub(crate) mod vector;
