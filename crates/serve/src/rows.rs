//! Rows of a request as a table.

use std::collections::BTreeSet;

use apd::data::{Column, Dialect, Feature, Role, Table, TableSchema, TableSource, Values, Wanted};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The rows of a request in blocks, and what of them is not used.
pub(crate) struct Rows {
    pub(crate) blocks: Vec<Table>,
    pub(crate) notes: Vec<String>,
}

/// **Errors**: more than `most` rows, or none.
pub(crate) fn check_count(count: usize, most: usize) -> Result<(), Failure> {
    match count {
        0 => Err(Failure::field("rows", "there are none")),
        count if count > most => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("rows: {count}, and at most {most} are taken at a time"),
        )),
        _ => Ok(()),
    }
}

/// Of objects with a value for each column: a number, a string or `null` where it is not known.
///
/// **Errors**: a column that a row lacks, or a value of another kind; the field is named.
pub(crate) fn from_json(schema: &TableSchema, rows: Vec<Value>) -> Result<Rows, Failure> {
    let object = |(row, value): (usize, Value)| match value {
        Value::Object(object) => Ok(object),
        other => {
            Err(Failure::field(format_args!("rows[{row}]"), expected("an object with a value for each column", &other)))
        }
    };
    let rows: Vec<Map<String, Value>> = rows.into_iter().enumerate().map(object).collect::<Result<_, Failure>>()?;
    let mut columns = Vec::new();
    for column in &schema.columns {
        let name = column.name.as_str();
        let field = |row: usize| format!("rows[{row}].{name}");
        let values = match &column.role {
            Role::Feature(feature) => {
                let given = rows.iter().enumerate().map(|(row, object)| match object.get(name) {
                    Some(value) => Ok((row, value)),
                    None => Err(Failure::field(field(row), "is missing; where it is not known it is null")),
                });
                match feature {
                    Feature::Number { mean, sd, .. } => {
                        let number = |(row, value): (usize, &Value)| number(value, *mean, *sd, &field(row));
                        Values::Numbers(given.map(|given| given.and_then(number)).collect::<Result<_, Failure>>()?)
                    }
                    Feature::Category { .. } => {
                        let text = |(row, value): (usize, &Value)| category(value, &field(row));
                        Values::Text(given.map(|given| given.and_then(text)).collect::<Result<_, Failure>>()?)
                    }
                }
            }
            Role::Identifier if rows.iter().any(|row| row.contains_key(name)) => {
                let text = |row: &Map<String, Value>| row.get(name).map_or_else(String::new, text);
                Values::Text(rows.iter().map(text).collect())
            }
            Role::Identifier | Role::Target { .. } | Role::Ignored => continue,
        };
        columns.push(Column { name: name.to_owned(), values });
    }
    let notes = unknown(schema, rows.iter().flat_map(Map::keys).map(String::as_str));
    Ok(Rows { notes, blocks: vec![Table::new(columns)?] })
}

/// A note for each column that the model does not know.
fn unknown<'a>(schema: &TableSchema, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let known: BTreeSet<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let unknown: BTreeSet<&str> = names.filter(|name| !known.contains(name)).collect();
    unknown.iter().map(|name| format!("column `{name}`: the model does not know it, and it is not used")).collect()
}

/// Of text with delimiters, which are recognized as in files.
///
/// **Errors**: text that is no table, more than `most` rows.
pub(crate) fn from_csv(schema: &TableSchema, text: Vec<u8>, most: usize) -> Result<Rows, Failure> {
    let source = TableSource::of_text("body", text, Dialect::default());
    let (mut source, mut blocks, mut count) = (source.blocks(schema, Wanted::Inputs)?, Vec::new(), 0);
    while let Some(block) = source.next_block()? {
        count += block.len();
        blocks.push(block);
        check_count(count, most)?;
    }
    check_count(count, most)?;
    let names = blocks.first().into_iter().flat_map(Table::columns).map(|column| column.name.as_str());
    Ok(Rows { notes: unknown(schema, names), blocks })
}

/// A number that the network can be shown; NaN for `null`.
pub(crate) fn number(value: &Value, mean: f64, sd: f64, field: &str) -> Result<f64, Failure> {
    match value {
        Value::Null => Ok(f64::NAN),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            match (((number - mean) / sd) as f32).is_finite() {
                true => Ok(number),
                false => Err(Failure::field(field, format_args!("{number:?} is too large: a usual value is {mean}"))),
            }
        }
        other => Err(Failure::field(field, expected("a number, or null", other))),
    }
}

/// A category's name; empty for `null`.
pub(crate) fn category(value: &Value, field: &str) -> Result<String, Failure> {
    match value {
        Value::Array(_) | Value::Object(_) => Err(Failure::field(field, expected("a string, or null", value))),
        other => Ok(text(other)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What was expected, and what is there, shortened.
pub(crate) fn expected(expected: &str, found: &Value) -> String {
    const SHOWN: usize = 40;
    let text = found.to_string();
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("expected {expected}, found {shown}{more}")
}
