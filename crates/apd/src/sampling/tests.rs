use apd_bnn::likelihood::{Gaussian, LearnedGaussian};
use apd_data::{Examples, TableSchema, yacht};
use ndarray::{Array2, s};

use super::*;
use crate::testing::Stopper;
use crate::{Fit, Fitted, LikelihoodConfig, Network, Prediction};

fn examples() -> Examples {
    let table = yacht();
    let schema = TableSchema::infer(&table, "resistance", &[], None).expect("a table");
    schema.examples(&table).expect("examples")
}

fn langevin(draws: u64, thinning: u64) -> FitSampler {
    FitSampler::Langevin(LangevinConfig { batch: 50, warmup: 1_000, draws, thinning })
}

fn deviations(fitted: &Fitted, examples: &Examples) -> (Array2<f64>, Array2<f64>) {
    match fitted.predict(examples.inputs.view(), 200).expect("a prediction") {
        Prediction::Numbers(numbers) => (numbers.mean(), numbers.epistemic_deviation()),
        Prediction::Classes(_) => panic!("numbers are predicted"),
    }
}

/// On a linear model with noise of a known size, whose posterior has one mode, chains on minibatches find what those on all rows find.
#[test]
fn minibatches_find_the_posterior_of_all_rows() {
    let examples = examples();
    let fit = |sampler| {
        let fit = Fit { chains: 4, training_steps: 500, sampler, share: 1.0, ..Fit::default() };
        let likelihood = LikelihoodConfig::Gaussian(Gaussian { sd: 0.6 });
        fit.run(&Network::mlp(&[6, 1]), likelihood, &examples, Seed::root(1)).expect("a fit")
    };
    let (mean, spread) = deviations(&fit(langevin(100, 40)), &examples);
    let (exact_mean, exact_spread) = deviations(&fit(FitSampler::microcanonical(2_000, 100, 20)), &examples);
    let ratio = spread.sum() / exact_spread.sum();
    // 400 draws that hardly depend on each other: their deviation is known to 1/√800 = 3.5 %, of each sampler. Three of both are allowed.
    assert!((ratio - 1.0).abs() < 0.15, "the spread is {ratio} of what it is to be");
    let apart = ((&mean - &exact_mean) / &exact_spread).mapv(|z| z * z).mean().expect("rows");
    assert!(apart < 0.05, "means are {} deviations apart", apart.sqrt());
}

#[test]
fn a_chain_on_minibatches_goes_on_where_it_was_to_the_bit() {
    let examples = examples();
    let fit = Fit { chains: 1, training_steps: 100, sampler: langevin(20, 3), ..Fit::default() };
    let run = |context: &Context<'_>| {
        let likelihood = LikelihoodConfig::LearnedGaussian(LearnedGaussian::default());
        fit.sample_network(&Network::mlp(&[6, 8, 1]), likelihood, &examples, Seed::root(2), context)
    };
    let whole = run(&Context::default()).expect("a fit").bank;
    let folder = tempfile::tempdir().expect("a folder");
    let mut stops = 0;
    let resumed = loop {
        // More than training takes, which begins anew.
        let stopper = Stopper::after(317);
        match run(&Context { progress: &stopper, checkpoints: Some(folder.path()), ..Context::default() }) {
            Ok(sampled) => break sampled.bank,
            Err(Error::Stopped) => stops += 1,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(stops > 2, "{stops}");
    assert_eq!(resumed, whole);
}

/// Chains with a goal have the draws that longer ones begin with, and no more than it takes; also where they were stopped on the way.
#[test]
fn a_goal_ends_the_chains_at_the_first_eighth_that_meets_it() {
    let examples = examples();
    let network = Network::mlp(&[6, 1]);
    let run = |until_ess, context: &Context<'_>| {
        let sampler = FitSampler::microcanonical(500, 160, 5);
        let fit = Fit { chains: 2, training_steps: 200, sampler, until_ess, ..Fit::default() };
        let likelihood = LikelihoodConfig::Gaussian(Gaussian { sd: 0.6 });
        fit.sample_network(&network, likelihood, &examples, Seed::root(3), context)
    };
    let whole = run(None, &Context::default()).expect("a fit");
    let ess = whole.fitted.mixing().ess_median;
    let early = run(Some(0.4 * ess), &Context::default()).expect("a fit");
    let draws = early.bank.nrows() / 2;
    assert!((40..160).contains(&draws) && draws % 20 == 0, "{draws} of 160 draws, {ess} effective");
    assert!(early.fitted.mixing().ess_median >= 0.4 * ess);
    for chain in 0..2 {
        let of = |bank: &Array2<f32>, draws: usize, first: usize| {
            bank.slice(s![first * draws..first * draws + early.bank.nrows() / 2, ..]).to_owned()
        };
        assert_eq!(of(&early.bank, draws, chain), of(&whole.bank, 160, chain));
    }
    assert_eq!(run(Some(1e9), &Context::default()).expect("a fit").bank, whole.bank);

    let folder = tempfile::tempdir().expect("a folder");
    let resumed = loop {
        let stopper = Stopper::after(317);
        match run(
            Some(0.4 * ess),
            &Context { progress: &stopper, checkpoints: Some(folder.path()), ..Context::default() },
        ) {
            Ok(sampled) => break sampled.bank,
            Err(Error::Stopped) => {}
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(resumed, early.bank);
    assert!(run(Some(0.0), &Context::default()).is_err());
}
