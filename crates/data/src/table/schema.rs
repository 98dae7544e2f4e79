//! What each column of a table is to a model.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Column, ImageShape, Table, Values};
use crate::Error;

/// Most categories of a feature: each is an input of the network.
const MOST_CATEGORIES: usize = 256;
/// Names that are shown of a list of any length.
const SHOWN: usize = 4;
/// Most columns of which each has a line of its own.
const LINES: usize = 40;

/// The columns of a table, and what each is to a model; kept with the model, so that the next table is read the same way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// One for each column, in the order of the table; where there are images, their pixels last, channel by channel.
    pub columns: Vec<ColumnSchema>,
    /// The shape of the images that the features are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageShape>,
}

/// One column, and what it is to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// What it is to a model.
    pub role: Role,
    /// What a person should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What a column is to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An input.
    Feature(Feature),
    /// What is predicted: numbers, or the names of the classes.
    Target {
        /// The classes; none for numbers.
        classes: Option<Vec<String>>,
    },
    /// Tells rows apart; passed on to predictions.
    Identifier,
    /// Not used.
    Ignored,
}

/// How an input is made from a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// One standardized number, (x − mean)/sd.
    Number {
        /// Mean of the training rows.
        mean: f64,
        /// Standard deviation of the training rows.
        sd: f64,
        /// Whether training rows lacked it: a second input says so. A missing number is the mean.
        indicator: bool,
    },
    /// A 1 at the place of the category, 0 elsewhere, with a place for those that training rows did not have, missing ones included.
    Category {
        /// The names, in the order of their bytes.
        levels: Vec<String>,
    },
}

/// Which columns of a table a schema's reader looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What a prediction needs: the target, if it is there, may be anything.
    Inputs,
    /// What an evaluation needs.
    InputsAndTarget,
}

impl Feature {
    /// Numbers in units of their own deviation, by those that are not missing.
    pub fn of_numbers<'a>(numbers: impl IntoIterator<Item = &'a f64, IntoIter: Clone>) -> Self {
        let numbers = numbers.into_iter();
        let seen = || numbers.clone().filter(|number| !number.is_nan());
        let present = seen().count();
        let mean = seen().sum::<f64>() / present as f64;
        let sd = (seen().map(|number| (number - mean).powi(2)).sum::<f64>() / present as f64).sqrt();
        Self::Number { mean, sd, indicator: present < numbers.count() }
    }

    /// Inputs that it makes.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { indicator, .. } => 1 + usize::from(*indicator),
            Self::Category { levels } => levels.len() + 1,
        }
    }
}

impl fmt::Display for Role {
    /// In words, as `number, mean 3.1, sd 0.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(Feature::Number { mean, sd, .. }) => write!(f, "number, mean {mean:.4}, sd {sd:.4}"),
            Self::Feature(Feature::Category { levels }) => write!(f, "{} categories: {}", levels.len(), some(levels)),
            Self::Target { classes: None } => f.write_str("target, a number"),
            Self::Target { classes: Some(classes) } => {
                write!(f, "target, {} classes: {}", classes.len(), some(classes))
            }
            Self::Identifier => f.write_str("identifier"),
            Self::Ignored => f.write_str("not used"),
        }
    }
}

/// The first few names.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, …") } else { shown }
}

