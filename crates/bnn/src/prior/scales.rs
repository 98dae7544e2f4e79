use std::ops::Range;

use apd_points::{Entry, Layout};

use super::Prior;
use crate::likelihood::LogScalePrior;

/// The scales of layers, ψ = (ln σ₁, …, ln σ_L), for a prior that describes weights in units of them.
///
/// −ln p(θ, ψ) = Σ_l [−ln p(w_l/σ_l) + d_l·ψ_l] − ln p(ψ), with the d_l weights w_l of a layer: the density of σ·u is that of u over σ. The prior
/// of ψ is one of ψ itself, so that there is no Jacobian.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    prior: LogScalePrior,
    /// Where each layer lies in θ.
    layers: Vec<Range<usize>>,
    layout: Layout,
    /// 1/σ, and θ in units of σ.
    rates: Vec<f32>,
    standardized: Vec<f32>,
    /// ∂(−ln p(θ, ψ))/∂ψ as far as it is known.
    slopes: Vec<f64>,
}

impl Scales {
    /// Those of the layers of `weights`: a layer is what is called alike up to the last dot, as `layers.0.weight` and `layers.0.bias`.
    pub(crate) fn new(prior: LogScalePrior, weights: &Layout) -> Self {
        let layer =
            |entry: &Entry| entry.name.rsplit_once('.').map_or(entry.name.clone(), |(layer, _)| layer.to_owned());
        let (mut names, mut layers) = (Vec::new(), Vec::<Range<usize>>::new());
        for entry in &weights.entries {
            match layers.last_mut() {
                Some(range) if names.last() == Some(&layer(entry)) => range.end = entry.range().end,
                _ => {
                    names.push(layer(entry));
                    layers.push(entry.range());
                }
            }
        }
        let layout = Layout::new(names.into_iter().map(|name| (format!("prior.{name}.log_scale"), vec![])));
        Self { prior, layers, layout, rates: Vec::new(), standardized: Vec::new(), slopes: Vec::new() }
    }

    /// Where each scale lies in ψ.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where a chain starts.
    pub(crate) fn initialize(&self) -> Vec<f32> {
        vec![self.prior.mean as f32; self.layers.len()]
    }

    /// Which scale is that of a parameter.
    pub(crate) fn of(&self, parameter: &Entry) -> usize {
        self.layers.partition_point(|layer| layer.end <= parameter.offset)
    }

    /// −ln p of one scale, and its derivative by ψ.
    pub(crate) fn nlp(&self, psi: f64) -> (f64, f64) {
        let z = (psi - self.prior.mean) / self.prior.sd;
        (0.5 * z * z, z / self.prior.sd)
    }

    /// Takes a position; returns the part of −ln p(θ, ψ) that ψ alone says: −ln p(ψ) + Σ_l d_l·ψ_l.
    pub(crate) fn begin(&mut self, theta: &[f32], psi: &[f32]) -> f64 {
        self.rates.clear();
        self.standardized.clear();
        self.slopes.clear();
        let mut nlp = 0.0;
        for (layer, &psi) in self.layers.iter().zip(psi) {
            let ((value, slope), count) = (self.nlp(psi.into()), layer.len() as f64);
            let rate = (-psi).exp();
            nlp += value + count * f64::from(psi);
            self.rates.push(rate);
            self.slopes.push(slope + count);
            self.standardized.extend(theta[layer.clone()].iter().map(|&weight| rate * weight));
        }
        nlp
    }

    /// As [`Prior::write_gradient`], of the position that [`begin`](Self::begin) took.
    pub(crate) fn write_gradient(
        &mut self,
        prior: &dyn Prior,
        layout: &Layout,
        range: Range<usize>,
        gradient: &mut [f32],
    ) -> f64 {
        let nlp = prior.write_gradient(layout, range.clone(), &self.standardized[range.clone()], gradient);
        let first = self.layers.partition_point(|layer| layer.end <= range.start);
        let end = self.layers.partition_point(|layer| layer.start < range.end);
        for l in first..end {
            let (from, to) = (self.layers[l].start.max(range.start), self.layers[l].end.min(range.end));
            let slopes = &mut gradient[from - range.start..to - range.start];
            for (weight, slope) in self.standardized[from..to].iter().zip(slopes) {
                self.slopes[l] -= f64::from(*weight) * f64::from(*slope);
                *slope *= self.rates[l];
            }
        }
        nlp
    }

    /// ∂(−ln p(θ, ψ))/∂ψ, when the gradient of all of θ has been written.
    pub(crate) fn slopes(&self) -> &[f64] {
        &self.slopes
    }
}
