use apd_nn::Network;
use apd_seed::Seed;
use ndarray::{Array2, ShapeBuilder, s};

use super::*;
use crate::likelihood::Categorical;

/// Spread such that logits are of order 1.
fn normals(rows: usize, columns: usize, scale: f32, seed: Seed) -> Array2<f32> {
    let mut x = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, x.as_slice_mut().unwrap());
    x * scale
}

struct Case {
    network: Network,
    mean: Vec<f32>,
    directions: Array2<f32>,
    coefficients: Array2<f32>,
    inputs: Array2<f32>,
}

impl Case {
    fn new(network: Network, r: usize, networks: usize, n: usize) -> Self {
        let root = Seed::root(1);
        let mean = network.initialize(root.child("mean"));
        Self {
            directions: normals(r, mean.len(), 0.01, root.child("directions")),
            coefficients: normals(networks, r, 1.0, root.child("coefficients")),
            inputs: normals(n, network.inputs(), 1.0, root.child("inputs")),
            network,
            mean,
        }
    }

    fn block(&self) -> usize {
        let Network::Mlp(mlp) = &self.network else { return 0 };
        block(mlp, self.coefficients.nrows(), self.inputs.nrows())
    }

    fn is_shared(&self) -> bool {
        self.block() > 0 && is_cheaper(self.directions.nrows(), self.network.inputs(), self.block())
    }

    fn shared(&self) -> Vec<Array2<f32>> {
        let (basis, mut all) = (SharedBasis { mean: &self.mean, directions: self.directions.view() }, Vec::new());
        predict_shared(&self.network, &Categorical, basis, self.coefficients.view(), self.inputs.view(), |s, p| {
            assert_eq!(s, all.len());
            all.push(p.to_owned());
        });
        all
    }

    /// That networks which are made have the same predictions.
    fn check(&self) {
        let mut expected = Vec::new();
        let thetas = self.coefficients.dot(&self.directions)
            + &Array2::from_shape_fn((1, self.mean.len()), |(_, j)| self.mean[j]);
        let thetas = thetas.rows().into_iter().map(|row| row.to_vec());
        predict_networks(&self.network, &Categorical, thetas, self.inputs.view(), |_, p| expected.push(p.to_owned()));
        let found = self.shared();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.dim(), expected.dim());
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-5, "{a} is not {b}");
            }
        }
    }
}

/// One and two hidden layers and none; no direction; one network; few and many inputs, and such that the last chunk is partial.
#[test]
fn perceptrons_predict_as_if_they_had_been_made() {
    for (widths, r, networks, n, shared) in [
        (vec![200, 50, 10], 12, 70, 150, true),
        (vec![784, 100, 10], 56, 90, 33, true),
        (vec![300, 40, 30, 4], 20, 50, 301, true),
        (vec![100, 5], 6, 30, 40, true),
        (vec![50, 20, 3], 0, 40, 100, true),
        (vec![50, 128, 3], 15, 60, CHUNKS * ROWS + 17, true),
        (vec![50, 20, 3], 4, 1, 100, false),
        (vec![50, 20, 3], 4, 5, 100, false),
        (vec![8, 20, 3], 7, 100, 40, false),
        (vec![50, 20, 3], 4, 100, 0, true),
        (vec![50, 20, 3], 4, 0, 10, false),
    ] {
        let case = Case::new(Network::mlp(&widths), r, networks, n);
        assert_eq!(case.is_shared(), shared, "{widths:?}, {r} directions, {networks} networks");
        case.check();
    }
}

#[test]
fn convolutional_networks_are_made() {
    for batch_norm in [false, true] {
        let mut case = Case::new(Network::cnn_large(12, 12, 1, 3, batch_norm), 3, WAVE + 2, 7);
        let buffers = case.network.calibrate(&case.mean, case.inputs.view());
        case.mean.extend(buffers);
        case.directions = normals(3, case.mean.len(), 1e-4, Seed::root(2));
        case.check();
    }
}

/// More than one block; memory of a block is bounded, and blocks are nearly equal.
#[test]
fn blocks_share_the_networks_evenly() {
    let case = Case::new(Network::mlp(&[30, 4, 1100]), 3, 31, 4000);
    assert_eq!(case.block(), 11);
    assert!(case.is_shared());
    case.check();
    for (widths, networks, n) in [(&[784, 100, 10], 1000, 10_000), (&[784, 400, 10], 7, 1 << 30), (&[3, 2, 2], 1000, 0)]
    {
        let Network::Mlp(mlp) = Network::mlp(widths) else { unreachable!() };
        let block = block(&mlp, networks, n);
        assert!((1..=networks).contains(&block));
        assert!(block == 1 || block * n * widths[2] <= ELEMENTS, "{block}");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let cases = [
        Case::new(Network::mlp(&[60, 90, 20, 4]), 9, 75, CHUNKS * ROWS + 77),
        Case::new(Network::mlp(&[60, 90, 20, 4]), 59, 75, 300),
    ];
    assert_eq!(cases.each_ref().map(Case::is_shared), [true, false]);
    for case in cases {
        let on =
            |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| case.shared());
        let one = on(1);
        assert!(one == on(2) && one == on(7));
    }
}

#[test]
fn any_layout_in_memory_will_do() {
    let mut case = Case::new(Network::mlp(&[60, 20, 4]), 5, 40, 50);
    let expected = case.shared();
    let columns = |x: &Array2<f32>| {
        let mut copy = Array2::zeros(x.dim().f());
        copy.assign(x);
        copy
    };
    (case.directions, case.coefficients, case.inputs) =
        (columns(&case.directions), columns(&case.coefficients), columns(&case.inputs));
    assert_eq!(case.shared(), expected);
}

#[test]
#[should_panic(expected = "directions for the coefficients")]
fn coefficients_of_another_rank_panic() {
    let mut case = Case::new(Network::mlp(&[6, 2]), 3, 2, 1);
    case.coefficients = case.coefficients.slice(s![.., ..2]).to_owned();
    case.shared();
}
