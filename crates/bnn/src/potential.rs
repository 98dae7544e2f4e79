//! The posterior as a potential.

use std::ops::Range;

use apd_nn::TensorLayout as _;
use apd_nn::{Accumulate, Batch, Engine, GradientTarget, Model as _, Network, Threads, cross_entropy};
use apd_seed::Seed;
use apd_sgmcmc::{Minibatch, Potential};
use apd_tensor::kernel::{self, Aligned};
use apd_tensor::{Tensor, grad};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use pulp::{Arch, NullaryFnOnce};

use crate::{Data, Likelihood, ModelError, Targets};

/// U(θ) = −Σₙ log p(yₙ|xₙ, θ) + (τ/2)·‖θ‖², the potential of a Bayesian neural network with prior N(0, 1/τ) on each weight.
///
/// A minibatch of B of the N observations estimates it, and its gradient, without bias:
///
/// Û(θ) = −(N/B)·Σ_batch log p(yₙ|xₙ, θ) + (τ/2)·‖θ‖².
///
/// **Units**: nats at full-data scale. Terms that do not depend on θ are left out: (d/2)·ln(2π/τ) of the prior, and
/// (NK/2)·ln(2π/precision) of a Gaussian likelihood.
///
/// **Batch normalisation** divides by the statistics of the minibatch: log p(yₙ|xₙ, θ) then depends on the other examples too, U is no
/// sum over the data, and minibatches estimate it with a bias. The value and gradient "on the full data" are then those of
/// the data cut into minibatches of 128. The prior is on the normalisation's weights and biases as well; its buffers are no part of the
/// position, see [`Model::calibrate`](apd_nn::Model::calibrate).
///
/// The gradient is allocation-free after the first call, runs on the calling thread (chains have a thread each) unless
/// [`with_threads`](Self::with_threads) says otherwise, and its bits do not depend on the number of threads.
///
/// Reference: Welling & Teh, *Bayesian Learning via Stochastic Gradient Langevin Dynamics*, ICML 2011, equation (4).
#[derive(Clone, Debug)]
pub struct NetworkPotential {
    network: Network,
    data: Data,
    likelihood: Likelihood,
    prior_precision: f64,
    engine: Box<dyn Engine>,
    dropout: Option<Seed>,
    /// The minibatch's rows, gathered.
    inputs: Aligned<f32>,
    labels: Vec<u32>,
    values: Aligned<f32>,
}

impl NetworkPotential {
    /// The posterior of `network`'s weights under these data and the prior N(0, 1/`prior_precision`); 0 means a flat prior.
    ///
    /// **Errors**: everything that does not fit, see [`ModelError`].
    pub fn new(
        network: &Network,
        data: Data,
        likelihood: Likelihood,
        prior_precision: f64,
    ) -> Result<Self, ModelError> {
        data.check(network, likelihood)?;
        if !(prior_precision.is_finite() && prior_precision >= 0.0) {
            return Err(ModelError::Precision { of: "prior", value: prior_precision });
        }
        Ok(Self {
            network: network.clone(),
            data,
            likelihood,
            prior_precision,
            engine: network.engine(Threads::Serial),
            dropout: None,
            inputs: Aligned::new(),
            labels: Vec::new(),
            values: Aligned::new(),
        })
    }

