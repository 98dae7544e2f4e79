use super::canvas::{Canvas, Frame, MUTED, polyline};
use super::nothing;
use super::palette::Style;
use super::panel::{self, Entry, GAP, MARGIN, Mark};
use super::scale::Scale;
use crate::{CurvePanel, Curves, Series};

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &Curves) -> f64 {
    if data.panels.is_empty() {
        return nothing(canvas);
    }
    let columns = data.columns.clamp(1, 4).min(data.panels.len());
    // Every panel has its own y axis, so its width is inside the cell.
    let cells = panel::columns(canvas, columns, 0.0, GAP, (200.0, 620.0));
    let columns = cells.len();
    let height = [260.0, 200.0, 180.0, 160.0][columns - 1];
    let entries: Vec<Vec<Entry>> = data.panels.iter().map(|panel| entries(canvas, panel)).collect();
    let labels = |entries: &[Entry]| entries.iter().map(|entry| entry.label.clone()).collect::<Vec<_>>();
    let common = data.panels.len() > 1 && entries.iter().all(|e| labels(e) == labels(&entries[0]));

    let mut top = MARGIN;
    if common && !entries[0].is_empty() {
        let width = canvas.width - 2.0 * MARGIN;
        panel::legend(canvas, MARGIN, top, width, &entries[0]);
        top += panel::legend_height(&entries[0], width) + 8.0;
    }
    for (panels, entries) in data.panels.chunks(columns).zip(entries.chunks(columns)) {
        let legends: Vec<f64> = if common {
            vec![0.0; panels.len()]
        } else {
            entries.iter().zip(&cells).map(|(entries, cell)| panel::legend_height(entries, cell.1)).collect()
        };
        let legend = legends.iter().copied().fold(0.0, f64::max);
        let legend = if legend > 0.0 { legend + 8.0 } else { 0.0 };
        let titles: Vec<_> =
            panels.iter().map(|panel| (&*panel.title, "")).filter(|title| !title.0.is_empty()).collect();
        let title = if titles.is_empty() { 10.0 } else { panel::title_height(titles, cells[0].1) };
        for (c, panel) in panels.iter().enumerate() {
            let (x, w) = cells[c];
            let cell = Frame { x, y: top + title + legend, w, h: height };
            draw_panel(canvas, panel, cell);
            panel::title(canvas, Frame { y: cell.y - legend, ..cell }, &panel.title, "");
            if !common {
                panel::legend(canvas, x, top + title, w, &entries[c]);
            }
        }
        top += title + legend + height + panel::axis_height(&panels[0].x.label) + 12.0;
    }
    top
}

fn series_styles(canvas: &Canvas<'_>, panel: &CurvePanel) -> Vec<Style> {
    canvas.styles(panel.series.iter().map(|series| series.name.as_str()))
}

fn reference_style(canvas: &Canvas<'_>, label: &str) -> Style {
    Style { color: canvas.palette.of(label).unwrap_or(MUTED), dash: "2 3" }
}

/// Nothing to tell apart, no legend.
fn entries(canvas: &Canvas<'_>, panel: &CurvePanel) -> Vec<Entry> {
    if panel.series.len() + panel.references.len() < 2 {
        return vec![];
    }
    let lines =
        panel.series.iter().zip(series_styles(canvas, panel)).map(|(series, style)| match series.points.len() {
            1 => Entry { mark: Mark::Dot(style), label: series.name.clone() },
            _ => Entry::line(style, &series.name),
        });
    let references = panel.references.iter().map(|r| Entry::line(reference_style(canvas, &r.label), &r.label));
    lines.chain(references).collect()
}

