//! A network, a likelihood, a dataset, a method and a task of one's own, each in one file, taken all the way.

mod dataset;
mod likelihood;
mod method;
mod network;
mod task;

use std::error::Error;
use std::sync::Arc;

use apd::bnn::{Attack, TargetRows};
use apd::data::Dataset;
use apd::{Fit, FitSampler, Posterior as _, Prediction, Seed};
use apd_tasks::{Config, Context, Laboratory, NetName, Profile, RunOptions, reproduce};

fn main() -> Result<(), Box<dyn Error>> {
    // Sample, distill, save, load, predict, attack.
    let waves = dataset::waves(200, Seed::root(1));
    let network = network::Residual { inputs: 1, hidden: 16, outputs: 1 };
    apd::nn::conformance::check(&network)?;
    let likelihood = Arc::new(likelihood::Laplace { scale: 0.1 });
    let sampler = FitSampler::microcanonical(500, 40, 20);
    let fit = Fit { chains: 2, training_steps: 500, sampler, ..Fit::default() };
    let fitted = fit.run_with(&network, likelihood.clone(), &waves, Seed::root(2))?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("waves.safetensors");
    fitted.save(&path)?;
    let fitted = apd::load_with(&path, &network, likelihood)?;
    let Prediction::Numbers(numbers) = fitted.predict(waves.inputs.view(), 80)? else {
        return Err("numbers are predicted".into());
    };
    let error = (&numbers.mean() - &waves.inputs.mapv(|x| (3.0 * f64::from(x)).sin())).mapv(f64::abs).mean();
    println!("mean error without the gross ones: {:.3}", error.unwrap_or(f64::NAN));
    if error.is_none_or(|error| error.is_nan() || error > 0.2) {
        return Err("the waves were not learned".into());
    }
    let values = waves.targets.numbers().mapv(|y| y as f32);
    let attack = Attack { range: (-2.0, 2.0), ..Attack::fgsm(0.05) };
    let moved = fitted.attack(&attack, waves.inputs.view(), TargetRows::Values(values.view()), 20);
    println!("moved by at most {:.3}", (&moved - &waves.inputs).iter().fold(0.0_f32, |most, x| most.max(x.abs())));

    // A posterior of our own draws networks; in a run it is one of the methods, which a task of our own compares.
    let diagonal = method::Diagonal::fit(&fitted.posterior().draw(Seed::root(3), 50));
    println!("{} numbers are {} bytes", diagonal.dim(), diagonal.bytes());
    let laboratory = Laboratory::default().with_method(&method::DiagonalOfBank).with_task(&task::Agreement);
    let mut config = Config::new(Dataset::Digits, NetName::Fc1, Profile::Quick);
    config.tasks = vec!["agreement".into()];
    (config.sgd.steps, config.sgld.steps, config.sgld.burn_in) = (1_000, 2_000, 1_000);
    (config.distill.iterations, config.online.rounds, config.baselines.swag_epochs) = (20, 0, 2);
    let outcome =
        reproduce(Context::default(), config, &laboratory, &folder.path().join("run"), RunOptions::default())?;
    for row in outcome.results.select().task("agreement").iter() {
        println!("{:<12} agrees on {:.1} %", row.method, 100.0 * row.value);
    }
    Ok(())
}
