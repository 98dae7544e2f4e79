use proptest::prelude::*;

use super::*;
use crate::check::{config, numbers};

/// By the definition: y (count × height × width × outputs, without padding) of x (count × height × width × inputs).
fn naive(conv: &Convolution, x: &[f64], weight: &[f64]) -> Vec<f64> {
    let ([rows, columns], [ku, kv]) = (conv.output_size(), conv.kernel);
    let count = x.len() / (conv.height * conv.width * conv.inputs);
    let mut y = Vec::new();
    for n in 0..count {
        for i in 0..rows {
            for j in 0..columns {
                for o in 0..conv.outputs {
                    let mut sum = 0.0;
                    for (u, v, c) in windows(ku, kv, conv.inputs) {
                        sum += weight[((o * conv.inputs + c) * ku + u) * kv + v] * at(conv, x, n, i + u, j + v, c);
                    }
                    y.push(sum);
                }
            }
        }
    }
    y
}

fn windows(ku: usize, kv: usize, inputs: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..ku).flat_map(move |u| (0..kv).flat_map(move |v| (0..inputs).map(move |c| (u, v, c))))
}

/// x at a place counted from the padding's corner.
fn at(conv: &Convolution, x: &[f64], n: usize, i: usize, j: usize, c: usize) -> f64 {
    let [p, q] = conv.padding;
    if i < p || j < q || i - p >= conv.height || j - q >= conv.width {
        return 0.0;
    }
    x[((n * conv.height + i - p) * conv.width + j - q) * conv.inputs + c]
}

/// Padded images; the padding is written by the kernel under test, onto something that must not show.
fn with_padding<T: Scalar>(padded: PaddedImage, x: &[f64]) -> Vec<T> {
    let mut images = Vec::new();
    for x in x.chunks_exact(padded.pixels()) {
        let mut image = vec![T::nan(); padded.len()];
        padded.clear_padding(&mut image);
        for y in 0..padded.height {
            let width = padded.width * padded.channels;
            let row = x[y * width..][..width].iter().map(|&x| T::from_f64(x));
            image[padded.row(y)].iter_mut().zip(row).for_each(|(to, x)| *to = x);
        }
        images.extend(image);
    }
    images
}

fn correlate<T: Scalar>(conv: &Convolution, images: &[T], packed: &[T]) -> Vec<T> {
    let (mut y, mut places, mut product) = (Vec::new(), Vec::new(), Vec::new());
    conv.correlate(images, packed, &mut product, |n, i, row| {
        places.push((n, i));
        y.extend_from_slice(row);
    });
    let count = images.len() / conv.input().len();
    let expected: Vec<_> = (0..count).flat_map(|n| (0..conv.output_size()[0]).map(move |i| (n, i))).collect();
    assert_eq!(places, expected);
    y
}

fn assert_close<T: Scalar>(found: &[T], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a.as_f64() - b).abs() <= tolerance * (1.0 + b.abs()), "{a} is not {b}");
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn convolutions() -> impl Strategy<Value = Convolution> {
    let sizes = (1usize..7, 1usize..7, 1usize..5, 1usize..20);
    (sizes, [1usize..4, 1usize..4], [0usize..3, 0usize..3])
        .prop_map(|((height, width, inputs, outputs), kernel, padding)| Convolution {
            height: height.max(kernel[0]),
            width: width.max(kernel[1]),
            inputs,
            outputs,
            kernel,
            padding: [0, 1].map(|axis| padding[axis].min(kernel[axis] - 1)),
        })
        .prop_union_single()
}

/// As random ones, or with an output of one pixel, which takes another way.
trait Singles: Strategy<Value = Convolution> + Sized {
    fn prop_union_single(self) -> impl Strategy<Value = Convolution> {
        (self, prop::bool::ANY).prop_map(|(conv, single)| {
            if single { Convolution { kernel: [conv.height, conv.width], padding: [0, 0], ..conv } } else { conv }
        })
    }
}

impl<S: Strategy<Value = Convolution>> Singles for S {}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..config() })]

    #[test]
    fn the_three_products_are_their_definitions(conv in convolutions(), count in 0usize..4) {
        let x = numbers(count * conv.input().pixels(), 1, -1.0, 1.0);
        let weight = numbers(conv.weights(), 2, -1.0, 1.0);
        let y = naive(&conv, &x, &weight);
        let d = numbers(y.len(), 3, -1.0, 1.0);

        let (mut packed, mut adjoint) = (vec![0.0; weight.len()], vec![0.0; weight.len()]);
        conv.pack(&weight, &mut packed);
        conv.pack_adjoint(&weight, &mut adjoint);
        let (images, deltas) = (with_padding::<f64>(conv.input(), &x), with_padding::<f64>(conv.delta(), &d));
        assert_close(&correlate(&conv, &images, &packed), &y, 1e-13);

        // ⟨d, conv(x)⟩ = ⟨adjoint(d), x⟩ for all x and d, and = ⟨gradient, weight⟩ as it is linear in the weight.
        let dx = correlate(&conv.adjoint(), &deltas, &adjoint);
        prop_assert!((dot(&d, &y) - dot(&dx, &x)).abs() < 1e-11);
        let mut gradient = vec![f64::NAN; weight.len()];
        conv.weight_gradient(&images, &deltas, &mut gradient);
        prop_assert!((dot(&d, &y) - dot(&gradient, &packed)).abs() < 1e-11);
        // Each element of both, not only those sums: by unit vectors.
        for i in (0..x.len()).step_by(7) {
            let mut unit = vec![0.0; x.len()];
            unit[i] = 1.0;
            prop_assert!((dx[i] - dot(&d, &naive(&conv, &unit, &weight))).abs() < 1e-12);
        }
        let mut unpacked = vec![f64::NAN; weight.len()];
        conv.unpack(&gradient, 0.0, &mut unpacked);
        for i in (0..weight.len()).step_by(7) {
            let mut unit = vec![0.0; weight.len()];
            unit[i] = 1.0;
            prop_assert!((unpacked[i] - dot(&d, &naive(&conv, &x, &unit))).abs() < 1e-12);
        }

        // In single precision.
        let weight: Vec<f32> = packed.iter().map(|&w| w as f32).collect();
        assert_close(&correlate(&conv, &with_padding::<f32>(conv.input(), &x), &weight), &y, 1e-5);
    }
}

#[test]
fn unpack_adds_to_what_is_there() {
    let conv = Convolution { height: 2, width: 2, inputs: 2, outputs: 3, kernel: [1, 2], padding: [0, 0] };
    let weight = numbers(conv.weights(), 1, -1.0, 1.0);
    let mut packed = vec![0.0; weight.len()];
    conv.pack(&weight, &mut packed);
    let mut back = vec![1.0; weight.len()];
    conv.unpack(&packed, 2.0, &mut back);
    assert!(back.iter().zip(&weight).all(|(b, w)| *b == 2.0 + w));
}

#[test]
#[should_panic(expected = "a kernel of 3 with a padding of 0 has no place on 2 pixels")]
fn a_kernel_larger_than_the_image_panics() {
    let _ = Convolution { height: 5, width: 2, inputs: 1, outputs: 1, kernel: [3, 3], padding: [1, 0] }.output_size();
}

#[test]
#[should_panic(expected = "images of 10 elements each, found 9 elements")]
fn half_an_image_panics() {
    let conv = Convolution { height: 2, width: 5, inputs: 1, outputs: 1, kernel: [1, 1], padding: [0, 0] };
    conv.correlate(&[0.0_f32; 9], &[1.0], &mut Vec::new(), |_, _, _| ());
}
