use proptest::prelude::*;

use crate::check::{array, check, config};
use crate::{Tensor, grad, grad_graph};

/// A critic with two hidden layers: x·W₁ᵀ + b₁, leaky ReLU, the same again, then a linear output.
fn critic(x: &Tensor<f64>, w: &[Tensor<f64>]) -> Tensor<f64> {
    let hidden = x.matmul_nt(&w[0]).add(&w[1]).leaky_relu(0.2);
    hidden.matmul_nt(&w[2]).add(&w[3]).tanh().matmul_nt(&w[4])
}

/// E (‖∇ₓ D(x)‖ − 1)², the gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3).
fn penalty(x: &Tensor<f64>, w: &[Tensor<f64>]) -> Tensor<f64> {
    let gradient = grad_graph(&critic(x, w).sum(), &[x]).remove(0);
    gradient.square().sum_axis(1).sqrt().add_scalar(-1.0).square().mean()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..config() })]

    /// The derivative of the penalty in the critic's weights is a second derivative already; `check` goes up to the third.
    #[test]
    fn gradient_penalty(batch in 1usize..4, d in 1usize..5, salt in 0u64..1000) {
        let shapes: [&[usize]; 5] = [&[3, d], &[3], &[2, 3], &[2], &[1, 2]];
        let weights: Vec<_> = shapes.iter().zip(salt * 10..).map(|(shape, salt)| array(shape, salt, 0.3, 1.5)).collect();
        // Positive weights and inputs keep the gradient away from 0, and pre-activations from the kink.
        let x = Tensor::variable(array(&[batch, d], salt + 5000, 0.1, 0.5));
        check(&weights, |w| penalty(&x, w).scale(0.1));
    }
}

#[test]
fn powers_by_hand() {
    let x = Tensor::scalar(3.0_f64).into_variable();
    let y = x.square().square();
    let first = grad_graph(&y, &[&x]).remove(0);
    let second = grad_graph(&first, &[&x]).remove(0);
    let third = grad(&second, &[&x]).remove(0);
    assert_eq!([first.item(), second.item(), third.item()], [108.0, 108.0, 72.0]);
}

#[test]
fn what_y_does_not_depend_on_has_gradient_zero() {
    let (x, z) = (Tensor::<f32>::ones(&[2]).into_variable(), Tensor::<f32>::ones(&[3, 1]).into_variable());
    let gradients = grad(&x.sum(), &[&z, &x, &z]);
    assert_eq!((gradients[0].shape(), gradients[0].as_slice()), (&[3, 1][..], &[0.0; 3][..]));
    assert_eq!(gradients[1].as_slice(), [1.0; 2]);
    assert_eq!(grad(&Tensor::<f32>::scalar(1.0), &[&x])[0].as_slice(), [0.0; 2]);
    assert_eq!(grad(&x.sum(), &[]).len(), 0);
}

#[test]
fn intermediate_values_and_y_itself() {
    let x = Tensor::scalar(2.0_f64).into_variable();
    let inner = x.square();
    let y = inner.mul(&inner).add(&x);
    let gradients = grad(&y, &[&inner, &x, &y]);
    assert_eq!(gradients.iter().map(Tensor::item).collect::<Vec<_>>(), [8.0, 33.0, 1.0]);
}

#[test]
fn a_plain_gradient_is_a_constant_and_a_recorded_one_is_not() {
    let x = Tensor::scalar(2.0_f64).into_variable();
    let y = x.square();
    assert!(!grad(&y, &[&x])[0].is_recorded());
    assert!(grad_graph(&y, &[&x])[0].is_recorded());
}

#[test]
#[should_panic(expected = "grad: y must have one element, not shape [2]")]
fn gradient_of_several_values() {
    let x = Tensor::<f32>::ones(&[2]).into_variable();
    let _ = grad(&x, &[&x]);
}
