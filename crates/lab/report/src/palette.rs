//! Colors that stay with a name through all figures.

use serde::{Deserialize, Serialize};

/// A color: 0xRRGGBB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color(pub u32);

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:06X}", self.0)
    }
}

/// Names with a color of their own, in every figure of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Palette(Vec<(String, Color)>);

impl Palette {
    /// These names with their colors.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, Color)>) -> Self {
        Self(names.into_iter().map(|(name, color)| (name.to_owned(), color)).collect())
    }

    /// A name's color, if it has one; the name may go on after a space or comma (`apd, bald`), in letters of any size.
    pub fn of(&self, name: &str) -> Option<Color> {
        let word = name.split([' ', ',', ':', '(']).next().unwrap_or_default();
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, color)| color)
    }
}
