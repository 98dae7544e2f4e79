use super::*;
use crate::{Model as _, Network};

#[test]
fn order_and_offsets_are_those_of_pytorch() {
    let layout = Network::mlp(&[784, 100, 10]).layout();
    let found: Vec<_> = layout.entries.iter().map(|e| (e.name.as_str(), e.offset, e.shape.clone())).collect();
    let expected = vec![
        ("layers.0.weight", 0, vec![100, 784]),
        ("layers.0.bias", 78_400, vec![100]),
        ("layers.1.weight", 78_500, vec![10, 100]),
        ("layers.1.bias", 79_500, vec![10]),
    ];
    assert_eq!(found, expected);
    assert_eq!(layout.len(), 79_510);
    assert_eq!(Network::mlp(&[784, 400, 400, 10]).dim(), 478_410);
}

#[test]
fn flatten_inverts_tensors_and_views_show_the_same_elements() {
    let layout = Network::mlp(&[3, 5, 4, 2]).layout();
    let theta: Vec<f64> = (0..layout.len()).map(|i| (i as f64).sin()).collect();
    let tensors = layout.tensors(&theta);
    assert_eq!(layout.flatten(&tensors), theta);
    for (view, tensor) in layout.views(&theta).iter().zip(&tensors) {
        assert_eq!(view, tensor.value());
    }
    assert_eq!(layout.views(&theta)[4][[1, 2]], theta[3 * 5 + 5 + 5 * 4 + 4 + 6]);
}
