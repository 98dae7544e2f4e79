use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config, shapes};

/// A shape, and one that broadcasts to it.
fn reducible() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shapes(), 0u32..8, 0usize..4).prop_map(|(shape, bits, dropped)| {
        let mut small: Vec<usize> =
            shape.iter().enumerate().map(|(i, &n)| if bits >> i & 1 == 1 { 1 } else { n }).collect();
        small.drain(..dropped.min(small.len()));
        (shape, small)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sum(shape in shapes(), salt in 0u64..1000) {
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].sum());
    }

    #[test]
    fn mean(shape in prop::collection::vec(1usize..4, 0..4), salt in 0u64..1000) {
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].mean());
    }

    #[test]
    fn over_an_axis(shape in prop::collection::vec(1usize..4, 1..4), axis in 0usize..3, salt in 0u64..1000) {
        let axis = axis % shape.len();
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].sum_axis(axis));
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].mean_axis(axis));
    }

    #[test]
    fn sum_over_an_empty_axis(rest in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[rest, 0], salt, -1.0, 1.0)], |x| x[0].sum_axis(1));
        check(&[array(&[0, rest], salt, -1.0, 1.0)], |x| x[0].sum_axis(0));
    }

    #[test]
    fn broadcast_and_sum_to((large, small) in reducible(), salt in 0u64..1000) {
        check(&[array(&small, salt, -1.0, 1.0)], |x| x[0].broadcast_to(&large));
        check(&[array(&large, salt, -1.0, 1.0)], |x| x[0].sum_to(&small));
    }

    /// ⟨broadcast x, y⟩ = ⟨x, sum_to y⟩.
    #[test]
    fn adjoint((large, small) in reducible(), salt in 0u64..1000) {
        let (x, y) = (Tensor::constant(array(&small, salt, -1.0, 1.0)), Tensor::constant(array(&large, salt + 1, -1.0, 1.0)));
        let (left, right) = (x.broadcast_to(&large).mul(&y).sum().item(), x.mul(&y.sum_to(&small)).sum().item());
        prop_assert!((left - right).abs() < 1e-12);
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[2, 3], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(x.sum().item(), 21.0);
    assert_eq!(x.mean().item(), 3.5);
    assert_eq!((x.sum_axis(0).shape(), x.sum_axis(0).as_slice()), (&[1, 3][..], &[5.0, 7.0, 9.0][..]));
    assert_eq!((x.mean_axis(1).shape(), x.mean_axis(1).as_slice()), (&[2, 1][..], &[2.0, 5.0][..]));
    assert_eq!(Tensor::<f32>::zeros(&[2, 0]).sum_axis(1).as_slice(), [0.0, 0.0]);
    assert!(Tensor::<f32>::zeros(&[0]).mean().item().is_nan());
}

#[test]
#[should_panic(expected = "sum_to: shape [2, 3] cannot be summed to [2]")]
fn shapes_that_do_not_fit() {
    let _ = Tensor::<f32>::ones(&[2, 3]).sum_to(&[2]);
}