impl TableSchema {
    /// What the columns of `table` are: the target and those to drop as told, features as far as their values allow.
    ///
    /// Numbers are classes where `classification` says so, or where it says nothing and they are at most 20 different whole numbers of
    /// which each has 5 rows on average. Constant columns and consecutive whole numbers are not used, text is an identifier if all of
    /// it differs; each says so in its remark.
    ///
    /// **Errors**: no such target or column to drop; no rows; a target of one class, or constant; a column without any value; dates, free
    /// text or more than 256 categories in a column that is not dropped. The column is named, and what to do.
    pub fn infer(table: &Table, target: &str, drop: &[String], classification: Option<bool>) -> Result<Self, Error> {
        let known = || table.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        for name in drop.iter().map(String::as_str).chain([target]) {
            if table.column(name).is_none() {
                return Err(Error::column(name, format!("is not there; the columns are {}", known())));
            }
        }
        if table.is_empty() {
            return Err(Error::column(target, "has no rows".to_owned()));
        }
        let columns = table.columns().iter().map(|column| {
            let (name, values) = (column.name.clone(), &column.values);
            let (role, remark) = match &name {
                name if name == target => (Role::Target { classes: classes(name, values, classification)? }, None),
                name if drop.contains(name) => (Role::Ignored, Some("dropped as asked".to_owned())),
                _ => feature(&name, values)?,
            };
            Ok(ColumnSchema { name, role, remark })
        });
        let schema = Self { columns: columns.collect::<Result<_, Error>>()?, image: None };
        if schema.features().next().is_none() {
            let remarks = schema.columns.iter().filter_map(|column| Some((&column.name, column.remark.as_ref()?)));
            let why: String = remarks.take(SHOWN).map(|(name, remark)| format!("; `{name}`: {remark}")).collect();
            return Err(Error::column(
                target,
                format!("cannot be predicted: no column is left to predict it from{why}"),
            ));
        }
        Ok(schema)
    }

