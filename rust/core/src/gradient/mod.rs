//! What all gradients share: where they go, the product that gives those of weights, and backpropagation.

pub(crate) mod backprop;
pub(crate) mod prepared;
pub(crate) mod sink;
pub(crate) mod updates;
pub(crate) mod weight_product;
