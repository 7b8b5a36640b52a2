//! The core held against definitions, against itself, and against its stated bounds.

mod any_network;
mod certificates;
mod closed_forms;
mod complex;
mod draw;
mod evaluators;
mod lists;
mod products;
mod rounding;
mod search;
mod steps;
mod vecmath;
