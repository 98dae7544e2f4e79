use ndarray::Array2;

use super::*;

/// ½∫|p − q| by the midpoint rule.
fn integral(p: (f64, f64), q: (f64, f64)) -> f64 {
    let density = |x: f64, (mean, sd): (f64, f64)| Normal.ln_density(mean, sd, x).exp();
    let (low, high) = (p.0.min(q.0) - 12.0 * p.1.max(q.1), p.0.max(q.0) + 12.0 * p.1.max(q.1));
    let step = (high - low) / 200_000.0;
    let at = |i: usize| low + (i as f64 + 0.5) * step;
    0.5 * step * (0..200_000).map(|i| (density(at(i), p) - density(at(i), q)).abs()).sum::<f64>()
}

#[test]
fn total_variation_of_normals_is_its_integral() {
    let normals = [(0.0, 1.0), (0.3, 1.0), (0.0, 1.05), (-4.0, 0.2), (0.0, 30.0), (0.1, 1.0 + 1e-12)];
    for p in normals {
        for q in normals {
            let (found, expected) = (total_variation_of_normals(p, q), integral(p, q));
            assert!((found - expected).abs() < 1e-5, "{p:?}, {q:?}: {found}, not {expected}");
        }
    }
    assert_eq!(total_variation_of_normals((1.0, 0.0), (1.0, 0.0)), 0.0);
    assert_eq!(total_variation_of_normals((1.0, 0.0), (1.0, 2.0)), 1.0);
}

#[test]
fn inputs_that_are_none_or_another_network_s_are_refused() {
    let network = || Network::mlp(&[3, 4, 2]);
    let space = |layout: &Layout, inputs: Array2<f32>, ood: &[Array2<f32>]| {
        FunctionSpace::new(network(), LikelihoodConfig::Categorical, layout, &inputs, ood).err().map(|e| e.to_string())
    };
    let unknown = Layout::default();
    assert_eq!(space(&unknown, Array2::zeros((5, 3)), &[Array2::zeros((2, 3))]), None);
    let refused =
        |found: Option<String>, fact: &str| assert!(found.as_ref().is_some_and(|it| it.contains(fact)), "{found:?}");
    refused(space(&unknown, Array2::zeros((5, 4)), &[]), "4");
    refused(space(&unknown, Array2::zeros((5, 3)), &[Array2::zeros((2, 1))]), "1");
    refused(space(&unknown, Array2::zeros((0, 3)), &[]), "none");
    refused(space(&unknown, Array2::zeros((5, 3)), &[Array2::zeros((0, 3))]), "none");
    let other = Layout::new([("a".to_owned(), vec![4, 3]), ("b".to_owned(), vec![14])]);
    refused(space(&other, Array2::zeros((5, 3)), &[]), "layout");
}
