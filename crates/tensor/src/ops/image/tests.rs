use proptest::prelude::*;

use crate::Tensor;
use crate::check::{apart, array, check, config};

/// Images and a kernel that has a place on them, with its padding.
fn cases() -> impl Strategy<Value = ([usize; 4], [usize; 2], [usize; 2])> {
    ((0usize..3, 1usize..4, 1usize..4, 0usize..3), [1usize..4, 1usize..4], [0usize..3, 0usize..3]).prop_map(
        |((n, height, width, channels), kernel, padding)| {
            let padding = [0, 1].map(|axis| padding[axis].min(kernel[axis] - 1));
            ([n, height.max(kernel[0]), width.max(kernel[1]), channels], kernel, padding)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..config() })]

    #[test]
    fn unfold_and_fold((shape, kernel, padding) in cases(), salt in 0u64..1000) {
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].unfold(kernel, padding));
        let windows = Tensor::<f64>::zeros(&shape).unfold(kernel, padding).shape().to_vec();
        check(&[array(&windows, salt, -1.0, 1.0)], |x| x[0].fold([shape[1], shape[2]], kernel, padding));
    }

    #[test]
    fn conv2d((shape, kernel, padding) in cases(), outputs in 0usize..3, stride in 1usize..4, salt in 0u64..1000) {
        let weight = array(&[outputs, shape[3], kernel[0], kernel[1]], salt + 1, -1.0, 1.0);
        check(&[array(&shape, salt, -1.0, 1.0), weight], |x| x[0].conv2d(&x[1], stride, padding));
    }

    #[test]
    fn subsample(shape in [0usize..3, 1usize..5, 1usize..5, 0usize..3], stride in 1usize..4, salt in 0u64..1000) {
        let x = array(&shape, salt, -1.0, 1.0);
        let kept = x.slice(ndarray::s![.., ..;stride as isize, ..;stride as isize, ..]).into_dyn();
        let found = Tensor::constant(x.clone()).subsample(stride);
        prop_assert_eq!(found.value(), &kept);
        check(&[x], |x| x[0].subsample(stride));
    }

    #[test]
    fn average_pool(shape in [0usize..3, 3usize..6, 3usize..6, 0usize..3], size in 1usize..4, salt in 0u64..1000) {
        check(&[array(&shape, salt, -1.0, 1.0)], |x| x[0].average_pool(size));
    }

    #[test]
    fn max_pool(shape in (0usize..3, 1usize..5, 1usize..5, 0usize..3), size in 1usize..4, salt in 0u64..1000) {
        let shape = [shape.0, shape.1, shape.2, shape.3];
        check(&[apart(&shape, salt)], |x| x[0].max_pool(size));
    }
}

#[test]
fn values_by_hand() {
    let x = Tensor::from_vec(&[1, 2, 3, 1], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let windows = x.unfold([2, 2], [0, 0]);
    assert_eq!(windows.shape(), [1, 1, 2, 4]);
    assert_eq!(windows.as_slice(), [1.0, 2.0, 4.0, 5.0, 2.0, 3.0, 5.0, 6.0]);
    assert_eq!(windows.fold([2, 3], [2, 2], [0, 0]).as_slice(), [1.0, 4.0, 3.0, 4.0, 10.0, 6.0]);
    // Zeros around: the corner's window is the image's corner.
    assert_eq!(x.unfold([3, 3], [1, 1]).as_slice()[..9], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
    let weight = Tensor::from_vec(&[2, 1, 1, 2], vec![1.0, 10.0, 0.0, 1.0]);
    assert_eq!(x.average_pool(2).as_slice(), [3.0]);
    assert_eq!(x.conv2d(&weight, 2, [0, 0]).as_slice(), x.conv2d(&weight, 1, [0, 0]).subsample(2).as_slice());
    assert_eq!(x.conv2d(&weight, 1, [0, 0]).as_slice(), [21.0, 2.0, 32.0, 3.0, 54.0, 5.0, 65.0, 6.0]);
    assert_eq!(x.max_pool(2).as_slice(), [5.0]);
    assert_eq!(Tensor::from_vec(&[1, 1, 2, 1], vec![f32::NAN, 1.0]).max_pool(1).as_slice()[1], 1.0);
    assert!(Tensor::from_vec(&[1, 2, 2, 1], vec![1.0, f32::NAN, 3.0, 2.0]).max_pool(2).item().is_nan());
}

/// Channels of a window come one after the other, each with all of its rows: the order of PyTorch's weights.
#[test]
fn windows_are_ordered_by_channel() {
    let x = Tensor::from_vec(&[1, 1, 2, 2], vec![1.0_f64, 10.0, 2.0, 20.0]);
    assert_eq!(x.unfold([1, 2], [0, 0]).as_slice(), [1.0, 2.0, 10.0, 20.0]);
}

#[test]
#[should_panic(expected = "conv2d: shape [1, 2, 2, 3] under a weight of shape [1, 2, 1, 1]")]
fn other_channels() {
    let _ = Tensor::<f32>::ones(&[1, 2, 2, 3]).conv2d(&Tensor::ones(&[1, 2, 1, 1]), 1, [0, 0]);
}

#[test]
#[should_panic(expected = "unfold: shape [2, 2] is not (N, height, width, channels)")]
fn not_images() {
    let _ = Tensor::<f32>::ones(&[2, 2]).unfold([1, 1], [0, 0]);
}
