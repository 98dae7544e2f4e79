use super::canvas::{AXIS, Anchor, Canvas, Frame, TextStyle, polyline, text_width, wrap};
use super::panel::{self, GAP, MARGIN};
use super::scale::Scale;
use super::{nothing, palette, pixels};
use crate::{Axis, HeatMap, Heatmaps};

/// Height of a line below a map's title.
const NOTE_HEIGHT: f64 = 15.0;

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &Heatmaps) -> f64 {
    let ordered = |(lo, hi): (f64, f64)| lo.is_finite() && hi.is_finite() && hi > lo;
    let Some(range) = value_range(data).filter(|_| ordered(data.x_range) && ordered(data.y_range)) else {
        return nothing(canvas);
    };
    let axis = |(lo, hi): (f64, f64)| Scale::fit(&Axis::default().range(lo, hi), [lo, hi].into_iter(), 4);
    let (Some(x), Some(y)) = (axis(data.x_range), axis(data.y_range)) else { return nothing(canvas) };

    // Rows of nearly equal length: seven maps are four and three, not six and one.
    let columns = data.maps.len().div_ceil(data.maps.len().div_ceil(6));
    let places = panel::columns(canvas, columns, panel::axis_width(&y, &data.y_label), GAP, (120.0, 165.0));
    let (columns, w) = (places.len(), places[0].1);
    let shape = (data.y_range.1 - data.y_range.0) / (data.x_range.1 - data.x_range.0);
    let h = w * shape.clamp(0.4, 1.6);
    let notes = |map: &HeatMap| wrap(&map.note, panel::NOTE.size, w);
    let note = data.maps.iter().map(|map| notes(map).len()).max().unwrap_or(0) as f64 * NOTE_HEIGHT;
    let head = panel::title_height(data.maps.iter().map(|map| (&*map.title, "")), w) + note;
    let row_height = head + h + panel::axis_height(&data.x_label) + 10.0;
    for (i, map) in data.maps.iter().enumerate() {
        let frame = Frame { x: places[i % columns].0, y: MARGIN + head + (i / columns) as f64 * row_height, w, h };
        panel::title(canvas, Frame { y: frame.y - note, ..frame }, &map.title, "");
        let style = TextStyle { anchor: Anchor::Start, ..panel::NOTE };
        for (i, line) in notes(map).iter().enumerate() {
            canvas.text((frame.x, frame.y - note + 8.0 + i as f64 * NOTE_HEIGHT), line, style);
        }
        let values = (map.height.checked_mul(map.width) == Some(map.values.len())).then_some(&map.values);
        let Some(values) = values.filter(|values| values.iter().any(|v| v.is_finite())) else {
            canvas.no_data(frame);
            continue;
        };
        let (x, y) = (x.clone().placed(frame.x, frame.right()), y.clone().placed(frame.bottom(), frame.y));
        // Axes first, then the picture over their grid.
        panel::axes(canvas, frame, &x, &y, (&data.x_label, &data.y_label), i % columns == 0);
        let color = |v: &f64| palette::map_color(data.colors, (v - range.0) / (range.1 - range.0));
        let from_top = values.chunks(map.width).rev().flatten().map(color);
        pixels::image(canvas, frame, (map.width, map.height), from_top);
        canvas.rect(frame, &format!("class=\"axis\" fill=\"none\" stroke=\"{AXIS}\""));
        canvas.open_clip(frame);
        for level in &data.contours {
            let path = contour(map, *level, frame);
            canvas.path(&path, "fill=\"none\" stroke=\"#1b1f24\" stroke-width=\"1.5\" stroke-linecap=\"round\"");
        }
        for point in &data.points {
            if let (Some(px), Some(py)) = (x.at(point.x), y.at(point.y)) {
                marker(canvas, (px, py), point.class);
            }
        }
        canvas.close_group();
    }
    let top = MARGIN + data.maps.len().div_ceil(columns) as f64 * row_height;
    classes(canvas, data, top);
    pixels::color_bar(canvas, places[columns - 1].0 + w, top, data.colors, range, &data.value_label);
    top + pixels::BAR_HEIGHT
}

fn value_range(data: &Heatmaps) -> Option<(f64, f64)> {
    let finite = data.maps.iter().flat_map(|map| &map.values).filter(|v| v.is_finite() && v.abs() < 1e150);
    let fitted = finite
        .fold(None, |range: Option<(f64, f64)>, &v| Some(range.map_or((v, v), |(lo, hi)| (lo.min(v), hi.max(v)))))?;
    let fitted = if fitted.0 < fitted.1 { fitted } else { (fitted.0 - 0.5, fitted.1 + 0.5) };
    Some(data.value_range.filter(|(lo, hi)| lo.is_finite() && hi.is_finite() && lo < hi).unwrap_or(fitted))
}

/// White shapes with a dark edge: seen on every color of the map.
fn marker(canvas: &mut Canvas<'_>, (x, y): (f64, f64), class: u8) {
    let style = "fill=\"#fff\" stroke=\"#1b1f24\" stroke-width=\"1.25\"";
    match class % 3 {
        0 => canvas.circle((x, y), 3.6, style),
        1 => canvas.path(&(polyline(&[(x, y - 4.6), (x + 4.2, y + 3.1), (x - 4.2, y + 3.1)]) + "Z"), style),
        _ => canvas.rect(Frame { x: x - 3.3, y: y - 3.3, w: 6.6, h: 6.6 }, style),
    }
}

fn classes(canvas: &mut Canvas<'_>, data: &Heatmaps, top: f64) {
    let mut left = MARGIN + 10.0;
    for (class, name) in data.classes.iter().enumerate() {
        let width = 14.0 + text_width(name, 12.0);
        // The color scale and its label have the right half.
        if left + width > canvas.width * 0.5 {
            break;
        }
        marker(canvas, (left, top + 9.5), u8::try_from(class).unwrap_or(u8::MAX));
        canvas.text((left + 10.0, top + 14.0), name, TextStyle::new(12.0, Anchor::Start));
        left += width + 16.0;
    }
}

/// Marching squares between the middles of the cells: straight pieces, joined by eye. Saddles are cut both ways the same.
fn contour(map: &HeatMap, level: f64, frame: Frame) -> String {
    let value = |i: usize, j: usize| map.values[i * map.width + j] - level;
    let place = |i: f64, j: f64| {
        let x = frame.x + (j + 0.5) / map.width as f64 * frame.w;
        (x, frame.bottom() - (i + 0.5) / map.height as f64 * frame.h)
    };
    let mut data = String::new();
    for i in 0..map.height.saturating_sub(1) {
        for j in 0..map.width.saturating_sub(1) {
            let corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)];
            if corners.iter().any(|&(i, j)| !value(i, j).is_finite()) {
                continue;
            }
            let mut crossings = vec![];
            for k in 0..4 {
                let (a, b) = (corners[k], corners[(k + 1) % 4]);
                let (va, vb) = (value(a.0, a.1), value(b.0, b.1));
                if (va < 0.0) != (vb < 0.0) {
                    let part = va / (va - vb);
                    let between = |from: usize, to: usize| from as f64 + (to as f64 - from as f64) * part;
                    crossings.push(place(between(a.0, b.0), between(a.1, b.1)));
                }
            }
            for pair in crossings.chunks_exact(2) {
                data += &polyline(pair);
            }
        }
    }
    data
}
