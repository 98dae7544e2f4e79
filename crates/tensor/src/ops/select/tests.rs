use ndarray::ArrayD;
use proptest::prelude::*;

use crate::check::{apart, array, check, config, pairs, shapes};
use crate::{Tensor, grad};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn where_((a, b) in pairs(), salt in 0u64..1000) {
        let sum = &Tensor::constant(array(&a, salt, -1.0, 1.0)) + &Tensor::constant(array(&b, salt + 2, -1.0, 1.0));
        let mask = sum.value().mapv(|x| x > 0.0);
        let inputs = [array(&a, salt, -1.0, 1.0), array(&b, salt + 1, -1.0, 1.0)];
        check(&inputs, |x| x[0].where_(&mask, &x[1]));
        let [x, y] = inputs.map(Tensor::constant);
        // By its definition, with a product.
        let weight = Tensor::constant(mask.mapv(|holds| if holds { 1.0 } else { 0.0 }));
        let expected = &(&weight * &x) + &(&(&Tensor::scalar(1.0) - &weight) * &y);
        let found = x.where_(&mask, &y);
        prop_assert_eq!(found.value(), expected.value());
    }

    #[test]
    fn the_larger_and_the_smaller((a, b) in pairs(), salt in 0u64..1000) {
        // Multiples of 0.1 and of 0.1 shifted by 0.05: no step of the differences changes which one is larger.
        let grid = |shape: &[usize], salt, shift: f64| array(shape, salt, -5.0, 5.0).mapv(|x| (x.round() + shift) * 0.1);
        let inputs = [grid(&a, salt, 0.0), grid(&b, salt + 1, 0.5)];
        check(&inputs, |x| x[0].maximum(&x[1]));
        check(&inputs, |x| x[0].minimum(&x[1]));
    }

    #[test]
    fn the_largest_and_the_smallest(shape in prop::collection::vec(1usize..4, 1..4), axis in 0usize..3, rest in 0usize..2, salt in 0u64..1000) {
        let axis = axis % shape.len();
        let mut shape = shape;
        shape.push(rest);
        let x = apart(&shape, salt);
        check(std::slice::from_ref(&x), |x| x[0].max_axis(axis));
        check(std::slice::from_ref(&x), |x| x[0].min_axis(axis));
        if rest > 0 {
            check(std::slice::from_ref(&x), |x| x[0].max());
            check(&[x], |x| x[0].min());
        }
    }

    #[test]
    fn tril(m in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[m, n], salt, -1.0, 1.0)], |x| x[0].tril());
    }

    /// The largest is what a fold finds.
    #[test]
    fn values_of_the_largest(shape in shapes(), salt in 0u64..1000) {
        let x = array(&shape, salt, -1.0, 1.0);
        if !x.is_empty() {
            prop_assert_eq!(Tensor::constant(x.clone()).max().item(), x.fold(f64::NEG_INFINITY, |a, &b| a.max(b)));
            prop_assert_eq!(Tensor::constant(x.clone()).min().item(), x.fold(f64::INFINITY, |a, &b| a.min(b)));
        }
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[2, 3], vec![1.0_f32, 5.0, 3.0, -4.0, -6.0, -5.0]);
    assert_eq!((x.max_axis(0).shape(), x.max_axis(0).as_slice()), (&[1, 3][..], &[1.0, 5.0, 3.0][..]));
    assert_eq!((x.min_axis(1).shape(), x.min_axis(1).as_slice()), (&[2, 1][..], &[1.0, -6.0][..]));
    assert_eq!((x.max().shape(), x.max().item(), x.min().item()), (&[][..], 5.0, -6.0));
    assert_eq!(x.maximum(&Tensor::scalar(0.0)).as_slice(), [1.0, 5.0, 3.0, 0.0, 0.0, 0.0]);
    assert_eq!(x.minimum(&Tensor::scalar(0.0)).as_slice(), [0.0, 0.0, 0.0, -4.0, -6.0, -5.0]);
    assert_eq!(x.tril().as_slice(), [1.0, 0.0, 0.0, -4.0, -6.0, 0.0]);
}

#[test]
fn among_equals_the_first_has_the_derivative() {
    let (x, y) = (Tensor::<f64>::ones(&[2]).into_variable(), Tensor::<f64>::ones(&[2]).into_variable());
    assert_eq!(grad(&x.max(), &[&x])[0].as_slice(), [1.0, 0.0]);
    assert_eq!(grad(&x.min(), &[&x])[0].as_slice(), [1.0, 0.0]);
    for larger in [x.maximum(&y), x.minimum(&y)] {
        let gradients = grad(&larger.sum(), &[&x, &y]);
        assert_eq!((gradients[0].as_slice(), gradients[1].as_slice()), (&[1.0; 2][..], &[0.0; 2][..]));
    }
}

#[test]
fn an_error_in_the_input_is_not_hidden() {
    let (nan, one) = (Tensor::scalar(f64::NAN), Tensor::scalar(1.0));
    for y in [nan.maximum(&one), one.maximum(&nan), nan.minimum(&one), one.minimum(&nan)] {
        assert!(y.item().is_nan());
    }
    for x in [[1.0, f64::NAN], [f64::NAN, 1.0]] {
        let x = Tensor::from_vec(&[2], x.to_vec());
        assert!(x.max().item().is_nan() && x.min().item().is_nan());
    }
}

#[test]
fn what_is_not_chosen_does_not_spread() {
    let x = Tensor::from_vec(&[2], vec![0.0_f64, 4.0]).into_variable();
    // ln 0 has the derivative ∞.
    let y = x.ln().where_(&x.value().mapv(|x| x > 0.0), &Tensor::scalar(0.0));
    assert_eq!(y.as_slice(), [0.0, 4.0_f64.ln()]);
    let safe = x.where_(&x.value().mapv(|x| x > 0.0), &Tensor::scalar(1.0)).ln();
    assert_eq!(grad(&safe.sum(), &[&x])[0].as_slice(), [0.0, 0.25]);
}

#[test]
#[should_panic(expected = "where_: shapes [2] and [2] and that of the mask, [3], do not broadcast")]
fn a_mask_that_does_not_fit() {
    let _ = Tensor::<f32>::ones(&[2]).where_(&ArrayD::from_elem(vec![3], true), &Tensor::ones(&[2]));
}

#[test]
#[should_panic(expected = "maximum: shapes [2] and [3] do not broadcast")]
fn shapes_that_do_not_broadcast() {
    let _ = Tensor::<f32>::ones(&[2]).maximum(&Tensor::ones(&[3]));
}

#[test]
#[should_panic(expected = "max_axis: nothing along axis 1 of shape [2, 0]")]
fn the_largest_of_none() {
    let _ = Tensor::<f32>::ones(&[2, 0]).max_axis(1);
}
