//! Gradients against finite differences, of first and second order, and functions in single precision against double.

use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use pulp::Arch;

use crate::{Tensor, grad, grad_graph};

/// Numbers in (low, high) that look random and depend on `salt` only.
pub(crate) fn numbers(len: usize, salt: u64, low: f64, high: f64) -> Vec<f64> {
    (0..len as u64)
        .map(|i| {
            // SplitMix64.
            let mut z = (salt << 20 | i).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            low + (high - low) * ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        })
        .collect()
}

/// An array of such numbers.
pub(crate) fn array(shape: &[usize], salt: u64, low: f64, high: f64) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(shape), numbers(shape.iter().product(), salt, low, high)).unwrap()
}

/// Shapes of up to three axes of length 0 to 3.
pub(crate) fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..4, 0..4)
}

/// Two shapes that broadcast: each axis may shrink to 1 on either side, and leading axes may be missing on one.
pub(crate) fn pairs() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shapes(), 0u32..8, 0u32..8, 0usize..3, any::<bool>()).prop_map(|(shape, a, b, dropped, left)| {
        let shrink = |bits: u32| -> Vec<usize> {
            shape.iter().enumerate().map(|(i, &n)| if bits >> i & 1 == 1 { 1 } else { n }).collect()
        };
        let (a, mut b) = (shrink(a), shrink(b));
        b.drain(..dropped.min(b.len()));
        if left { (a, b) } else { (b, a) }
    })
}

/// Numbers in a random order, so far apart that the steps of the differences do not change which one is largest.
pub(crate) fn apart(shape: &[usize], salt: u64) -> ArrayD<f64> {
    let mut x = array(shape, salt, 0.0, 0.01);
    let order = numbers(x.len(), salt + 1, 0.0, 1.0);
    let mut ranks: Vec<usize> = (0..x.len()).collect();
    ranks.sort_by(|&a, &b| order[a].total_cmp(&order[b]));
    for (rank, &i) in ranks.iter().enumerate() {
        x.as_slice_mut().unwrap()[i] += 0.1 * rank as f64 - 1.0;
    }
    x
}

/// Asserts that `f` is `exact` to this many ulp at every 997th number of single precision, subnormal and infinite ones included, with the same
/// bits on every instruction set.
#[track_caller]
pub(crate) fn check_single(ulps: f64, f: impl Fn(f32) -> f32 + Copy, exact: impl Fn(f64) -> f64) {
    let x: Vec<f32> = (0..=u32::MAX).step_by(997).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
    let on = |arch: Arch| {
        let mut y = x.clone();
        arch.dispatch(
            #[inline(always)]
            || {
                for y in &mut y {
                    *y = f(*y);
                }
            },
        );
        y
    };
    let best = on(Arch::new());
    #[allow(unused_mut)]
    let mut others = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    others.extend(pulp::x86::V3::try_new().map(Arch::V3));
    for other in others {
        assert!(on(other).iter().zip(&best).all(|(a, b)| a.to_bits() == b.to_bits()), "{other:?}");
    }
    for (&x, &found) in x.iter().zip(&best) {
        let exact = exact(x.into());
        let spacing = 2.0_f64.powi(exact.abs().max(f32::MIN_POSITIVE.into()).log2().floor() as i32 - 23);
        let near = exact as f32 == found || (f64::from(found) - exact).abs() <= ulps * spacing;
        assert!(near, "f({x:e}) = {exact:e}, not {found:e}");
    }
}

/// Few cases each: every case checks all derivatives of both orders.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() }
}

/// Asserts that the derivatives of `f` at `inputs`, first and second order, are those that finite differences find.
///
/// They are taken of s = Σ w∘(f + f²/2) with fixed weights w, so that an `f` that is linear has a second derivative too, and of
/// t = Σ v∘∂s with fixed v.
#[track_caller]
pub(crate) fn check(inputs: &[ArrayD<f64>], f: impl Fn(&[Tensor<f64>]) -> Tensor<f64>) {
    let first = |xs: &[Tensor<f64>]| {
        let y = f(xs);
        let w = Tensor::constant(array(y.shape(), 901, 0.5, 1.5));
        y.add(&y.square().scale(0.5)).mul(&w).sum()
    };
    let second = |xs: &[Tensor<f64>]| {
        let gradients = grad_graph(&first(xs), &xs.iter().collect::<Vec<_>>());
        gradients.iter().enumerate().fold(Tensor::scalar(0.0), |sum, (i, gradient)| {
            sum.add(&gradient.mul(&Tensor::constant(array(gradient.shape(), 902 + i as u64, -1.0, 1.0))).sum())
        })
    };
    compare("first", inputs, &first);
    compare("second", inputs, &second);
}

#[track_caller]
fn compare(order: &str, inputs: &[ArrayD<f64>], f: &dyn Fn(&[Tensor<f64>]) -> Tensor<f64>) {
    const H: f64 = 1e-4;
    let variables = |inputs: &[ArrayD<f64>]| inputs.iter().cloned().map(Tensor::variable).collect::<Vec<_>>();
    let xs = variables(inputs);
    let gradients = grad(&f(&xs), &xs.iter().collect::<Vec<_>>());
    for (i, gradient) in gradients.iter().enumerate() {
        assert_eq!(gradient.shape(), inputs[i].shape());
        assert!(!gradient.is_recorded());
        for (j, &exact) in gradient.as_slice().iter().enumerate() {
            let at = |step: f64| {
                let mut moved = inputs.to_vec();
                moved[i].as_slice_mut().unwrap()[j] += step;
                f(&variables(&moved)).item()
            };
            // Five points: the error is of order H⁴.
            let found = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H);
            let near = (found - exact).abs() <= 1e-7 * (1.0 + exact.abs());
            assert!(near, "{order} order, input {i} {:?}, element {j}: {exact}, not {found}", inputs[i].shape());
        }
    }
}

/// An error of two ulp is one.
#[test]
#[should_panic(expected = "f(")]
fn negative_control_of_single_precision() {
    check_single(1.9, |x| ((1.0 + 2.4e-7) * f64::from(x).tanh()) as f32, f64::tanh);
}

/// A wrong rule is found, or the checks above would say nothing.
#[test]
#[should_panic(expected = "first order, input 0")]
fn negative_control_of_first_order() {
    check(&[array(&[2], 1, 0.5, 1.0)], |x| {
        Tensor::from_op([&x[0]], x[0].value().mapv(f64::exp), || [Box::new(|_, _, g| g.clone())])
    });
}

/// A rule whose value is right, but which hides its dependence on the input.
#[test]
#[should_panic(expected = "second order, input 0")]
fn negative_control_of_second_order() {
    check(&[array(&[2], 1, 0.5, 1.0)], |x| {
        Tensor::from_op([&x[0]], x[0].value().mapv(f64::exp), || [Box::new(|_, y, g| g.mul(&y.detach()))])
    });
}
