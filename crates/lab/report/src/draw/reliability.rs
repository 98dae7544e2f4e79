use super::canvas::{AXIS, Canvas, Frame};
use super::nothing;
use super::panel::{self, GAP, MARGIN};
use super::scale::Scale;
use crate::{Axis, Color, MethodReliability, ReliabilityBin, ReliabilityDiagram};

const STRIP: f64 = 48.0;
const COUNT_LABEL: &str = "share %, √";

pub(super) fn draw(canvas: &mut Canvas<'_>, data: &ReliabilityDiagram) -> f64 {
    if data.methods.is_empty() {
        return nothing(canvas);
    }
    let places = panel::columns(canvas, data.methods.len().min(5), 58.0, GAP, (120.0, 260.0));
    let (columns, side) = (places.len(), places[0].1);
    // The longest possible error.
    let title = panel::title_height(data.methods.iter().map(|m| (&*m.method, "ECE 0.0000")), side);
    let styles = canvas.styles(data.methods.iter().map(|m| m.method.as_str()));
    let row_height = title + side + 12.0 + STRIP + panel::axis_height("confidence") + 8.0;
    for (i, method) in data.methods.iter().enumerate() {
        let (x, w) = places[i % columns];
        let y = MARGIN + (i / columns) as f64 * row_height + title;
        let frame = Frame { x, y, w, h: side };
        let strip = Frame { x, y: frame.bottom() + 12.0, w, h: STRIP };
        draw_method(canvas, method, styles[i].color, frame, strip, i % columns == 0);
    }
    MARGIN + data.methods.len().div_ceil(columns) as f64 * row_height
}

fn filled(bin: &ReliabilityBin) -> bool {
    let fraction = |v: f64| (0.0..=1.0).contains(&v);
    bin.count > 0 && fraction(bin.confidence) && fraction(bin.accuracy)
}

fn draw_method(
    canvas: &mut Canvas<'_>,
    method: &MethodReliability,
    color: Color,
    frame: Frame,
    strip: Frame,
    first: bool,
) {
    let total: f64 = method.bins.iter().filter(|bin| filled(bin)).map(|bin| bin.count as f64).sum();
    if total == 0.0 {
        panel::title(canvas, frame, &method.method, "");
        canvas.no_data(Frame { h: strip.bottom() - frame.y, ..frame });
        return;
    }
    let gaps = method.bins.iter().filter(|bin| filled(bin)).map(|b| b.count as f64 * (b.accuracy - b.confidence).abs());
    let error = gaps.sum::<f64>() / total;
    panel::title(canvas, frame, &method.method, &format!("ECE {error:.4}"));

    let axis = Axis::default().percent().range(0.0, 1.0);
    let unit = || Scale::fit(&axis, [0.0, 1.0].into_iter(), 4);
    let (Some(x), Some(y)) = (unit(), unit()) else { return };
    let (x, y) = (x.placed(frame.x, frame.right()), y.placed(frame.bottom(), frame.y));
    panel::axes(canvas, frame, &x.clone().without_ticks(), &y, ("", "accuracy %"), first);

    let n = method.bins.len() as f64;
    let largest = method.bins.iter().map(|bin| bin.count as f64 / total).fold(0.0, f64::max);
    let share = Scale::square_root(largest, STRIP).placed(strip.bottom(), strip.y);
    panel::axes(canvas, strip, &x, &share, ("confidence %", COUNT_LABEL), first);

    let width = frame.w / n;
    let mut bars = vec![];
    for (b, bin) in method.bins.iter().enumerate().filter(|(_, bin)| filled(bin)) {
        let (Some(confidence), Some(accuracy)) = (x.at(bin.confidence), y.at(bin.accuracy)) else { continue };
        let left = frame.x + b as f64 * width + 0.5;
        let bar = Frame { x: left, y: accuracy, w: width - 1.0, h: frame.bottom() - accuracy };
        canvas.rect(bar, &format!("fill=\"{color}\" fill-opacity=\"0.22\""));
        // A few predictions say little about a rate: the whisker is the binomial standard error, (k+1)/(n+2) for k
        // of n so that it does not vanish at 0 and 1.
        let (count, p) = (bin.count as f64, (bin.accuracy * bin.count as f64 + 1.0) / (bin.count as f64 + 2.0));
        let error = (p * (1.0 - p) / count).sqrt();
        let ends = (y.at((bin.accuracy - error).max(0.0)), y.at((bin.accuracy + error).min(1.0)));
        bars.push((confidence, accuracy, ends));
        if let Some(top) = share.at(count / total) {
            let bar = Frame { x: left, y: top, w: width - 1.0, h: strip.bottom() - top };
            canvas.rect(bar, &format!("fill=\"{color}\" fill-opacity=\"0.75\""));
        }
    }
    let diagonal = super::canvas::polyline(&[(frame.x, frame.bottom()), (frame.right(), frame.y)]);
    canvas.path(&diagonal, &format!("class=\"axis\" stroke=\"{AXIS}\" stroke-width=\"1.25\" stroke-dasharray=\"5 4\""));
    for &(x, _, ends) in &bars {
        if let (Some(low), Some(high)) = ends {
            canvas.line((x, low), (x, high), "", color, 1.5);
        }
    }
    for &(x, y, _) in &bars {
        canvas.circle((x, y), 3.5, &format!("fill=\"{color}\" stroke=\"#fff\" stroke-width=\"1\""));
    }
}
