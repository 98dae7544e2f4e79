use std::path::Path;

use super::*;
use crate::config::{Config, NetName};
use crate::context::Context;
use crate::error::Error;
use crate::testing::{StopAfter, on_threads, quick};

fn tiny() -> Config {
    let mut config = quick(NetName::Fc1, &["toy2d"]);
    let toy = config.settings_mut::<Toy2dConfig>();
    (toy.steps, toy.thinning, toy.grid) = (600, 20, 12);
    (toy.hmc_chains, toy.hmc_warmup, toy.hmc_draws) = (2, 30, 20);
    toy.distill.iterations = 20;
    config
}

fn run_in(context: Context<'_>, path: &Path, config: &Config, resume: bool) -> Result<Toy2d> {
    toy2d(context, &Experiment::new(config.clone(), path, resume)?)
}

#[test]
fn neither_threads_nor_interruptions_change_a_number() {
    let (config, dir) = (tiny(), tempfile::tempdir().unwrap());
    let whole = tempfile::tempdir().unwrap();
    let whole = on_threads(1, || run_in(Context::default(), whole.path(), &config, false)).unwrap();
    // Stopped among the draws of NUTS, then among the iterations of the distiller.
    for (resume, advances) in [(false, 40), (true, 107)] {
        let outcome = on_threads(3, || run_in(Context::of(&StopAfter::new(advances)), dir.path(), &config, resume));
        assert!(matches!(outcome, Err(Error::Stopped)), "{advances}");
    }
    let resumed = on_threads(2, || run_in(Context::default(), dir.path(), &config, true)).unwrap();
    assert_eq!(resumed.maps, whole.maps);
    assert_eq!(resumed.rows, whole.rows);
}

#[test]
fn the_maps_are_of_the_square_from_below_and_one_network_has_no_bald() {
    let (config, dir) = (tiny(), tempfile::tempdir().unwrap());
    let found = run_in(Context::default(), dir.path(), &config, false).unwrap();
    let names: Vec<&str> = found.maps.iter().map(|map| map.method).collect();
    assert_eq!(
        names,
        [
            "sgd",
            "mc-dropout",
            "ensemble",
            "swag",
            "sgld",
            SECOND,
            "apd",
            "subspace",
            "gaussian",
            "rows",
            "rows+noise",
            "hmc"
        ]
    );
    for map in &found.maps {
        let n = map.probability.len();
        assert_eq!((n, map.entropy.len()), (144, 144));
        assert_eq!(map.bald.is_some(), map.method != "sgd");
        assert!(map.probability.iter().all(|p| (0.0..=1.0).contains(p)));
    }
    // Class 0 lies at the lower left, class 1 at the upper right.
    for (x, y, class) in &found.points {
        assert_eq!(x + y > 0.0, *class == 1, "({x}, {y})");
    }
    let sgd = &found.maps[0].probability;
    assert!(sgd[0] < 0.1 && sgd[143] > 0.9, "{} {}", sgd[0], sgd[143]);
    // A map is as far from itself as nothing, so it has no such row; from another it has.
    let has = |method: &str, metric: &str| found.rows.iter().any(|row| row.method == method && row.metric == metric);
    assert!(
        !has("sgld", "tv_to_sgld") && has("sgld", "tv_to_hmc") && has("hmc", "tv_to_sgld") && has("apd", "tv_to_hmc")
    );
}

#[test]
fn the_square_is_covered_by_cells_with_their_values_in_the_middle() {
    let settings = Toy2dConfig { grid: 5, ..tiny().settings::<Toy2dConfig>().clone() };
    let problem = Problem::new(&settings, Seed::root(1)).unwrap();
    let at = |i: usize| (problem.grid[[i, 0]], problem.grid[[i, 1]]);
    assert_eq!([at(0), at(4), at(12), at(20)], [(-4.0, -4.0), (4.0, -4.0), (0.0, 0.0), (-4.0, 4.0)]);
}

#[test]
fn the_blobs_have_their_centers_and_their_covariance() {
    let settings = Toy2dConfig { points: 20_000, grid: 2, ..tiny().settings::<Toy2dConfig>().clone() };
    let problem = Problem::new(&settings, Seed::root(1)).unwrap();
    let points = problem.points();
    for (class, center) in [(0, -2.0), (1, 2.0)] {
        let of = |f: &dyn Fn(f64, f64) -> f64| {
            let values: Vec<f64> =
                points.iter().filter(|p| p.2 == class).map(|p| f(p.0 - center, p.1 - center)).collect();
            average(&values)
        };
        // Five standard errors: √(0.3/20 000) of a mean, √(2·0.3²/20 000) of a variance, √(0.3²/20 000) of the covariance. Ten
        // comparisons at 6·10⁻⁷ each: α = 6·10⁻⁶.
        assert!(of(&|x, _| x).abs() < 0.0195 && of(&|_, y| y).abs() < 0.0195);
        assert!((of(&|x, _| x * x) - 0.3).abs() < 0.015 && (of(&|_, y| y * y) - 0.3).abs() < 0.015);
        assert!(of(&|x, y| x * y).abs() < 0.0107);
    }
}
