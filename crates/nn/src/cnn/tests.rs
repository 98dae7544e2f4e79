use apd_seed::Seed;
use proptest::prelude::*;

use super::*;
use crate::{LayerFault, Model as _, Network, NetworkError, conformance};
use apd_points::Layout;

pub(crate) fn same(outputs: usize, kernel: usize, batch_norm: bool) -> CnnLayer {
    conv(outputs, kernel, Padding::Same, batch_norm)
}

pub(crate) fn valid(outputs: usize, kernel: usize, batch_norm: bool) -> CnnLayer {
    conv(outputs, kernel, Padding::Valid, batch_norm)
}

/// Networks of all kinds of layers, one after the other as they come.
pub(crate) fn networks() -> impl Strategy<Value = Network> {
    let kernel = prop_oneof![Just(1usize), Just(3)];
    let layer = prop_oneof![
        4 => (1usize..6, kernel, any::<bool>()).prop_map(|(outputs, kernel, norm)| same(outputs, kernel, norm)),
        2 => (1usize..6, 1usize..4, any::<bool>()).prop_map(|(outputs, kernel, norm)| valid(outputs, kernel, norm)),
        2 => (1usize..4).prop_map(|size| CnnLayer::MaxPool { size }),
        1 => Just(CnnLayer::GlobalAveragePool),
    ];
    let activation =
        prop_oneof![Just(Activation::Relu), (0.0_f32..=1.0).prop_map(Activation::LeakyRelu), Just(Activation::Tanh)];
    let end = prop_oneof![
        Just(vec![CnnLayer::Linear { outputs: 3 }]),
        Just(vec![CnnLayer::Linear { outputs: 4 }, CnnLayer::Linear { outputs: 2 }]),
        Just(vec![CnnLayer::GlobalAveragePool]),
        any::<bool>().prop_map(|norm| vec![valid(2, 1, norm), CnnLayer::GlobalAveragePool]),
    ];
    ((1usize..9, 1usize..9, 1usize..4), prop::collection::vec(layer, 0..5), activation, end)
        .prop_map(|((height, width, channels), layers, activation, end)| {
            let layers = [layers, end].concat();
            Network::Cnn(Cnn { height, width, channels, layers, activation })
        })
        .prop_filter("a network", |network| network.check().is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Normalizations of a few equal values amplify rounding errors, (z − mean)/√(0 + ε) by 1/√ε: those are tested where images are larger.
    #[test]
    fn the_fused_engine_conforms(network in networks().prop_map(|network| network.folded())) {
        prop_assert_eq!(conformance::check(&network), Ok(()));
    }
}

/// A unit of this network is within rounding of 0, where the derivative of a rectifier jumps.
#[test]
fn a_unit_at_the_kink_of_its_rectifier_is_no_discrepancy() {
    let layers = vec![same(3, 3, false), CnnLayer::Linear { outputs: 3 }];
    let cnn = Cnn { height: 4, width: 7, channels: 3, layers, activation: Activation::Relu };
    assert_eq!(conformance::check(&Network::Cnn(cnn)), Ok(()));
}

#[test]
fn the_fused_engine_conforms_on_large_networks() {
    let normalized = Cnn {
        height: 9,
        width: 7,
        channels: 2,
        layers: vec![
            same(5, 3, true),
            CnnLayer::MaxPool { size: 2 },
            valid(4, 2, true),
            CnnLayer::Linear { outputs: 3 },
        ],
        activation: Activation::LeakyRelu(0.2),
    };
    for network in [Network::Cnn(normalized), Network::cnn_small(8, 8, 1, 10), Network::cnn_large(12, 12, 1, 10, true)]
    {
        assert_eq!(conformance::check(&network), Ok(()));
    }
}

#[test]
fn names_and_places_are_those_of_a_sequential() {
    let names = |network: &Network| {
        network
            .layout()
            .entries
            .into_iter()
            .map(|entry| format!("{} {:?}", entry.name, entry.shape))
            .collect::<Vec<_>>()
    };
    // Conv2d, ReLU, MaxPool2d three times, Flatten, Linear.
    let small = Network::cnn_small(28, 28, 1, 10);
    assert_eq!(
        names(&small),
        [
            "layers.0.weight [16, 1, 3, 3]",
            "layers.0.bias [16]",
            "layers.3.weight [32, 16, 3, 3]",
            "layers.3.bias [32]",
            "layers.6.weight [32, 32, 3, 3]",
            "layers.6.bias [32]",
            "layers.10.weight [10, 288]",
            "layers.10.bias [10]",
        ]
    );
    assert_eq!((small.dim(), small.buffers(), small.inputs(), small.outputs()), (16_938, 0, 784, 10));
    // Conv2d, BatchNorm2d, LeakyReLU; …; Conv2d, AdaptiveAvgPool2d, Flatten.
    let large = Network::cnn_large(28, 28, 1, 10, true);
    let entries = names(&large);
    assert_eq!(
        entries[..4],
        ["layers.0.weight [48, 1, 3, 3]", "layers.0.bias [48]", "layers.1.weight [48]", "layers.1.bias [48]"]
    );
    assert_eq!(entries[entries.len() - 2..], ["layers.26.weight [10, 96, 1, 1]", "layers.26.bias [10]"]);
    assert_eq!(large.dim(), Network::cnn_large(28, 28, 1, 10, false).dim() + 2 * (3 * 48 + 5 * 96));
    assert_eq!(large.buffers(), 2 * (3 * 48 + 5 * 96));
    assert_eq!(large.row_len(), large.dim() + large.buffers());
    // The digits: 8 → 4 → 2 → 1.
    assert_eq!(Network::cnn_small(8, 8, 1, 10).layout().get("layers.10.weight").unwrap().shape, [10, 32]);
}

#[test]
fn each_layer_starts_by_its_own_fan_in() {
    let network = Network::Cnn(Cnn {
        height: 8,
        width: 8,
        channels: 2,
        layers: vec![same(50, 3, true), CnnLayer::MaxPool { size: 2 }, CnnLayer::Linear { outputs: 4 }],
        activation: Activation::Relu,
    });
    let theta = network.initialize(Seed::root(1));
    assert_eq!(theta, network.initialize(Seed::root(1)));
    let layout: Layout = network.layout();
    let largest = |name: &str| theta[layout.get(name).unwrap().range()].iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    // 1/√(2·9) and 1/√(50·16), PyTorch's bounds.
    for (name, bound) in [("layers.0.weight", 18.0_f32), ("layers.0.bias", 18.0), ("layers.5.weight", 800.0)] {
        let bound = bound.sqrt().recip();
        assert!((0.9 * bound..=bound).contains(&largest(name)), "{name}: {}", largest(name));
    }
    assert!(theta[layout.get("layers.1.weight").unwrap().range()].iter().all(|&w| w == 1.0));
    assert_eq!(largest("layers.1.bias"), 0.0);
}

#[test]
fn descriptions_that_are_not_networks_are_told_apart() {
    let with = |[height, width, channels]: [usize; 3], layers: &[CnnLayer]| {
        let layers = layers.to_vec();
        Network::Cnn(Cnn { height, width, channels, layers, activation: Activation::Relu }).check()
    };
    let fault = |index, fault| Err(NetworkError::Layer { index, fault });
    let (linear, pool) = (CnnLayer::Linear { outputs: 2 }, |size| CnnLayer::MaxPool { size });
    assert_eq!(with([4, 4, 1], &[same(2, 3, true), pool(2), linear]), Ok(()));
    assert_eq!(with([4, 0, 1], &[linear]), Err(NetworkError::EmptyImage));
    assert_eq!(with([4, 4, 1], &[pool(4)]), Err(NetworkError::NoWeights));
    assert_eq!(with([4, 4, 1], &[]), Err(NetworkError::NoWeights));
    assert_eq!(with([4, 4, 1], &[same(2, 3, false)]), Err(NetworkError::Pixels { height: 4, width: 4 }));
    assert_eq!(with([4, 4, 1], &[same(0, 3, false), linear]), fault(0, LayerFault::Empty));
    assert_eq!(with([4, 4, 1], &[pool(0), linear]), fault(0, LayerFault::Empty));
    assert_eq!(with([4, 4, 1], &[same(2, 4, false), linear]), fault(0, LayerFault::EvenKernel(4)));
    let window = |window, height, width| LayerFault::Window { window, height, width };
    assert_eq!(with([4, 6, 1], &[linear, valid(2, 2, false)]), fault(1, window(2, 1, 1)));
    assert_eq!(with([4, 6, 1], &[pool(3), pool(2), linear]), fault(1, window(2, 1, 2)));
    assert_eq!(with([4, 6, 1], &[same(1, 11, false), linear]), fault(0, window(5, 4, 6)));
    assert_eq!(with([40, 40, 1], &[pool(17), linear]), fault(0, LayerFault::LargePool(17)));
    for huge in [with([usize::MAX, 4, 1], &[linear]), with([1 << 20; 3], &[linear])] {
        assert_eq!(huge, Err(NetworkError::TooLarge));
    }
    for outputs in [usize::MAX, 1 << 60, 1 << 21] {
        assert_eq!(with([4, 4, 1], &[same(outputs, 3, true), linear]), Err(NetworkError::TooLarge));
    }
    let slope = Cnn { activation: Activation::LeakyRelu(2.0), ..Cnn::small(8, 8, 1, [2, 2, 2], 2) };
    assert_eq!(Network::Cnn(slope).check(), Err(NetworkError::Slope(2.0)));
    let message = fault(3, window(2, 1, 1)).unwrap_err().to_string();
    assert_eq!(message, "layer number 3 of the network has a window of 2 where 1×1 pixels are left");
}

#[test]
#[should_panic(expected = "layer number 5 of the network has a window of 2 where 1×1 pixels are left")]
fn images_too_small_for_the_network_panic() {
    let _ = Network::cnn_small(7, 7, 1, 10);
}
