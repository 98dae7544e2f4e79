//! Three tiny Bayesian models that can be simulated: draws of θ from the prior, of data given θ, and the posterior as a potential.

use apd_seed::Seed;
use apd_sgmcmc::{Minibatch, Potential, PotentialError};

/// The law of a response y given η = xᵀθ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Response {
    /// N(η, 1/β).
    Gaussian {
        /// β.
        precision: f64,
    },
    /// 1 with probability 1/(1 + exp(−η)), or else 0.
    Bernoulli,
}

/// A generalized linear model: θ ~ N(0, I/τ), and y_n given θ by its own covariates x_n, which are fixed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Model {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// x_n: N rows of d.
    pub(crate) covariates: Vec<Vec<f64>>,
    /// The law of the responses.
    pub(crate) response: Response,
    /// τ.
    pub(crate) tau: f64,
}

impl Model {
    /// The mean of eight numbers of variance 1.
    pub(crate) fn mean() -> Self {
        let response = Response::Gaussian { precision: 1.0 };
        Self { name: "Gaussian mean", covariates: vec![vec![1.0]; 8], response, tau: 4.0 }
    }

    /// Intercept and slope of a line through six points.
    pub(crate) fn line() -> Self {
        let covariates = [-1.3, -0.8, -0.1, 0.4, 0.9, 1.7].map(|x| vec![1.0, x]).to_vec();
        Self { name: "linear regression", covariates, response: Response::Gaussian { precision: 1.5 }, tau: 3.0 }
    }

    /// The slope of a logistic regression on ten labels.
    pub(crate) fn logistic() -> Self {
        let covariates = (0..10).map(|n| vec![0.5 * f64::from(n) - 2.25]).collect();
        Self { name: "logistic regression", covariates, response: Response::Bernoulli, tau: 2.0 }
    }

    /// d.
    pub(crate) fn dim(&self) -> usize {
        self.covariates[0].len()
    }

    /// N.
    pub(crate) fn num_data(&self) -> usize {
        self.covariates.len()
    }

    /// θ ~ N(0, I/τ), in the precision that chains have.
    pub(crate) fn prior(&self, seed: Seed) -> Vec<f32> {
        let mut z = vec![0.0; self.dim()];
        seed.normals().fill_f64(0, 0, &mut z);
        z.iter().map(|z| (z / self.tau.sqrt()) as f32).collect()
    }

    /// y given θ.
    pub(crate) fn simulate(&self, theta: &[f32], seed: Seed) -> Vec<f64> {
        let predictors = self.covariates.iter().map(|x| predictor(x, theta));
        match self.response {
            Response::Gaussian { precision } => {
                let mut z = vec![0.0; self.num_data()];
                seed.normals().fill_f64(0, 0, &mut z);
                predictors.zip(z).map(|(eta, z)| eta + z / precision.sqrt()).collect()
            }
            Response::Bernoulli => {
                let mut stream = seed.stream();
                predictors.map(|eta| f64::from(stream.uniform() < sigmoid(eta))).collect()
            }
        }
    }

    /// −log p(y|η) without its constant, with its first and second derivative in η.
    fn loss(&self, y: f64, eta: f64) -> [f64; 3] {
        match self.response {
            Response::Gaussian { precision } => {
                let residual = eta - y;
                [0.5 * precision * residual * residual, precision * residual, precision]
            }
            Response::Bernoulli => {
                let p = sigmoid(eta);
                [eta.max(0.0) + (-eta.abs()).exp().ln_1p() - y * eta, p - y, p * (1.0 - p)]
            }
        }
    }

    /// log p(y|θ) without its constant.
    pub(crate) fn log_likelihood(&self, responses: &[f64], theta: &[f32]) -> f64 {
        -self.covariates.iter().zip(responses).map(|(x, &y)| self.loss(y, predictor(x, theta))[0]).sum::<f64>()
    }

    /// The posterior given these responses.
    pub(crate) fn posterior<'a>(&'a self, responses: &'a [f64]) -> Posterior<'a> {
        Posterior { model: self, responses, factors: [1.0, 1.0] }
    }
}

fn predictor(x: &[f64], theta: &[f32]) -> f64 {
    x.iter().zip(theta).map(|(x, &theta)| x * f64::from(theta)).sum()
}

fn sigmoid(eta: f64) -> f64 {
    1.0 / (1.0 + (-eta).exp())
}

/// U(θ) = −Σ log p(y_n|θ) + ½τ‖θ‖² of a [`Model`], in nats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posterior<'a> {
    pub(crate) model: &'a Model,
    pub(crate) responses: &'a [f64],
    /// Factors of the data's and the prior's parts: 1 and 1, unless an error is to be imitated.
    pub(crate) factors: [f64; 2],
}

impl Potential for Posterior<'_> {
    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn num_data(&self) -> usize {
        self.model.num_data()
    }

    fn gradient(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        gradient: &mut [f32],
    ) -> Result<f64, PotentialError> {
        let &mut Self { model, responses, factors: [data, prior] } = self;
        let (scale, tau) = (data * minibatch.scale(model.num_data()), prior * model.tau);
        let mut value = 0.0;
        for (g, &x) in gradient.iter_mut().zip(position) {
            *g = (tau * f64::from(x)) as f32;
            value += 0.5 * tau * f64::from(x).powi(2);
        }
        for n in minibatch.indices(model.num_data()) {
            let x = &model.covariates[n];
            let [loss, slope, _] = model.loss(responses[n], predictor(x, position));
            value += scale * loss;
            for (g, x) in gradient.iter_mut().zip(x) {
                *g += (scale * slope * x) as f32;
            }
        }
        Ok(value)
    }

    fn prior_precision(&self) -> Option<f64> {
        Some(self.model.tau)
    }

    fn curvature(
        &mut self,
        position: &[f32],
        minibatch: Minibatch<'_>,
        diagonal: &mut [f32],
    ) -> Result<(), PotentialError> {
        let &mut Self { model, responses, factors: [data, prior] } = self;
        let scale = data * minibatch.scale(model.num_data());
        diagonal.fill((prior * model.tau) as f32);
        for n in minibatch.indices(model.num_data()) {
            let x = &model.covariates[n];
            let [_, _, curvature] = model.loss(responses[n], predictor(x, position));
            for (h, x) in diagonal.iter_mut().zip(x) {
                *h += (scale * curvature * x * x) as f32;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
