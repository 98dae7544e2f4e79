use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::s;

use super::{Swag, SwagError};

const DIM: usize = 5;
const RANK: usize = 4;
type Matrix = [[f64; DIM]; DIM];

/// Twelve positions of very different spreads around means far from 0, with correlated coordinates.
fn positions() -> Vec<[f32; DIM]> {
    let mut z = [0.0; DIM];
    let path = Seed::root(91).child("path").normals();
    (0..12)
        .map(|t| {
            path.fill(t, 0, &mut z);
            [2.0 + z[0], z[0] + 0.5 * z[1], -300.0 + 0.1 * z[2], 10.0 * z[3] + z[0], 0.5 + 0.01 * z[4] + 0.02 * z[2]]
        })
        .collect()
}

fn swag(rank: usize) -> Swag {
    let mut swag = Swag::new(DIM, rank).unwrap();
    for position in positions() {
        swag.collect(&position);
    }
    swag
}

fn mean_of(positions: &[[f32; DIM]]) -> [f64; DIM] {
    std::array::from_fn(|i| positions.iter().map(|x| f64::from(x[i])).sum::<f64>() / positions.len() as f64)
}

/// Which mistake the covariance is computed with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mutation {
    None,
    HalvesForgotten,
    DividedByRank,
    LastMeanForAll,
    FirstDeviations,
    Unbiased,
    NoDiagonal,
}

/// diag·½·Σ + ½·D·Dᵀ/(K − 1), from the definitions.
fn covariance(rank: usize, mutation: Mutation) -> Matrix {
    let all = positions();
    let mean = mean_of(&all);
    let half = if rank == 0 || mutation == Mutation::HalvesForgotten { 1.0 } else { 0.5 };
    let count = all.len() - usize::from(mutation == Mutation::Unbiased);
    let mut matrix = [[0.0; DIM]; DIM];
    for i in 0..DIM {
        let squares: f64 = all.iter().map(|x| (f64::from(x[i]) - mean[i]).powi(2)).sum();
        matrix[i][i] = if mutation == Mutation::NoDiagonal { 0.0 } else { half * squares / count as f64 };
    }
    let kept = if mutation == Mutation::FirstDeviations { 1..rank + 1 } else { all.len() + 1 - rank..all.len() + 1 };
    let divisor = if mutation == Mutation::DividedByRank { rank as f64 } else { rank as f64 - 1.0 };
    for t in kept.filter(|_| rank > 0) {
        let center = if mutation == Mutation::LastMeanForAll { mean } else { mean_of(&all[..t]) };
        let d: [f64; DIM] = std::array::from_fn(|i| f64::from(all[t - 1][i]) - center[i]);
        for i in 0..DIM {
            for j in 0..DIM {
                matrix[i][j] += half * d[i] * d[j] / divisor;
            }
        }
    }
    matrix
}

/// The greatest |z| of the draws' means and second moments about the mean, under N(θ̄, `covariance`).
///
/// With θ̄ known, (xᵢ − θ̄ᵢ)(xⱼ − θ̄ⱼ) has variance ΣᵢᵢΣⱼⱼ + Σᵢⱼ²: 20 comparisons, normal for so many draws.
fn worst_z(draws: &[[f32; DIM]], covariance: &Matrix) -> f64 {
    let (mean, n) = (mean_of(&positions()), draws.len() as f64);
    let mut worst = 0.0_f64;
    for i in 0..DIM {
        let x = |draw: &[f32; DIM], i: usize| f64::from(draw[i]) - mean[i];
        let average = draws.iter().map(|draw| x(draw, i)).sum::<f64>() / n;
        worst = worst.max(average.abs() / (covariance[i][i] / n).sqrt());
        for j in 0..=i {
            let product = draws.iter().map(|draw| x(draw, i) * x(draw, j)).sum::<f64>() / n;
            let variance = covariance[i][i] * covariance[j][j] + covariance[i][j].powi(2);
            worst = worst.max((product - covariance[i][j]).abs() / (variance / n).sqrt());
        }
    }
    worst
}

/// α = 10⁻⁴ over 20 comparisons at each of 4 ranks, two-sided: 1.25·10⁻⁶ each.
const THRESHOLD: f64 = 4.85;

#[test]
fn draws_have_the_stated_law() {
    for rank in [0, 2, RANK, 12] {
        let swag = swag(rank);
        let points = swag.draw(Seed::root(92).index(rank as u64), 40_000);
        let draws: Vec<[f32; DIM]> = points.rows().into_iter().map(|row| std::array::from_fn(|i| row[i])).collect();
        let z = worst_z(&draws, &covariance(rank, Mutation::None));
        println!("rank {rank}: greatest |z| {z:.2}");
        assert!(z < THRESHOLD, "rank {rank}: |z| = {z}");
        if rank == RANK {
            for mutation in [
                Mutation::HalvesForgotten,
                Mutation::DividedByRank,
                Mutation::LastMeanForAll,
                Mutation::FirstDeviations,
                Mutation::Unbiased,
                Mutation::NoDiagonal,
            ] {
                let z = worst_z(&draws, &covariance(rank, mutation));
                assert!(z > THRESHOLD, "{mutation:?} should have been rejected: {z}");
            }
        }
    }
}

#[test]
fn variance_is_the_covariances_diagonal() {
    for rank in [0, 2, RANK, 12] {
        let variance = swag(rank).variance().unwrap();
        let expected = covariance(rank, Mutation::None);
        for i in 0..DIM {
            assert!((f64::from(variance[i]) / expected[i][i] - 1.0).abs() < 1e-6, "{i}: {variance:?}");
        }
        let scaled = swag(rank).with_scale(3.0).unwrap().variance().unwrap();
        assert!(scaled.iter().zip(&variance).all(|(s, v)| (s / v - 3.0).abs() < 1e-6));
    }
}

