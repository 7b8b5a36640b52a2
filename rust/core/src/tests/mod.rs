//! The core held against definitions, against itself, and against its stated bounds.

mod draw;
mod evaluators;
mod products;
mod rounding;
mod search;
mod steps;
mod vecmath;
