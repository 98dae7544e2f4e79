//! Neural networks as pure functions of one flat parameter vector
