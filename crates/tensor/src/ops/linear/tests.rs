use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn matmul(m in 0usize..4, k in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[m, k], salt, -1.0, 1.0), array(&[k, n], salt + 1, -1.0, 1.0)], |x| x[0].matmul(&x[1]));
    }

    #[test]
    fn matmul_tn(m in 0usize..4, k in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[k, m], salt, -1.0, 1.0), array(&[k, n], salt + 1, -1.0, 1.0)], |x| x[0].matmul_tn(&x[1]));
    }

    #[test]
    fn matmul_nt(m in 0usize..4, k in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[m, k], salt, -1.0, 1.0), array(&[n, k], salt + 1, -1.0, 1.0)], |x| x[0].matmul_nt(&x[1]));
    }

    #[test]
    fn matmul_tt(m in 0usize..4, k in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[k, m], salt, -1.0, 1.0), array(&[n, k], salt + 1, -1.0, 1.0)], |x| x[0].matmul_tt(&x[1]));
    }

    #[test]
    fn transpose(m in 0usize..4, n in 0usize..4, salt in 0u64..1000) {
        check(&[array(&[m, n], salt, -1.0, 1.0)], |x| x[0].t());
    }

    /// All forms are the plain product of what is written transposed.
    #[test]
    fn forms_agree(m in 0usize..6, k in 0usize..6, n in 0usize..6, salt in 0u64..1000) {
        let a = Tensor::constant(array(&[m, k], salt, -1.0, 1.0));
        let b = Tensor::constant(array(&[k, n], salt + 1, -1.0, 1.0));
        let plain = a.matmul(&b);
        for other in [a.t().matmul_tn(&b), a.matmul_nt(&b.t()), a.t().matmul_tt(&b.t())] {
            prop_assert!(plain.sub(&other).as_slice().iter().all(|x| x.abs() < 1e-14));
        }
    }
}

#[test]
fn values_by_hand() {
    let a = Tensor::from_vec(&[2, 2], vec![1.0_f32, 2.0, 3.0, 4.0]);
    let b = Tensor::from_vec(&[2, 1], vec![5.0, 6.0]);
    assert_eq!(a.matmul(&b).as_slice(), [17.0, 39.0]);
    assert_eq!(a.matmul_tn(&b).as_slice(), [23.0, 34.0]);
    assert_eq!(a.t().as_slice(), [1.0, 3.0, 2.0, 4.0]);
}

#[test]
fn nothing_summed_is_zero() {
    let product = Tensor::<f32>::ones(&[2, 0]).matmul(&Tensor::ones(&[0, 3]));
    assert_eq!(product.as_slice(), [0.0; 6]);
}

#[test]
#[should_panic(expected = "matmul_nt: inner lengths differ")]
fn shapes_that_do_not_fit() {
    let _ = Tensor::<f32>::ones(&[2, 3]).matmul_nt(&Tensor::ones(&[3, 2]));
}
