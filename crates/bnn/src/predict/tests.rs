use apd_nn::Network;
use ndarray::{ArrayViewMut2, array};

use super::*;
use crate::likelihood::{Categorical, Gaussian, LearnedGaussian};

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut out = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, out.as_slice_mut().unwrap());
    out
}

/// Points of a plane, handed over in one of the three ways.
struct Plane {
    mean: Vec<f32>,
    directions: Array2<f32>,
    way: Way,
    stored: Array2<f32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Stored,
    LowRank,
    Drawn,
}

impl Plane {
    fn new(mean: Vec<f32>, way: Way, networks: usize) -> Self {
        let directions = normals(2, mean.len(), Seed::root(5)) * 0.1;
        let mut plane = Self { stored: Array2::zeros((networks, mean.len())), mean, directions, way };
        let mut stored = plane.stored.clone();
        plane.draw_into(Seed::root(1), 0, stored.view_mut());
        plane.stored = stored;
        plane
    }
}

impl LowRank for Plane {
    fn mean(&self) -> Vec<f32> {
        self.mean.clone()
    }
    fn directions(&self) -> Array2<f32> {
        self.directions.clone()
    }
    fn coefficients(&self, seed: Seed, first: u64, count: usize) -> Array2<f32> {
        normals(first as usize + count, 2, seed).slice_move(s![first as usize.., ..])
    }
}

impl Posterior for Plane {
    fn dim(&self) -> usize {
        self.mean.len()
    }
    fn bytes(&self) -> usize {
        0
    }
    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        let points = self.coefficients(seed, first, out.nrows()).dot(&self.directions);
        out.assign(&(points + ArrayView2::from_shape((1, self.mean.len()), &self.mean).unwrap()));
    }
    fn stored(&self, _: Seed, _: usize) -> Option<Vec<&[f32]>> {
        (self.way == Way::Stored).then(|| self.stored.rows().into_iter().map(|row| row.to_slice().unwrap()).collect())
    }
    fn low_rank(&self) -> Option<&dyn LowRank> {
        (self.way == Way::LowRank).then_some(self as &dyn LowRank)
    }
}

const WAYS: [Way; 3] = [Way::Stored, Way::LowRank, Way::Drawn];

#[test]
fn every_way_to_the_networks_has_the_same_prediction() {
    let network = Network::mlp(&[60, 20, 4]);
    let x = normals(50, 60, Seed::root(2));
    let means = WAYS.map(|way| {
        let plane = Plane::new(network.initialize(Seed::root(3)), way, 70);
        predict(&plane, &network, &Categorical, x.view(), 70, Seed::root(1)).unwrap().into_classes().mean()
    });
    for mean in &means {
        assert!(mean.iter().zip(&means[0]).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

/// Parameters of the likelihood lie between weights and buffers, and vary from point to point.
#[test]
fn parameters_of_the_likelihood_are_found_on_every_way() {
    let images = Network::cnn_large(12, 12, 1, 3, true);
    let x = normals(5, 144, Seed::root(2));
    for (network, x) in [(images, x), (Network::mlp(&[60, 20, 4]), normals(9, 60, Seed::root(2)))] {
        let theta = network.initialize(Seed::root(3));
        let buffers: Vec<f32> = network.calibrate(&theta, x.view()).iter().map(|b| b + 10.0).collect();
        let point = [theta, vec![-0.5], buffers].concat();
        let likelihood = LearnedGaussian::default();
        let found = WAYS.map(|way| {
            let plane = Plane::new(point.clone(), way, 40);
            let numbers = predict(&plane, &network, &likelihood, x.view(), 40, Seed::root(1)).unwrap().into_numbers();
            // The noise alone, and so φ alone.
            let plane = Plane::new(point.clone(), Way::Drawn, 40);
            let scales = plane.stored.column(network.dim()).mapv(|phi| f64::from(phi).exp().powi(2));
            let expected = scales.mean().unwrap().sqrt();
            assert!((numbers.aleatoric_deviation()[[0, 0]] / expected - 1.0).abs() < 1e-5);
            numbers.mean()
        });
        for mean in &found {
            assert!(mean.iter().zip(&found[0]).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
        }
    }
}

#[test]
fn what_cannot_be_predicted_is_an_error() {
    let network = Network::mlp(&[2, 1]);
    let x = array![[0.0, 1.0]];
    let plane = |dim: usize| Plane::new(vec![0.0; dim], Way::Drawn, 1);
    let error = |dim: usize, networks| {
        predict(&plane(dim), &network, &Gaussian { sd: 1.0 }, x.view(), networks, Seed::root(1)).err()
    };
    assert_eq!(error(3, 2), None);
    assert_eq!(error(3, 0), Some(PredictError::Empty));
    assert_eq!(error(4, 2), Some(PredictError::Length { expected: 3, weights: 3, phi: 0, buffers: 0, found: 4 }));
    let plane = plane(3);
    let learned = predict(&plane, &network, &LearnedGaussian::default(), x.view(), 1, Seed::root(1)).unwrap_err();
    assert_eq!(
        learned.to_string(),
        "the posterior's points have 3 numbers, and network and likelihood 4: 3 weights, 1 parameters of the \
         likelihood and 0 buffers"
    );
}
