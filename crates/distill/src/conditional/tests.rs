use std::f64::consts::PI;

use ndarray::{Array1, ArrayView1};

use super::*;
use crate::kernel::{BLOCK, TILE};

/// Points of several chains, which need not lie one after the other.
struct Chains {
    points: Array2<f32>,
    chains: Vec<u32>,
}

impl Points for Chains {
    fn len(&self) -> usize {
        self.points.nrows()
    }

    fn dim(&self) -> usize {
        self.points.ncols()
    }

    fn row(&self, i: usize) -> &[f32] {
        Points::row(&self.points, i)
    }

    fn chain(&self, i: usize) -> u32 {
        self.chains[i]
    }
}

const D: usize = 2 * TILE + 50;

/// The curve of a chain at a time, in R^d: two cosines of different directions around a mean.
fn curve(chain: u32, time: f64) -> Array1<f32> {
    let normals = Seed::root(5).child("curve").index(u64::from(chain)).normals();
    let vector = |number| {
        let mut vector = vec![0.0; D];
        normals.fill(number, 0, &mut vector);
        Array1::from_vec(vector)
    };
    let cosine = |j: f64| (PI * j * time).cos() as f32;
    3.0 * vector(0) + cosine(1.0) * vector(1) + 0.7 * cosine(3.0) * vector(2)
}

/// `lengths` points of each chain along its curve, with noise of this deviation; the chains alternate as far as they go.
fn chains(lengths: &[usize], noise: f32) -> Chains {
    let (mut points, mut chains) = (Vec::new(), Vec::new());
    for i in 0..*lengths.iter().max().unwrap() {
        for (&length, chain) in lengths.iter().zip(0_u32..) {
            if i < length {
                let mut row = vec![0.0; D];
                Seed::root(6).child("noise").index(u64::from(chain)).normals().fill(i as u64, 0, &mut row);
                let row = Array1::from_vec(row) * noise + curve(chain, (i as f64 + 0.5) / length as f64);
                points.extend(row);
                chains.push(chain);
            }
        }
    }
    Chains { points: Array2::from_shape_vec((chains.len(), D), points).unwrap(), chains }
}

fn path() -> ConditionalConfig {
    let (format, means) = (Format::F32, Format::F32);
    ConditionalConfig {
        rank: 2,
        format,
        means,
        frequencies: 4,
        noise: 0.0,
        residuals: ResidualModel::Gaussian,
        ..Default::default()
    }
}

fn adversarial() -> ConditionalConfig {
    let adversary = AdversaryConfig { hidden: 6, critic_hidden: 8, batch: 10, iterations: 4, ..Default::default() };
    ConditionalConfig { residuals: ResidualModel::Adversarial, adversary, ..path() }
}

fn distance(a: ArrayView1<'_, f32>, b: &Array1<f32>) -> f32 {
    (&a - b).mapv(|x| x * x).mean().unwrap().sqrt()
}

/// How far drawn points are from the nearest point of any curve, in the mean.
fn off_the_curves(points: &Array2<f32>, count: u32) -> f32 {
    let curves: Vec<Array1<f32>> =
        (0..count).flat_map(|chain| (0..=400).map(move |i| curve(chain, f64::from(i) / 400.0))).collect();
    let nearest = |row| curves.iter().map(|point| distance(row, point)).fold(f32::INFINITY, f32::min);
    points.outer_iter().map(nearest).sum::<f32>() / points.nrows() as f32
}

#[test]
fn a_point_depends_on_seed_and_index_alone() {
    let chains = chains(&[60, 40], 0.1);
    for config in [path(), adversarial()] {
        let conditional = Conditional::fit(&chains, &config, Seed::root(1)).unwrap();
        let (seed, all) = (Seed::root(2), conditional.draw(Seed::root(2), BLOCK + 30));
        for (first, count) in [(0, 5), (3, 1), (BLOCK - 1, 20)] {
            let mut some = Array2::zeros((count, D));
            conditional.draw_into(seed, first as u64, some.view_mut());
            assert_eq!(some, all.slice(s![first..first + count, ..]), "{count} from {first}");
        }
        assert_ne!(conditional.draw(Seed::root(3), 1), all.slice(s![..1, ..]));
        let once = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Conditional::fit(&chains, &config, Seed::root(1)).unwrap().draw(seed, 9))
        };
        assert_eq!(once(1), once(2));
        assert_eq!(once(1), once(7));
    }
}

