//! Pixel pictures inside the SVG: a PNG in a data URI, so that the file stays alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canvas::{AXIS, Anchor, Canvas, Frame, TextStyle, num, text_width};
use super::palette;
use super::panel::TICK;
use super::scale::linear_ticks;
use crate::ColorMap;

/// Encodes RGB rows from the top. `None` where the size does not fit the data or PNG.
fn png(width: usize, height: usize, rgb: &[u8]) -> Option<Vec<u8>> {
    let (w, h) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    if width.checked_mul(height)?.checked_mul(3)? != rgb.len() {
        return None;
    }
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, w, h);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(rgb).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

/// Draws values as square-edged pixels that fill a frame, or nothing where they do not make a `width` × `height` image.
pub(super) fn image(
    canvas: &mut Canvas<'_>,
    frame: Frame,
    (width, height): (usize, usize),
    colors: impl Iterator<Item = [u8; 3]>,
) -> bool {
    let rgb: Vec<u8> = colors.flatten().collect();
    let Some(bytes) = png(width, height, &rgb) else { return false };
    let (x, y, w, h) = (num(frame.x), num(frame.y), num(frame.w), num(frame.h));
    canvas.raw(&format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
        STANDARD.encode(bytes)
    ));
    true
}

pub(super) const BAR_HEIGHT: f64 = 40.0;

/// A horizontal color scale with its label on the left, ending at the right edge `right`.
pub(super) fn color_bar(canvas: &mut Canvas<'_>, right: f64, y: f64, map: ColorMap, (lo, hi): (f64, f64), label: &str) {
    let room = right - text_width(label, 12.0) - 20.0;
    let w = room.clamp(60.0, 220.0);
    let frame = Frame { x: right - w, y: y + 4.0, w, h: 11.0 };
    image(canvas, frame, (128, 1), (0..128).map(|i| palette::map_color(map, f64::from(i) / 127.0)));
    canvas.rect(frame, &format!("class=\"axis\" fill=\"none\" stroke=\"{AXIS}\" stroke-width=\"0.75\""));
    let mut free_from = f64::NEG_INFINITY;
    for tick in linear_ticks(lo, hi, 4, false) {
        let at = frame.x + (tick.value - lo) / (hi - lo) * frame.w;
        canvas.line((at, frame.bottom()), (at, frame.bottom() + 4.0), "axis", AXIS, 1.0);
        let half = text_width(&tick.label, TICK.size) / 2.0;
        if at - half >= free_from {
            canvas.text((at, frame.bottom() + 16.0), &tick.label, TICK);
            free_from = at + half + 3.0;
        }
    }
    canvas.text((frame.x - 12.0, frame.bottom() - 1.0), label, TextStyle::new(12.0, Anchor::End));
}
