use apd_nn::optim::Adam;
use apd_seed::Seed;
use ndarray::{Array2, Axis};
use rayon::ThreadPoolBuilder;

use super::{State, Trainer};
use crate::{Config, Engine, Error, Generator, InitialOutput, Loss, Optimizer, Standardization};
use apd_points::Posterior;

fn gaussian(n: usize, dim: usize) -> Array2<f32> {
    let mut points = Array2::zeros((n, dim));
    Seed::root(1).normals().fill(0, 0, points.as_slice_mut().unwrap());
    points
}

fn small() -> Config {
    Config { latent: 3, hidden: 6, batch: 5, iterations: 10, critic_steps: 2, ..Config::gan1() }
}

fn adam(lr: f64) -> Optimizer {
    Optimizer::Adam(Adam { lr, beta1: 0.5, beta2: 0.9, eps: 1e-8 })
}

fn owned(state: &State<'_>) -> State<'static> {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

#[test]
fn a_resumed_run_has_the_bits_of_an_uninterrupted_one() {
    let points = gaussian(20, 450);
    for engine in [Engine::Structured, Engine::General] {
        for (standardization, loss) in
            [(Standardization::None, Loss::WganGp), (Standardization::Standardize, Loss::Wgan)]
        {
            let config = Config { engine, standardization, critic_steps: 2, ..small().with_loss(loss) };
            let mut through = Trainer::new(&points, config, Seed::root(2)).unwrap();
            for _ in 0..2 {
                through.step().unwrap();
            }
            let between = owned(&through.state());
            through.critic_step().unwrap();
            let within = owned(&through.state());
            assert_eq!(through.state().into_owned(), within);
            through.critic_step().unwrap();
            through.generator_step().unwrap();
            let last = through.step().unwrap();
            assert_eq!(last.iteration, 4);

            let mut resumed = Trainer::resume(&points, between).unwrap();
            resumed.step().unwrap();
            assert_eq!(resumed.step().unwrap(), last);
            assert_eq!(resumed.state(), through.state());

            let mut resumed = Trainer::resume(&points, within).unwrap();
            resumed.critic_step().unwrap();
            resumed.generator_step().unwrap();
            assert_eq!(resumed.step().unwrap(), last);
            assert_eq!(resumed.state(), through.state());
            assert_eq!(resumed.generator(), through.generator());
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let points = gaussian(30, 5000);
    let run = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let config = Config {
                standardization: Standardization::Standardize,
                initial_output: InitialOutput::Moments,
                hidden: 20,
                batch: 12,
                ..small()
            };
            let mut trainer = Trainer::new(&points, config, Seed::root(3)).unwrap();
            let progress = [trainer.step().unwrap(), trainer.step().unwrap()];
            (progress, owned(&trainer.state()), trainer.generator().draw(Seed::root(4), 70))
        })
    };
    let one = run(1);
    for threads in [2, 7] {
        let many = run(threads);
        assert!(one == many, "results under {threads} threads differ from those under one");
    }
    assert_eq!(one.0[1].iteration, 2);
}

/// Last layers fill the range of Glorot & Bengio's eq. 16; all others are as they were.
#[test]
fn glorot_is_of_the_last_layers() {
    let points = gaussian(20, 900);
    let blocks = |initial_output| {
        let config = Config { hidden: 50, initial_output, ..small() };
        let state = owned(&Trainer::new(&points, config, Seed::root(3)).unwrap().state());
        state.blocks.into_iter().map(|[value, ..]| value.into_owned()).collect::<Vec<_>>()
    };
    let (he, glorot) = (blocks(InitialOutput::HeUniform), blocks(InitialOutput::Glorot));
    // The critic's first layer and its head, the generator's trunk, weight and bias.
    assert!(he[0] == glorot[0] && he[2] == glorot[2] && he[4] == glorot[4]);
    let last = he[1].len() - 51;
    assert!(he[1][..last] == glorot[1][..last]);
    for (weights, outputs) in [(&glorot[1][last..last + 50], 1.0_f32), (&glorot[3][..], 900.0)] {
        let bound = (6.0 / (50.0 + outputs)).sqrt();
        let largest = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        assert!(largest <= bound && largest > 0.9 * bound, "{largest} beside {bound}");
    }
}

#[test]
fn states_of_other_points_are_refused() {
    let points = gaussian(20, 9);
    let config = Config { standardization: Standardization::Center, ..small() };
    let trainer = Trainer::new(&points, config, Seed::root(2)).unwrap();
    let state = || owned(&trainer.state());
    assert!(Trainer::resume(&points, state()).is_ok());
    let refused = |points: &Array2<f32>, state: State<'static>, part: &str| match Trainer::resume(points, state) {
        Err(Error::State { what, .. }) => assert!(what.contains(part), "{what}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a state with other {part} was accepted"),
    };
    refused(&gaussian(19, 9), state(), "number of points");
    refused(&gaussian(20, 8), state(), "dimension");
    refused(&points, State { config: small(), ..state() }, "standardization");
    let mut short = state();
    short.blocks[3][1].to_mut().pop();
    refused(&points, short, "length of a block");
    let mut fewer = state();
    fewer.blocks.pop();
    refused(&points, fewer, "number of blocks");
    let other = Config { loss: Loss::Wgan, ..trainer.config().clone().with_loss(Loss::Wgan) };
    refused(&points, State { config: other, ..state() }, "length of a block");
    let wider = Config { hidden: 7, ..trainer.config().clone() };
    refused(&points, State { config: wider, ..state() }, "length of a block");
    let nonsense = Config { batch: 0, ..trainer.config().clone() };
    assert!(matches!(
        Trainer::resume(&points, State { config: nonsense, ..state() }),
        Err(Error::Config { name: "batch", .. })
    ));
}

