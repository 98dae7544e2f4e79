//! Tables: named columns of numbers and categories, with missing values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apd_seed::Seed;

use crate::Error;

mod csv;
mod dialect;
mod embedded;
mod encoding;
mod file;
mod folder;
mod image_shape;
mod inference;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub use dialect::Dialect;
pub use embedded::{penguins, yacht};
pub use encoding::{Encoding, Surprise, add_surprises};
pub use file::read_csv;
pub use image_shape::ImageShape;
pub use schema::{ColumnSchema, Feature, Role, TableSchema, Wanted};
pub use source::{TableBlocks, TableSource};
pub use write::CsvWriter;

/// A table in memory, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    /// Where the column of each name is: images make a hundred thousand of them. In order, so that a table is shown in one way.
    places: Arc<BTreeMap<String, usize>>,
    rows: usize,
    image: Option<ImageShape>,
}

/// One column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// A value for each row.
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN where one is missing.
    Numbers(Vec<f64>),
    /// Categories as indices into their names; [`MISSING`] where one is missing.
    Categories {
        /// An index into `levels` for each row.
        codes: Vec<u32>,
        /// The names, in the order of their bytes.
        levels: Vec<String>,
    },
    /// Text as it stands: identifiers, names, sentences, dates.
    Text(Vec<String>),
}

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

impl Values {
    /// Those of a column of strings, an empty one missing: categories where values repeat, text where they tell rows apart.
    pub fn of_strings(values: Vec<String>) -> Self {
        let present = || values.iter().filter(|value| !value.is_empty());
        let levels: BTreeSet<&String> = present().collect();
        if !inference::are_categories(levels.len(), present().count()) {
            return Self::Text(values);
        }
        let levels: Vec<String> = levels.into_iter().cloned().collect();
        let code = |value: &String| levels.binary_search(value).map_or(MISSING, |code| code as u32);
        Self::Categories { codes: values.iter().map(code).collect(), levels }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Categories { codes, .. } => codes.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value of `row` is missing. **Panics** if there is no such row.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Numbers(values) => values[row].is_nan(),
            Self::Categories { codes, .. } => codes[row] == MISSING,
            Self::Text(values) => values[row].is_empty(),
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Self::Categories { codes, levels } => {
                Self::Categories { codes: rows.iter().map(|&row| codes[row]).collect(), levels: levels.clone() }
            }
            Self::Text(values) => Self::Text(rows.iter().map(|&row| values[row].clone()).collect()),
        }
    }
}

impl Table {
    /// Puts columns together.
    ///
    /// **Errors**: columns of unequal lengths, or two of one name.
    pub fn new(columns: Vec<Column>) -> Result<Self, Error> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut places = BTreeMap::new();
        for (i, column) in columns.iter().enumerate() {
            if column.values.len() != rows {
                let (name, found) = (column.name.clone(), column.values.len());
                return Err(Error::Column {
                    name,
                    problem: format!("has {found} values where the others have {rows}"),
                });
            }
            if places.insert(column.name.clone(), i).is_some() {
                return Err(Error::Column { name: column.name.clone(), problem: "stands twice".to_owned() });
            }
        }
        Ok(Self { columns, places: Arc::new(places), rows, image: None })
    }

    /// The same table, whose columns of numbers but for the target are known to be the pixels of such images.
    #[must_use]
    pub fn of_images(self, shape: ImageShape) -> Self {
        Self { image: Some(shape), ..self }
    }

    /// The shape of the images that it holds, if it is known.
    pub fn image(&self) -> Option<ImageShape> {
        self.image
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.places.get(name).map(|&place| &self.columns[place])
    }

    /// n, the rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Divides the rows at random: a `share` of them, and the rest.
    ///
    /// **Panics** unless the share is between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn split(&self, share: f64, seed: Seed) -> (Self, Self) {
        assert!((0.0..=1.0).contains(&share), "a share of {share}");
        let order: Vec<usize> = seed.stream().permutation(self.rows).into_iter().map(|row| row as usize).collect();
        let (first, rest) = order.split_at((share * self.rows as f64).round() as usize);
        (self.select(first), self.select(rest))
    }

    /// The rows at these places, in that order. **Panics** if there is no such row.
    #[must_use]
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        let select = |column: &Column| Column { name: column.name.clone(), values: column.values.select(rows) };
        let columns = self.columns.iter().map(select).collect();
        Self { columns, places: Arc::clone(&self.places), rows: rows.len(), image: self.image }
    }
}
