//! Images: windows and their adjoint, convolution, the largest of a window.

use ndarray::{ArrayD, IxDyn};

use crate::kernel::Convolution;
use crate::{Scalar, Tensor};

/// Images are tensors of shape (N, height, width, channels).
impl<T: Scalar> Tensor<T> {
    /// All windows of a kernel on images with `padding` zeros around them, stride 1.
    ///
    /// **Shapes**: (N, H, W, C) → (N, H′, W′, C·kernel₀·kernel₁), the window's elements ordered by channel, row, column;
    /// H′ = H + 2·padding₀ − kernel₀ + 1, W′ alike. **Panics** on other shapes, or where no window has a place.
    ///
    /// Adjoint of [`fold`](Self::fold).
    #[track_caller]
    pub fn unfold(&self, kernel: [usize; 2], padding: [usize; 2]) -> Self {
        let [n, height, width, channels] = self.images("unfold");
        let conv = Convolution { height, width, inputs: channels, outputs: 1, kernel, padding };
        let [rows, columns] = conv.output_size();
        let x = self.as_slice();
        let mut data = vec![T::zero(); n * rows * columns * conv.weights()];
        each_element(n, conv, |window, pixel| data[window] = x[pixel]);
        let value = ArrayD::from_shape_vec(IxDyn(&[n, rows, columns, conv.weights()]), data).expect("all windows");
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.fold([height, width], kernel, padding))])
    }

    /// Adds each window's elements to the pixels that they came from; what came from the padding is left out.
    ///
    /// **Shapes**: (N, H′, W′, C·kernel₀·kernel₁) → (N, size₀, size₁, C). **Panics** on other shapes.
    ///
    /// Adjoint of [`unfold`](Self::unfold).
    #[track_caller]
    pub fn fold(&self, size: [usize; 2], kernel: [usize; 2], padding: [usize; 2]) -> Self {
        let [n, rows, columns, window] = self.images("fold");
        let channels = window / (kernel[0] * kernel[1]).max(1);
        let conv = Convolution { height: size[0], width: size[1], inputs: channels, outputs: 1, kernel, padding };
        assert!(
            conv.output_size() == [rows, columns] && conv.weights() == window,
            "fold: shape {:?} does not hold the windows {kernel:?} of images {size:?}",
            self.shape()
        );
        let windows = self.as_slice();
        let mut data = vec![T::zero(); n * size[0] * size[1] * channels];
        each_element(n, conv, |window, pixel| data[pixel] += windows[window]);
        let value = ArrayD::from_shape_vec(IxDyn(&[n, size[0], size[1], channels]), data).expect("all pixels");
        Self::from_op([self], value, || [Box::new(move |_, _, g| g.unfold(kernel, padding))])
    }

    /// Every `stride`-th row and column of the images, from the first on.
    ///
    /// **Shapes**: (N, H, W, C) → (N, H / stride, W / stride, C), rounded up. **Panics** on other shapes, or a stride of 0.
    #[track_caller]
    pub fn subsample(&self, stride: usize) -> Self {
        let [n, height, width, channels] = self.images("subsample");
        assert!(stride > 0, "subsample: a stride of 0");
        if stride == 1 {
            return self.clone();
        }
        assert!(u32::try_from(n * height * width).is_ok(), "subsample: shape {:?} is too large to index", self.shape());
        let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
        let pixel = |at: usize| {
            let (image, i, j) = (at / (rows * columns), at / columns % rows, at % columns);
            ((image * height + i * stride) * width + j * stride) as u32
        };
        let pixels: Vec<u32> = (0..n * rows * columns).map(pixel).collect();
        self.reshape(&[n * height * width, channels]).gather_rows(&pixels).reshape(&[n, rows, columns, channels])
    }

    /// The mean of each channel in windows of size × size that touch but do not overlap; rows and columns that fill no window are left out.
    ///
    /// **Shapes**: (N, H, W, C) → (N, H / size, W / size, C), rounded down. **Panics** on other shapes, or where no window has a place.
    #[track_caller]
    pub fn average_pool(&self, size: usize) -> Self {
        let windows = self.unfold([size; 2], [0; 2]).subsample(size);
        let [n, rows, columns, len] = windows.images("average_pool");
        let channels = len / (size * size);
        windows
            .reshape(&[n * rows * columns * channels, size * size])
            .mean_axis(1)
            .reshape(&[n, rows, columns, channels])
    }

    /// The convolution (as networks call it: a correlation) with `padding` zeros around the images.
    ///
    /// **Shapes**: (N, H, W, C), weight (O, C, kernel₀, kernel₁) → (N, H′, W′, O), see [`unfold`](Self::unfold) and
    /// [`subsample`](Self::subsample). **Panics** on other shapes.
    #[track_caller]
    pub fn conv2d(&self, weight: &Self, stride: usize, padding: [usize; 2]) -> Self {
        let [n, _, _, channels] = self.images("conv2d");
        let &[outputs, inputs, ku, kv] = weight.shape() else {
            panic!("conv2d: a weight of shape {:?}", weight.shape());
        };
        assert!(inputs == channels, "conv2d: shape {:?} under a weight of shape {:?}", self.shape(), weight.shape());
        let windows = self.unfold([ku, kv], padding).subsample(stride);
        let (rows, columns, len) = (windows.shape()[1], windows.shape()[2], windows.shape()[3]);
        let product = windows.reshape(&[n * rows * columns, len]).matmul_nt(&weight.reshape(&[outputs, len]));
        product.reshape(&[n, rows, columns, outputs])
    }

    /// The largest of each channel in windows of size × size that touch but do not overlap; rows and columns that fill no
    /// window are left out. The first one counts among equals, and has all of the derivative; NaN counts as largest.
    ///
    /// **Shapes**: (N, H, W, C) → (N, H / size, W / size, C), rounded down. **Panics** on other shapes, or a size of 0.
    #[track_caller]
    pub fn max_pool(&self, size: usize) -> Self {
        let [n, height, width, channels] = self.images("max_pool");
        assert!(size > 0, "max_pool: a window without pixels");
        assert!(u32::try_from(self.len()).is_ok(), "max_pool: shape {:?} is too large to index", self.shape());
        let (rows, columns) = (height / size, width / size);
        let x = self.as_slice();
        let mut largest = Vec::with_capacity(n * rows * columns * channels);
        for output in 0..n * rows * columns * channels {
            let (pixel, channel) = (output / channels, output % channels);
            let (image, i, j) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
            let at = |u: usize, v: usize| ((image * height + i * size + u) * width + j * size + v) * channels + channel;
            let mut best = at(0, 0);
            for candidate in (0..size * size).map(|place| at(place / size, place % size)) {
                if x[candidate] > x[best] || (x[candidate].is_nan() && !x[best].is_nan()) {
                    best = candidate;
                }
            }
            largest.push(best as u32);
        }
        self.reshape(&[self.len()]).gather_rows(&largest).reshape(&[n, rows, columns, channels])
    }

    #[track_caller]
    fn images(&self, op: &str) -> [usize; 4] {
        match self.shape() {
            &[n, height, width, channels] => [n, height, width, channels],
            shape => panic!("{op}: shape {shape:?} is not (N, height, width, channels)"),
        }
    }
}

/// Calls `f` with each element's index among the windows and among the pixels, padding left out; in a fixed order.
fn each_element(n: usize, conv: Convolution, mut f: impl FnMut(usize, usize)) {
    let ([rows, columns], [ku, kv], [p, q]) = (conv.output_size(), conv.kernel, conv.padding);
    let (height, width, channels) = (conv.height, conv.width, conv.inputs);
    for window in 0..n * rows * columns {
        let (image, i, j) = (window / (rows * columns), window / columns % rows, window % columns);
        for u in (0..ku).filter(|u| (p..height + p).contains(&(i + u))) {
            for v in (0..kv).filter(|v| (q..width + q).contains(&(j + v))) {
                let pixel = (image * height + i + u - p) * width + j + v - q;
                for c in 0..channels {
                    f(((window * channels + c) * ku + u) * kv + v, pixel * channels + c);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
