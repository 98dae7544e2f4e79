use super::canvas::{Canvas, Frame, GRID, WIDTH};
use super::panel::{self, MARGIN, TITLE_HEIGHT};
use super::{nothing, palette, pixels};
use crate::{ColorMap, WeightImages};

/// More images in a row than this say nothing new and make the report heavy.
const MOST: usize = 60;
const GAP: f64 = 4.0;

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &WeightImages) -> f64 {
    let widest = data.rows.iter().map(|row| row.images.len().min(MOST)).max().unwrap_or(0);
    let shape_known = data.width > 0 && data.height > 0;
    let Some(limit) = limit(data).filter(|_| widest > 0 && shape_known) else { return nothing(canvas) };

    let room = WIDTH - 2.0 * MARGIN;
    let per_line = widest.min(10);
    let w = ((room - GAP * (per_line - 1) as f64) / per_line as f64).min(110.0);
    let h = (w * data.height as f64 / data.width as f64).clamp(w / 4.0, w * 4.0);
    let mut top = MARGIN;
    for row in &data.rows {
        top += TITLE_HEIGHT;
        panel::title(canvas, Frame { x: MARGIN, y: top, w: room, h }, &row.title, "");
        if row.images.is_empty() {
            canvas.no_data(Frame { x: MARGIN, y: top, w: room, h: 60.0 });
            top += 60.0 + 6.0;
        }
        for line in row.images[..row.images.len().min(MOST)].chunks(per_line) {
            for (c, image) in line.iter().enumerate() {
                let frame = Frame { x: MARGIN + c as f64 * (w + GAP), y: top, w, h };
                // Centered: no weight is the middle of the scale, whatever the spread on either side.
                let colors =
                    image.iter().map(|v| palette::map_color(ColorMap::Diverging, 0.5 + 0.5 * f64::from(*v) / limit));
                if !pixels::image(canvas, frame, (data.width, data.height), colors) {
                    canvas.rect(frame, &format!("class=\"grid\" fill=\"none\" stroke=\"{GRID}\""));
                }
            }
            top += h + GAP;
        }
        top += 6.0;
    }
    pixels::color_bar(canvas, WIDTH - MARGIN - panel::RIGHT, top, ColorMap::Diverging, (-limit, limit), &data.label);
    top + pixels::BAR_HEIGHT
}

/// The end of the color scale: a quantile, because one outlier among thousands of weights would fade all others.
fn limit(data: &WeightImages) -> Option<f64> {
    let given = data.limit.filter(|limit| limit.is_finite() && *limit > 0.0);
    let drawn = data.rows.iter().flat_map(|row| &row.images);
    let drawn = drawn.filter(|image| data.width.checked_mul(data.height) == Some(image.len()));
    let mut sizes: Vec<f64> = drawn.flatten().map(|v| f64::from(v.abs())).collect();
    sizes.retain(|v| v.is_finite());
    if sizes.is_empty() {
        return None;
    }
    sizes.sort_by(f64::total_cmp);
    let quantile = sizes[((sizes.len() - 1) as f64 * 0.995).round() as usize];
    Some(given.unwrap_or(if quantile > 0.0 { quantile } else { 1.0 }))
}
