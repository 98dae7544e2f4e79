use ndarray::Array1;

use super::*;
use crate::kernel::{BLOCK, TILE};

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, matrix.as_slice_mut().unwrap());
    matrix
}

/// Points of `chains` chains whose means differ by `apart`, in three directions of R^d with deviations 3, 2 and 1 within a chain, and by
/// `noise` everywhere.
fn cloud(chains: usize, per_chain: usize, d: usize, apart: f32, noise: f32) -> Array2<f32> {
    let seed = Seed::root(8);
    let directions = normals(3, d, seed.child("directions")) / (d as f32).sqrt();
    let mut amounts = normals(chains * per_chain, 3, seed.child("amounts")) * &Array1::from_vec(vec![3.0, 2.0, 1.0]);
    let means = normals(chains, 3, seed.child("means")) * apart;
    for (i, mut row) in amounts.outer_iter_mut().enumerate() {
        row += &means.index_axis(Axis(0), i / per_chain);
    }
    amounts.dot(&directions) + normals(chains * per_chain, d, seed.child("noise")) * noise + 0.5
}

fn config() -> SubspaceConfig {
    SubspaceConfig { rank: 3, components: 200, format: Format::F32, ..SubspaceConfig::default() }
}

#[test]
fn a_point_depends_on_seed_and_index_alone() {
    let cloud = cloud(2, 100, 2 * TILE + 50, 5.0, 0.1);
    let gan = Config { latent: 2, hidden: 4, batch: 8, iterations: 2, ..Config::gan1() };
    for coefficients in [CoefficientModel::Kernel, CoefficientModel::Gaussian, CoefficientModel::Gan] {
        let config = SubspaceConfig { coefficients, residual: 0.5, gan: gan.clone(), ..SubspaceConfig::default() };
        let subspace = Subspace::fit(&cloud, &config, Seed::root(1)).unwrap();
        let seed = Seed::root(2);
        let all = subspace.draw(seed, BLOCK + 30);
        for (first, count) in [(0, 5), (3, 1), (BLOCK - 1, 20)] {
            let mut some = Array2::zeros((count, cloud.ncols()));
            subspace.draw_into(seed, first as u64, some.view_mut());
            assert_eq!(some, all.slice(s![first..first + count, ..]), "{coefficients:?}: {count} from {first}");
        }
        assert_ne!(subspace.draw(Seed::root(3), 1), all.slice(s![..1, ..]));
        let once = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Subspace::fit(&cloud, &config, Seed::root(1)).unwrap().draw(seed, 9))
        };
        assert_eq!(once(1), once(2));
        assert_eq!(once(1), once(7));
    }
}

#[test]
fn a_point_is_the_mean_plus_its_coefficients_times_the_directions() {
    let cloud = cloud(1, 300, TILE + 9, 0.0, 0.1);
    for (format, tolerance) in [(Format::F32, 1e-5), (Format::F16, 1e-5), (Format::Int8, 1e-5)] {
        let subspace = Subspace::fit(&cloud, &SubspaceConfig { format, ..config() }, Seed::root(1)).unwrap();
        let (seed, mean) = (Seed::root(4), Array1::from_vec(subspace.mean()));
        let expected = subspace.coefficients(seed, 7, 12).dot(&subspace.directions()) + &mean;
        let mut drawn = Array2::zeros((12, cloud.ncols()));
        subspace.draw_into(seed, 7, drawn.view_mut());
        let worst = (&drawn - &expected).iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        assert!(worst < tolerance, "{format}: {worst}");
    }
}

/// Consecutive draws are spread evenly: any S of them take each kept row S/m times, but for one or two.
#[test]
fn draws_are_spread_evenly_through_the_rows() {
    for (start, first) in [(0.0, 0), (0.37, 5), (0.999, u64::MAX - 3000)] {
        for (draws, count) in [(200, 50), (200, 1000), (987, 10)] {
            let mut taken = vec![0; count];
            (0..draws).for_each(|i| taken[pick(start, first.wrapping_add(i), count)] += 1);
            let fair = draws as f64 / count as f64;
            let worst = taken.iter().map(|&n| (f64::from(n) - fair).abs()).fold(0.0, f64::max);
            assert!(worst < 2.0, "{draws} draws of {count}: {worst} from {fair}");
        }
    }
}

