use proptest::prelude::*;

use crate::check::{array, check, config};
use crate::{Tensor, grad};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn softmax(shape in prop::collection::vec(0usize..4, 1..4), salt in 0u64..1000) {
        check(&[array(&shape, salt, -2.0, 2.0)], |x| x[0].softmax());
        check(&[array(&shape, salt, -2.0, 2.0)], |x| x[0].log_softmax());
    }

    #[test]
    fn logsumexp(shape in prop::collection::vec(1usize..4, 1..4), axis in 0usize..3, rest in 0usize..2, salt in 0u64..1000) {
        let axis = axis % shape.len();
        let mut shape = shape;
        shape.push(rest);
        check(&[array(&shape, salt, -2.0, 2.0)], |x| x[0].logsumexp(axis));
        let x = Tensor::constant(array(&shape, salt, -2.0, 2.0));
        let plain = x.exp().sum_axis(axis).ln();
        let found = x.logsumexp(axis);
        prop_assert_eq!(found.shape(), plain.shape());
        prop_assert!(found.sub(&plain).as_slice().iter().all(|x| x.abs() < 1e-14));
    }

    #[test]
    fn cross_entropy(rows in 0usize..4, classes in 1u32..5, picks in prop::collection::vec(0u32..100, 4), salt in 0u64..1000) {
        let labels: Vec<u32> = picks[..rows].iter().map(|pick| pick % classes).collect();
        check(&[array(&[rows, classes as usize], salt, -2.0, 2.0)], |x| x[0].cross_entropy(&labels));
    }

    /// The fused form is what its definition gives.
    #[test]
    fn cross_entropy_by_its_parts(rows in 0usize..4, classes in 1u32..5, picks in prop::collection::vec(0u32..100, 4), salt in 0u64..1000) {
        let labels: Vec<u32> = picks[..rows].iter().map(|pick| pick % classes).collect();
        let x = Tensor::constant(array(&[rows, classes as usize], salt, -5.0, 5.0));
        let log_p = x.log_softmax();
        let by_parts: f64 = labels.iter().enumerate().map(|(n, &label)| -log_p.value()[[n, label as usize]]).sum();
        prop_assert!((x.cross_entropy(&labels).item() - by_parts).abs() < 1e-12);
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[2, 2], vec![0.0_f64, 3.0_f64.ln(), 0.0, 0.0]).into_variable();
    let p = x.softmax();
    assert!((p.value()[[0, 1]] - 0.75).abs() < 1e-15 && p.value()[[1, 0]] == 0.5);
    let loss = x.cross_entropy(&[0, 1]);
    assert!((loss.item() - 8.0_f64.ln()).abs() < 1e-15);
    let gradient = &grad(&loss, &[&x])[0];
    let expected = [-0.75, 0.75, 0.5, -0.5];
    assert!(gradient.as_slice().iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-15));
}

#[test]
fn far_logits_stay_finite() {
    let x = Tensor::from_vec(&[1, 2], vec![1e4_f32, -1e4]).into_variable();
    assert_eq!(x.cross_entropy(&[1]).item(), 2e4);
    assert_eq!(x.cross_entropy(&[0]).item(), 0.0);
    assert_eq!(x.log_softmax().as_slice(), [0.0, -2e4]);
    assert_eq!(grad(&x.cross_entropy(&[1]), &[&x])[0].as_slice(), [1.0, -1.0]);
}

#[test]
fn far_terms_of_a_sum_of_exponentials() {
    let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
    let x = Tensor::from_vec(&[4, 2], vec![1e4, 1e4, least, 3.0, least, least, most, 3.0]).into_variable();
    assert_eq!(x.logsumexp(1).as_slice(), [1e4 + 2.0_f64.ln(), 3.0, least, most]);
    let gradient = grad(&x.logsumexp(1).slice_axis(0, 0..2).sum(), &[&x]).remove(0);
    assert!(gradient.as_slice()[..4].iter().zip([0.5, 0.5, 0.0, 1.0]).all(|(g, e)| (g - e).abs() < 1e-11));
    assert!(Tensor::from_vec(&[2], vec![f64::NAN, 0.0]).logsumexp(0).item().is_nan());
    assert_eq!(Tensor::<f32>::zeros(&[2, 0]).logsumexp(1).as_slice(), [f32::NEG_INFINITY; 2]);
}

#[test]
#[should_panic(expected = "logsumexp: no axis 1 in shape [2]")]
fn no_such_axis() {
    let _ = Tensor::<f32>::ones(&[2]).logsumexp(1);
}

#[test]
#[should_panic(expected = "cross_entropy: label 2 among 2 classes")]
fn label_out_of_range() {
    let _ = Tensor::<f32>::ones(&[1, 2]).cross_entropy(&[2]);
}
