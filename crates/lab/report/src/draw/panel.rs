//! Axes, titles, legends and grids of panels: everything around the data.

use super::canvas::{AXIS, Anchor, Canvas, Frame, GRID, TextStyle, fit_text, text_width, wrap};
use super::palette::Style;
use super::scale::Scale;
use crate::Color;

pub(crate) const TICK: TextStyle = TextStyle::new(11.0, Anchor::Middle).muted();
pub(crate) const LABEL: TextStyle = TextStyle::new(12.0, Anchor::Middle);
pub(crate) const TITLE: TextStyle = TextStyle::new(13.0, Anchor::Start).bold();
pub(crate) const NOTE: TextStyle = TextStyle::new(11.0, Anchor::End).muted();

/// Outer margin of every figure, and the gap between the panels of a grid.
pub(crate) const MARGIN: f64 = 8.0;
pub(crate) const GAP: f64 = 22.0;

/// Room right of the last panel, into which half of its last tick label reaches.
pub(crate) const RIGHT: f64 = 8.0;

/// Height of a line of a panel's title, and the gap below the last one.
const TITLE_LINE: f64 = 17.0;
const TITLE_GAP: f64 = 7.0;

/// Height below a panel for tick labels, with and without the axis label.
pub(crate) const fn axis_height(label: &str) -> f64 {
    if label.is_empty() { 22.0 } else { 42.0 }
}

/// Width left of a panel for tick labels, with and without the axis label.
pub(crate) fn axis_width(scale: &Scale, label: &str) -> f64 {
    let ticks = scale.ticks.iter().map(|tick| text_width(&tick.label, TICK.size)).fold(0.0, f64::max);
    ticks + if label.is_empty() { 10.0 } else { 30.0 }
}

/// The lines of a title, and whether its note needs one of its own below them.
fn title_lines(title: &str, note: &str, width: f64) -> (Vec<String>, bool) {
    // Semibold letters are wider.
    let lines = wrap(title, TITLE.size * 1.04, width);
    let last = lines.last().map_or(0.0, |line| text_width(line, TITLE.size * 1.04) + 8.0);
    (lines, !note.is_empty() && last + text_width(note, NOTE.size) > width)
}

/// Height that the highest of these titles with their notes needs above panels of this width.
pub(crate) fn title_height<'a>(titles: impl IntoIterator<Item = (&'a str, &'a str)>, width: f64) -> f64 {
    let lines = titles.into_iter().map(|(title, note)| {
        let (lines, own) = title_lines(title, note, width);
        lines.len() + usize::from(own)
    });
    lines.max().unwrap_or(0).max(1) as f64 * TITLE_LINE + TITLE_GAP
}

/// Title on the left, a short note on the right, above a frame; the note below the title where both are too wide.
pub(crate) fn title(canvas: &mut Canvas<'_>, frame: Frame, title: &str, note: &str) {
    let (lines, own) = title_lines(title, note, frame.w);
    let count = lines.len() + usize::from(own);
    let bottom = |line: usize| frame.y - TITLE_GAP - 2.0 - count.saturating_sub(line + 1) as f64 * TITLE_LINE;
    for (i, line) in lines.iter().enumerate() {
        canvas.text((frame.x, bottom(i)), line, TITLE);
    }
    let (x, anchor) = if own { (frame.x, Anchor::Start) } else { (frame.right(), Anchor::End) };
    let note = fit_text(note, NOTE.size, frame.w);
    canvas.text((x, frame.y - TITLE_GAP - 2.0), &note, TextStyle { anchor, ..NOTE });
}

