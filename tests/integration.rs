//! The whole pipeline through its public interfaces: data, potential, chain, bank, generator, networks again, prediction, scores.

use std::sync::Arc;

use apd_bnn::{Categorical, Data, NetworkPotential, predict_networks, prior};
use apd_distill::{Config, Distilled, InitialOutput, Standardization, Trainer};
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, Schedule, Sgld, from_mean_loss};
use apd_store::{Bank, BankWriter, Header};
use apd_uncertainty::{ClassPredictive, Score, accuracy, detection};
use ndarray::ArrayView2;

#[test]
fn each_crate_hands_over_to_the_next() {
    let seed = Seed::root(5);
    let digits = apd_data::digits(seed);
    let network = Network::mlp(&[64, 20, 10]);
    let data = Data::classes(digits.train.images.pixels.clone(), digits.train.labels.as_slice());

    // A posterior bank of one short chain.
    let (step_size, prior_precision) = from_mean_loss(0.05, 0.01, digits.train.len());
    let potential = NetworkPotential::new(
        &network,
        data,
        Arc::new(Categorical),
        Arc::new(prior::Gaussian::isotropic(prior_precision)),
    )
    .unwrap();
    let sampler = Sgld::new(Schedule::Constant(step_size), 1.0);
    let length = ChainConfig { steps: 4_000, burn_in: 2_000, thinning: 20, batch_size: 100 };
    let mut chain = Chain::new(0, potential, sampler, length, seed, network.initialize(seed.child("initial"))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bank");
    let layout = network.layout();
    let mut writer = BankWriter::create(&path, Header { layout, ..Header::new(network.dim()) }).unwrap();
    let mut keep = |sample: apd_sgmcmc::Sample<'_>| {
        writer.push(sample.chain, sample.step, sample.weight, sample.potential, sample.position)
    };
    chain.run(&mut keep).unwrap();
    writer.finish().unwrap();
    let bank = Bank::open(&path).unwrap();
    assert_eq!(bank.len(), 100);

    // A generator, through its file.
    let config = Config {
        iterations: 600,
        hidden: 32,
        latent: 8,
        standardization: Standardization::Standardize,
        initial_output: InitialOutput::Moments,
        initial_spread: 0.1,
        ..Config::gan1()
    };
    let iterations = config.iterations;
    let mut trainer = Trainer::new(Bank::open(&path).unwrap(), config, seed.child("distill")).unwrap();
    while trainer.iteration() < iterations {
        trainer.step().unwrap();
    }
    let bytes = Distilled::Gan(trainer.generator()).to_safetensors(&network.layout(), &Default::default()).unwrap();
    let generator = Distilled::from_safetensors(&bytes).unwrap().generator;
    assert_eq!(generator.dim(), network.dim());

    // Both predict, and both are more uncertain about noise than about digits.
    let noise = apd_data::uniform(seed, 200, 8, 8);
    let averaged = |inputs: ArrayView2<'_, f32>, from_bank: bool| {
        let mut predictive = ClassPredictive::new(inputs.nrows(), network.outputs());
        let visit = |_, p: ArrayView2<'_, f32>| predictive.add(p);
        if from_bank {
            predict_networks(&network, &Categorical, bank.rows(), inputs, visit);
        } else {
            let drawn = generator.draw(seed.child("draw"), 100);
            predict_networks(
                &network,
                &Categorical,
                drawn.rows().into_iter().filter_map(|row| row.to_slice()),
                inputs,
                visit,
            );
        }
        predictive
    };
    for from_bank in [true, false] {
        let inside = averaged(digits.test.images.pixels.view(), from_bank);
        let outside = averaged(noise.pixels.view(), from_bank);
        let right = accuracy(inside.mean().view(), &digits.test.labels).unwrap();
        assert!(right > 0.85, "accuracy {right} (from the bank: {from_bank})");
        for score in [Score::Entropy, Score::Bald] {
            let auroc = detection(&inside.score(score), &outside.score(score)).unwrap().auroc;
            assert!(auroc > 0.8, "{score}: AUROC {auroc} (from the bank: {from_bank})");
        }
    }
}
