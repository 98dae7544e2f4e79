use apd_nn::Model as _;
use ndarray::Array2;

use super::*;
use crate::config::NetName;
use crate::testing::quick;

const SAMPLES: usize = 2_000;

/// Networks around one, whose weights differ by `spread` in so many random directions; what is kept of them, and its bytes as a share of theirs.
fn kept(directions: usize, spread: f32) -> (Distilled, String, f64) {
    let mut config = quick(NetName::Fc1, &["classify"]);
    config.subspace.rank = 4;
    config.subspace.components = 50;
    let network = config.net.network(64, 10);
    let center = network.initialize(Seed::root(1));
    let normals = Seed::root(2).normals();
    let mut coefficients = Array2::zeros((SAMPLES, directions));
    normals.fill(0, 0, coefficients.as_slice_mut().unwrap());
    let mut basis = Array2::<f32>::zeros((directions, center.len()));
    normals.fill(1, 0, basis.as_slice_mut().unwrap());
    let rows = coefficients.dot(&basis) * (spread / (directions as f32).sqrt())
        + Array2::from_shape_vec((1, center.len()), center).unwrap();
    let inputs = apd_data::digits(Seed::root(3)).validation.images.pixels;
    let (kept, said) = nearest(&rows, &config, &network, inputs.view(), Seed::root(4)).unwrap();
    let share = kept.bytes() as f64 / (4 * rows.len()) as f64;
    (kept, said, share)
}

#[test]
fn networks_that_differ_in_few_directions_are_kept_as_those_and_others_as_samples_until_they_are_enough() {
    let (few, said, share) = kept(3, 0.05);
    assert!(matches!(few, Distilled::Subspace(_)) && said.starts_with("3 directions"), "{said}");
    assert!(share < 0.02, "{said}: {share}");
    let (many, said, share) = kept(60, 0.3);
    assert!(matches!(many, Distilled::Subsample(_)) && said.contains("samples in 8 bits"), "{said}");
    assert!(share <= SHARE, "{said}: {share}");
}

/// Points with the chains that they come from.
struct Chains(Array2<f32>, usize);

impl Points for Chains {
    fn len(&self) -> usize {
        self.0.nrows()
    }
    fn dim(&self) -> usize {
        self.0.ncols()
    }
    fn row(&self, i: usize) -> &[f32] {
        Points::row(&self.0, i)
    }
    fn chain(&self, i: usize) -> u32 {
        (i / self.1) as u32
    }
}

/// Eight chains around networks of their own, each walking along a curve that bends in seven directions. All rows vary in 63; each chain in seven.
#[test]
fn chains_that_are_curves_are_kept_as_those() {
    const CHAINS: usize = 8;
    const LENGTH: usize = 250;
    let mut config = quick(NetName::Fc1, &["classify"]);
    (config.subspace.rank, config.subspace.components) = (58, 200);
    let network = config.net.network(64, 10);
    let normals = Seed::root(2).normals();
    let rows = (0..CHAINS).flat_map(|chain| {
        let center = network.initialize(Seed::root(1).index(chain as u64));
        let mut bends = Array2::<f32>::zeros((7, center.len()));
        normals.fill(chain as u64, 0, bends.as_slice_mut().unwrap());
        (0..LENGTH).flat_map(move |i| {
            let t = (i as f32 + 0.5) / LENGTH as f32;
            let along = ndarray::Array1::from_shape_fn(7, |k| (std::f32::consts::PI * (k + 1) as f32 * t).cos());
            (along.dot(&bends) * 0.05 + ndarray::ArrayView1::from(&center)).to_vec()
        })
    });
    let rows = Chains(Array2::from_shape_vec((CHAINS * LENGTH, network.dim()), rows.collect()).unwrap(), LENGTH);
    let inputs = apd_data::digits(Seed::root(3)).validation.images.pixels;
    let (kept, said) = nearest(&rows, &config, &network, inputs.view(), Seed::root(4)).unwrap();
    let Distilled::Conditional(path) = &kept else { panic!("{said}") };
    assert!(path.chains() == CHAINS && said.contains("of each of 8 chains, by time"), "{said}");
    // Of the same numbers without chains nothing near is as small.
    let (unknown, said) = nearest(&rows.0, &config, &network, inputs.view(), Seed::root(4)).unwrap();
    assert!(unknown.bytes() >= kept.bytes() && !matches!(unknown, Distilled::Conditional(_)), "{said}");
}
