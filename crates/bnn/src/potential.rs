//! The posterior as a potential.

use std::ops::Range;
use std::sync::Arc;

use apd_nn::{Accumulate, Batch, Engine, GradientTarget, Model, TensorLayout as _, Threads};
use apd_points::Layout;
use apd_seed::Seed;
use apd_sgmcmc::{Minibatch, Potential, PotentialError};
use apd_tensor::{Tensor, grad};
use ndarray::{ArrayViewMut2, Axis};

use crate::data::{Data, Gathered};
use crate::error::ModelError;
use crate::likelihood::{Likelihood, tensors};
use crate::prior::{Prior, Scales};

/// U(θ, φ, ψ) = −Σₙ log p(yₙ|f(xₙ, θ), φ) − log p(θ|ψ) − log p(φ) − log p(ψ), the potential of a Bayesian neural network.
///
/// The position is θ, the network's parameters, followed by φ, the likelihood's own, and ψ, the logarithms of the layers' scales, if there are
/// any (see [`layout`](Self::layout)). A minibatch of B of the N observations estimates it, and its gradient, without bias:
///
/// Û = −(N/B)·Σ_batch log p(yₙ|f(xₙ, θ), φ) − log p(θ|ψ) − log p(φ) − log p(ψ).
///
/// **Units**: nats at full-data scale. Terms that do not depend on the position are left out.
///
/// **Batch normalization** divides by the statistics of the minibatch: log p(yₙ|xₙ, θ) then depends on the other examples too, U is no
/// sum over the data, and minibatches estimate it with a bias. The value and gradient "on the full data" are then those of
/// the data cut into minibatches of [`rows_per_pass`](Model::rows_per_pass). The prior is on the normalization's weights and biases as well;
/// its buffers are no part of the position, see [`Model::calibrate`].
///
/// The gradient is allocation-free after the first call (with the engines, likelihoods and priors of these crates, but for parameters φ), runs
/// on the calling thread (chains have a thread each) unless
/// [`with_threads`](Self::with_threads) says otherwise, and its bits do not depend on the number of threads.
///
/// Reference: Welling & Teh, *Bayesian Learning via Stochastic Gradient Langevin Dynamics*, ICML 2011, equation (4).
#[derive(Clone, Debug)]
pub struct NetworkPotential {
    model: Box<dyn Model>,
    data: Data,
    likelihood: Arc<dyn Likelihood>,
    prior: Arc<dyn Prior>,
    engine: Box<dyn Engine>,
    dropout: Option<Seed>,
    minibatch: Gathered,
    /// Where θ's parameters lie, and φ's among themselves.
    layout: Layout,
    phi_layout: Layout,
    phi_gradient: Vec<f64>,
    /// ψ, if the prior has scales to learn.
    scales: Option<Scales>,
}

impl NetworkPotential {
    /// The posterior of `model`'s weights under these data.
    ///
    /// **Errors**: everything that does not fit, see [`ModelError`].
    pub fn new(
        model: &dyn Model,
        data: Data,
        likelihood: Arc<dyn Likelihood>,
        prior: Arc<dyn Prior>,
    ) -> Result<Self, ModelError> {
        check(model, &data, &*likelihood)?;
        prior.check()?;
        let layout = model.layout();
        Ok(Self {
            engine: model.engine(Threads::Serial),
            scales: prior.log_scale().map(|log_scale| Scales::new(log_scale, &layout)),
            layout,
            phi_layout: likelihood.layout(),
            model: model.clone_model(),
            data,
            likelihood,
            prior,
            dropout: None,
            minibatch: Gathered::default(),
            phi_gradient: Vec::new(),
        })
    }

