//! Convolutions as matrix products on overlapping views.

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

use super::{PaddedImage, gemm_serial};
use crate::Scalar;

/// A two-dimensional convolution (as networks call it: a correlation) of stride 1:
///
/// y\[i, j, o\] = Σ_{u, v, c} w\[o, c, u, v\] · x\[i + u − p₀, j + v − p₁, c\], with zeros outside the image.
///
/// Row u of a pixel's window is contiguous in a [`PaddedImage`], and the windows of neighboring pixels begin one pixel apart. So
/// the windows' rows u are a matrix (pixels × kernel₁·inputs) that is there already, as a view whose rows overlap, and y
/// is the sum of kernel₀ products with it. Nothing is copied. The few products that fall into the padding between rows (one
/// pixel in 29 of a 28×28 image) are thrown away.
///
/// Everything runs on the calling thread, image by image; images are what callers go parallel over.
///
/// Measured (Zen 4, one thread, peak 116 GFLOP/s) on 28×28×48 → 48 and 14×14×96 → 96 with 3×3 kernels: 111 and 105 GFLOP/s this way,
/// 96 to 103 and 103 to 111 with windows copied out row by row (im2col in tiles that stay in cache); weight gradients 109 and 107.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Rows of an input image.
    pub height: usize,
    /// Pixels of an input row.
    pub width: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows of zeros above and below, columns of zeros left and right; less than the kernel's.
    pub padding: [usize; 2],
}

/// The products of a block of images.
struct Sweep {
    /// Products for each row of the kernel.
    products: usize,
    /// Windows of one product.
    windows: usize,
    /// Elements from one window to the next, in the input and in the output's gradient.
    steps: [usize; 2],
}

impl Convolution {
    /// Rows and columns of the output.
    ///
    /// **Panics** if the kernel is larger than the padded image, or the padding not less than the kernel.
    #[track_caller]
    pub fn output_size(&self) -> [usize; 2] {
        let axis = |axis: usize, length: usize| {
            let (kernel, padding) = (self.kernel[axis], self.padding[axis]);
            assert!(
                kernel > padding && length + 2 * padding >= kernel,
                "a kernel of {kernel} with a padding of {padding} has no place on {length} pixels"
            );
            length + 2 * padding + 1 - kernel
        };
        [axis(0, self.height), axis(1, self.width)]
    }

    /// How an input image lies in memory.
    pub const fn input(&self) -> PaddedImage {
        PaddedImage { height: self.height, width: self.width, channels: self.inputs, padding: self.padding }
    }

    /// How an image of the gradient at the output lies in memory: the input of the [adjoint](Self::adjoint).
    #[track_caller]
    pub fn delta(&self) -> PaddedImage {
        self.adjoint().input()
    }

    /// The convolution, with weights from [`pack_adjoint`](Self::pack_adjoint), that turns the gradient at the output into that
    /// at the input.
    #[track_caller]
    pub fn adjoint(&self) -> Self {
        let [height, width] = self.output_size();
        let padding = [0, 1].map(|axis| self.kernel[axis] - 1 - self.padding[axis]);
        Self { height, width, inputs: self.outputs, outputs: self.inputs, kernel: self.kernel, padding }
    }