#[test]
fn points_lie_in_one_affine_subspace() {
    let chains = chains(&[60, 40], 0.1);
    for format in [Format::F32, Format::F16, Format::Int8] {
        let config = ConditionalConfig { format, means: format, ..adversarial() };
        let conditional = Conditional::fit(&chains, &config, Seed::root(1)).unwrap();
        let subspace = conditional.low_rank().unwrap();
        assert_eq!(subspace.rank(), 2 * 3);
        let expected = subspace.coefficients(Seed::root(4), 7, 12).dot(&subspace.directions());
        let mut drawn = Array2::zeros((12, D));
        conditional.draw_into(Seed::root(4), 7, drawn.view_mut());
        let worst = (&drawn - &expected).iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        assert!(worst < 2e-5, "{format}: {worst}");
    }
}

/// Without noise, a regression on the cosines that the curves are made of is exact. Control: told the chain but not the time, points fill the
/// space around the curve; told neither, also that between the chains.
#[test]
fn draws_lie_on_the_chains_curves() {
    let lengths = [120, 80, 100];
    let told = chains(&lengths, 0.0);
    let of = |chains: &Chains, config| {
        let conditional = Conditional::fit(chains, &config, Seed::root(1)).unwrap();
        off_the_curves(&conditional.draw(Seed::root(2), 60), 3)
    };
    let on_the_curves = of(&told, path());
    assert!(on_the_curves < 0.02, "{on_the_curves}");
    let no_time = of(&told, ConditionalConfig { frequencies: 0, ..path() });
    assert!(no_time > 0.3, "{no_time}");
    let no_chain =
        of(&Chains { chains: vec![0; 300], points: told.points.clone() }, ConditionalConfig { rank: 8, ..path() });
    assert!(no_chain > 1.0, "{no_chain}");
}

/// Draws are spread over chains as rows are, and over each chain's times.
#[test]
fn draws_are_spread_evenly_over_chains_and_times() {
    let conditional = Conditional::fit(&chains(&[100, 50, 50], 0.0), &path(), Seed::root(1)).unwrap();
    let coefficients = LowRank::coefficients(&conditional, Seed::root(3), 0, 200);
    let of_chain: Vec<f32> = (0..3).map(|chain| coefficients.column(chain).sum()).collect();
    for (count, fair) in of_chain.iter().zip([100.0, 50.0, 50.0]) {
        assert!((count - fair).abs() <= 2.0, "{of_chain:?}");
    }
    // A coefficient is cos πt but for its scale, and symmetric around 0 over even times: means of spread draws are far nearer to it than 1/√100.
    let first = coefficients.column(3);
    let scale = first.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    let mean = first.sum() / (of_chain[0] * scale);
    assert!(mean.abs() < 0.02, "{mean}");
}

/// The mean and covariance of what is drawn are those of the rows within the directions, and the noise is what was asked for.
#[test]
fn moments_are_those_of_the_rows() {
    let chains = chains(&[400], 0.5);
    let bases = ChainBases::of(&chains, 2, Seed::root(1)).unwrap();
    let of = |noise| {
        let conditional = Conditional::of(&bases, &ConditionalConfig { noise, ..path() }, Seed::root(1)).unwrap();
        let coefficients = LowRank::coefficients(&conditional, Seed::root(2), 0, 20_000);
        let coefficients = coefficients.slice(s![.., 1..]).mapv(f64::from);
        assert!(coefficients.mean_axis(Axis(0)).unwrap().iter().all(|mean| mean.abs() < 1.0));
        coefficients.var_axis(Axis(0), 0.0)
    };
    let [half, all] = [0.5, 1.0].map(|noise| {
        let config = ConditionalConfig { noise, ..path() };
        Conditional::of(&bases, &config, Seed::root(1)).unwrap().with_noise(0.5 / noise).draw(Seed::root(2), 3)
    });
    assert!((half - all).iter().all(|x| x.abs() < 1e-5));
    let (bare, noisy) = (of(0.0), of(0.5));
    let put_back = 0.5 * bases.0[0].residual_variance(2) / 2.0;
    for (k, variance) in bases.0[0].variances().enumerate() {
        assert!((bare[k] / variance - 1.0).abs() < 0.02, "{} {variance}", bare[k]);
        assert!(((noisy[k] - bare[k]) / put_back - 1.0).abs() < 0.1, "{} {put_back}", noisy[k] - bare[k]);
    }
}

