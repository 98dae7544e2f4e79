use ndarray::{Ix1, Ix2};
use proptest::prelude::*;

use crate::check::{array, check, config};
use crate::{Tensor, grad};

/// xᵀ·A·x of a column x, the gradient in A scaled by `mistake`.
fn quadratic(x: &Tensor<f64>, a: &Tensor<f64>, mistake: f64) -> Tensor<f64> {
    let (column, matrix) = (x.value().flatten(), a.value().view().into_dimensionality::<Ix2>().unwrap());
    let column = column.into_dimensionality::<Ix1>().unwrap();
    let value = ndarray::arr0(column.dot(&matrix.dot(&column))).into_dyn();
    Tensor::custom(
        [x, a],
        value,
        [
            Box::new(|x, _, g| x[1].matmul(&x[0]).add(&x[1].matmul_tn(&x[0])).mul(g)),
            Box::new(move |x, _, g| x[0].matmul_nt(&x[0]).mul(g).scale(mistake)),
        ],
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_quadratic_form(n in 0usize..5, salt in 0u64..1000) {
        check(&[array(&[n, 1], salt, -1.0, 1.0), array(&[n, n], salt + 1, -1.0, 1.0)], |x| quadratic(&x[0], &x[1], 1.0));
    }
}

#[test]
#[should_panic(expected = "first order, input 1 [2, 2]")]
fn a_wrong_rule_is_found() {
    check(&[array(&[2, 1], 1, 0.5, 1.0), array(&[2, 2], 2, 0.5, 1.0)], |x| quadratic(&x[0], &x[1], 1.01));
}

#[test]
fn it_is_recorded_only_if_an_input_is() {
    let (x, a) = (Tensor::ones(&[2, 1]), Tensor::ones(&[2, 2]));
    assert!(!quadratic(&x, &a, 1.0).is_recorded());
    assert!(quadratic(&x, &a.into_variable(), 1.0).is_recorded());
}

#[test]
#[should_panic(expected = "grad: the rule of input 0 gives shape [], the input has shape [2]")]
fn a_rule_that_gives_another_shape() {
    let x = Tensor::<f64>::ones(&[2]).into_variable();
    let y = Tensor::custom([&x], ndarray::arr0(2.0).into_dyn(), [Box::new(|_, _, g| g.clone())]);
    let _ = grad(&y, &[&x]);
}
