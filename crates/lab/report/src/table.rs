use serde::{Deserialize, Serialize};

use crate::Row;
use crate::format::{Best, Format};

#[cfg(test)]
mod tests;

/// A table of text and numbers; its best numbers can be set bold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Shown above the table, with its number.
    pub caption: String,
    /// Headings and how the cells below are written.
    pub columns: Vec<Column>,
    /// Rows of cells. A row shorter than `columns` is filled with [`Cell::Missing`], a longer one is cut.
    pub rows: Vec<Vec<Cell>>,
    /// Rows with the same first cell in sequence form a group: the cell is shown once, the best is looked for per group.
    pub grouped: bool,
    /// Where the methods are columns: sets the best number of each row bold.
    pub best_in_row: Option<Best>,
    /// Shown below the table.
    pub note: String,
}

/// A column's heading and how its cells are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Heading, with the unit.
    pub heading: String,
    /// Where the cells' text stands.
    pub align: Align,
    /// How numbers are written.
    pub format: Format,
    /// Sets the best number of the column (of each group) bold.
    pub best: Option<Best>,
}

/// Where the text of a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Align {
    /// Words.
    Left,
    /// Short symbols.
    Center,
    /// Numbers.
    Right,
}

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// Not measured: a dash.
    #[default]
    Missing,
    /// Words.
    Text(String),
    /// A number, with its standard deviation where there is one; written in the column's [`Format`].
    Number {
        /// The number.
        #[serde(with = "crate::nullable")]
        value: f64,
        /// Its standard deviation.
        sd: Option<f64>,
    },
}

impl Table {
    /// No rows yet.
    pub fn new(caption: &str, columns: Vec<Column>) -> Self {
        Self { caption: caption.into(), columns, ..Self::default() }
    }

    /// Groups rows by their first cell.
    pub fn grouped(mut self) -> Self {
        self.grouped = true;
        self
    }

    /// Sets the best number of each row bold, for tables whose columns are methods.
    pub fn best_in_row(mut self, best: Best) -> Self {
        self.best_in_row = Some(best);
        self
    }

    /// Adds a note below.
    pub fn note(mut self, note: &str) -> Self {
        self.note = note.into();
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table as text, which Markdown and HTML then set.
    pub(crate) fn written(&self) -> Vec<WrittenRow> {
        let missing = Cell::Missing;
        let cell = |row: usize, column: usize| self.rows[row].get(column).unwrap_or(&missing);
        let mut written: Vec<WrittenRow> = (0..self.rows.len())
            .map(|r| WrittenRow {
                starts_group: false,
                group_rows: 1,
                cells: self.columns.iter().enumerate().map(|(c, column)| cell(r, c).written(column.format)).collect(),
            })
            .collect();

        let mut first = 0;
        for r in 0..self.rows.len() {
            let new_group = r == 0 || (self.grouped && cell(r, 0) != cell(r - 1, 0));
            if new_group {
                first = r;
                written[r].group_rows = 0;
                written[r].starts_group = true;
            }
            written[first].group_rows += 1;
        }

        let mut bold = vec![];
        for (c, column) in self.columns.iter().enumerate() {
            let Some(best) = column.best else { continue };
            let mut start = 0;
            while start < written.len() {
                let end = start + written[start].group_rows;
                let group: Vec<_> = (start..end).map(|r| (r, c)).collect();
                bold.extend(best_of(&group, best, |(r, c)| cell(r, c).rounded(column.format)));
                start = end;
            }
        }
        if let Some(best) = self.best_in_row {
            for r in 0..self.rows.len() {
                let row: Vec<_> = (0..self.columns.len()).map(|c| (r, c)).collect();
                bold.extend(best_of(&row, best, |(r, c)| cell(r, c).rounded(self.columns[c].format)));
            }
        }
        for (r, c) in bold {
            written[r].cells[c].bold = true;
        }
        written
    }
}

/// A row as text.
pub(crate) struct WrittenRow {
    pub(crate) starts_group: bool,
    /// Rows of the group that this row starts.
    pub(crate) group_rows: usize,
    pub(crate) cells: Vec<WrittenCell>,
}

/// A cell as text.
pub(crate) struct WrittenCell {
    pub(crate) text: String,
    pub(crate) sd: Option<String>,
    pub(crate) bold: bool,
}

/// The places of the best numbers: all of them where several look the same as written, none where there is no choice.
fn best_of(
    places: &[(usize, usize)],
    best: Best,
    value: impl Fn((usize, usize)) -> Option<f64>,
) -> Vec<(usize, usize)> {
    let loss = |v: f64| match best {
        Best::Highest => -v,
        Best::Lowest => v,
        Best::NearestOne => (v - 1.0).abs(),
    };
    let losses: Vec<_> = places.iter().filter_map(|&p| value(p).map(|v| (p, loss(v)))).collect();
    let least = losses.iter().map(|&(_, loss)| loss).fold(f64::INFINITY, f64::min);
    // Rounded numbers may differ in the last bit after `v − 1`.
    let is_best = |loss: f64| loss <= least + 1e-12 * least.abs().max(1e-3);
    let winners: Vec<_> = losses.iter().filter(|&&(_, loss)| is_best(loss)).map(|&(place, _)| place).collect();
    if winners.len() == losses.len() { vec![] } else { winners }
}

impl Column {
    /// A column of words.
    pub fn text(heading: &str) -> Self {
        Self { heading: heading.into(), align: Align::Left, format: Format::Significant(4), best: None }
    }

    /// A column of numbers.
    pub fn number(heading: &str, format: Format) -> Self {
        Self { heading: heading.into(), align: Align::Right, format, best: None }
    }

    /// Replaces the heading.
    pub fn heading(mut self, heading: &str) -> Self {
        self.heading = heading.into();
        self
    }

    /// Sets the best number bold.
    pub fn best(mut self, best: Best) -> Self {
        self.best = Some(best);
        self
    }

    /// Sets no number bold.
    pub fn plain(mut self) -> Self {
        self.best = None;
        self
    }
}

impl Cell {
    /// Words.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A number without a spread.
    pub fn number(value: f64) -> Self {
        Self::Number { value, sd: None }
    }

    /// A number ± its standard deviation.
    pub fn spread(value: f64, sd: f64) -> Self {
        Self::Number { value, sd: Some(sd) }
    }

    fn written(&self, format: Format) -> WrittenCell {
        let (text, sd) = match self {
            Self::Missing => ("–".into(), None),
            Self::Text(text) => (text.clone(), None),
            Self::Number { value, sd } => {
                (format.number(*value), sd.filter(|sd| sd.is_finite() && value.is_finite()).map(|sd| format.number(sd)))
            }
        };
        WrittenCell { text, sd, bold: false }
    }

    /// The number as the reader sees it, so that what looks equal is equal.
    fn rounded(&self, format: Format) -> Option<f64> {
        let Self::Number { value, .. } = self else { return None };
        if !value.is_finite() {
            return None;
        }
        match format {
            Format::Percent(_) | Format::Decimal(_) => format
                .number(*value)
                .replace('−', "-")
                .parse()
                .ok()
                .map(|v: f64| if matches!(format, Format::Percent(_)) { v / 100.0 } else { v }),
            _ => Some(*value),
        }
    }
}

impl From<&Row> for Cell {
    fn from(row: &Row) -> Self {
        Self::Number { value: row.value, sd: row.sd }
    }
}

impl From<Option<&Row>> for Cell {
    fn from(row: Option<&Row>) -> Self {
        row.map_or(Self::Missing, Self::from)
    }
}
