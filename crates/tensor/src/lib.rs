//! A small CPU tensor engine with reverse-mode autodiff closed under differentiation