/// Alone, a draw is uniform over the rows: χ² over 5 000 seeds, with a draw that favors the first rows as the control.
#[test]
fn a_single_draw_is_uniform() {
    let chi_square = |of: &dyn Fn(f64) -> usize| {
        let mut taken = [0.0_f64; 20];
        (0..5000).for_each(|seed| taken[of(Seed::root(seed).child("centres").stream().uniform())] += 1.0);
        taken.iter().map(|n| (n - 250.0).powi(2) / 250.0).sum::<f64>()
    };
    // The 99.9 % quantile with 19 degrees of freedom is 43.8.
    assert!(chi_square(&|start| pick(start, 12, 20)) < 43.8);
    assert!(chi_square(&|start| pick(start * start, 0, 20)) > 43.8);
}

/// The noise brings back the variance that the directions leave out, as much of it as was asked for; alike in all directions.
#[test]
fn the_kernels_noise_is_the_share_of_what_is_residual_variance() {
    let cloud = cloud(1, 400, 60, 0.0, 0.2);
    let principal = Pca::of(&cloud, 3, Seed::root(1)).unwrap();
    let of = |noise| {
        let config = SubspaceConfig { noise, ..config() };
        Subspace::of(&principal, &config, Seed::root(1)).unwrap().coefficients(Seed::root(2), 0, 20_000)
    };
    let off = of(0.5) - of(0.0);
    let variance = off.mapv(|x| f64::from(x).powi(2)).mean_axis(Axis(0)).unwrap();
    let expected = 0.5 * principal.residual_variance(3) / 3.0;
    assert!(principal.residual_variance(3) > 1.0, "{}", principal.residual_variance(3));
    for variance in variance {
        assert!((variance / expected - 1.0).abs() < 0.05, "{variance} {expected}");
    }
}

#[test]
fn a_gaussian_has_the_moments_of_all_rows() {
    let cloud = cloud(2, 300, 40, 5.0, 0.05);
    let config = SubspaceConfig { coefficients: CoefficientModel::Gaussian, residual: 1.0, rank: 2, ..config() };
    let drawn = Subspace::fit(&cloud, &config, Seed::root(1)).unwrap().draw(Seed::root(2), 20_000);
    let (points, of) = (&cloud, Axis(0));
    let (mean, sd) = (points.mean_axis(of).unwrap(), points.std_axis(of, 0.0));
    for j in 0..40 {
        let (m, s) = (drawn.mean_axis(of).unwrap()[j], drawn.std_axis(of, 0.0)[j]);
        assert!((m - mean[j]).abs() < 0.05 * sd[j], "mean {j}: {m} {}", mean[j]);
        assert!((s / sd[j] - 1.0).abs() < 0.04, "sd {j}: {s} {}", sd[j]);
    }
}

#[test]
fn only_subspaces_without_noise_share_work() {
    let cloud = cloud(1, 50, 20, 0.0, 0.1);
    assert!(Subspace::fit(&cloud, &config(), Seed::root(1)).unwrap().low_rank().is_some());
    let noisy = SubspaceConfig { residual: 0.1, ..config() };
    assert!(Subspace::fit(&cloud, &noisy, Seed::root(1)).unwrap().low_rank().is_none());
}

