use crate::check::{array, check};
use crate::{Tensor, grad};

#[test]
fn all_operands() {
    let (x, y) = (Tensor::from_vec(&[2], vec![6.0_f32, -1.5]), Tensor::from_vec(&[2], vec![3.0_f32, 0.5]));
    let owned = || (x.clone(), y.clone());
    macro_rules! all {
        ($operator:tt) => {
            let expected = [6.0 $operator 3.0, -1.5 $operator 0.5];
            assert_eq!((&x $operator &y).as_slice(), expected);
            assert_eq!((&x $operator owned().1).as_slice(), expected);
            assert_eq!((owned().0 $operator &y).as_slice(), expected);
            assert_eq!((owned().0 $operator owned().1).as_slice(), expected);
            let expected = [6.0 $operator 4.0, -1.5 $operator 4.0];
            assert_eq!((&x $operator 4.0).as_slice(), expected);
            assert_eq!((owned().0 $operator 4.0).as_slice(), expected);
            let expected = [4.0 $operator 6.0, 4.0 $operator -1.5];
            assert_eq!((4.0 $operator &x).as_slice(), expected);
            assert_eq!((4.0 $operator owned().0).as_slice(), expected);
        };
    }
    all!(+);
    all!(-);
    all!(*);
    all!(/);
    assert_eq!(((-&x).as_slice(), (-owned().0).as_slice()), (&[-6.0, 1.5][..], &[-6.0, 1.5][..]));
}

#[test]
fn formulas_with_numbers_have_derivatives() {
    check(&[array(&[2, 2], 1, 0.5, 2.0)], |x| 1.0 / (1.0 + (-&x[0]).exp()) - (2.0 - &x[0]) / 3.0 * &x[0] + 0.5);
    let x = Tensor::scalar(2.0_f64).into_variable();
    assert_eq!(grad(&(3.0 * &x * &x - 1.0), &[&x])[0].item(), 12.0);
}