fn draw_panel(canvas: &mut Canvas<'_>, panel: &CurvePanel, cell: Frame) {
    let points =
        || panel.series.iter().flat_map(|s| s.points.iter().copied()).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let bands = panel.series.iter().flat_map(|s| s.band.iter().flat_map(|&(low, high)| [low, high]));
    let references = panel.references.iter().map(|reference| reference.y);
    let per_tick = 75.0;
    let x = Scale::fit(&panel.x, points().map(|p| p.0), (cell.w / per_tick).clamp(2.0, 8.0) as usize);
    let y = Scale::fit(&panel.y, points().map(|p| p.1).chain(bands).chain(references), (cell.h / 45.0) as usize);
    let (Some(x), Some(y)) = (x, y) else {
        return canvas.no_data(cell);
    };
    let left = panel::axis_width(&y, &panel.y.label);
    let frame = Frame { x: cell.x + left, w: cell.w - left, ..cell };
    let (x, y) = (x.placed(frame.x, frame.right()), y.placed(frame.bottom(), frame.y));
    panel::axes(canvas, frame, &x, &y, (&panel.x.label, &panel.y.label), true);

    // Half a stroke of room, so that lines along the border are not cut.
    canvas.open_clip(Frame { x: frame.x - 2.0, y: frame.y - 2.0, w: frame.w + 4.0, h: frame.h + 4.0 });
    for reference in &panel.references {
        if let Some(at) = y.at(reference.y) {
            let line = polyline(&[(frame.x, at), (frame.right(), at)]);
            canvas.path(&line, &panel::line_attributes(reference_style(canvas, &reference.label), 1.75));
        }
    }
    let styles = series_styles(canvas, panel);
    for (series, style) in panel.series.iter().zip(&styles) {
        band(canvas, series, *style, &x, &y);
    }
    for (series, style) in panel.series.iter().zip(&styles) {
        line(canvas, series, *style, &x, &y);
    }
    canvas.close_group();
}

fn band(canvas: &mut Canvas<'_>, series: &Series, style: Style, x: &Scale, y: &Scale) {
    let (mut upper, mut lower) = (vec![], vec![]);
    for (&(px, _), &(low, high)) in series.points.iter().zip(&series.band) {
        if let (Some(px), Some(low), Some(high)) = (x.at(px), y.at(low), y.at(high)) {
            upper.push((px, high));
            lower.push((px, low));
        }
    }
    if upper.len() > 1 {
        lower.reverse();
        upper.extend(lower);
        canvas.path(&polyline(&upper), &format!("fill=\"{}\" fill-opacity=\"0.16\"", style.color));
    }
}

fn line(canvas: &mut Canvas<'_>, series: &Series, style: Style, x: &Scale, y: &Scale) {
    let pixels: Vec<_> = series.points.iter().map(|&(px, py)| Some((x.at(px)?, y.at(py)?))).collect();
    let mut data = String::new();
    for piece in pixels.split(Option::is_none) {
        let piece: Vec<_> = piece.iter().copied().flatten().collect();
        match piece.as_slice() {
            [] => {}
            [point] => canvas.circle(*point, 3.5, &format!("fill=\"{}\"", style.color)),
            _ => data += &polyline(&thin(&piece)),
        }
    }
    // Noise from step to step needs a finer pen.
    let width = if pixels.len() > 200 { 1.5 } else { 2.0 };
    canvas.path(&data, &panel::line_attributes(style, width));
    // Few points are measurements, not a curve: show where they are.
    let shown: Vec<_> = pixels.iter().copied().flatten().collect();
    if (2..=30).contains(&shown.len()) {
        for point in shown {
            canvas.circle(point, 2.75, &format!("fill=\"{}\"", style.color));
        }
    }
}

/// Leaves out points that nobody would see: of those in one half pixel column, the first, lowest, highest and last stay.
pub(super) fn thin(pixels: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if pixels.len() < 200 {
        return pixels.to_vec();
    }
    let column = |p: &(f64, f64)| (p.0 * 2.0).floor();
    let mut kept: Vec<(f64, f64)> = vec![];
    for piece in pixels.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &usize, b: &usize| piece[*a].1.total_cmp(&piece[*b].1);
        let mut places = vec![0, piece.len() - 1];
        places.extend((0..piece.len()).min_by(by_height));
        places.extend((0..piece.len()).max_by(by_height));
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|place| piece[place]));
    }
    straighten(&kept)
}

/// Leaves out points less than a sixth of a pixel from the line that stays (Douglas and Peucker's rule).
fn straighten(pixels: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut keep = vec![false; pixels.len()];
    let mut spans = vec![(0, pixels.len() - 1)];
    while let Some((a, b)) = spans.pop() {
        (keep[a], keep[b]) = (true, true);
        let ((ax, ay), (bx, by)) = (pixels[a], pixels[b]);
        let length = (bx - ax).hypot(by - ay);
        let distance = |&(x, y): &(f64, f64)| match length {
            0.0 => (x - ax).hypot(y - ay),
            _ => ((bx - ax) * (y - ay) - (by - ay) * (x - ax)).abs() / length,
        };
        let farthest = (a + 1..b).map(|i| (i, distance(&pixels[i]))).max_by(|p, q| p.1.total_cmp(&q.1));
        if let Some((i, _)) = farthest.filter(|&(_, distance)| distance > 0.15) {
            spans.extend([(a, i), (i, b)]);
        }
    }
    pixels.iter().zip(keep).filter_map(|(pixel, keep)| keep.then_some(*pixel)).collect()
}