    /// Where the gradient's matrix products run; by default on the calling thread.
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.engine = self.model.engine(threads);
        self
    }

    /// Applies the network's dropout, for training toward MC-dropout.
    ///
    /// The masks are a function of `seed`, position and minibatch, not of the calls before: an estimate can be repeated, a
    /// summary may be printed in between, and a resumed chain needs to know nothing of dropout. Masks change as long as the
    /// position or the minibatch does.
    pub fn with_dropout(mut self, seed: Seed) -> Self {
        self.dropout = Some(seed);
        self
    }

    /// The network whose weights are sampled.
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// How observations arise from the network's outputs.
    pub fn likelihood(&self) -> &dyn Likelihood {
        &*self.likelihood
    }

    /// Where each number lies in a position: the network's parameters, then the likelihood's, then the prior's.
    pub fn layout(&self) -> Layout {
        let of_prior = self.scales.as_ref().map(Scales::layout);
        let entries = [&self.layout, &self.phi_layout].into_iter().chain(of_prior).flat_map(|part| &part.entries);
        Layout::new(entries.map(|entry| (entry.name.clone(), entry.shape.clone())))
    }

    /// The first elements of a position, which predictions need: the network's parameters and the likelihood's.
    pub fn predictive_dim(&self) -> usize {
        self.layout.len() + self.phi_layout.len()
    }

    /// A starting position: that of the network, that of the likelihood, and that of the prior.
    pub fn initialize(&self, seed: Seed) -> Vec<f32> {
        let mut position = self.model.initialize(seed);
        position.extend(self.likelihood.initialize());
        position.extend(self.scales.iter().flat_map(Scales::initialize));
        position
    }

    /// (Û, ∇Û) in double precision by automatic differentiation of the definition: slow, general, and what the fused
    /// gradient is tested against. Dropout is left out; batch normalization sees all rows of the full data at once.
    ///
    /// **Panics** as [`gradient`](Potential::gradient).
    #[track_caller]
    pub fn reference_gradient(&self, position: &[f32], minibatch: Minibatch<'_>) -> (f64, Vec<f64>) {
        let n = self.data.len();
        let rows: Vec<u32> = minibatch.indices(n).map(|row| row as u32).collect();
        let mut gathered = Gathered::default();
        let (x, targets) = gathered.gather(&self.data, &rows);
        let (theta, rest) = position.split_at(self.layout.len());
        let (phi, psi) = rest.split_at(self.phi_layout.len());
        let psi: Vec<f64> = psi.iter().copied().map(f64::from).collect();
        let weights: Vec<f64> = theta.iter().copied().map(f64::from).collect();
        let params: Vec<Tensor<f64>> = self.layout.tensors(&weights).into_iter().map(Tensor::into_variable).collect();
        let phi = tensors(&self.phi_layout, phi);
        let outputs = self.model.forward64(&params, &Tensor::constant(x.mapv(f64::from).into_dyn()), None);
        let nll = self.likelihood.nll(&phi, &outputs, targets).scale(n as f64 / rows.len() as f64);
        let energy = nll.add(&self.likelihood.nlp(&phi));
        let gradients = grad(&energy, &params.iter().chain(&phi).collect::<Vec<_>>());
        let (of_params, of_phi) = gradients.split_at(params.len());
        let mut gradient = self.layout.flatten(of_params);
        let (mut nlp, mut of_psi) = (0.0, vec![0.0; psi.len()]);
        for entry in &self.layout.entries {
            let scale = self.scales.as_ref().map(|scales| scales.of(entry));
            let log_sigma = scale.map_or(0.0, |scale| psi[scale]);
            for (gradient, &weight) in gradient[entry.range()].iter_mut().zip(&weights[entry.range()]) {
                let standardized = weight / log_sigma.exp();
                let (value, slope) = self.prior.nlp(entry, standardized);
                nlp += value + log_sigma;
                *gradient += slope / log_sigma.exp();
                if let Some(scale) = scale {
                    of_psi[scale] += 1.0 - standardized * slope;
                }
            }
        }
        if let Some(scales) = &self.scales {
            for (&psi, gradient) in psi.iter().zip(&mut of_psi) {
                let (value, slope) = scales.nlp(psi);
                nlp += value;
                *gradient += slope;
            }
        }
        gradient.extend(self.phi_layout.flatten(of_phi));
        gradient.extend(of_psi);
        (energy.item() + nlp, gradient)
    }
}

/// Whether these data can be explained.
fn check(model: &dyn Model, data: &Data, likelihood: &dyn Likelihood) -> Result<(), ModelError> {
    model.check()?;
    let (n, targets) = (data.len(), data.targets.rows());
    if n == 0 {
        return Err(ModelError::Empty);
    }
    if u32::try_from(n).is_err() {
        return Err(ModelError::TooMany(n));
    }
    if data.inputs.ncols() != model.inputs() {
        return Err(ModelError::Inputs { expected: model.inputs(), found: data.inputs.ncols() });
    }
    if targets.len() != n {
        return Err(ModelError::Rows { inputs: n, targets: targets.len() });
    }
    likelihood.check(model.outputs(), targets)?;
    match data.inputs.rows().into_iter().position(|row| row.iter().any(|x| !x.is_finite())) {
        Some(index) => Err(ModelError::NotFinite { part: "inputs", index }),
        None => Ok(()),
    }
}

impl Potential for NetworkPotential {
    fn dim(&self) -> usize {
        self.predictive_dim() + self.scales.as_ref().map_or(0, |scales| scales.layout().len())
    }

    fn num_data(&self) -> usize {
        self.data.len()
    }

