//! Targets in units of their own spread.

use apd_bnn::Data;
use apd_data::{Examples, Targets};
use apd_uncertainty::NumberPredictive;
use ndarray::Axis;
use serde::{Deserialize, Serialize};

/// y = mean + sd·y′ with y′ of mean 0 and variance 1 over the training rows; one of each for every column of the targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Scaling {
    /// That of these targets; `None` for classes.
    pub fn of(targets: &Targets) -> Option<Self> {
        let Targets::Numbers { values, .. } = targets else { return None };
        let mean = values.mean_axis(Axis(0))?.to_vec();
        // Constant targets have no spread to be measured in.
        let sd = values.std_axis(Axis(0), 0.0).iter().map(|&sd| if sd > 0.0 { sd } else { 1.0 }).collect();
        Some(Self { mean, sd })
    }

    /// Whether it can be undone, for so many columns.
    pub(crate) fn is_valid(&self, columns: usize) -> bool {
        let Self { mean, sd } = self;
        let finite = mean.iter().chain(sd).all(|x| x.is_finite());
        mean.len() == columns && sd.len() == columns && finite && sd.iter().all(|&sd| sd > 0.0)
    }

    /// Mean and deviation of the first column.
    pub(crate) fn first(&self) -> (f64, f64) {
        (self.mean[0], self.sd[0])
    }

    /// Predictions of y′ as predictions of y.
    pub fn undo(&self, predictive: NumberPredictive) -> NumberPredictive {
        predictive.affine(&self.sd, &self.mean)
    }

    /// Examples as a potential takes them: in these units, or in their own where there are none.
    pub fn data(scaling: Option<&Self>, examples: &Examples) -> Data {
        match &examples.targets {
            Targets::Classes { labels, .. } => Data::classes(examples.inputs.clone(), labels.as_slice()),
            Targets::Numbers { values, .. } => {
                let mut values = values.clone();
                if let Some(Self { mean, sd }) = scaling {
                    for (column, mut values) in values.columns_mut().into_iter().enumerate() {
                        values.mapv_inplace(|y| (y - mean[column]) / sd[column]);
                    }
                }
                Data::values(examples.inputs.clone(), values.mapv(|y| y as f32))
            }
        }
    }
}
