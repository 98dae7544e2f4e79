//! Settings of quality against the number of networks.

use serde::{Deserialize, Serialize};

use crate::config::{Config, Profile};
use crate::error::Result;
use crate::settings::positive;

/// Quality against the number of networks that are averaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CurvesConfig {
    /// Numbers of networks, from few to many.
    pub networks: Vec<usize>,
    /// Independent draws of each.
    pub draws: usize,
}

impl CurvesConfig {
    pub(crate) fn new(config: &Config) -> Self {
        let quick = config.profile == Profile::Quick;
        if quick && config.net.is_convolutional() {
            return Self { networks: vec![1, 2, 5, 10, 20], draws: 1 };
        }
        Self { networks: vec![1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], draws: if quick { 1 } else { 3 } }
    }

    pub(crate) fn check(&self) -> Result<()> {
        positive("curves.draws", self.draws as f64)?;
        self.networks.iter().try_for_each(|&networks| positive("curves.networks", networks as f64))
    }
}
