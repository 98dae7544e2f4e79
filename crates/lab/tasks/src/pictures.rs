//! Images as the report shows them.

use apd_data::Images;
use apd_report::{ColorMap, Figure, ImageRow, ImageRows};
use apd_uncertainty::argmax;
use ndarray::Array2;

#[cfg(test)]
mod tests;

/// Images in a row.
pub(crate) const SHOWN: usize = 10;

/// Rows of images of this shape.
pub(crate) fn figure(id: &str, caption: &str, shape: &Images, rows: Vec<ImageRow>) -> Figure {
    let Images { height, width, .. } = *shape;
    Figure::new(
        id,
        caption,
        ImageRows { height, width, rows, limit: Some(1.0), label: String::new(), colors: ColorMap::Gray },
    )
}

/// The first of these images.
pub(crate) fn row(title: &str, images: &Array2<f32>, labels: Vec<String>) -> ImageRow {
    let images = images.rows().into_iter().take(SHOWN).map(|image| image.to_vec()).collect();
    ImageRow { title: title.to_owned(), images, labels }
}

/// What an image is, and what it is taken for if that is something else.
pub(crate) fn label(truth: u32, seen: u32) -> String {
    if truth == seen { truth.to_string() } else { format!("{truth} → {seen}") }
}

/// The most probable class in each row; 0 where there is none, because a number is none.
pub(crate) fn classes(mean: &Array2<f64>) -> Vec<u32> {
    mean.rows().into_iter().map(|row| argmax(row.iter().copied()).unwrap_or(0) as u32).collect()
}
