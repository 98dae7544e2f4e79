use ndarray::Dimension;
use proptest::prelude::*;

use crate::check::{array, check, config, numbers, pairs, shapes};
use crate::{Tensor, grad, grad_graph};

macro_rules! unary {
    ($($name:ident($low:expr, $high:expr): $f:expr;)*) => {
        proptest! {
            #![proptest_config(config())]
            $(#[test]
            fn $name(shape in shapes(), salt in 0u64..1000) {
                check(&[array(&shape, salt, $low, $high)], |x| $f(&x[0]));
            })*
        }
    };
}

unary! {
    neg(-2.0, 2.0): Tensor::neg;
    scale(-2.0, 2.0): |x: &Tensor<f64>| x.scale(-1.7);
    add_scalar(-2.0, 2.0): |x: &Tensor<f64>| x.add_scalar(0.3);
    tanh(-2.0, 2.0): Tensor::tanh;
    sigmoid(-3.0, 3.0): Tensor::sigmoid;
    softplus(-3.0, 3.0): Tensor::softplus;
    silu(-3.0, 3.0): Tensor::silu;
    gelu(-3.0, 3.0): Tensor::gelu;
    normal_cdf(-3.0, 3.0): Tensor::normal_cdf;
    erf(-2.0, 2.0): Tensor::erf;
    exp(-2.0, 1.0): Tensor::exp;
    ln(0.5, 2.0): Tensor::ln;
    sqrt(0.5, 2.0): Tensor::sqrt;
    square(-2.0, 2.0): Tensor::square;
    a_power(0.5, 2.0): |x: &Tensor<f64>| x.powf(-1.3);
    a_power_of_numbers_of_either_sign(-2.0, 2.0): |x: &Tensor<f64>| x.powf(3.0);
    first_power(-2.0, 2.0): |x: &Tensor<f64>| x.powf(1.0);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn add((a, b) in pairs(), salt in 0u64..1000) {
        check(&[array(&a, salt, -2.0, 2.0), array(&b, salt + 1, -2.0, 2.0)], |x| x[0].add(&x[1]));
    }

    #[test]
    fn sub((a, b) in pairs(), salt in 0u64..1000) {
        check(&[array(&a, salt, -2.0, 2.0), array(&b, salt + 1, -2.0, 2.0)], |x| x[0].sub(&x[1]));
    }

    #[test]
    fn mul((a, b) in pairs(), salt in 0u64..1000) {
        check(&[array(&a, salt, -2.0, 2.0), array(&b, salt + 1, -2.0, 2.0)], |x| x[0].mul(&x[1]));
    }

    #[test]
    fn div((a, b) in pairs(), salt in 0u64..1000) {
        check(&[array(&a, salt, -2.0, 2.0), array(&b, salt + 1, 0.7, 2.0)], |x| x[0].div(&x[1]));
    }

    #[test]
    fn pow((a, b) in pairs(), salt in 0u64..1000) {
        check(&[array(&a, salt, 0.5, 2.0), array(&b, salt + 1, -2.0, 2.0)], |x| x[0].pow(&x[1]));
    }

    #[test]
    fn rectifiers_away_from_the_kink(shape in shapes(), salt in 0u64..1000) {
        let mut x = array(&shape, salt, -2.0, 2.0);
        x.mapv_inplace(|x| if x.abs() < 0.05 { 0.05_f64.copysign(x) } else { x });
        check(std::slice::from_ref(&x), |x| x[0].relu());
        check(&[x], |x| x[0].leaky_relu(0.2));
    }

    /// Broadcasting gives what indexing by the definition gives.
    #[test]
    fn broadcast_values((a, b) in pairs(), salt in 0u64..1000) {
        let (a, b) = (array(&a, salt, -2.0, 2.0), array(&b, salt + 1, -2.0, 2.0));
        let y = Tensor::constant(a.clone()).sub(&Tensor::constant(b.clone()));
        let at = |x: &ndarray::ArrayD<f64>, index: &[usize]| {
            let own: Vec<usize> = index[index.len() - x.ndim()..].iter().zip(x.shape()).map(|(&i, &n)| i.min(n - 1)).collect();
            x[&own[..]]
        };
        prop_assert_eq!(y.ndim(), a.ndim().max(b.ndim()));
        for (index, &y) in y.value().indexed_iter() {
            prop_assert_eq!(y, at(&a, index.slice()) - at(&b, index.slice()));
        }
    }
}

