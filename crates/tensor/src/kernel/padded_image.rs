//! The layout of one image in memory.

use std::ops::Range;

use crate::Scalar;

/// One image in memory: row by row, pixel by pixel, channels innermost, inside a padding of zeros.
///
/// A row's right padding is the left one of the next row. So a window that leaves the image reads zeros, and the windows of all
/// pixels lie at equal distances: what lets a convolution be a few matrix products on overlapping views, without copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaddedImage {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Rows of zeros above and below, pixels of zeros left and right.
    pub padding: [usize; 2],
}

impl PaddedImage {
    /// An image without padding: height × width × channels.
    pub const fn dense(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels, padding: [0; 2] }
    }

    /// Elements from one pixel to that below it.
    pub const fn stride(&self) -> usize {
        (self.width + self.padding[1]) * self.channels
    }

    /// Elements of the image with its padding.
    pub const fn len(&self) -> usize {
        (self.height + 2 * self.padding[0]) * self.stride() + self.padding[1] * self.channels
    }

    /// Whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of the image without its padding.
    pub const fn pixels(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Where row `y` lies.
    pub const fn row(&self, y: usize) -> Range<usize> {
        let start = (y + self.padding[0]) * self.stride() + self.padding[1] * self.channels;
        start..start + self.width * self.channels
    }

    /// Writes the padding's zeros.
    ///
    /// **Panics** if the image is shorter than [`len`](Self::len).
    #[track_caller]
    pub fn clear_padding<T: Scalar>(&self, image: &mut [T]) {
        let mut end = 0;
        for row in (0..self.height).map(|y| self.row(y)) {
            image[end..row.start].fill(T::zero());
            end = row.end;
        }
        image[end..self.len()].fill(T::zero());
    }
}

#[cfg(test)]
mod tests;
