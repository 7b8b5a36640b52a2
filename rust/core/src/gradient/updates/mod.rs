//! Optimizers: how parameters change along a gradient, a file each.

pub(crate) mod sgd;