/// Horizontal grid, both axes, tick labels and axis labels. An empty `y_label` with `y_ticks` off leaves only the grid.
pub(crate) fn axes(canvas: &mut Canvas<'_>, frame: Frame, x: &Scale, y: &Scale, labels: (&str, &str), y_ticks: bool) {
    for tick in &y.ticks {
        let Some(at) = y.at(tick.value) else { continue };
        canvas.line((frame.x, at), (frame.right(), at), "grid", GRID, 1.0);
        if y_ticks {
            let style = TextStyle { anchor: Anchor::End, ..TICK };
            canvas.text((frame.x - 6.0, at + 4.0), &tick.label, style);
        }
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in &x.ticks {
        let Some(at) = x.at(tick.value) else { continue };
        canvas.line((at, frame.bottom()), (at, frame.bottom() + 4.0), "axis", AXIS, 1.0);
        // Labels that would touch the one before are left out; their tick stays.
        let half = text_width(&tick.label, TICK.size) / 2.0;
        if at - half >= free_from {
            canvas.text((at.min(canvas.width - half), frame.bottom() + 16.0), &tick.label, TICK);
            free_from = at + half + 3.0;
        }
    }
    canvas.line((frame.x, frame.bottom()), (frame.right(), frame.bottom()), "axis", AXIS, 1.0);
    let below = (frame.x + frame.w / 2.0, frame.bottom() + 34.0);
    canvas.text(below, &fit_text(labels.0, LABEL.size, frame.w + 2.0 * RIGHT), LABEL);
    if y_ticks {
        let left = frame.x - axis_width(y, labels.1) + 13.0;
        let text = fit_text(labels.1, LABEL.size, frame.h + 30.0);
        canvas.turned_text((left, frame.y + frame.h / 2.0), -90.0, &text, LABEL);
    }
}

/// Left ends and widths of equal columns after `left` pixels for the first one's axis, as many as wanted if none gets narrower than `least`;
/// never wider than `widest`.
pub(crate) fn columns(
    canvas: &Canvas<'_>,
    wanted: usize,
    left: f64,
    gap: f64,
    (least, widest): (f64, f64),
) -> Vec<(f64, f64)> {
    let room = canvas.width - 2.0 * MARGIN - RIGHT - left;
    let columns = wanted.min(((room + gap) / (least + gap)) as usize).max(1);
    let width = ((room + gap) / columns as f64 - gap).min(widest);
    let start = MARGIN + left;
    (0..columns).map(|c| (start + c as f64 * (width + gap), width)).collect()
}

#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Line(Style),
    Dot(Style),
    Area(Color),
    /// Stripes of several colors: "each panel's own".
    Stripes(Vec<Color>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) mark: Mark,
    pub(crate) label: String,
}

const MARK_WIDTH: f64 = 24.0;
const LEGEND_SIZE: f64 = 12.0;
pub(crate) const LEGEND_LINE: f64 = 19.0;

impl Entry {
    pub(crate) fn line(style: Style, label: &str) -> Self {
        Self { mark: Mark::Line(style), label: label.into() }
    }

    fn width(&self) -> f64 {
        MARK_WIDTH + 7.0 + text_width(&self.label, LEGEND_SIZE)
    }

    /// Draws mark and label on the line whose middle is at `y`.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, x: f64, y: f64, room: f64) {
        let swatch = Frame { x, y: y - 5.5, w: MARK_WIDTH, h: 11.0 };
        match &self.mark {
            Mark::Line(style) => {
                canvas.path(&super::canvas::polyline(&[(x, y), (x + MARK_WIDTH, y)]), &line_attributes(*style, 2.25));
            }
            Mark::Dot(style) => {
                canvas.circle((x + MARK_WIDTH / 2.0, y), 4.5, &format!("fill=\"{}\"", style.color));
            }
            Mark::Area(color) => {
                let fill = format!("fill=\"{color}\" fill-opacity=\"0.4\" stroke=\"{color}\" rx=\"1.5\"");
                canvas.rect(swatch, &fill);
            }
            Mark::Stripes(colors) => {
                let width = MARK_WIDTH / colors.len().max(1) as f64;
                for (i, color) in colors.iter().enumerate() {
                    let stripe = Frame { x: x + i as f64 * width, w: width, ..swatch };
                    canvas.rect(stripe, &format!("fill=\"{color}\" fill-opacity=\"0.75\""));
                }
            }
        }
        let label = fit_text(&self.label, LEGEND_SIZE, room - MARK_WIDTH - 7.0);
        canvas.text((x + MARK_WIDTH + 7.0, y + 4.0), &label, TextStyle::new(LEGEND_SIZE, Anchor::Start));
    }
}

pub(crate) fn line_attributes(style: Style, width: f64) -> String {
    let dash = if style.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", style.dash) };
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dash}", style.color)
}

fn legend_rows(entries: &[Entry], width: f64) -> Vec<Vec<&Entry>> {
    let mut rows: Vec<Vec<&Entry>> = vec![];
    let mut used = f64::INFINITY;
    for entry in entries {
        let needed = entry.width() + 20.0;
        match rows.last_mut() {
            Some(row) if used + needed <= width + 20.0 => {
                row.push(entry);
                used += needed;
            }
            _ => {
                rows.push(vec![entry]);
                used = needed;
            }
        }
    }
    rows
}

pub(crate) fn legend_height(entries: &[Entry], width: f64) -> f64 {
    legend_rows(entries, width).len() as f64 * LEGEND_LINE
}

/// Entries side by side, wrapped at `width`, with its top at `y`.
pub(crate) fn legend(canvas: &mut Canvas<'_>, x: f64, y: f64, width: f64, entries: &[Entry]) {
    for (r, row) in legend_rows(entries, width).iter().enumerate() {
        let mut left = x;
        for entry in row {
            entry.draw(canvas, left, y + (r as f64 + 0.5) * LEGEND_LINE, width);
            left += entry.width() + 20.0;
        }
    }
}