    /// **Panics** if the lengths are not [`dim`](Potential::dim), or the minibatch is empty or names rows that are not there.
    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let dim = self.dim();
        assert!(
            position.len() == dim && gradient.len() == dim,
            "position has {}, gradient {} of {dim} elements",
            position.len(),
            gradient.len()
        );
        let n = self.data.len();
        let mut stream = self.dropout.map(|seed| seed.index(fingerprint(position, minibatch)).stream());
        let Self { model, engine, data, likelihood, prior, layout, phi_layout, phi_gradient, scales, .. } = self;
        let (theta, rest) = position.split_at(layout.len());
        let (phi, psi) = rest.split_at(phi_layout.len());
        let (gradient, rest) = gradient.split_at_mut(layout.len());
        let (gradient_of_phi, gradient_of_psi) = rest.split_at_mut(phi.len());
        phi_gradient.clear();
        phi_gradient.resize(phi.len(), 0.0);
        let nlp = scales.as_mut().map_or(0.0, |scales| scales.begin(theta, psi));
        let mut target = OntoPrior { scale: 1.0, prior: &**prior, layout, theta, scales: scales.as_mut(), nlp };
        let nll = match minibatch {
            Minibatch::Full => {
                let mut nll = 0.0;
                target.initialize(0..theta.len(), gradient);
                let block = model.rows_per_pass();
                for start in (0..n).step_by(block) {
                    let rows = start..(start + block).min(n);
                    let batch =
                        Batch { x: data.inputs.slice_axis(Axis(0), rows.clone().into()), dropout: stream.as_mut() };
                    let targets = data.targets.rows().slice(rows);
                    let mut loss = |f: ArrayViewMut2<'_, f32>| likelihood.add_nll(phi, f, targets, phi_gradient);
                    nll += engine.gradient(theta, batch, &mut loss, &mut Accumulate::add(1.0), gradient);
                }
                nll
            }
            Minibatch::Indices(indices) => {
                assert!(!indices.is_empty(), "a minibatch needs at least one observation");
                target.scale = n as f64 / indices.len() as f64;
                let (x, targets) = self.minibatch.gather(data, indices);
                let batch = Batch { x, dropout: stream.as_mut() };
                let mut loss = |f: ArrayViewMut2<'_, f32>| likelihood.add_nll(phi, f, targets, phi_gradient);
                engine.gradient(theta, batch, &mut loss, &mut target, gradient)
            }
        };
        let OntoPrior { scale, nlp, .. } = target;
        let energy = scale * nll + nlp;
        if let Some(scales) = scales {
            gradient_of_psi.iter_mut().zip(scales.slopes()).for_each(|(out, &slope)| *out = slope as f32);
        }
        if phi.is_empty() {
            return Ok(energy);
        }
        let phi = tensors(phi_layout, phi);
        let nlp = likelihood.nlp(&phi);
        let slopes = phi_layout.flatten(&grad(&nlp, &phi.iter().collect::<Vec<_>>()));
        for ((out, &of_data), of_prior) in gradient_of_phi.iter_mut().zip(&*phi_gradient).zip(slopes) {
            *out = (scale * of_data + of_prior) as f32;
        }
        Ok(energy + nlp.item())
    }

    fn prior_precision(&self) -> Option<f64> {
        self.prior.precision()
    }
}

/// A likelihood's gradient, times its factor, is added to the prior's, which is made part by part while the parts are in cache.
struct OntoPrior<'a> {
    scale: f64,
    prior: &'a dyn Prior,
    layout: &'a Layout,
    theta: &'a [f32],
    scales: Option<&'a mut Scales>,
    /// −ln p of the parts so far.
    nlp: f64,
}

impl GradientTarget for OntoPrior<'_> {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn initialize(&mut self, range: Range<usize>, gradient: &mut [f32]) {
        self.nlp += match &mut self.scales {
            None => self.prior.write_gradient(self.layout, range.clone(), &self.theta[range], gradient),
            Some(scales) => scales.write_gradient(self.prior, self.layout, range, gradient),
        };
    }
}

/// A hash of what a gradient is asked for.
fn fingerprint(position: &[f32], minibatch: Minibatch<'_>) -> u64 {
    // Lanes, because one chain of multiplications over all of θ would cost as much as the gradient's smaller products.
    const LANES: usize = 8;
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: &mut u64, word: u32| *hash = (*hash ^ u64::from(word)).wrapping_mul(PRIME).rotate_left(29);
    let mut lanes = [0_u64; LANES];
    for part in position.chunks(LANES) {
        lanes.iter_mut().zip(part).for_each(|(lane, x)| mix(lane, x.to_bits()));
    }
    if let Minibatch::Indices(indices) = minibatch {
        for part in indices.chunks(LANES) {
            lanes.iter_mut().zip(part).for_each(|(lane, &index)| mix(lane, index));
        }
    }
    lanes.iter().fold(position.len() as u64, |hash, lane| (hash ^ lane).wrapping_mul(PRIME).rotate_left(29))
}

#[cfg(test)]
mod conjugate;
#[cfg(test)]
mod learned_scale;
#[cfg(test)]
mod tests;
