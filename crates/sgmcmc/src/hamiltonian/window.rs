//! What a window of the warm-up has seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ChainError;
use crate::adaptation::Variances;
use crate::phase_space::Point;
use crate::sampler::length;

/// The moments of a window's draws and of their gradients, and the last of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    pub(super) positions: Variances,
    pub(super) gradients: Variances,
    /// θ and ∇U of the last draws, for their directions.
    pub(super) recent: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Window {
    pub(super) fn new(dim: usize) -> Self {
        Self { positions: Variances::new(dim), gradients: Variances::new(dim), recent: VecDeque::new() }
    }

    /// Takes in a draw; for directions, those that `rank` directions need are kept.
    pub(super) fn add(&mut self, point: &Point, rank: usize) {
        self.positions.add(&point.position);
        self.gradients.add(&point.gradient);
        if rank > 0 {
            if self.recent.len() == 400 + 4 * rank {
                self.recent.pop_front();
            }
            self.recent.push_back((point.position.clone(), point.gradient.clone()));
        }
    }

    pub(super) fn clear(&mut self) {
        self.positions.clear();
        self.gradients.clear();
        self.recent.clear();
    }

    /// **Errors**: a saved one that is not one of `dim` coordinates.
    pub(super) fn validate(&self, dim: usize) -> Result<(), ChainError> {
        for (name, values) in [("positions", &self.positions), ("gradients", &self.gradients)] {
            length(name, &values.mean, dim)?;
            length(name, &values.squares, dim)?;
        }
        for (position, gradient) in &self.recent {
            length("recent positions", position, dim)?;
            length("recent gradients", gradient, dim)?;
        }
        Ok(())
    }
}