#[test]
fn divergence_is_an_error_and_changes_nothing() {
    let mut points = gaussian(3, 4);
    for engine in [Engine::Structured, Engine::General] {
        let config = Config { engine, batch: 30, ..small() };
        let state = {
            let mut trainer = Trainer::new(&points, config.clone(), Seed::root(5)).unwrap();
            trainer.step().unwrap();
            owned(&trainer.state())
        };
        points[[1, 2]] = f32::INFINITY;
        let mut trainer = Trainer::resume(&points, state.clone()).unwrap();
        let error = trainer.step().unwrap_err();
        assert!(matches!(error, Error::Diverged { network: "critic", iteration: 1, .. }), "{error}");
        assert!(error.to_string().contains("iteration 1") && error.to_string().contains("learning rate"));
        assert_eq!(trainer.state(), state);
        points[[1, 2]] = 0.0;
    }
}

#[test]
fn unusable_points_are_refused() {
    for (rows, dim) in [(0, 3), (3, 0)] {
        assert!(matches!(
            Trainer::new(Array2::zeros((rows, dim)), small(), Seed::root(1)),
            Err(Error::Points { rows: r, dim: d, .. }) if (r, d) == (rows, dim)
        ));
    }
    let mut points = gaussian(3, 4);
    points[[2, 3]] = f32::NAN;
    let config = Config { standardization: Standardization::Center, ..small() };
    assert!(matches!(Trainer::new(&points, config, Seed::root(1)), Err(Error::Points { .. })));
}

#[test]
fn engines_train_alike_in_f32() {
    let points = gaussian(20, 300);
    for loss in Loss::ALL {
        let run = |engine| {
            let config = Config { engine, ..small().with_loss(loss) };
            Trainer::new(&points, config, Seed::root(6)).unwrap().step().unwrap()
        };
        let (fast, slow) = (run(Engine::Structured), run(Engine::General));
        for (fast, slow) in [
            (fast.critic_loss, slow.critic_loss),
            (fast.wasserstein, slow.wasserstein),
            (fast.penalty, slow.penalty),
            (fast.generator_loss, slow.generator_loss),
        ] {
            assert!((fast - slow).abs() < 1e-3 * (1.0 + slow.abs()), "{loss}: {fast}, not {slow}");
        }
    }
}

/// Means (one row) and covariances.
fn moments(points: &Array2<f32>) -> (Array2<f32>, Array2<f32>) {
    let mean = points.mean_axis(Axis(0)).unwrap().insert_axis(Axis(0));
    let centered = points - &mean;
    (mean, centered.t().dot(&centered) / points.nrows() as f32)
}

