//! Styles of the names in one figure, and color maps.

use crate::palette::CYCLE;
use crate::{Color, ColorMap, Palette};

/// Dash patterns back the colors up: in print, and where several lines belong to one method.
const DASHES: [&str; 4] = ["", "6 3", "2 2.5", "8 3 2 3"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) color: Color,
    pub(crate) dash: &'static str,
}

/// Styles for the names of one figure: those of the palette keep their color, the others take free ones in order, and a color used for a
/// second line gets another dash pattern.
pub(crate) fn styles<'a>(palette: &Palette, names: impl IntoIterator<Item = &'a str>) -> Vec<Style> {
    let names: Vec<&str> = names.into_iter().collect();
    let taken: Vec<Color> = palette.methods().iter().map(|method| method.color).collect();
    let free: Vec<Color> = CYCLE.into_iter().filter(|color| !taken.contains(color)).collect();
    let free = if free.is_empty() { CYCLE.to_vec() } else { free };
    let mut next = 0;
    let mut styles: Vec<Style> = vec![];
    for name in names {
        let color = palette.of(name).unwrap_or_else(|| {
            next += 1;
            free[(next - 1) % free.len()]
        });
        let before = styles.iter().filter(|style| style.color == color).count();
        styles.push(Style { color, dash: DASHES[before % DASHES.len()] });
    }
    styles
}

/// For values that are not finite.
pub(crate) const NOTHING: [u8; 3] = [208, 208, 208];

const VIRIDIS: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

/// ColorBrewer's RdBu, from blue to red.
const BLUE_RED: [[u8; 3]; 9] = [
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
];

const GRAY: [[u8; 3]; 2] = [[0, 0, 0], [255, 255, 255]];

/// The color at a fraction of the scale; beyond its ends, that of the end.
pub(crate) fn map_color(map: ColorMap, fraction: f64) -> [u8; 3] {
    if !fraction.is_finite() {
        return NOTHING;
    }
    let stops: &[[u8; 3]] = match map {
        ColorMap::Viridis => &VIRIDIS,
        ColorMap::Diverging => &BLUE_RED,
        ColorMap::Gray => &GRAY,
    };
    let place = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let low = (place.floor() as usize).min(stops.len() - 2);
    let part = place - low as f64;
    std::array::from_fn(|c| {
        let (a, b) = (f64::from(stops[low][c]), f64::from(stops[low + 1][c]));
        (a + (b - a) * part).round() as u8
    })
}
