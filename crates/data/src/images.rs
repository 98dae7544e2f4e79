//! Images, images with labels, and their division into training, validation and test parts.

use crate::resize::area_average;
use apd_seed::Seed;
use ndarray::{Array2, Axis};

/// Gray images of one size.
///
/// **Units**: pixels in [−1, 1], −1 the background (black) of digits, 1 their ink; beyond that range only after [`Images::scaled`].
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// A short lower-case name, as in a report's `ood` column.
    pub name: String,
    /// n × (height·width), each row an image in row-major order.
    pub pixels: Array2<f32>,
    /// Rows of one image.
    pub height: usize,
    /// Columns of one image.
    pub width: usize,
}

impl Images {
    /// Wraps pixels that are already in [−1, 1].
    ///
    /// **Panics** unless `pixels` has height·width columns.
    #[track_caller]
    pub fn new(name: impl Into<String>, pixels: Array2<f32>, height: usize, width: usize) -> Self {
        assert_eq!(pixels.ncols(), height * width, "pixels have {} columns, not {height}·{width}", pixels.ncols());
        Self { name: name.into(), pixels, height, width }
    }

    /// Images from bytes, 0 ↦ −1 and `white` ↦ 1 linearly: x = 2·byte/white − 1.
    pub(crate) fn from_bytes(name: &str, bytes: &[u8], white: u8, height: usize, width: usize) -> Self {
        let table: Vec<f32> = (0..=255).map(|byte| 2.0 * byte as f32 / f32::from(white) - 1.0).collect();
        let pixels = bytes.iter().map(|&byte| table[usize::from(byte)]).collect();
        let rows = bytes.len() / (height * width);
        let pixels = Array2::from_shape_vec((rows, height * width), pixels).expect("whole images");
        Self::new(name, pixels, height, width)
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.pixels.nrows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of one image, height·width.
    pub fn dim(&self) -> usize {
        self.pixels.ncols()
    }

    /// The same images under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Every pixel times `factor`: x ↦ factor·x, leaving [−1, 1] when factor > 1.
    ///
    /// This is how out-of-distribution inputs are made more extreme (×5, ×10, ×20); the name stays.
    #[must_use]
    pub fn scaled(&self, factor: f32) -> Self {
        Self { pixels: &self.pixels * factor, ..self.shell() }
    }

    /// The first `count` images, or all if there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self { pixels: self.pixels.slice_axis(Axis(0), (0..count).into()).to_owned(), ..self.shell() }
    }

    /// `count` images drawn without replacement, in random order; all of them in random order if there are fewer.
    #[must_use]
    pub fn sample(&self, seed: Seed, count: usize) -> Self {
        self.select(&sample_indices(seed, self.len(), count))
    }

    /// The images at `rows`, in that order.
    ///
    /// **Panics** if a row is out of range.
    #[must_use]
    #[track_caller]
    pub fn select(&self, rows: &[u32]) -> Self {
        let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
        Self { pixels: self.pixels.select(Axis(0), &rows), ..self.shell() }
    }

    /// The images at another size, by area averaging: each new pixel is the mean of the old ones under it, weighted by overlap.
    ///
    /// **Panics** if a side is zero.
    #[must_use]
    #[track_caller]
    pub fn resized(&self, height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "an image of {height}×{width}");
        if (height, width) == (self.height, self.width) {
            return self.clone();
        }
        let pixels = area_average(&self.pixels, (self.height, self.width), (height, width));
        Self { name: self.name.clone(), pixels, height, width }
    }

    fn shell(&self) -> Self {
        Self { name: self.name.clone(), pixels: Array2::default((0, 0)), height: self.height, width: self.width }
    }
}

/// Images and the class of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The images.
    pub images: Images,
    /// One class in 0..`classes` per image.
    pub labels: Vec<u32>,
    /// The number of classes.
    pub classes: usize,
}

impl Labelled {
    /// Puts images and labels together.
    ///
    /// **Panics** unless there are as many labels as images, each below `classes`.
    #[track_caller]
    pub fn new(images: Images, labels: Vec<u32>, classes: usize) -> Self {
        assert_eq!(images.len(), labels.len(), "{} images and {} labels", images.len(), labels.len());
        assert!(labels.iter().all(|&label| (label as usize) < classes), "a label beyond {classes} classes");
        Self { images, labels, classes }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images and labels at `rows`, in that order.
    ///
    /// **Panics** if a row is out of range.
    #[must_use]
    #[track_caller]
    pub fn select(&self, rows: &[u32]) -> Self {
        let labels = rows.iter().map(|&row| self.labels[row as usize]).collect();
        Self { images: self.images.select(rows), labels, classes: self.classes }
    }

    /// The first `count`, or all if there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self { images: self.images.take(count), labels: self.labels[..count].to_vec(), classes: self.classes }
    }

    /// `count` drawn without replacement, in random order; the same rows as [`Images::sample`] with this seed.
    #[must_use]
    pub fn sample(&self, seed: Seed, count: usize) -> Self {
        self.select(&sample_indices(seed, self.len(), count))
    }

    /// Divides into consecutive parts of a random order: the first `count`, and the rest.
    pub(crate) fn split_at(&self, order: &[u32], count: usize) -> (Self, Self) {
        let (first, rest) = order.split_at(count);
        (self.select(first), self.select(rest))
    }
}

/// A dataset divided for an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What the posterior is conditioned on.
    pub train: Labelled,
    /// For choices made along the way.
    pub validation: Labelled,
    /// For the reported numbers only.
    pub test: Labelled,
}

fn sample_indices(seed: Seed, len: usize, count: usize) -> Vec<u32> {
    let mut order = seed.stream().permutation(len);
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests;
