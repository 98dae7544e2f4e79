//! Methods, with the colors that stay with them through all figures and tables.

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// A color: 0xRRGGBB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color(pub u32);

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:06X}", self.0)
    }
}

/// A name with a color of its own, in every figure and table of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// As tables and figures call it.
    pub name: String,
    /// What it is, in a line.
    pub meaning: String,
    /// Its color.
    pub color: Color,
}

/// For names that have no color of their own, such as chains and losses: none is a method's, which would be taken for it. After Tol's muted
/// set, distinguished by color-blind readers, with its darkest brightened for dark pages.
pub(crate) const CYCLE: [Color; 7] = [
    Color(0x0059_4FC4),
    Color(0x0044_AA99),
    Color(0x00AA_4499),
    Color(0x0099_9933),
    Color(0x00CC_6677),
    Color(0x0033_8A44),
    Color(0x008C_7A64),
];

/// The methods of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Palette(Vec<Method>);

impl Palette {
    /// Each name with its meaning and its color; one that has none is given one that is free.
    pub fn new<'a>(methods: impl IntoIterator<Item = (&'a str, &'a str, Option<Color>)>) -> Self {
        let mut free = CYCLE.into_iter().cycle();
        let method = |(name, meaning, color): (&str, &str, Option<Color>)| Method {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            color: color.or_else(|| free.next()).unwrap_or(CYCLE[0]),
        };
        Self(methods.into_iter().map(method).collect())
    }

    /// The methods, in the order that they were given in.
    pub fn methods(&self) -> &[Method] {
        &self.0
    }

    /// The color of a name that is a method's, whatever the size of its letters, or begins with one: `apd, bald` has that of `apd`, and so has
    /// its variant `apd-int8`, unless that is a method of its own.
    pub fn of(&self, name: &str) -> Option<Color> {
        let begins = |method: &&Method| {
            let head = name.get(..method.name.len()).is_some_and(|head| head.eq_ignore_ascii_case(&method.name));
            head && !name[method.name.len()..].starts_with(char::is_alphanumeric)
        };
        self.0.iter().filter(begins).max_by_key(|method| method.name.len()).map(|method| method.color)
    }
}