    /// As [`infer`](Self::infer), of images: all other columns of numbers are pixels, those that never vary among them, and in the same units.
    ///
    /// Their shape is `shape` if it is given, what the table knows of it, or that of [square images](ImageShape::square).
    ///
    /// **Errors**: as [`infer`](Self::infer); columns of categories, or with missing numbers; more or fewer columns than such images have pixels.
    pub fn infer_images(
        table: &Table,
        target: &str,
        drop: &[String],
        classification: Option<bool>,
        shape: Option<ImageShape>,
    ) -> Result<Self, Error> {
        let Self { columns, .. } = Self::infer(table, target, drop, classification)?;
        let is_pixel = |ColumnSchema { name, role, .. }: &ColumnSchema| match role {
            Role::Feature(_) => true,
            Role::Ignored => {
                matches!(table.column(name), Some(Column { values: Values::Numbers(_), .. })) && !drop.contains(name)
            }
            Role::Target { .. } | Role::Identifier => false,
        };
        let (pixels, mut columns): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_pixel);
        let mut numbers = Vec::new();
        for ColumnSchema { name, .. } in &pixels {
            match table.column(name).map(|column| &column.values) {
                Some(Values::Numbers(values)) if values.iter().all(|value| !value.is_nan()) => numbers.push(values),
                _ => {
                    let problem =
                        format!("is no pixel, which has a number in every row: drop it (--drop {name}), or fill it");
                    return Err(Error::column(name, problem));
                }
            }
        }
        let cannot = |why: String| Error::column(target, format!("cannot be predicted by convolutions: {why}"));
        let shape = shape.or(table.image()).or_else(|| ImageShape::square(pixels.len())).ok_or_else(|| {
            cannot(format!("{} columns of numbers are no square images, gray or in three colors", pixels.len()))
        })?;
        if shape.numbers() != Some(pixels.len()) {
            return Err(cannot(format!("images of {shape} are not {} columns of numbers", pixels.len())));
        }
        let role = Role::Feature(Feature::of_numbers(numbers.into_iter().flatten()));
        let mut pixels: Vec<_> = pixels.into_iter().enumerate().collect();
        pixels.sort_by_key(|(place, _)| (place % shape.channels, place / shape.channels));
        let pixels = pixels.into_iter();
        columns.extend(pixels.map(|(_, ColumnSchema { name, .. })| ColumnSchema {
            name,
            role: role.clone(),
            remark: None,
        }));
        Ok(Self { columns, image: Some(shape) })
    }

    /// Whether a schema that somebody wrote down can be used: one target, numbers that can be standardized, sorted names.
    ///
    /// **Errors**: the column that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let (mut names, mut targets) = (HashSet::new(), 0);
        for ColumnSchema { name, role, .. } in &self.columns {
            let usable = match role {
                Role::Feature(Feature::Number { mean, sd, .. }) => mean.is_finite() && sd.is_finite() && *sd > 0.0,
                Role::Feature(Feature::Category { levels }) => {
                    levels.len() <= MOST_CATEGORIES && levels.is_sorted_by(|a, b| a < b)
                }
                Role::Target { classes } => {
                    targets += 1;
                    classes.as_ref().is_none_or(|classes| classes.len() > 1)
                }
                Role::Identifier | Role::Ignored => true,
            };
            let twice = !names.insert(name);
            if !usable || twice || targets > 1 {
                return Err(Error::column(name, "is described in a way that cannot be used".to_owned()));
            }
        }
        if self.image.is_some_and(|shape| shape.numbers() != Some(self.inputs())) {
            return Err(Error::column("", "images have another number of pixels than there are inputs".to_owned()));
        }
        if targets == 1 { Ok(()) } else { Err(Error::column("", "is missing: there is no target".to_owned())) }
    }

    /// The target's name and classes (none for numbers).
    pub fn target(&self) -> Option<(&str, Option<&[String]>)> {
        self.columns.iter().find_map(|column| match &column.role {
            Role::Target { classes } => Some((column.name.as_str(), classes.as_deref())),
            _ => None,
        })
    }

    /// The features in order, with their columns' names.
    pub fn features(&self) -> impl Iterator<Item = (&str, &Feature)> {
        self.columns.iter().filter_map(|column| match &column.role {
            Role::Feature(feature) => Some((column.name.as_str(), feature)),
            _ => None,
        })
    }

    /// The columns that tell rows apart.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| column.role == Role::Identifier).map(|column| column.name.as_str())
    }

    /// The columns that have to hold numbers.
    pub(super) fn numbers(&self, wanted: Wanted) -> HashSet<&str> {
        let is_number = |column: &&ColumnSchema| match &column.role {
            Role::Feature(feature) => matches!(feature, Feature::Number { .. }),
            // Classes that were numbers when the schema was made are told by their value, however it is written.
            Role::Target { classes } => {
                let is_number = |class: &String| class.parse::<f64>().is_ok();
                wanted == Wanted::InputsAndTarget && classes.as_ref().is_none_or(|names| names.iter().all(is_number))
            }
            Role::Identifier | Role::Ignored => false,
        };
        self.columns.iter().filter(is_number).map(|column| column.name.as_str()).collect()
    }

    /// The columns and what they are, in words; where there are many, neighbors of which the same is to be said share a line, as pixels do.
    pub fn lines(&self) -> Vec<(String, String)> {
        let is_wide = self.columns.len() > LINES;
        let said = |ColumnSchema { role, remark, .. }: &ColumnSchema| {
            let role = match (role, self.image) {
                (Role::Feature(_), Some(shape)) => format!("pixels of {shape}: {role}"),
                (Role::Feature(Feature::Number { .. }), None) if is_wide => "number".to_owned(),
                _ => role.to_string(),
            };
            remark.iter().fold(role, |said, remark| format!("{said}; {remark}"))
        };
        let columns: Vec<(&str, String)> = self.columns.iter().map(|column| (&*column.name, said(column))).collect();
        let alike = columns.chunk_by(|(_, a), (_, b)| is_wide && a == b);
        let line = |alike: &[(&str, String)]| {
            let last = alike[1..].last().map_or(String::new(), |(last, _)| format!(" … {last}"));
            (format!("{}{last}", alike[0].0), alike[0].1.clone())
        };
        alike.map(line).collect()
    }

    /// Inputs of a network.
    pub fn inputs(&self) -> usize {
        self.features().map(|(_, feature)| feature.width()).sum()
    }
}