#[test]
fn settings_out_of_range_are_named() {
    for (config, name) in [
        (SubspaceConfig { components: 0, ..config() }, "centres"),
        (SubspaceConfig { noise: -1.0, ..config() }, "noise"),
        (SubspaceConfig { residual: f64::NAN, ..config() }, "residual"),
        (SubspaceConfig { gan: Config { batch: 0, ..Config::gan1() }, ..config() }, "batch"),
    ] {
        let error = Subspace::fit(&cloud(1, 9, 5, 0.0, 0.1), &config, Seed::root(1)).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_budget_is_kept_and_used() {
    let cloud = cloud(2, 100, 500, 1.0, 0.5);
    for format in [Format::F32, Format::F16, Format::Int8] {
        for (coefficients, residual) in [(CoefficientModel::Kernel, 0.0), (CoefficientModel::Gaussian, 1.0)] {
            let config = SubspaceConfig { format, coefficients, residual, components: 20, ..config() };
            for networks in [3, 10] {
                let budget = networks * 4 * 500;
                let within = config.clone().within(budget, 500, cloud.len()).unwrap();
                let bytes = Subspace::fit(&cloud, &within, Seed::root(1)).unwrap().bytes();
                let more = SubspaceConfig { rank: within.rank + 1, ..within.clone() };
                let too_many = Subspace::fit(&cloud, &more, Seed::root(1)).unwrap().bytes();
                assert!(bytes <= budget && budget < too_many, "{format} {coefficients:?}: {bytes} {budget} {too_many}");
            }
            assert!(config.within(100, 500, 9).is_none());
        }
    }
}

/// Deviations of the drawn points' coordinates over those of the points.
fn ratios(points: &Array2<f32>, config: &SubspaceConfig) -> (Subspace, Vec<f32>) {
    let subspace = Subspace::fit(points, config, Seed::root(1)).unwrap();
    let drawn = subspace.draw(Seed::root(2), 4_000);
    let (sd, expected) = (drawn.mapv(f64::from).std_axis(Axis(0), 0.0), points.mapv(f64::from).std_axis(Axis(0), 0.0));
    let ratios = sd.iter().zip(&expected).map(|(a, b)| (a / b) as f32).collect();
    let mean = (drawn.mapv(f64::from).mean_axis(Axis(0)).unwrap() - points.mapv(f64::from).mean_axis(Axis(0)).unwrap())
        / &expected;
    assert!(mean.iter().all(|x| x.abs() < 0.1 || x.is_nan()), "{mean}");
    (subspace, ratios)
}

#[test]
fn points_that_do_not_vary_are_refused() {
    for same in [Array2::from_elem((12, TILE * 9), 0.25_f32), Array2::zeros((2, 5)), Array2::from_elem((1, 3), 7.0)] {
        let error = Subspace::fit(&same, &SubspaceConfig::default(), Seed::root(1)).unwrap_err().to_string();
        assert!(error.contains("do not vary"), "{error}");
    }
}

#[test]
fn what_fewer_bits_would_lose_is_kept_in_32() {
    let large = cloud(1, 200, 30, 0.0, 0.1) * &Array1::from_iter((0..30).map(|j| if j == 0 { 3_000.0 } else { 1.0 }));
    let mut counted = normals(200, 20, Seed::root(4)) * 1e3 + 2e5;
    counted.column_mut(7).fill(117_250.0);
    let tiny = normals(200, 20, Seed::root(5)) * 1e-9;
    let smallest = normals(200, 20, Seed::root(5)) * 1e-18;
    for (name, points) in [("large", large + 180_000.0), ("counted", counted), ("tiny", tiny), ("smallest", smallest)] {
        for format in [Format::Int8, Format::F16] {
            let asked = SubspaceConfig { format, rank: 30, ..SubspaceConfig::default() };
            let (subspace, ratios) = ratios(&points, &asked);
            assert_eq!(subspace.format(), Format::F32, "{name}");
            assert_eq!(subspace.notes(&asked, 200).len(), 1, "{name}");
            for (j, ratio) in ratios.iter().enumerate().filter(|(_, ratio)| ratio.is_finite()) {
                assert!((0.9..1.1).contains(ratio), "{name} {format}: sd of {j} by {ratio}");
            }
            let constant = subspace.draw(Seed::root(2), 1)[[0, 7]];
            assert!(name != "counted" || (constant - 117_250.0).abs() < 0.1, "{constant}");
        }
    }
    let (subspace, _) = ratios(&cloud(1, 200, 30, 0.0, 0.1), &SubspaceConfig::default());
    assert_eq!(subspace.format(), Format::Int8, "the control");
}

#[test]
fn a_coordinate_of_other_units_does_not_swamp_the_others() {
    for scale in [1e-6, 1e-4, 1e2, 1e4, 1e5, 1e6] {
        let mut points = normals(200, 6, Seed::root(6));
        points.column_mut(0).mapv_inplace(|x| x * scale);
        for format in [Format::F32, Format::Int8] {
            let (_, ratios) = ratios(&points, &SubspaceConfig { format, ..SubspaceConfig::default() });
            assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() < 0.05), "{scale} {format}: {ratios:?}");
        }
    }
}

#[test]
fn directions_as_many_as_rows_are_noted() {
    let points = normals(40, 300, Seed::root(7));
    let config = SubspaceConfig { rank: 100, ..SubspaceConfig::default() };
    let subspace = Subspace::fit(&points, &config, Seed::root(1)).unwrap();
    let notes = subspace.notes(&config, 40);
    assert!(subspace.rank() == 39 && notes.len() == 1 && notes[0].contains("8 bits"), "{notes:?}");
    let fewer = SubspaceConfig { rank: 30, ..config };
    assert!(Subspace::fit(&points, &fewer, Seed::root(1)).unwrap().notes(&fewer, 40).is_empty());
}
