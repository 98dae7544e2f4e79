//! What the columns of a table hold.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::Values;
use super::dialect::Known;
use crate::Error;
use crate::error::Place;

/// Most different values of a column of categories.
const MOST_LEVELS: usize = 1_000;
/// Of the values of a column of numbers, at least so many are numbers; with fewer, it is one of categories or text.
const MOSTLY: f64 = 0.9;

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Numbers,
    /// The levels, in the order of their bytes.
    Categories(Vec<String>),
    Text,
}

impl Kind {
    pub(super) fn empty(&self) -> Values {
        match self {
            Self::Numbers => Values::Numbers(Vec::new()),
            Self::Categories(levels) => Values::Categories { codes: Vec::new(), levels: levels.clone() },
            Self::Text => Values::Text(Vec::new()),
        }
    }
}

/// Whether so many different values of so many rows are categories: names that all differ tell rows apart, not kinds of rows.
pub(super) fn are_categories(different: usize, rows: usize) -> bool {
    different <= MOST_LEVELS && (different < 3 || 2 * different <= rows)
}

/// What has been seen of each column.
pub(super) struct Inference {
    dialect: Known,
    columns: Vec<Seen>,
}

struct Seen {
    name: String,
    numbers: u64,
    others: u64,
    /// The first value that is no finite number, and its place.
    odd: Option<(Place, String)>,
    /// The first infinite number, and its place.
    infinite: Option<(Place, String)>,
    /// Different values, until they are too many.
    levels: Option<HashSet<String>>,
}

impl Inference {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>, dialect: Known) -> Self {
        let seen = |name: &str| Seen {
            name: name.to_owned(),
            numbers: 0,
            others: 0,
            odd: None,
            infinite: None,
            levels: Some(HashSet::new()),
        };
        Self { dialect, columns: names.map(seen).collect() }
    }

    pub(super) fn see(&mut self, place: Place, record: &csv::StringRecord) {
        for (seen, field) in self.columns.iter_mut().zip(record) {
            let field = field.trim();
            if self.dialect.is_missing(field) {
                continue;
            }
            match self.dialect.number(field) {
                Some(number) if number.is_finite() => seen.numbers += 1,
                Some(_) => {
                    seen.infinite.get_or_insert_with(|| (place, field.to_owned()));
                    seen.numbers += 1;
                }
                None => {
                    seen.odd.get_or_insert_with(|| (place, field.to_owned()));
                    seen.others += 1;
                }
            }
            if let Some(levels) = &mut seen.levels
                && !levels.contains(field)
            {
                levels.insert(field.to_owned());
                if levels.len() > MOST_LEVELS {
                    seen.levels = None;
                }
            }
        }
    }

    pub(super) fn finish(self, path: &Path) -> Result<Vec<Kind>, Error> {
        self.columns.into_iter().map(|seen| seen.kind(path)).collect()
    }
}

impl Seen {
    fn kind(self, path: &Path) -> Result<Kind, Error> {
        let (numbers, all) = (self.numbers as f64, (self.numbers + self.others) as f64);
        if let Some((place, found)) = &self.odd {
            if numbers >= MOSTLY * all {
                let expected = "a number as nearly everywhere in this column (or an empty field, if it is missing)";
                return Err(Error::cell(path, *place, &self.name, expected, found));
            }
            return Ok(match self.levels {
                Some(levels) if are_categories(levels.len(), self.numbers as usize + self.others as usize) => {
                    Kind::Categories(levels.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
                }
                _ => Kind::Text,
            });
        }
        match self.infinite {
            Some((place, found)) => Err(Error::cell(path, place, &self.name, "a finite number", &found)),
            None => Ok(Kind::Numbers),
        }
    }
}
