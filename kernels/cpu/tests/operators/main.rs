//! Every operator against a plain f64 reference, over edge shapes, for several numbers of threads.
#![allow(clippy::indexing_slicing)]

mod adamw;
mod attention;
mod common;
mod decode;
mod embed;
mod head;
mod linear;
mod rows;
