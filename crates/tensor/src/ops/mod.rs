//! The operations: each one's value and gradient rule side by side, the rule written in the same operations.

mod cholesky;
mod custom;
mod elementwise;
mod gamma;
mod image;
mod linear;
mod operators;
mod reduce;
mod select;
mod shape;
mod softmax;
