use proptest::prelude::*;

use crate::Tensor;
use crate::check::{array, check, config, shapes};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn reshape(shape in shapes(), salt in 0u64..1000) {
        let len = shape.iter().product();
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].reshape(&[len, 1]));
    }

    #[test]
    fn permute(shape in shapes(), salt in 0u64..1000) {
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        axes.rotate_left(salt as usize % shape.len().max(1));
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].permute(&axes));
    }

    #[test]
    fn slice_and_pad(
        shape in prop::collection::vec(0usize..4, 1..4),
        axis in 0usize..3,
        (from, to) in (0usize..4, 0usize..4),
        salt in 0u64..1000,
    ) {
        let axis = axis % shape.len();
        let end = to.min(shape[axis]);
        let start = from.min(end);
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].slice_axis(axis, start..end));
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].pad_axis(axis, from, to));
    }

    #[test]
    fn stride_and_dilate(shape in prop::collection::vec(0usize..5, 1..4), axis in 0usize..3, stride in 1usize..4, salt in 0u64..1000) {
        let axis = axis % shape.len();
        let x = array(&shape, salt, -1.0, 1.0);
        check(std::slice::from_ref(&x), |x| x[0].stride_axis(axis, stride));
        let kept = Tensor::constant(x).stride_axis(axis, stride);
        check(&[kept.value().clone()], |x| x[0].dilate_axis(axis, stride, shape[axis]));
    }

    #[test]
    fn concat(shape in prop::collection::vec(0usize..3, 1..4), axis in 0usize..3, other in 0usize..3, salt in 0u64..1000) {
        let axis = axis % shape.len();
        let mut second = shape.clone();
        second[axis] = other;
        // The first part comes twice: its gradient is a sum.
        check(&[array(&shape, salt, -1.0, 1.0), array(&second, salt + 1, -1.0, 1.0)], |x| {
            Tensor::concat(axis, &[&x[0], &x[1], &x[0]])
        });
    }

    #[test]
    fn gather_and_scatter(rows in 1u32..4, width in 0usize..3, picks in prop::collection::vec(0u32..100, 0..5), salt in 0u64..1000) {
        let picks: Vec<u32> = picks.into_iter().map(|pick| pick % rows).collect();
        check(&[array(&[rows as usize, width], salt, -1.0, 1.0)], |x| x[0].gather_rows(&picks));
        check(&[array(&[picks.len(), width], salt, -1.0, 1.0)], |x| x[0].scatter_add_rows(rows as usize, &picks));
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[2, 2], vec![1.0_f32, 2.0, 3.0, 4.0]);
    assert_eq!(x.slice_axis(1, 1..2).as_slice(), [2.0, 4.0]);
    let row = Tensor::from_vec(&[1, 5], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(row.stride_axis(1, 2).as_slice(), [1.0, 3.0, 5.0]);
    assert_eq!(row.stride_axis(1, 2).dilate_axis(1, 2, 6).as_slice(), [1.0, 0.0, 3.0, 0.0, 5.0, 0.0]);
    assert_eq!(x.permute(&[1, 0]).as_slice(), [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(Tensor::from_vec(&[1, 2, 3], (0..6).map(|i| i as f32).collect()).permute(&[2, 0, 1]).shape(), [3, 1, 2]);
    assert_eq!(x.pad_axis(0, 1, 0).as_slice(), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(Tensor::concat(1, &[&x, &x]).as_slice(), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
    assert_eq!(x.gather_rows(&[1, 1, 0]).as_slice(), [3.0, 4.0, 3.0, 4.0, 1.0, 2.0]);
    assert_eq!(x.scatter_add_rows(3, &[2, 2]).as_slice(), [0.0, 0.0, 0.0, 0.0, 4.0, 6.0]);
    assert_eq!(Tensor::from_vec(&[3], vec![1.0_f32, 2.0, 3.0]).gather_rows(&[2]).as_slice(), [3.0]);
}

#[test]
#[should_panic(expected = "gather_rows: no row 2 in shape [2, 2]")]
fn index_out_of_range() {
    let _ = Tensor::<f32>::ones(&[2, 2]).gather_rows(&[2]);
}

#[test]
#[should_panic(expected = "permute: axes [1, 1] of shape [2, 2]")]
fn an_axis_named_twice() {
    let _ = Tensor::<f32>::ones(&[2, 2]).permute(&[1, 1]);
}

#[test]
#[should_panic(expected = "slice_axis: no 1..3 on axis 0 of shape [2, 2]")]
fn range_out_of_range() {
    let _ = Tensor::<f32>::ones(&[2, 2]).slice_axis(0, 1..3);
}

#[test]
#[should_panic(expected = "do not fit along axis 0")]
fn parts_that_do_not_fit() {
    let _ = Tensor::concat(0, &[&Tensor::<f32>::ones(&[2, 2]), &Tensor::ones(&[2, 3])]);
}

#[test]
#[should_panic(expected = "stride_axis: no stride 0 on axis 1 of shape [2, 2]")]
fn no_stride() {
    let _ = Tensor::<f32>::ones(&[2, 2]).stride_axis(1, 0);
}

#[test]
#[should_panic(expected = "dilate_axis: no stride 2 to length 5 on axis 0 of shape [2, 2]")]
fn a_length_that_is_not_filled() {
    let _ = Tensor::<f32>::ones(&[2, 2]).dilate_axis(0, 2, 5);
}
