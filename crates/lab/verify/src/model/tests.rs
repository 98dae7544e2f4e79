use apd_seed::Seed;
use apd_sgmcmc::{Minibatch, Potential};

use super::{Model, Posterior, Response, predictor, sigmoid};
use crate::Trial;

fn models() -> [Model; 3] {
    [Model::mean(), Model::line(), Model::logistic()]
}

/// U by its definition, in double precision.
fn potential(posterior: &Posterior<'_>, theta: &[f32], minibatch: Minibatch<'_>) -> f64 {
    let Posterior { model, responses, factors: [data, prior] } = posterior;
    let loss = |n: usize| {
        let (y, eta) = (responses[n], predictor(&model.covariates[n], theta));
        match model.response {
            Response::Gaussian { precision } => 0.5 * precision * (y - eta).powi(2),
            Response::Bernoulli => -(if y == 1.0 { sigmoid(eta) } else { 1.0 - sigmoid(eta) }).ln(),
        }
    };
    let losses: f64 = minibatch.indices(model.num_data()).map(loss).sum();
    let squares: f64 = theta.iter().map(|&x| f64::from(x).powi(2)).sum();
    data * minibatch.scale(model.num_data()) * losses + 0.5 * prior * model.tau * squares
}

#[test]
fn gradient_and_curvature_are_those_of_the_potential() {
    for model in models() {
        let responses = model.simulate(&model.prior(Seed::root(1)), Seed::root(2));
        for minibatch in [Minibatch::Full, Minibatch::Indices(&[4, 1])] {
            let mut posterior = Posterior { factors: [0.7, 1.6], ..model.posterior(&responses) };
            // Multiples of the step, so that their differences are exact.
            let (theta, step) = (&[0.375_f32, -0.75][..model.dim()], 1.0 / 256.0);
            let (mut gradient, mut diagonal) = (vec![0.0; model.dim()], vec![0.0; model.dim()]);
            let value = posterior.gradient(theta, minibatch, &mut gradient).unwrap();
            posterior.curvature(theta, minibatch, &mut diagonal).unwrap();
            assert!((value - potential(&posterior, theta, minibatch)).abs() < 1e-12, "{}", model.name);
            for i in 0..model.dim() {
                let at = |steps: f32| {
                    let mut moved = theta.to_vec();
                    moved[i] += steps * step;
                    potential(&posterior, &moved, minibatch)
                };
                let step = f64::from(step);
                let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
                let curvature = (at(1.0) - 2.0 * at(0.0) + at(-1.0)) / (step * step);
                assert!((f64::from(gradient[i]) - slope).abs() < 1e-3, "{}: {} and {slope}", model.name, gradient[i]);
                assert!((f64::from(diagonal[i]) - curvature).abs() < 1e-3, "{}: {diagonal:?}, {curvature}", model.name);
            }
        }
        let theta = vec![0.3; model.dim()];
        let flat = Posterior { factors: [1.0, 0.0], ..model.posterior(&responses) };
        let difference = model.log_likelihood(&responses, &theta) + potential(&flat, &theta, Minibatch::Full);
        assert!(difference.abs() < 1e-12, "{}", model.name);
    }
}

#[test]
fn draws_have_the_laws_they_should() {
    for model in models() {
        let theta = vec![0.8; model.dim()];
        let seeds = |name| (0..4000).map(move |i| Seed::root(3).child(name).index(i));
        let mut trial = Trial::default();
        let priors: Vec<_> = seeds("prior").map(|seed| model.prior(seed)).collect();
        for i in 0..model.dim() {
            let x: Vec<f64> = priors.iter().map(|theta| f64::from(theta[i])).collect();
            trial.mean("θ", 0.0, &x);
            trial.mean("θ²", 1.0 / model.tau, &x.iter().map(|x| x * x).collect::<Vec<_>>());
        }
        let data: Vec<_> = seeds("data").map(|seed| model.simulate(&theta, seed)).collect();
        for n in 0..model.num_data() {
            let eta = predictor(&model.covariates[n], &theta);
            let (mean, variance) = match model.response {
                Response::Gaussian { precision } => (eta, 1.0 / precision),
                Response::Bernoulli => (sigmoid(eta), sigmoid(eta) * (1.0 - sigmoid(eta))),
            };
            let y = |f: &dyn Fn(f64) -> f64| data.iter().map(|y| f(y[n])).collect::<Vec<_>>();
            trial.mean("y", mean, &y(&|y| y));
            trial.mean("(y − E y)²", variance, &y(&|y| (y - mean).powi(2)));
            let next = (n + 1) % model.num_data();
            let other = predictor(&model.covariates[next], &theta);
            let other = if model.response == Response::Bernoulli { sigmoid(other) } else { other };
            let products: Vec<f64> = data.iter().map(|y| (y[n] - mean) * (y[next] - other)).collect();
            trial.mean("independence", 0.0, &products);
        }
        assert!(!trial.rejected(), "{}: {trial:?}", model.name);
    }
}
