use ndarray::Array2;

use crate::Recipe;
use crate::model::Model;
use crate::transition::Estimator;

use super::{Simulator, divisions};

fn simulator(model: &Model, recipe: Recipe, epsilon: f64, batch: usize, updates: u64) -> Simulator<'_> {
    let affine = recipe.affine.expect("an affine update");
    Simulator { model, affine, epsilon, batch, estimator: Estimator::Plain, updates }
}

/// One round of many full-batch updates: θ given the data is N(Σy/(N + τ), T/(λ(1 − ελ/4))) with λ = N + τ, and the data are new.
#[test]
fn one_long_round_has_the_closed_form() {
    let model = Model::mean();
    let (n, tau, epsilon) = (model.num_data() as f64, model.tau, 0.06);
    let lambda = n + tau;
    let bias = simulator(&model, Recipe::SGLD, epsilon, usize::MAX, 200).bias(1);
    // E ȳ² = 1/τ + 1/N; without discretization the variance is 1/λ.
    let data = 1.0 / tau + 1.0 / n;
    let theta = (n / lambda).powi(2) * data + 1.0 / (lambda * (1.0 - epsilon * lambda / 4.0));
    assert!((bias[[0, 0]] - (theta - 1.0 / tau)).abs() < 1e-12, "{bias}");
    assert!(bias[[0, 1]].abs() < 1e-12 && bias[[1, 1]].abs() < 1e-12, "{bias}");
}

/// For the same time the bias is in proportion to the step. BAOAB's on quadratics comes from the momentum's start at 0 alone.
#[test]
fn the_bias_is_of_first_order() {
    let model = Model::line();
    let bias = |recipe, part: u64| simulator(&model, recipe, 4e-3 / part as f64, usize::MAX, 40 * part).bias(2);
    for (i, j) in [(0, 0), (1, 1), (1, 3)] {
        for recipe in [Recipe::SGLD, Recipe::SGHMC] {
            let ratio = bias(recipe, 4)[[i, j]] / bias(recipe, 8)[[i, j]];
            assert!((ratio - 2.0).abs() < 0.1, "{}, {i} {j}: {ratio}", recipe.name);
        }
        assert!(bias(Recipe::BAOAB, 4)[[i, j]].abs() < 1e-3 * bias(Recipe::SGLD, 4)[[i, j]]);
    }
}

/// With a control variate all terms that have the same curvature are one: minibatches of the mean are full batches.
#[test]
fn a_control_variate_of_the_mean_has_no_noise() {
    let model = Model::mean();
    for estimator in [Estimator::ControlVariate, Estimator::Svrg(2)] {
        let corrected = Simulator { estimator, ..simulator(&model, Recipe::SGHMC, 0.05, 2, 4) }.bias(3);
        let full = simulator(&model, Recipe::SGHMC, 0.05, usize::MAX, 4).bias(3);
        let plain = simulator(&model, Recipe::SGHMC, 0.05, 2, 4).bias(3);
        let distance = |a: &Array2<f64>, b: &Array2<f64>| (a - b).mapv(f64::abs).sum();
        assert!(distance(&corrected, &full) < 1e-12 && distance(&plain, &full) > 1e-3, "{corrected} {full} {plain}");
    }
}

#[test]
fn divisions_are_all_and_each_once() {
    let all = divisions((0..7).collect(), 2);
    assert_eq!(all.len(), 630); // 7!/(2!·2!·2!·1!)
    let mut sorted = all.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 630);
    assert!(all.iter().all(|division| division.len() == 3 && division.iter().all(|batch| batch.len() == 2)));
    assert_eq!(divisions((0..4).collect(), 4), [[[0, 1, 2, 3]]]);
}
