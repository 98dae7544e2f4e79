//! An operation that `apd-tensor` lacks, Bessel functions, with gradients of every order.

use std::error::Error;

use apd_tensor::{Tensor, grad, grad_graph};

/// J₀, whose derivative is −J₁.
fn j0(x: &Tensor<f64>) -> Tensor<f64> {
    Tensor::custom([x], x.value().mapv(libm::j0), [Box::new(|x, _, g| -(g * j1(&x[0])))])
}

/// J₁, whose derivative is J₀ − J₁/x.
fn j1(x: &Tensor<f64>) -> Tensor<f64> {
    Tensor::custom([x], x.value().mapv(libm::j1), [Box::new(|x, y, g| g * (j0(&x[0]) - y / &x[0]))])
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>4} {:>10} {:>10} {:>10} {:>14}", "x", "y = J0(x)", "y'", "y''", "x²y''+xy'+x²y");
    for x in [0.5, 1.0, 2.0, 5.0, 10.0] {
        let at = Tensor::scalar(x).into_variable();
        let y = j0(&at);
        let first = &grad_graph(&y, &[&at])[0]; // recorded, so that it can be differentiated again
        let second = &grad(first, &[&at])[0];
        // J₀ is what solves Bessel's equation.
        let residual = x * x * second.item() + x * first.item() + x * x * y.item();
        assert!(residual.abs() < 1e-12 * x * x.max(1.0));
        println!("{x:>4} {:>10.6} {:>10.6} {:>10.6} {residual:>14.1e}", y.item(), first.item(), second.item());
    }
    // Newton's method finds the first root.
    let mut root = 2.0;
    for _ in 0..6 {
        let at = Tensor::scalar(root).into_variable();
        let y = j0(&at);
        root -= y.item() / grad(&y, &[&at])[0].item();
    }
    assert!((root - 2.404825557695773).abs() < 1e-14);
    println!("the first root of J0: {root:.15}");
    Ok(())
}