fn trained(points: &Array2<f32>, config: Config) -> Generator {
    let mut trainer = Trainer::new(points, config, Seed::root(7)).unwrap();
    for _ in 0..trainer.config().iterations {
        trainer.step().unwrap();
    }
    trainer.into_generator()
}

/// A correlated Gaussian in 8 dimensions of unit variance: in root mean square, means are learned to 0.3 and covariances to 0.2.
/// (The generator circles around the solution, as GANs do; the average over a run would be far closer.)
#[test]
fn moments_of_a_gaussian_are_learned() {
    let dim = 8;
    let mut points = gaussian(2000, dim);
    for mut row in points.rows_mut() {
        for j in 1..dim {
            row[j] = 0.6 * row[j - 1] + 0.8 * row[j];
        }
        row.iter_mut().enumerate().for_each(|(j, x)| *x += j as f32 - 3.0);
    }
    let config = Config { latent: 8, hidden: 32, batch: 64, iterations: 1500, optimizer: adam(5e-4), ..Config::gan1() };
    let (true_mean, true_covariance) = moments(&points);
    let error = |generator: &Generator| {
        let (mean, covariance) = moments(&generator.draw(Seed::root(8), 4000));
        let rms = |a: &Array2<f32>, b: &Array2<f32>| (a - b).mapv(|x| x * x).mean().unwrap().sqrt();
        (rms(&mean, &true_mean), rms(&covariance, &true_covariance))
    };
    let (mean, covariance) = error(&trained(&points, config.clone()));
    assert!(mean < 0.3 && covariance < 0.2, "errors of means {mean}, of covariances {covariance}");
    let (mean, covariance) = error(&trained(&points, Config { iterations: 1, ..config }));
    assert!(mean > 1.0 && covariance > 0.4, "errors of means {mean}, of covariances {covariance} without training");
}

/// Two blobs in the plane: both are found, in about equal parts, and little lies between.
#[test]
fn both_modes_of_a_mixture_are_found() {
    let mut points = gaussian(1000, 2);
    for (i, mut row) in points.rows_mut().into_iter().enumerate() {
        let center = if i % 2 == 0 { 2.0 } else { -2.0 };
        row.iter_mut().for_each(|x| *x = center + 0.3 * *x);
    }
    let config =
        Config { latent: 4, hidden: 32, batch: 64, iterations: 1500, optimizer: adam(1e-3), ..Config::toy2d() };
    let drawn = trained(&points, config).draw(Seed::root(8), 2000);
    let share = |sign: f32| {
        drawn.rows().into_iter().filter(|row| row.iter().all(|x| (x * sign - 2.0).abs() < 1.2)).count() as f32 / 2000.0
    };
    let (upper, lower) = (share(1.0), share(-1.0));
    assert!(upper > 0.35 && lower > 0.35 && upper + lower > 0.9, "shares {upper} and {lower}");
}

#[test]
fn the_output_layer_can_start_with_the_moments_of_the_bank() {
    let mut points = gaussian(500, 3);
    points.column_mut(0).mapv_inplace(|x| 100.0 + 0.01 * x);
    points.column_mut(1).mapv_inplace(|x| -5.0 + 3.0 * x);
    for standardization in [Standardization::None, Standardization::Center, Standardization::Standardize] {
        let config = Config { standardization, initial_output: InitialOutput::Moments, ..Config::gan1() };
        let trainer = Trainer::new(&points, config, Seed::root(9)).unwrap();
        let (mean, covariance) = moments(&trainer.generator().draw(Seed::root(10), 4000));
        let (true_mean, true_covariance) = moments(&points);
        for j in 0..3 {
            let variance = true_covariance[[j, j]];
            let error = (mean[[0, j]] - true_mean[[0, j]]).abs() / variance.sqrt();
            assert!(error < 0.15, "{standardization}, coordinate {j}: mean {} for {}", mean[[0, j]], true_mean[[0, j]]);
            let ratio = covariance[[j, j]] / variance;
            assert!((ratio - 1.0).abs() < 0.25, "{standardization}, coordinate {j}: variance ratio {ratio}");
        }
    }
}
