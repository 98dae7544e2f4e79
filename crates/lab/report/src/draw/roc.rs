use super::canvas::{AXIS, Anchor, Canvas, Frame, TextStyle, polyline};
use super::curves::thin;
use super::nothing;
use super::panel::{self, Entry, GAP, LEGEND_LINE, MARGIN};
use super::scale::Scale;
use crate::{Axis, Format, RocCurves, RocPanel};

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &RocCurves) -> f64 {
    if data.panels.is_empty() {
        return nothing(canvas);
    }
    let places = panel::columns(canvas, data.panels.len().min(4), 58.0, GAP + 6.0, (200.0, 260.0));
    let (columns, side) = (places.len(), places[0].1);
    let mut top = MARGIN;
    for row in data.panels.chunks(columns) {
        let below = panel::axis_height("rate") + 6.0;
        let title = panel::title_height(row.iter().map(|roc| (&*roc.title, "")), side);
        for (c, roc) in row.iter().enumerate() {
            let (x, w) = places[c];
            draw_panel(canvas, roc, Frame { x, y: top + title, w, h: side }, below, c == 0);
        }
        let lines = row.iter().map(|roc| roc.curves.len()).max().unwrap_or(0) + 1;
        top += title + side + below + lines as f64 * LEGEND_LINE + 20.0;
    }
    top
}

fn draw_panel(canvas: &mut Canvas<'_>, roc: &RocPanel, frame: Frame, below: f64, first: bool) {
    panel::title(canvas, frame, &roc.title, "");
    let shown = |&(x, y): &(f64, f64)| (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y);
    if !roc.curves.iter().any(|curve| curve.points.iter().any(shown)) {
        canvas.no_data(frame);
        return;
    }
    let axis = Axis::default().percent().range(0.0, 1.0);
    let unit = || Scale::fit(&axis, [0.0, 1.0].into_iter(), 4);
    let (Some(x), Some(y)) = (unit(), unit()) else { return };
    let (x, y) = (x.placed(frame.x, frame.right()), y.placed(frame.bottom(), frame.y));
    panel::axes(canvas, frame, &x, &y, ("false positives %", "true positives %"), first);
    let chance = polyline(&[(frame.x, frame.bottom()), (frame.right(), frame.y)]);
    canvas.path(&chance, &format!("class=\"axis\" stroke=\"{AXIS}\" stroke-dasharray=\"2 4\""));

    let styles = canvas.styles(roc.curves.iter().map(|curve| curve.name.as_str()));
    for (curve, style) in roc.curves.iter().zip(&styles) {
        let pixels: Vec<_> =
            curve.points.iter().filter(|p| shown(p)).filter_map(|&(fp, tp)| Some((x.at(fp)?, y.at(tp)?))).collect();
        match pixels.as_slice() {
            [point] => canvas.circle(*point, 3.5, &format!("fill=\"{}\"", style.color)),
            _ => canvas.path(&polyline(&thin(&pixels)), &panel::line_attributes(*style, 2.0)),
        }
    }

    // A list below rather than a box inside: a detector worse than chance bends into every corner.
    let right = frame.right();
    let head = TextStyle::new(11.0, Anchor::End).muted();
    let line = |i: usize| frame.bottom() + below + (i as f64 + 0.5) * LEGEND_LINE;
    canvas.text((right, line(0) + 4.0), "AUROC %", head);
    for (i, (curve, style)) in roc.curves.iter().zip(&styles).enumerate() {
        Entry::line(*style, &curve.name).draw(canvas, frame.x, line(i + 1), frame.w - 48.0);
        let area = Format::Percent(1).number(curve.auroc);
        canvas.text((right, line(i + 1) + 4.0), &area, TextStyle::new(12.0, Anchor::End));
    }
}