    /// Elements of the weight.
    pub const fn weights(&self) -> usize {
        self.outputs * self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// The weight in the order of the products: outputs × inputs × kernel ↦ kernel × inputs × outputs.
    ///
    /// **Panics** if the lengths are not [`weights`](Self::weights).
    #[track_caller]
    pub fn pack<T: Scalar>(&self, weight: &[T], packed: &mut [T]) {
        self.check_weights(weight.len(), packed.len());
        let (inputs, outputs, taps) = (self.inputs, self.outputs, self.kernel[0] * self.kernel[1]);
        for (tap, packed) in packed.chunks_exact_mut(inputs * outputs).enumerate() {
            for (c, packed) in packed.chunks_exact_mut(outputs).enumerate() {
                packed.iter_mut().enumerate().for_each(|(o, packed)| *packed = weight[(o * inputs + c) * taps + tap]);
            }
        }
    }

    /// The weight of the adjoint in the order of its products: turned by half a turn, inputs and outputs exchanged.
    ///
    /// **Panics** if the lengths are not [`weights`](Self::weights).
    #[track_caller]
    pub fn pack_adjoint<T: Scalar>(&self, weight: &[T], packed: &mut [T]) {
        self.check_weights(weight.len(), packed.len());
        let (inputs, outputs, taps) = (self.inputs, self.outputs, self.kernel[0] * self.kernel[1]);
        for (tap, packed) in packed.chunks_exact_mut(inputs * outputs).rev().enumerate() {
            for (o, packed) in packed.chunks_exact_mut(inputs).enumerate() {
                packed.iter_mut().enumerate().for_each(|(c, packed)| *packed = weight[(o * inputs + c) * taps + tap]);
            }
        }
    }

    /// weight ← beta·weight + packed: the inverse of [`pack`](Self::pack), for gradients. What was there is ignored if beta = 0.
    ///
    /// **Panics** if the lengths are not [`weights`](Self::weights).
    #[track_caller]
    pub fn unpack<T: Scalar>(&self, packed: &[T], beta: T, weight: &mut [T]) {
        self.check_weights(weight.len(), packed.len());
        let (inputs, outputs, taps) = (self.inputs, self.outputs, self.kernel[0] * self.kernel[1]);
        for (row, weight) in weight.chunks_exact_mut(taps).enumerate() {
            let (o, c) = (row / inputs, row % inputs);
            for (tap, weight) in weight.iter_mut().enumerate() {
                let new = packed[(tap * inputs + c) * outputs + o];
                *weight = if beta == T::zero() { new } else { beta * *weight + new };
            }
        }
    }

    /// The convolution of a block of images; `row(n, i, y)` is handed row i of output image n (pixels × outputs), in order.
    ///
    /// The caller's `row` adds a bias, applies an activation and puts the row where it belongs while it is in cache.
    /// `product` is work space that grows to what one image needs.
    ///
    /// **Panics** if the images are not whole [padded images](Self::input), or the weight has another length.
    #[track_caller]
    pub fn correlate<T: Scalar>(
        &self,
        images: &[T],
        packed: &[T],
        product: &mut Vec<T>,
        mut row: impl FnMut(usize, usize, &[T]),
    ) {
        self.check_weights(packed.len(), packed.len());
        let (padded, [height, width]) = (self.input(), self.output_size());
        let count = whole(images.len(), padded, "images");
        let sweep = self.sweep(count);
        let (columns, outputs) = (self.kernel[1] * self.inputs, self.outputs);
        product.resize(sweep.windows * outputs, T::zero());
        for p in 0..sweep.products {
            for u in 0..self.kernel[0] {
                let windows =
                    strided(&images[p * padded.len() + u * padded.stride()..], sweep.windows, columns, sweep.steps[0]);
                let weight = strided(&packed[u * columns * outputs..], columns, outputs, outputs);
                let beta = if u == 0 { T::zero() } else { T::one() };
                let product =
                    ArrayViewMut2::from_shape((sweep.windows, outputs), &mut *product).expect("resized above");
                gemm_serial(T::one(), windows, weight, beta, product);
            }
            if self.is_single() {
                product.chunks_exact(outputs).enumerate().for_each(|(n, y)| row(n, 0, y));
            } else {
                let stride = padded.stride() / self.inputs * outputs;
                (0..height).for_each(|i| row(p, i, &product[i * stride..][..width * outputs]));
            }
        }
    }

    /// The gradient by the weight, summed over a block of images, in the order of [`pack`](Self::pack); overwrites it.
    ///
    /// `deltas`: the gradient at the output as [padded images](Self::delta), **with zeros in their padding**.
    ///
    /// **Panics** if images and deltas are not whole images and equally many, or the gradient has another length.
    #[track_caller]
    pub fn weight_gradient<T: Scalar>(&self, images: &[T], deltas: &[T], gradient: &mut [T]) {
        self.check_weights(gradient.len(), gradient.len());
        let (padded, padded_delta) = (self.input(), self.delta());
        let count = whole(images.len(), padded, "images");
        assert_eq!(whole(deltas.len(), padded_delta, "gradients"), count, "gradients, one for each image");
        let sweep = self.sweep(count);
        if sweep.products == 0 {
            return gradient.fill(T::zero());
        }
        let (columns, outputs) = (self.kernel[1] * self.inputs, self.outputs);
        for p in 0..sweep.products {
            let delta = &deltas[p * padded_delta.len() + padded_delta.row(0).start..];
            let delta = strided(delta, sweep.windows, outputs, sweep.steps[1]);
            for (u, gradient) in gradient.chunks_exact_mut(columns * outputs).enumerate() {
                let windows =
                    strided(&images[p * padded.len() + u * padded.stride()..], sweep.windows, columns, sweep.steps[0]);
                let beta = if p == 0 { T::zero() } else { T::one() };
                let gradient = ArrayViewMut2::from_shape((columns, outputs), gradient).expect("one row of the kernel");
                gemm_serial(T::one(), windows.reversed_axes(), delta, beta, gradient);
            }
        }
    }

    /// Whether the output is one pixel, as of a linear layer: then the images are the rows of one product.
    fn is_single(&self) -> bool {
        self.output_size() == [1, 1]
    }

    fn sweep(&self, count: usize) -> Sweep {
        if self.is_single() {
            return Sweep { products: count.min(1), windows: count, steps: [self.input().len(), self.delta().len()] };
        }
        // The delta's rows begin as many pixels apart as the input's, so that one step fits both.
        let [height, width] = self.output_size();
        let windows = (height - 1) * (self.width + self.padding[1]) + width;
        Sweep { products: count, windows, steps: [self.inputs, self.outputs] }
    }

    #[track_caller]
    fn check_weights(&self, one: usize, other: usize) {
        let expected = self.weights();
        assert!(one == expected && other == expected, "a weight of {expected} elements, found {one} and {other}");
    }
}

/// How many images these are.
#[track_caller]
fn whole(len: usize, padded: PaddedImage, of: &str) -> usize {
    let count = len / padded.len().max(1);
    assert!(len == count * padded.len(), "{of} of {} elements each, found {len} elements", padded.len());
    count
}

/// A matrix whose rows begin `step` elements apart; they may overlap.
fn strided<T>(data: &[T], rows: usize, columns: usize, step: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, columns).strides((step, 1)), data).expect("the windows lie inside their images")
}

#[cfg(test)]
mod tests;
