//! Colours: one per method in every figure (Okabe and Ito's set, told apart by colour-blind readers), and colour maps.

use crate::ColourMap;

/// Dash patterns back the colours up: in print, and where several lines belong to one method.
const DASHES: [&str; 4] = ["", "6 3", "2 2.5", "8 3 2 3"];

const BLUE: &str = "#0072B2";
const VERMILLION: &str = "#D55E00";
const GREEN: &str = "#009E73";
const PURPLE: &str = "#CC79A7";
const ORANGE: &str = "#E69F00";
const SKY: &str = "#56B4E9";
const GREY: &str = "#7A7A7A";

/// For names that are no method: first the colours that none of the four main methods has. Yellow is left out (too pale on white), grey stands in for black (lost in the dark).
const CYCLE: [&str; 7] = [SKY, ORANGE, GREY, GREEN, PURPLE, BLUE, VERMILLION];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) colour: &'static str,
    pub(crate) dash: &'static str,
}

/// A known method's own colour; the name may go on after a space or comma (`apd, bald`).
pub(crate) fn of_method(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let word = lower.split([' ', ',', ':', '(']).next().unwrap_or_default();
    Some(match word {
        "sgld" => BLUE,
        "apd" => VERMILLION,
        "mc-dropout" | "dropout" => GREEN,
        "sgd" => PURPLE,
        "apd-online" => ORANGE,
        "swag" => SKY,
        "hmc" | "ensemble" | "deep-ensemble" => GREY,
        _ => return None,
    })
}

/// Styles for the names of one figure: methods keep their colour, the others take free ones in order, and a colour used
/// for a second line gets another dash pattern.
pub(crate) fn styles<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Style> {
    let names: Vec<&str> = names.into_iter().collect();
    let taken: Vec<&str> = names.iter().filter_map(|name| of_method(name)).collect();
    let free: Vec<&'static str> = CYCLE.into_iter().filter(|colour| !taken.contains(colour)).collect();
    let free = if free.is_empty() { CYCLE.to_vec() } else { free };
    let mut next = 0;
    let mut styles: Vec<Style> = vec![];
    for name in names {
        let colour = of_method(name).unwrap_or_else(|| {
            next += 1;
            free[(next - 1) % free.len()]
        });
        let before = styles.iter().filter(|style| style.colour == colour).count();
        styles.push(Style { colour, dash: DASHES[before % DASHES.len()] });
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

/// The colour at a fraction of the scale; beyond its ends, that of the end.
pub(crate) fn map_colour(map: ColourMap, fraction: f64) -> [u8; 3] {
    if !fraction.is_finite() {
        return NOTHING;
    }
    let stops = match map {
        ColourMap::Viridis => &VIRIDIS,
        ColourMap::Diverging => &BLUE_RED,
    };
    let place = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let low = (place.floor() as usize).min(stops.len() - 2);
    let part = place - low as f64;
    std::array::from_fn(|c| {
        let (a, b) = (f64::from(stops[low][c]), f64::from(stops[low + 1][c]));
        (a + (b - a) * part).round() as u8
    })
}
