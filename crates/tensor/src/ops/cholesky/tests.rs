use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config};

/// A matrix whose symmetric part is positive definite, but which is not symmetric itself.
fn definite(n: usize, salt: u64) -> ndarray::ArrayD<f64> {
    let mut a = array(&[n, n], salt, -1.0, 1.0);
    (0..n).for_each(|i| a[[i, i]] = n as f64 + 1.0);
    a
}

/// Triangular, with a diagonal far from 0; above the diagonal are numbers that nothing reads.
fn triangle(n: usize, salt: u64) -> ndarray::ArrayD<f64> {
    let mut l = array(&[n, n], salt, -1.0, 1.0);
    (0..n).for_each(|i| l[[i, i]] += 2.0_f64.copysign(l[[i, i]]));
    l
}

fn near(a: &Tensor<f64>, b: &Tensor<f64>) -> bool {
    a.shape() == b.shape() && a.sub(b).as_slice().iter().all(|x| x.abs() < 1e-13)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn cholesky(n in 0usize..4, salt in 0u64..1000) {
        check(&[definite(n, salt)], |x| x[0].cholesky());
    }

    #[test]
    fn solve_lower(n in 0usize..4, m in 0usize..3, salt in 0u64..1000) {
        let inputs = [triangle(n, salt), array(&[n, m], salt + 1, -1.0, 1.0)];
        check(&inputs, |x| x[0].solve_lower(&x[1]));
        check(&inputs, |x| x[0].solve_lower_t(&x[1]));
    }

    /// The factor's product is the matrix, and the solutions solve.
    #[test]
    fn by_their_definition(n in 0usize..8, m in 0usize..4, salt in 0u64..1000) {
        let a = Tensor::constant(definite(n, salt));
        let l = a.cholesky();
        prop_assert!(near(&l.matmul_nt(&l), &a.add(&a.t()).scale(0.5)) && near(&l, &l.tril()));
        let (l, b) = (Tensor::constant(triangle(n, salt)), Tensor::constant(array(&[n, m], salt + 1, -1.0, 1.0)));
        let triangle = l.tril();
        prop_assert!(near(&triangle.matmul(&l.solve_lower(&b)), &b) && near(&triangle.matmul_tn(&l.solve_lower_t(&b)), &b));
    }
}

#[test]
fn values_by_hand() {
    let a = Tensor::from_vec(&[2, 2], vec![4.0_f64, 2.0, 2.0, 10.0]);
    assert_eq!(a.cholesky().as_slice(), [2.0, 0.0, 1.0, 3.0]);
    let b = Tensor::from_vec(&[2, 1], vec![4.0, 8.0]);
    assert_eq!(a.cholesky().solve_lower(&b).as_slice(), [2.0, 2.0]);
    let indefinite = Tensor::from_vec(&[2, 2], vec![1.0_f64, 2.0, 2.0, 1.0]);
    assert!(indefinite.cholesky().as_slice()[3].is_nan());
}

#[test]
#[should_panic(expected = "cholesky: shape [2, 3] is not a square matrix")]
fn no_square() {
    let _ = Tensor::<f32>::ones(&[2, 3]).cholesky();
}

#[test]
#[should_panic(expected = "solve_lower: shape [3, 1] does not have the rows of shape [2, 2]")]
fn rows_that_do_not_fit() {
    let _ = Tensor::<f32>::ones(&[2, 2]).solve_lower(&Tensor::ones(&[3, 1]));
}
