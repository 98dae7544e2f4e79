use ndarray::{Array1, Axis};

use super::*;

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, matrix.as_slice_mut().unwrap());
    matrix
}

fn close(a: f32, b: f32, tolerance: f32) -> bool {
    (a - b).abs() <= tolerance
}

/// Points around 5 that vary with falling deviations `sd` along as many directions, and by `noise` everywhere.
fn cloud(n: usize, d: usize, sd: &[f32], noise: f32) -> Array2<f32> {
    let seed = Seed::root(3);
    let directions = normals(sd.len(), d, seed.child("directions")) / (d as f32).sqrt();
    let amounts = normals(n, sd.len(), seed.child("amounts")) * &Array1::from_vec(sd.to_vec());
    amounts.dot(&directions) + normals(n, d, seed.child("noise")) * noise + 5.0
}

#[test]
fn what_lies_in_a_subspace_is_found_exactly() {
    // Across a border of tiles, with deviations over three orders.
    let points = cloud(150, TILE + 100, &[30.0, 10.0, 3.0, 0.3, 0.03], 0.0);
    let found = Pca::of(&points, 5, Seed::root(1)).unwrap();
    assert_eq!(found.directions.dim(), (5, TILE + 100));
    assert!(found.explained(usize::MAX) > 0.999_999, "{}", found.explained(usize::MAX));
    let rebuilt = found.coefficients.dot(&found.directions) + &Array1::from_vec(found.mean.clone());
    let worst = (&rebuilt - &points).iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    assert!(worst < 2e-5, "{worst}");
}

#[test]
fn directions_are_orthonormal_and_coefficients_uncorrelated_of_falling_variance() {
    let points = cloud(400, 700, &[10.0, 8.0, 5.0, 5.0, 2.0], 0.02);
    let found = Pca::of(&points, 20, Seed::root(1)).unwrap();
    let gram = found.directions.dot(&found.directions.t());
    let covariance = found.coefficients.t().dot(&found.coefficients) / 400.0;
    for i in 0..20 {
        for j in 0..20 {
            let one = if i == j { 1.0 } else { 0.0 };
            assert!(close(gram[[i, j]], one, 1e-5), "⟨v{i}, v{j}⟩ = {}", gram[[i, j]]);
            let scale = (covariance[[i, i]] * covariance[[j, j]]).sqrt();
            assert!(i == j || close(covariance[[i, j]], 0.0, 1e-3 * scale), "cov {i} {j}");
        }
        assert!(i == 0 || covariance[[i - 1, i - 1]] >= covariance[[i, i]] * 0.9999);
    }
    for mean in found.coefficients.mean_axis(Axis(0)).unwrap() {
        assert!(mean.abs() < 1e-4, "{mean}");
    }
}

#[test]
fn the_variance_found_is_nearly_the_most_there_is() {
    // Against the exact decomposition of the n × n Gram matrix, with a slowly falling spectrum.
    let sd: Vec<f32> = (1..=60).map(|k| 10.0 / k as f32).collect();
    let points = cloud(300, 900, &sd, 0.05);
    let centered = &points - &points.mean_axis(Axis(0)).unwrap();
    let gram = DMatrix::from_fn(300, 300, |i, j| {
        centered.row(i).iter().zip(centered.row(j)).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    });
    let (values, _) = eigen(&gram);
    for (rank, share) in [(1, 0.999), (5, 0.999), (20, 0.999)] {
        let found = Pca::of(&points, rank, Seed::root(1)).unwrap();
        let best = values[..rank].iter().sum::<f64>() / values.iter().sum::<f64>();
        assert!(found.explained(usize::MAX) <= best + 1e-5, "{} of {best}", found.explained(usize::MAX));
        assert!(found.explained(usize::MAX) > share * best, "rank {rank}: {} of {best}", found.explained(usize::MAX));
    }
}

#[test]
fn what_the_directions_leave_completes_the_variance() {
    let points = cloud(300, 500, &[4.0, 2.0], 0.1);
    let found = Pca::of(&points, 4, Seed::root(1)).unwrap();
    for rank in [0, 1, 4] {
        let left = found.residual(rank);
        let kept =
            found.coefficients.slice(ndarray::s![.., ..rank]).dot(&found.directions.slice(ndarray::s![..rank, ..]));
        let rest = &points - &kept;
        let expected = rest.var_axis(Axis(0), 0.0).mapv(f32::sqrt);
        // Directions that are nearly the best leave what is nearly uncorrelated with them.
        assert!(left.iter().zip(&expected).all(|(&a, &b)| close(a, b, 0.03 * b)), "rank {rank}");
    }
}

#[test]
fn points_that_span_little_give_few_directions() {
    let same = Array2::from_elem((4, 30), 2.5_f32);
    let found = Pca::of(&same, 3, Seed::root(1)).unwrap();
    assert_eq!((found.directions.nrows(), found.coefficients.dim()), (0, (4, 0)));
    assert_eq!(found.mean, vec![2.5; 30]);
    let two = cloud(2, 30, &[1.0, 1.0], 0.0);
    assert_eq!(Pca::of(&two, 8, Seed::root(1)).unwrap().directions.nrows(), 1);
}

#[test]
fn threads_do_not_matter_and_bad_points_are_refused() {
    let points = cloud(130, 2 * TILE + 7, &[4.0, 2.0], 0.1);
    let once = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Pca::of(&points, 3, Seed::root(1)).unwrap())
    };
    assert_eq!(once(1), once(2));
    assert_eq!(once(1), once(7));

    let mut bad = points.clone();
    bad[[100, 17]] = f32::NAN;
    let error = Pca::of(&bad, 3, Seed::root(1)).unwrap_err().to_string();
    assert!(error.contains("coordinate 17"), "{error}");
    let none = Array2::<f32>::zeros((0, 4));
    assert!(Pca::of(&none, 3, Seed::root(1)).is_err());
}
