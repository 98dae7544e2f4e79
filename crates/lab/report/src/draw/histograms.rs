use super::canvas::{Canvas, Frame, polyline};
use super::nothing;
use super::panel::{self, Entry, GAP, MARGIN, Mark};
use super::scale::Scale;
use crate::{Axis, Color, ScoreHistograms, ScorePanel};

const BINS: usize = 32;
const INSIDE: Color = Color(0x007A_7A7A);
const Y_LABEL: &str = "share %, √ scale";

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &ScoreHistograms) -> f64 {
    if data.panels.is_empty() {
        return nothing(canvas);
    }
    let colors = colors(canvas, data);
    let mut distinct = vec![];
    for color in &colors {
        if !distinct.contains(color) {
            distinct.push(*color);
        }
    }
    let entries = [
        Entry { mark: Mark::Area(INSIDE), label: data.inside.clone() },
        Entry { mark: Mark::Stripes(distinct), label: data.outside.clone() },
    ];
    let mut top = MARGIN;
    let room = canvas.width - 2.0 * MARGIN;
    panel::legend(canvas, MARGIN, top, room, &entries);
    top += panel::legend_height(&entries, room) + 8.0;

    let wanted = data.columns.clamp(1, 5).min(data.panels.len());
    let places = panel::columns(canvas, wanted, 58.0, GAP, (125.0, 420.0));
    let (columns, width) = (places.len(), places[0].1);
    let height = (width * 0.6).clamp(90.0, 200.0);
    for (row, colors) in data.panels.chunks(columns).zip(colors.chunks(columns)) {
        let head = panel::title_height(row.iter().map(|panel| (title(panel), &*panel.note)), width);
        let frames: Vec<_> = places.iter().map(|&(x, w)| Frame { x, y: top + head, w, h: height }).collect();
        draw_row(canvas, row, &frames, colors);
        top += head + height + panel::axis_height("score") + 10.0;
    }
    top
}

/// A method's color in every panel, others a free one per name.
fn colors(canvas: &Canvas<'_>, data: &ScoreHistograms) -> Vec<Color> {
    let mut names: Vec<&str> = vec![];
    for panel in &data.panels {
        if !names.contains(&panel.method.as_str()) {
            names.push(&panel.method);
        }
    }
    let styles = canvas.styles(names.iter().copied());
    let of = |method: &str| names.iter().position(|name| *name == method).map_or(INSIDE, |i| styles[i].color);
    data.panels.iter().map(|panel| of(&panel.method)).collect()
}

/// Shares per bin on [lo, hi]; what is not finite or outside is in no bin, but in the denominator if finite.
fn shares(values: &[f64], (lo, hi): (f64, f64)) -> Vec<f64> {
    let mut counts = vec![0.0; BINS];
    let mut total = 0.0f64;
    for &value in values.iter().filter(|v| v.is_finite()) {
        total += 1.0;
        let place = (value - lo) / (hi - lo) * BINS as f64;
        if (0.0..=BINS as f64).contains(&place) {
            counts[(place as usize).min(BINS - 1)] += 1.0;
        }
    }
    counts.iter().map(|count| count / total.max(1.0)).collect()
}

fn draw_row(canvas: &mut Canvas<'_>, row: &[ScorePanel], frames: &[Frame], colors: &[Color]) {
    let values = || row.iter().flat_map(|p| p.inside.iter().chain(&p.outside)).copied();
    let Some(x) = Scale::fit(&Axis::default(), values(), 4) else {
        for (panel, frame) in row.iter().zip(frames) {
            panel::title(canvas, *frame, title(panel), "");
            canvas.no_data(*frame);
        }
        return;
    };
    let range = x.range();
    let histograms: Vec<_> = row.iter().map(|p| (shares(&p.inside, range), shares(&p.outside, range))).collect();
    let largest = histograms.iter().flat_map(|(a, b)| a.iter().chain(b)).copied().fold(0.0, f64::max) * 1.08;
    for (c, (panel, frame)) in row.iter().zip(frames).enumerate() {
        let frame = *frame;
        let empty = !panel.inside.iter().chain(&panel.outside).any(|v| v.is_finite());
        panel::title(canvas, frame, title(panel), if empty { "" } else { &panel.note });
        let x = x.clone().placed(frame.x, frame.right());
        let y = Scale::square_root(largest, frame.h).placed(frame.bottom(), frame.y);
        // Axes even where there is nothing: the first panel's belong to its whole row.
        panel::axes(canvas, frame, &x, &y, (&panel.x_label, Y_LABEL), c == 0);
        if empty {
            canvas.no_data(frame);
            continue;
        }
        let (inside, outside) = &histograms[c];
        area(canvas, frame, &y, inside, &format!("fill=\"{INSIDE}\" fill-opacity=\"0.45\""));
        let color = colors[c];
        area(canvas, frame, &y, outside, &format!("fill=\"{color}\" fill-opacity=\"0.28\""));
        outline(canvas, frame, &y, inside, INSIDE);
        outline(canvas, frame, &y, outside, color);
    }
}

fn title(panel: &ScorePanel) -> &str {
    if panel.title.is_empty() { &panel.method } else { &panel.title }
}

/// The steps of a histogram from the left end of the axis to the right.
fn steps(frame: Frame, y: &Scale, shares: &[f64]) -> Vec<(f64, f64)> {
    let width = frame.w / BINS as f64;
    let mut points = vec![(frame.x, frame.bottom())];
    for (b, share) in shares.iter().enumerate() {
        let at = y.at(*share).unwrap_or(frame.bottom());
        points.extend([(frame.x + b as f64 * width, at), (frame.x + (b + 1) as f64 * width, at)]);
    }
    points.push((frame.right(), frame.bottom()));
    points
}

fn area(canvas: &mut Canvas<'_>, frame: Frame, y: &Scale, shares: &[f64], attributes: &str) {
    if shares.iter().any(|share| *share > 0.0) {
        canvas.path(&polyline(&steps(frame, y, shares)), attributes);
    }
}

fn outline(canvas: &mut Canvas<'_>, frame: Frame, y: &Scale, shares: &[f64], color: Color) {
    // Only where there is something: a colored line along zero would hide the axis.
    let steps = steps(frame, y, shares);
    let mut piece: Vec<(f64, f64)> = vec![];
    let mut data = String::new();
    for (b, share) in shares.iter().enumerate() {
        let (left, right) = (steps[1 + 2 * b], steps[2 + 2 * b]);
        if *share > 0.0 {
            if piece.is_empty() {
                piece.push((left.0, frame.bottom()));
            }
            piece.extend([left, right]);
        }
        let ends = *share <= 0.0 || b + 1 == shares.len();
        if ends && let Some(&(x, _)) = piece.last() {
            piece.push((x, frame.bottom()));
            data += &polyline(&std::mem::take(&mut piece));
        }
    }
    canvas.path(&data, &format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" stroke-linejoin=\"round\""));
}
