use super::canvas::{Anchor, Canvas, Frame, GRID, TextStyle, fit_text, wrap};
use super::panel::{self, MARGIN, TITLE};
use super::{nothing, palette, pixels};
use crate::{ImageRow, ImageRows};

/// More images in a row than this say nothing new and make the report heavy.
const MOST: usize = 60;
const PER_LINE: usize = 10;
const GAP: f64 = 4.0;
const WIDEST: f64 = 50.0;
/// Room for titles at the left of their rows, where there is so much.
const TITLES: f64 = 170.0;
const LABEL: TextStyle = TextStyle::new(11.0, Anchor::Middle).muted();

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &ImageRows) -> f64 {
    let widest = data.rows.iter().map(|row| row.images.len().min(MOST)).max().unwrap_or(0);
    let shape_known = data.width > 0 && data.height > 0;
    let Some(limit) = limit(data).filter(|_| widest > 0 && shape_known) else { return nothing(canvas) };

    let room = canvas.width - 2.0 * MARGIN;
    let left = if room > 3.0 * TITLES { TITLES } else { 0.0 };
    let per_line = widest.min(PER_LINE);
    let w = ((room - left - GAP * (per_line - 1) as f64) / per_line as f64).min(WIDEST);
    let h = (w * data.height as f64 / data.width as f64).clamp(w / 4.0, w * 4.0);
    let mut top = MARGIN;
    for row in &data.rows {
        if left > 0.0 {
            for (i, line) in wrap(&row.title, TITLE.size * 1.04, left - 12.0).iter().enumerate() {
                canvas.text((MARGIN, top + 16.0 + 17.0 * i as f64), line, TITLE);
            }
        } else {
            top += panel::title_height([(&*row.title, "")], room);
            panel::title(canvas, Frame { x: MARGIN, y: top, w: room, h }, &row.title, "");
        }
        let frame = Frame { x: MARGIN + left, y: top, w, h };
        if row.images.is_empty() {
            canvas.no_data(Frame { w: room - left, ..frame });
        }
        top += draw_row(canvas, data, row, frame, (per_line, limit)).max(h) + 8.0;
    }
    if data.label.is_empty() {
        return top + MARGIN;
    }
    pixels::color_bar(canvas, canvas.width - MARGIN - panel::RIGHT, top, data.colors, (-limit, limit), &data.label);
    top + pixels::BAR_HEIGHT
}

/// The images of a row from where `first` is, with their labels below; returns their height.
fn draw_row(
    canvas: &mut Canvas<'_>,
    data: &ImageRows,
    row: &ImageRow,
    first: Frame,
    (per_line, limit): (usize, f64),
) -> f64 {
    let labels = if row.labels.is_empty() { 0.0 } else { 15.0 };
    let mut frame = first;
    for (i, image) in row.images.iter().take(MOST).enumerate() {
        frame.x = first.x + (i % per_line) as f64 * (first.w + GAP);
        frame.y = first.y + (i / per_line) as f64 * (first.h + GAP + labels);
        // Centered: zero is the middle of the scale, whatever the spread on either side.
        let colors = image.iter().map(|v| palette::map_color(data.colors, 0.5 + 0.5 * f64::from(*v) / limit));
        if !pixels::image(canvas, frame, (data.width, data.height), colors) {
            canvas.rect(frame, &format!("class=\"grid\" fill=\"none\" stroke=\"{GRID}\""));
        }
        let label = fit_text(row.labels.get(i).map_or("", |label| label), LABEL.size, frame.w + GAP);
        canvas.text((frame.x + frame.w / 2.0, frame.bottom() + 12.0), &label, LABEL);
    }
    frame.bottom() + labels - first.y
}

/// The end of the color scale: a quantile, because one outlier among thousands of weights would fade all others.
fn limit(data: &ImageRows) -> Option<f64> {
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
