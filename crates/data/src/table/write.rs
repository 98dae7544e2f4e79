//! Tables as text.

use std::io::{self, Write};

use super::{MISSING, Table, Values};

/// Writes tables of the same columns one below the other, as comma-separated values under a line of names.
///
/// Numbers are written with as many digits as bring them back; what is missing is an empty field.
pub struct CsvWriter<W: Write> {
    writer: ::csv::Writer<W>,
    begun: bool,
}

impl<W: Write> CsvWriter<W> {
    /// Nothing is written yet.
    pub fn new(writer: W) -> Self {
        Self { writer: ::csv::Writer::from_writer(writer), begun: false }
    }

    /// Adds the rows of a table; before the first ones, the names of its columns.
    ///
    /// **Errors**: those of the writer.
    pub fn write(&mut self, table: &Table) -> io::Result<()> {
        if !self.begun {
            self.writer.write_record(table.columns().iter().map(|column| &column.name))?;
            self.begun = true;
        }
        for row in 0..table.len() {
            for column in table.columns() {
                match &column.values {
                    Values::Numbers(numbers) if numbers[row].is_nan() => self.writer.write_field("")?,
                    Values::Numbers(numbers) => self.writer.write_field(numbers[row].to_string())?,
                    Values::Categories { codes, .. } if codes[row] == MISSING => self.writer.write_field("")?,
                    Values::Categories { codes, levels } => self.writer.write_field(&levels[codes[row] as usize])?,
                    Values::Text(text) => self.writer.write_field(&text[row])?,
                }
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    /// Hands what is left to the writer, and gives it back.
    ///
    /// **Errors**: those of the writer.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(|error| io::Error::new(error.error().kind(), error.error().to_string()))
    }
}