    /// Where the gradient's matrix products run; by default on the calling thread.
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.engine = self.network.engine(threads);
        self
    }

    /// Applies the network's dropout, for training towards MC-dropout.
    ///
    /// The masks are a function of `seed`, position and minibatch, not of the calls before: an estimate can be repeated, a
    /// summary may be printed in between, and a resumed chain needs to know nothing of dropout. Masks change as long as the
    /// position or the minibatch does.
    pub fn with_dropout(mut self, seed: Seed) -> Self {
        self.dropout = Some(seed);
        self
    }

    /// The network whose weights are sampled.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// (Û, ∇Û) in double precision by automatic differentiation of the definition: slow, general, and what the fused
    /// gradient is tested against. Dropout is left out; batch normalisation sees all rows of the full data at once.
    ///
    /// **Panics** as [`gradient`](Potential::gradient).
    #[track_caller]
    pub fn reference_gradient(&self, position: &[f32], minibatch: Minibatch<'_>) -> (f64, Vec<f64>) {
        let n = self.terms();
        let rows: Vec<usize> = match minibatch {
            Minibatch::Full => (0..n).collect(),
            Minibatch::Indices(indices) => indices.iter().map(|&i| i as usize).collect(),
        };
        let constant = |rows: ndarray::Array2<f32>| Tensor::constant(rows.mapv(f64::from).into_dyn());
        let layout = self.network.layout();
        let theta: Vec<f64> = position.iter().copied().map(f64::from).collect();
        let params: Vec<Tensor<f64>> = layout.tensors(&theta).into_iter().map(Tensor::into_variable).collect();
        let z = self.network.forward64(&params, &constant(self.data.inputs.select(Axis(0), &rows)), None);
        let misfit = match (&self.data.targets, self.likelihood) {
            (Targets::Classes(labels), _) => z.cross_entropy(&rows.iter().map(|&row| labels[row]).collect::<Vec<_>>()),
            (Targets::Values(values), likelihood) => {
                z.sub(&constant(values.select(Axis(0), &rows))).square().sum().scale(precision(likelihood) / 2.0)
            }
        };
        let mut energy = misfit.scale(n as f64 / rows.len() as f64);
        for param in &params {
            energy = energy.add(&param.square().sum().scale(self.prior_precision / 2.0));
        }
        (energy.item(), layout.flatten(&grad(&energy, &params.iter().collect::<Vec<_>>())))
    }
}

impl Potential for NetworkPotential {
    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn terms(&self) -> usize {
        self.data.len()
    }

    /// **Panics** if the lengths are not [`dim`](Potential::dim), or the minibatch is empty or names rows that are not there.
    fn gradient(&mut self, position: &[f32], minibatch: Minibatch<'_>, gradient: &mut [f32]) -> f64 {
        let dim = self.network.dim();
        assert!(
            position.len() == dim && gradient.len() == dim,
            "position has {}, gradient {} of {dim} elements",
            position.len(),
            gradient.len()
        );
        let n = self.data.len();
        let mut prior = OntoPrior { scale: 1.0, precision: self.prior_precision, theta: position, energy: 0.0 };
        let mut stream = self.dropout.map(|seed| seed.index(fingerprint(position, minibatch)).stream());
        let Self { network, engine, data, likelihood, .. } = self;
        let block = network.rows_per_pass();
        let columns = data.inputs.ncols();
        match minibatch {
            Minibatch::Full => {
                let mut misfit = 0.0;
                prior.initialize(0..dim, gradient);
                for start in (0..n).step_by(block) {
                    let rows = start..(start + block).min(n);
                    let x = data.inputs.slice_axis(Axis(0), rows.clone().into());
                    let targets = match &data.targets {
                        Targets::Classes(labels) => Rows::Labels(&labels[rows]),
                        Targets::Values(values) => {
                            Rows::Values(values.slice_axis(Axis(0), rows.into()), precision(*likelihood))
                        }
                    };
                    let batch = Batch { x, dropout: stream.as_mut() };
                    misfit += fit(engine.as_mut(), position, batch, targets, &mut Accumulate::add(1.0), gradient);
                }
                misfit + prior.energy
            }
            Minibatch::Indices(indices) => {
                assert!(!indices.is_empty(), "a minibatch needs at least one observation");
                prior.scale = n as f64 / indices.len() as f64;
                gather(&data.inputs, indices, &mut self.inputs);
                let x = view(&self.inputs, columns);
                let targets = match &data.targets {
                    Targets::Classes(labels) => {
                        self.labels.clear();
                        self.labels.extend(indices.iter().map(|&i| labels[i as usize]));
                        Rows::Labels(&self.labels)
                    }
                    Targets::Values(values) => {
                        gather(values, indices, &mut self.values);
                        Rows::Values(view(&self.values, values.ncols()), precision(*likelihood))
                    }
                };
                let batch = Batch { x, dropout: stream.as_mut() };
                let misfit = fit(engine.as_mut(), position, batch, targets, &mut prior, gradient);
                prior.scale * misfit + prior.energy
            }
        }
    }

    fn prior_precision(&self) -> Option<f64> {
        Some(self.prior_precision)
    }
}

