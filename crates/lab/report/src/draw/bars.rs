use super::canvas::{Anchor, Canvas, Frame, TextStyle, text_width};
use super::panel::{self, Entry, MARGIN, Mark};
use super::scale::Scale;
use super::{nothing, palette};
use crate::{BarMark, Bars};

const LABEL: TextStyle = TextStyle::new(12.0, Anchor::Middle);

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &Bars) -> f64 {
    let ends = |&(value, sd): &(f64, f64)| if sd.is_finite() { [value - sd, value + sd] } else { [value, value] };
    let values = data.series.iter().flat_map(|series| series.values.iter().take(data.groups.len()));
    // Bars are read by length, so zero is on the axis.
    let zero = (data.mark == BarMark::Bar && values.clone().any(|(value, _)| value.is_finite())).then_some(0.0);
    let Some(y) = Scale::fit(&data.y, values.flat_map(ends).chain(zero), 6) else { return nothing(canvas) };

    let styles = canvas.styles(data.series.iter().map(|series| series.name.as_str()));
    let mark = |style: palette::Style| match data.mark {
        BarMark::Bar => Mark::Stripes(vec![style.color]),
        BarMark::Dot => Mark::Dot(style),
    };
    let entries: Vec<_> = data
        .series
        .iter()
        .zip(&styles)
        .map(|(series, style)| Entry { mark: mark(*style), label: series.name.clone() })
        .collect();
    let left = panel::axis_width(&y, &data.y.label);
    let mut frame = Frame { x: MARGIN + left, y: MARGIN, w: canvas.width - 2.0 * MARGIN - left, h: 220.0 };
    panel::legend(canvas, frame.x, frame.y, frame.w, &entries);
    frame.y += panel::legend_height(&entries, frame.w) + 14.0;
    let y = y.placed(frame.bottom(), frame.y);
    panel::axes(canvas, frame, &Scale::empty(), &y, ("", &data.y.label), true);

    let slot = frame.w / data.groups.len() as f64;
    let cluster = (slot * 0.76).min(46.0 * data.series.len() as f64);
    let step = cluster / data.series.len() as f64;
    for g in 1..data.groups.len() {
        let between = frame.x + g as f64 * slot;
        canvas.line((between, frame.y), (between, frame.bottom()), "grid", super::canvas::GRID, 1.0);
    }
    canvas.open_clip(Frame { x: frame.x, y: frame.y - 6.0, w: frame.w, h: frame.h + 12.0 });
    for (s, series) in data.series.iter().enumerate() {
        for (g, &(value, sd)) in series.values.iter().take(data.groups.len()).enumerate() {
            let Some(at) = y.at(value) else { continue };
            let middle = frame.x + (g as f64 + 0.5) * slot - cluster / 2.0 + (s as f64 + 0.5) * step;
            let color = styles[s].color;
            if data.mark == BarMark::Bar {
                let zero = y.at(0.0).unwrap_or(frame.bottom()).clamp(frame.y, frame.bottom());
                let width = (step - 3.0).max(1.0);
                let bar = Frame { x: middle - width / 2.0, y: at.min(zero), w: width, h: (at - zero).abs() };
                canvas.rect(bar, &format!("fill=\"{color}\" fill-opacity=\"0.75\""));
            }
            if let (true, Some(low), Some(high)) = (sd > 0.0, y.at(value - sd), y.at(value + sd)) {
                let (class, stroke) =
                    if data.mark == BarMark::Bar { ("ink-line", super::canvas::INK) } else { ("", color) };
                canvas.line((middle, low), (middle, high), class, stroke, 1.5);
            }
            if data.mark == BarMark::Dot {
                canvas.circle((middle, at), 4.5, &format!("fill=\"{color}\""));
            }
        }
    }
    canvas.close_group();
    frame.bottom() + group_labels(canvas, &data.groups, frame, slot) + MARGIN
}

/// Under their groups; turned where they are too wide for that. Returns their height.
fn group_labels(canvas: &mut Canvas<'_>, groups: &[String], frame: Frame, slot: f64) -> f64 {
    let widest = groups.iter().map(|group| text_width(group, LABEL.size)).fold(0.0, f64::max);
    let middle = |g: usize| frame.x + (g as f64 + 0.5) * slot;
    if widest <= slot - 6.0 {
        for (g, group) in groups.iter().enumerate() {
            canvas.text((middle(g), frame.bottom() + 18.0), group, LABEL);
        }
        return 24.0;
    }
    let room: f64 = 160.0;
    let style = TextStyle { anchor: Anchor::End, ..LABEL };
    // Steeper where the first label would begin left of the picture.
    let first = text_width(&groups[0], LABEL.size).min(room);
    let degrees: f64 = if first * 0.79 <= middle(0) { 38.0 } else { 65.0 };
    let (rise, run) = degrees.to_radians().sin_cos();
    for (g, group) in groups.iter().enumerate() {
        let text = super::canvas::fit_text(group, LABEL.size, room.min(middle(g) / run));
        canvas.turned_text((middle(g) + 4.0, frame.bottom() + 16.0), -degrees, &text, style);
    }
    widest.min(room) * rise + 26.0
}