#[test]
fn large_tensors_take_the_parallel_path_to_the_same_values() {
    let n = 300_001;
    let (a, b) = (numbers(n, 1, -2.0, 2.0), numbers(n, 2, -2.0, 2.0));
    let (x, y) = (Tensor::from_vec(&[n], a.clone()), Tensor::from_vec(&[n], b.clone()));
    let (product, root) = (x.mul(&y), x.square());
    assert!((0..n).all(|i| product.as_slice()[i] == a[i] * b[i] && root.as_slice()[i] == a[i] * a[i]));
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[3], vec![-2.0_f64, 0.0, 3.0]);
    assert_eq!(x.relu().as_slice(), [0.0, 0.0, 3.0]);
    assert_eq!(x.leaky_relu(0.5).as_slice(), [-1.0, 0.0, 3.0]);
    assert_eq!(x.sigmoid().as_slice()[1], 0.5);
    assert_eq!(x.softplus().as_slice()[1], 2.0_f64.ln());
    assert!((x.silu().as_slice()[2] - 3.0 / (1.0 + (-3.0_f64).exp())).abs() < 1e-15);
    // Tables: erf 3 = 0.999977909503001…, Φ(3) = 0.998650101968370….
    assert!((x.erf().as_slice()[2] - 0.999_977_909_503_001_4).abs() < 1e-15);
    assert!((x.gelu().as_slice()[2] - 3.0 * 0.998_650_101_968_370).abs() < 1e-14);
    assert_eq!((&x + &x).as_slice(), (&x * &Tensor::scalar(2.0)).as_slice());
    assert_eq!((&x - &x).as_slice(), [0.0; 3]);
    assert_eq!((&(-&x) / &Tensor::scalar(2.0)).as_slice(), [1.0, 0.0, -1.5]);
}

#[test]
fn extremes_do_not_overflow() {
    let x = Tensor::from_vec(&[4], vec![-1e4_f64, 1e4, f64::NEG_INFINITY, f64::INFINITY]);
    assert_eq!(x.sigmoid().as_slice(), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(x.softplus().as_slice()[..2], [0.0, 1e4]);
    assert_eq!(x.relu().as_slice(), [0.0, 1e4, 0.0, f64::INFINITY]);
    assert!(Tensor::scalar(f64::NAN).relu().item().is_nan(), "an error in the input is not hidden");
}

#[test]
fn derivative_at_the_kink_is_the_slope() {
    let x = Tensor::scalar(0.0_f64).into_variable();
    assert_eq!(grad(&x.relu(), &[&x])[0].item(), 0.0);
    assert_eq!(grad(&x.leaky_relu(0.2), &[&x])[0].item(), 0.2);
}

#[test]
fn powers_at_zero() {
    let (x, p) = (Tensor::scalar(0.0_f64).into_variable(), Tensor::from_vec(&[3], vec![0.0, 1.0, 2.5]).into_variable());
    let y = x.pow(&p);
    assert_eq!(y.as_slice(), [1.0, 0.0, 0.0]);
    let gradients = grad(&y.sum(), &[&x, &p]);
    assert_eq!((gradients[0].item(), gradients[1].as_slice()), (1.0, &[0.0; 3][..]));
    assert_eq!([0.0, 1.0, 2.0].map(|p| grad(&x.powf(p), &[&x])[0].item()), [0.0, 1.0, 0.0]);
    // x² has the second derivative 2 everywhere.
    let slope = grad_graph(&x.powf(2.0), &[&x]).remove(0);
    assert_eq!(grad(&slope, &[&x])[0].item(), 2.0);
}

#[test]
fn powers_by_hand() {
    let x = Tensor::from_vec(&[3], vec![4.0_f64, -2.0, 9.0]);
    assert_eq!(x.powf(3.0).as_slice(), [64.0, -8.0, 729.0]);
    assert!(x.powf(0.5).as_slice()[1].is_nan());
    assert_eq!(x.pow(&Tensor::from_vec(&[3], vec![0.5, -2.0, 0.0])).as_slice(), [2.0, 0.25, 1.0]);
}

#[test]
#[should_panic(expected = "mul: shapes [2, 3] and [2] do not broadcast")]
fn shapes_that_do_not_broadcast() {
    let _ = Tensor::<f32>::ones(&[2, 3]).mul(&Tensor::ones(&[2]));
}