#[test]
fn an_adversary_that_has_not_learned_yet_changes_nothing() {
    let chains = chains(&[60, 40], 0.1);
    let mut config = adversarial();
    config.adversary.iterations = 0;
    let [fresh, path, learned] = [config, path(), adversarial()]
        .map(|config| Conditional::fit(&chains, &config, Seed::root(1)).unwrap().draw(Seed::root(2), 20));
    assert_eq!(fresh, path);
    assert_ne!(fresh, learned);
}

#[test]
fn the_budget_is_kept_and_used() {
    let chains = chains(&[60, 40, 50], 0.3);
    for base in [path(), adversarial(), ConditionalConfig { frequencies: 16, ..adversarial() }] {
        for (means, format) in [(Format::F16, Format::Int8), (Format::F32, Format::F32)] {
            let bytes = 40 * 4 * D;
            let config = ConditionalConfig { means, format, ..base.clone() }.within(bytes, &chains).unwrap();
            let kept = Conditional::fit(&chains, &config, Seed::root(1)).unwrap();
            let next = ConditionalConfig { rank: config.rank + 1, ..config.clone() };
            let more = Conditional::fit(&chains, &next, Seed::root(1)).unwrap();
            assert!(kept.bytes() <= bytes && more.bytes() > bytes, "{} {bytes} {}", kept.bytes(), more.bytes());
        }
    }
    assert!(path().within(4 * D, &chains).is_none());
    // Where eight bits have no room for a direction of each chain six may have.
    let eight = ConditionalConfig { format: Format::Int8, means: Format::Int8, ..path() };
    let within = |bytes| eight.clone().within(bytes, &chains);
    let least = (0..100 * D).find(|&bytes| within(bytes).is_some_and(|config| config.format == Format::Int8)).unwrap();
    let config = within(least - 1).unwrap();
    assert_eq!((config.format, config.means, config.rank), (Format::Int6, Format::Int6, 1));
    assert!(Conditional::fit(&chains, &config, Seed::root(1)).unwrap().bytes() < least);
}

/// A chain that stood still is drawn where it stood, and one of few points among them.
#[test]
fn chains_may_span_less_than_others() {
    let mut chains = chains(&[50, 30, 2], 0.1);
    let stood = chains.points.index_axis(Axis(0), 1).to_owned();
    for (mut row, &chain) in chains.points.outer_iter_mut().zip(&chains.chains) {
        if chain == 1 {
            row.assign(&stood);
        }
    }
    let drawn = Conditional::fit(&chains, &ConditionalConfig { rank: 5, ..path() }, Seed::root(1)).unwrap();
    let drawn = drawn.draw(Seed::root(2), 200);
    let still = drawn.outer_iter().filter(|row| distance(row.view(), &stood) < 1e-6).count();
    assert!((65..=80).contains(&still), "{still} of 200, where 73 are fair");
    let few = drawn.outer_iter().filter(|row| distance(row.view(), &curve(2, 0.5)) < 3.0).count();
    assert!((3..=7).contains(&few), "{few} of 200, where 5 are fair");
}

#[test]
fn what_cannot_be_distilled_is_refused() {
    let fit = |chains: &Chains, config| Conditional::fit(chains, &config, Seed::root(1)).unwrap_err().to_string();
    let some = chains(&[30], 0.1);
    for (config, name) in [
        (ConditionalConfig { rank: 0, ..path() }, "rank"),
        (ConditionalConfig { noise: f64::NAN, ..path() }, "noise"),
        (
            ConditionalConfig { adversary: AdversaryConfig { hidden: 0, ..Default::default() }, ..path() },
            "adversary.hidden",
        ),
        (
            ConditionalConfig { adversary: AdversaryConfig { lr: -1.0, ..Default::default() }, ..path() },
            "optimizer.adam.lr",
        ),
    ] {
        let error = fit(&some, config);
        assert!(error.contains(name), "{error}");
    }
    let mut damaged = chains(&[30, 20], 0.1);
    damaged.points[[7, 3]] = f32::INFINITY;
    assert!(fit(&damaged, path()).contains("not finite"));
    let still = Chains { points: Array2::ones((20, D)), chains: vec![0; 20] };
    assert!(fit(&still, path()).contains("points vary"));
    let none = Chains { points: Array2::zeros((0, D)), chains: Vec::new() };
    assert!(fit(&none, path()).contains("0 points"));
}