/// The classes of a target; none if it is a number.
fn classes(name: &str, values: &Values, classification: Option<bool>) -> Result<Option<Vec<String>>, Error> {
    /// Most different numbers that are taken for classes unasked, and rows that each must have on average.
    const FEW: (usize, usize) = (20, 5);
    let error = |problem: &str| Err(Error::column(name, problem.to_owned()));
    let classes = match (values, classification) {
        (Values::Categories { .. } | Values::Text(_), Some(false)) => {
            return error("is no number: a regression needs a target of numbers");
        }
        (Values::Text(_), _) => return error("has too many different values for classes"),
        (Values::Categories { codes, levels }, _) => {
            let seen = |code: &usize| codes.contains(&(*code as u32));
            (0..levels.len()).filter(seen).map(|code| levels[code].clone()).collect::<Vec<_>>()
        }
        (Values::Numbers(numbers), _) => {
            let mut different: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
            let present = different.len();
            different.sort_by(f64::total_cmp);
            different.dedup();
            if different.is_empty() {
                return error("has no values");
            }
            let whole = different.iter().all(|number| number.fract() == 0.0);
            let few = whole && different.len() <= FEW.0 && present >= FEW.1 * different.len();
            if !classification.unwrap_or(few) {
                return if different.len() > 1 { Ok(None) } else { error("is constant: there is nothing to predict") };
            }
            if different.len() > MOST_CATEGORIES {
                return error("has too many different values for classes");
            }
            different.iter().map(f64::to_string).collect()
        }
    };
    match classes.len() {
        0 => error("has no values"),
        1 => error("has one class only: there is nothing to predict"),
        _ => Ok(Some(classes)),
    }
}

/// What a column other than the target is, and what to say of it.
fn feature(name: &str, values: &Values) -> Result<(Role, Option<String>), Error> {
    let error = |problem: String| Err(Error::column(name, problem));
    let present = (0..values.len()).filter(|&row| !values.is_missing(row)).count();
    if present == 0 {
        return error(format!("has no value in any row: drop it (--drop {name})"));
    }
    match values {
        Values::Numbers(numbers) => {
            let seen = || numbers.iter().filter(|number| !number.is_nan());
            if seen().all(|number| Some(number) == seen().next()) {
                return Ok((Role::Ignored, Some("constant: not used".to_owned())));
            }
            if numbers.len() > 2 && numbers[0].fract() == 0.0 && numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0)
            {
                return Ok((Role::Identifier, Some("counts the rows: taken for an identifier, not used".to_owned())));
            }
            let missing = numbers.len() - present;
            let remark = (missing > 0).then(|| format!("{missing} missing: set to the mean, and marked"));
            Ok((Role::Feature(Feature::of_numbers(numbers)), remark))
        }
        Values::Categories { codes, levels } => {
            let used: Vec<String> = (0..levels.len())
                .filter(|&code| codes.contains(&(code as u32)))
                .map(|code| levels[code].clone())
                .collect();
            let missing = codes.len() - present;
            if used.iter().all(|level| is_date(level)) {
                return error(dates(name, &used[0]));
            }
            match used.len() {
                1 if missing == 0 => Ok((Role::Ignored, Some("constant: not used".to_owned()))),
                count if count > MOST_CATEGORIES => error(format!(
                    "has {count} categories, more than {MOST_CATEGORIES}: group the rare ones, or drop it (--drop {name})"
                )),
                _ => {
                    let remark = (missing > 0).then(|| format!("{missing} missing: a category of their own"));
                    Ok((Role::Feature(Feature::Category { levels: used }), remark))
                }
            }
        }
        Values::Text(text) => {
            let first = text.iter().find(|value| !value.is_empty()).map_or("", String::as_str);
            if text.iter().filter(|value| !value.is_empty()).all(|value| is_date(value)) {
                return error(dates(name, first));
            }
            let different: HashSet<&str> = text.iter().map(String::as_str).collect();
            if different.len() == text.len() && text.iter().all(|value| !value.contains(' ')) {
                return Ok((
                    Role::Identifier,
                    Some("differs in every row: taken for an identifier, not used".to_owned()),
                ));
            }
            let shown: String = first.chars().take(30).collect();
            error(format!("holds text (`{shown}`), of which nothing is made: drop it (--drop {name})"))
        }
    }
}

/// What to do about a column of dates.
fn dates(name: &str, first: &str) -> String {
    format!("holds dates (`{first}`): make numbers of them (year, month, days since …), or drop it (--drop {name})")
}

/// Whether this is a date, as `2026-11-28`, `28.11.2026` or `11/28/26`, perhaps with a time behind it.
fn is_date(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or("");
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    parts.len() == 3
        && parts.iter().all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}