/// Targets of the rows at hand.
enum Rows<'a> {
    Labels(&'a [u32]),
    Values(ArrayView2<'a, f32>, f64),
}

/// Adds ∇(−Σ log p), times its factor, to what `target` begins with; returns −Σ log p, unscaled.
fn fit(
    engine: &mut dyn Engine,
    theta: &[f32],
    batch: Batch<'_>,
    targets: Rows<'_>,
    target: &mut dyn GradientTarget,
    gradient: &mut [f32],
) -> f64 {
    match targets {
        Rows::Labels(labels) => engine.gradient(theta, batch, &mut cross_entropy(labels), target, gradient),
        Rows::Values(values, precision) => {
            let mut loss = |outputs: ArrayViewMut2<'_, f32>| squared_error(outputs, values, precision);
            engine.gradient(theta, batch, &mut loss, target, gradient)
        }
    }
}

/// (precision/2)·‖f − y‖²; leaves precision·(f − y) in place of f.
fn squared_error(mut outputs: ArrayViewMut2<'_, f32>, targets: ArrayView2<'_, f32>, precision: f64) -> f64 {
    let mut sum = 0.0;
    ndarray::Zip::from(&mut outputs).and(targets).for_each(|f, &y| {
        let residual = *f - y;
        sum += f64::from(residual) * f64::from(residual);
        *f = precision as f32 * residual;
    });
    0.5 * precision * sum
}

fn precision(likelihood: Likelihood) -> f64 {
    match likelihood {
        Likelihood::Gaussian { precision } => precision,
        Likelihood::Categorical => {
            unreachable!("values have a Gaussian likelihood, checked when the potential was built")
        }
    }
}

/// A likelihood's gradient, times its factor, is added to the prior's, τ·θ, which is made part by part while the parts are in cache.
struct OntoPrior<'a> {
    scale: f64,
    precision: f64,
    theta: &'a [f32],
    /// (τ/2)·‖θ‖² of the parts so far.
    energy: f64,
}

impl GradientTarget for OntoPrior<'_> {
    fn scale(&self) -> f64 {
        self.scale
    }

    fn initialize(&mut self, range: Range<usize>, gradient: &mut [f32]) {
        let square = Arch::new().dispatch(Scaled { tau: self.precision as f32, theta: &self.theta[range], gradient });
        self.energy += 0.5 * self.precision * square;
    }
}

/// gradient ← τ·θ; returns ‖θ‖².
struct Scaled<'a> {
    tau: f32,
    theta: &'a [f32],
    gradient: &'a mut [f32],
}

impl NullaryFnOnce for Scaled<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        // Lanes of their own, so that the order of additions, and with it the bits, is the same on every CPU.
        const LANES: usize = 64;
        let Self { tau, theta, gradient } = self;
        let mut squares = 0.0;
        // Sums of 64 squares in single precision lose nothing that matters; their sums are kept in double.
        for (theta, gradient) in theta.chunks(64 * LANES).zip(gradient.chunks_mut(64 * LANES)) {
            let mut lanes = [0.0_f32; LANES];
            let (theta, theta_rest) = theta.as_chunks::<LANES>();
            let (gradient, gradient_rest) = gradient.as_chunks_mut::<LANES>();
            for (theta, gradient) in theta.iter().zip(gradient) {
                for lane in 0..LANES {
                    lanes[lane] += theta[lane] * theta[lane];
                    gradient[lane] = tau * theta[lane];
                }
            }
            for (gradient, &theta) in gradient_rest.iter_mut().zip(theta_rest) {
                *gradient = tau * theta;
                squares += f64::from(theta) * f64::from(theta);
            }
            squares += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
        squares
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

/// rows\[indices\], one after the other.
fn gather(rows: &ndarray::Array2<f32>, indices: &[u32], out: &mut Aligned<f32>) {
    match rows.as_slice() {
        Some(all) => kernel::gather_rows(all, rows.ncols(), indices, out),
        None => {
            out.resize(indices.len() * rows.ncols(), 0.0);
            let gathered = indices.iter().flat_map(|&index| rows.row(index as usize));
            out.iter_mut().zip(gathered).for_each(|(to, &from)| *to = from);
        }
    }
}

fn view(data: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((data.len() / columns, columns), data).expect("whole rows were gathered")
}

#[cfg(test)]
mod conjugate;
#[cfg(test)]
mod tests;
