use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config, numbers, pairs};

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

    /// All forms, on batches whose leading axes broadcast, with a single matrix on either side among them.
    #[test]
    fn batches((a, b) in pairs(), [m, k, n] in [0usize..3, 1usize..3, 1usize..3], salt in 0u64..1000) {
        let with = |lead: &[usize], matrix: [usize; 2], salt| array(&[lead, &matrix].concat(), salt, -1.0, 1.0);
        let (plain, turned) = (with(&a, [m, k], salt), with(&a, [k, m], salt));
        let (right, right_turned) = (with(&b, [k, n], salt + 1), with(&b, [n, k], salt + 1));
        check(&[plain.clone(), right.clone()], |x| x[0].matmul(&x[1]));
        check(&[turned.clone(), right], |x| x[0].matmul_tn(&x[1]));
        check(&[plain, right_turned.clone()], |x| x[0].matmul_nt(&x[1]));
        check(&[turned, right_turned], |x| x[0].matmul_tt(&x[1]));
    }

    /// A batch holds the products of its matrices.
    #[test]
    fn matrix_by_matrix((a, b) in pairs(), [m, k, n] in [1usize..5, 0usize..5, 1usize..5], salt in 0u64..1000) {
        let x = Tensor::constant(array(&[&a[..], &[m, k]].concat(), salt, -1.0, 1.0));
        let y = Tensor::constant(array(&[&b[..], &[k, n]].concat(), salt + 1, -1.0, 1.0));
        let product = x.matmul(&y);
        let lead = product.shape()[..product.ndim() - 2].to_vec();
        let (x, y) = (x.broadcast_to(&[&lead[..], &[m, k]].concat()), y.broadcast_to(&[&lead[..], &[k, n]].concat()));
        let count: usize = lead.iter().product();
        let [x, y, product] = [(x, m, k), (y, k, n), (product, m, n)].map(|(x, r, c)| x.reshape(&[count, r, c]));
        for i in 0..count {
            let at = |x: &Tensor<f64>| x.slice_axis(0, i..i + 1).reshape(&x.shape()[1..]);
            prop_assert!(at(&product).sub(&at(&x).matmul(&at(&y))).as_slice().iter().all(|x| x.abs() < 1e-14));
        }
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
fn bits_do_not_depend_on_threads() {
    let of = |shape: [usize; 4], salt| {
        let data = numbers(shape.iter().product(), salt, -1.0, 1.0).into_iter().map(|x| x as f32).collect();
        Tensor::<f32>::from_vec(&shape, data)
    };
    let (a, b) = (of([4, 8, 64, 32], 1), of([1, 8, 32, 65], 2));
    let [one, two, seven] = [1, 2, 7].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| a.matmul(&b).value().mapv(f32::to_bits))
    });
    assert!(one == two && one == seven);
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

#[test]
#[should_panic(expected = "matmul: the axes before the matrices do not broadcast, [2, 3, 3] · [4, 3, 3]")]
fn batches_that_do_not_fit() {
    let _ = Tensor::<f32>::ones(&[2, 3, 3]).matmul(&Tensor::ones(&[4, 3, 3]));
}

#[test]
#[should_panic(expected = "matmul: shapes [3] and [3, 3] are not both matrices")]
fn no_matrix() {
    let _ = Tensor::<f32>::ones(&[3]).matmul(&Tensor::ones(&[3, 3]));
}