/// θ̄ + √(s·½·Σ)·z₁ + √(s/(2(K − 1)))·D·z₂ coordinate by coordinate, across the blocks, for fewer positions than the rank too.
#[test]
fn a_draw_is_the_equation() {
    for dim in [1, 1023, 1024, 1025, 3000] {
        for count in [2_u64, 3, 8] {
            let path = Seed::root(93).normals();
            let (rank, scale) = (4, 0.7);
            let mut swag = Swag::new(dim, rank).unwrap().with_scale(scale).unwrap();
            let mut rows = Vec::new();
            for t in 0..count {
                let mut row = vec![0.0; dim];
                path.fill(t, 0, &mut row);
                swag.collect(&row);
                rows.push(row);
            }
            let k = rank.min(count as usize);
            let seed = Seed::root(94);
            let (mut z, mut directions) = (vec![0.0; dim], vec![0.0; k]);
            seed.index(0).child("diagonal").normals().fill_f64(0, 0, &mut z);
            seed.index(0).child("low rank").normals().fill_f64(0, 0, &mut directions);
            let draw = swag.draw(seed, 1);
            for i in 0..dim {
                let x = |t: usize| f64::from(rows[t][i]);
                let mean = |until: usize| (0..until).map(x).sum::<f64>() / until as f64;
                let n = rows.len();
                let diagonal = (0..n).map(|t| (x(t) - mean(n)).powi(2)).sum::<f64>() / n as f64;
                let mut expected = mean(n) + (0.5 * scale * diagonal).sqrt() * z[i];
                for t in n - k..n {
                    let factor = (scale / (2.0 * (k - 1) as f64)).sqrt();
                    expected += factor * (x(t) - mean(t + 1)) * directions[t % rank];
                }
                assert!((f64::from(draw[[0, i]]) - expected).abs() < 2e-6, "d = {dim}, n = {count}, coordinate {i}");
            }
        }
    }
}

/// A spread of 10⁻⁷ of the mean, which θ²'s mean minus θ̄² would lose even in double precision after many positions.
#[test]
fn large_weights_that_hardly_move_do_not_cancel() {
    let mut swag = Swag::new(1, 0).unwrap();
    let (low, high) = (1e6_f32, 1e6_f32.next_up());
    for t in 0..100_000 {
        swag.collect(&[if t % 2 == 0 { low } else { high }]);
    }
    let expected = (0.5 * f64::from(high - low)).powi(2);
    assert!((f64::from(swag.variance().unwrap()[0]) / expected - 1.0).abs() < 1e-6);
    // And none is none.
    let mut still = Swag::new(1, 2).unwrap();
    (0..1000).for_each(|_| still.collect(&[0.1]));
    assert_eq!(still.variance(), Ok(vec![0.0]));
    assert_eq!(still.draw(Seed::root(95), 1)[[0, 0]], 0.1);
}

#[test]
fn points_are_functions_of_seed_and_number() {
    let (swag, seed) = (swag(RANK), Seed::root(1));
    let whole = swag.draw(seed, 10);
    assert_eq!(whole, swag.draw(seed, 10));
    assert_ne!(whole, swag.draw(Seed::root(2), 10));
    let mut part = whole.slice(s![..4, ..]).to_owned();
    swag.draw_into(seed, 6, part.view_mut());
    assert_eq!(part, whole.slice(s![6.., ..]));
    assert_eq!(swag.clone().with_scale(0.0).unwrap().draw(seed, 1).row(0).to_vec(), swag.mean());
}

#[test]
fn sizes_are_known() {
    assert_eq!(Swag::new(100, 20).unwrap().bytes(), 1600 + 8000);
    assert_eq!(Swag::new(100, 0).unwrap().bytes(), 1600);
    let mut nothing = Swag::new(0, 2).unwrap();
    (0..3).for_each(|_| nothing.collect(&[]));
    assert_eq!((nothing.bytes(), nothing.draw(Seed::root(0), 2).dim(), nothing.variance()), (0, (2, 0), Ok(vec![])));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    assert_eq!(Swag::new(3, 1).unwrap_err(), SwagError::Rank);
    for scale in [-1.0, f64::INFINITY] {
        assert_eq!(Swag::new(3, 2).unwrap().with_scale(scale).unwrap_err(), SwagError::Scale(scale));
    }
    assert!(matches!(Swag::new(3, 2).unwrap().with_scale(f64::NAN), Err(SwagError::Scale(_))));
    for rank in [0, 2, 20] {
        let mut swag = Swag::new(1, rank).unwrap();
        for collected in 0..2 {
            assert_eq!(swag.variance(), Err(SwagError::TooFew { collected }));
            swag.collect(&[1.0]);
        }
        assert_eq!(swag.draw(Seed::root(0), 1)[[0, 0]], 1.0);
    }
    let error = SwagError::TooFew { collected: 1 };
    assert_eq!(error.to_string(), "SWAG has collected 1 positions; drawing needs at least 2");
}

#[test]
#[should_panic(expected = "coordinates of the position")]
fn positions_have_the_averages_dimension() {
    Swag::new(2, 0).unwrap().collect(&[0.0]);
}

#[test]
#[should_panic(expected = "SWAG has collected 1 positions; drawing needs at least 2")]
fn a_single_position_has_no_draws() {
    let mut swag = Swag::new(1, 0).unwrap();
    swag.collect(&[0.0]);
    swag.draw(Seed::root(0), 1);
}
