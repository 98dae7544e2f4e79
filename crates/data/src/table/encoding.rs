//! Rows of a table as inputs and targets of a network.

use std::collections::HashMap;

use ndarray::Array2;

use super::{Feature, MISSING, Table, TableSchema, Values};
use crate::{Error, Examples, Targets};

/// The numbers that a [`TableSchema`] makes of a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Encoding {
    /// n × [`TableSchema::inputs`], standardized.
    pub inputs: Array2<f32>,
    /// The features of which some rows hold something that training rows did not.
    pub surprises: Vec<Surprise>,
}

/// Rows that hold something that training rows did not: an unseen category, a number that is missing where none was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// The column's name.
    pub column: String,
    /// How many rows.
    pub rows: usize,
    /// The first of them, from 0.
    pub first: usize,
}

/// Adds the surprises of further rows to those of the `before` rows before them.
pub fn add_surprises(surprises: &mut Vec<Surprise>, further: Vec<Surprise>, before: usize) {
    let places: HashMap<String, usize> = surprises.iter().map(|it| it.column.clone()).zip(0..).collect();
    for Surprise { column, rows, first } in further {
        match places.get(&column) {
            Some(&place) => surprises[place].rows += rows,
            None => surprises.push(Surprise { column, rows, first: before + first }),
        }
    }
}

impl TableSchema {
    /// The inputs of a network for each row of `table`: its columns may stand in any order, others are not looked at.
    ///
    /// **Errors**: a feature that the table lacks, or that has become another kind of column; all that are wrong are named.
    pub fn encode(&self, table: &Table) -> Result<Encoding, Error> {
        let missing: Vec<&str> =
            self.features().map(|(name, _)| name).filter(|name| table.column(name).is_none()).collect();
        if let [first, others @ ..] = &missing[..] {
            let others = if others.is_empty() { String::new() } else { format!("; so are {}", others.join(", ")) };
            return Err(Error::column(first, format!("is missing: the model was fitted with it{others}")));
        }
        let (rows, width) = (table.len(), self.inputs());
        let (mut inputs, mut surprises) = (Array2::zeros((rows, width)), Vec::new());
        let mut start = 0;
        for (name, feature) in self.features() {
            let column = table.column(name).expect("looked for above");
            let mut surprised = Vec::new();
            match (feature, &column.values) {
                (Feature::Number { mean, sd, indicator }, Values::Numbers(numbers)) => {
                    for (row, &number) in numbers.iter().enumerate() {
                        if !number.is_nan() {
                            inputs[[row, start]] = ((number - mean) / sd) as f32;
                        } else if *indicator {
                            inputs[[row, start + 1]] = 1.0;
                        } else {
                            surprised.push(row);
                        }
                    }
                }
                (Feature::Category { levels }, Values::Categories { codes, levels: theirs }) => {
                    let places: Vec<Option<usize>> =
                        theirs.iter().map(|level| levels.binary_search(level).ok()).collect();
                    for (row, &code) in codes.iter().enumerate() {
                        let place = if code == MISSING { None } else { places[code as usize] };
                        if place.is_none() && code != MISSING {
                            surprised.push(row);
                        }
                        inputs[[row, start + place.unwrap_or(levels.len())]] = 1.0;
                    }
                }
                (Feature::Category { levels }, Values::Text(text)) => {
                    for (row, category) in text.iter().enumerate() {
                        let place = levels.binary_search(category).ok();
                        if place.is_none() && !category.is_empty() {
                            surprised.push(row);
                        }
                        inputs[[row, start + place.unwrap_or(levels.len())]] = 1.0;
                    }
                }
                (Feature::Number { .. }, _) => {
                    return Err(Error::column(
                        name,
                        "held numbers when the model was fitted, and now does not".to_owned(),
                    ));
                }
                (Feature::Category { .. }, _) => {
                    return Err(Error::column(
                        name,
                        "held categories when the model was fitted, and now does not".to_owned(),
                    ));
                }
            }
            if let Some(&first) = surprised.first() {
                surprises.push(Surprise { column: name.to_owned(), rows: surprised.len(), first });
            }
            start += feature.width();
        }
        Ok(Encoding { inputs, surprises })
    }

    /// Inputs and targets of the rows that have a target.
    ///
    /// **Errors**: as [`encode`](Self::encode) and [`targets`](Self::targets); a table without the target's column.
    pub fn examples(&self, table: &Table) -> Result<Examples, Error> {
        let missing =
            || Error::column(self.target().map_or("", |(name, _)| name), "is missing: it is the target".to_owned());
        let (targets, rows) = self.targets(table)?.ok_or_else(missing)?;
        Ok(Examples::new(self.encode(&table.select(&rows))?.inputs, targets))
    }

    /// The targets of the rows that have one, and which rows those are; `None` if the table does not have the target's column.
    ///
    /// Classes that training rows did not have count as missing.
    ///
    /// **Errors**: a target of another kind than the schema's.
    pub fn targets(&self, table: &Table) -> Result<Option<(Targets, Vec<usize>)>, Error> {
        let Some((name, classes)) = self.target() else { return Ok(None) };
        let Some(column) = table.column(name) else { return Ok(None) };
        let wrong =
            |what: &str| Err(Error::column(name, format!("was {what} when the model was fitted, and now is not")));
        let place = |row: usize, classes: &[String]| match &column.values {
            Values::Numbers(numbers) => classes.iter().position(|class| *class == numbers[row].to_string()),
            Values::Categories { codes, levels } => {
                levels.get(codes[row] as usize).and_then(|level| classes.iter().position(|class| class == level))
            }
            Values::Text(text) => classes.iter().position(|class| *class == text[row]),
        };
        match (classes, &column.values) {
            (Some(classes), _) => {
                let (rows, labels) = (0..table.len())
                    .filter_map(|row| place(row, classes).map(|label| (row, label as u32)))
                    .unzip::<_, _, Vec<_>, Vec<_>>();
                Ok(Some((Targets::Classes { labels, names: classes.to_vec() }, rows)))
            }
            (None, Values::Numbers(numbers)) => {
                let rows: Vec<usize> = (0..numbers.len()).filter(|&row| !numbers[row].is_nan()).collect();
                let values = rows.iter().map(|&row| numbers[row]).collect();
                let values = Array2::from_shape_vec((rows.len(), 1), values).expect("one value for each row");
                Ok(Some((Targets::Numbers { values, names: vec![name.to_owned()] }, rows)))
            }
            (None, _) => wrong("numbers"),
        }
    }
}
