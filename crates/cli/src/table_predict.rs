//! `apd predict MODEL DATA`: what a model says of each row of a table.

use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, bail};
use apd::data::{CsvWriter, Table, Values, Wanted, add_surprises};
use apd::{Answers, TableModel};
use apd_points::{AtomicFile, npy};
use ndarray::Array2;

use crate::arguments::Predict;
use crate::output::say;
use crate::paths::check_writable;
use crate::tables::{say_surprises, say_verdicts, source, warn};

pub(crate) fn predict_table(model: &Path, data: &str, arguments: &Predict) -> Result<()> {
    let model = TableModel::load(model)?;
    check_writable(&arguments.out)?;
    warn(model.warnings());
    let mut coverage = arguments.coverage.clone();
    if !coverage.contains(&TableModel::COVERAGE) {
        coverage.insert(0, TableModel::COVERAGE);
    }
    let mut blocks = source(data, &arguments.written)?.blocks(model.schema(), Wanted::Inputs)?;
    let mut out = Out::new(&arguments.out)?;
    let (mut ood, mut abstained, mut unknown, mut surprises) = (Vec::new(), 0, Vec::new(), Vec::new());
    while let Some(block) = blocks.next_block()? {
        let predictions = model.predict(&block, &coverage, arguments.draws.map(std::num::NonZeroUsize::get))?;
        out.write(&predictions.table()?)?;
        if ood.is_empty() {
            unknown = model.unknown_columns(&block).map(str::to_owned).collect();
        }
        if let Answers::Classes { abstain, .. } = &predictions.answers {
            abstained += abstain.iter().filter(|&&abstain| abstain).count();
        }
        add_surprises(&mut surprises, predictions.surprises, ood.len());
        ood.extend(predictions.ood);
    }
    if ood.is_empty() {
        bail!("{data}: no rows");
    }
    out.finish()?;
    say_surprises(&unknown, &surprises);
    let abstained = if abstained > 0 { format!(", {abstained} of them abstained from") } else { String::new() };
    say(format_args!("{}: predictions of {} rows{abstained}", arguments.out.display(), ood.len()))?;
    say_verdicts(&model.check_inputs(&ood))
}

/// A file of predictions that is there when all are.
enum Out<'a> {
    Csv {
        path: &'a Path,
        writer: Box<CsvWriter<BufWriter<AtomicFile>>>,
    },
    /// NumPy's header says how many rows there are before the first.
    Npy {
        path: &'a Path,
        numbers: Vec<f32>,
        columns: usize,
    },
}

impl<'a> Out<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        Ok(match path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy")) {
            true => Self::Npy { path, numbers: Vec::new(), columns: 0 },
            false => Self::Csv { path, writer: Box::new(CsvWriter::new(BufWriter::new(AtomicFile::create(path)?))) },
        })
    }

    fn write(&mut self, table: &Table) -> Result<()> {
        match self {
            Self::Csv { path, writer } => writer.write(table).with_context(|| path.display().to_string()),
            Self::Npy { numbers, columns, .. } => {
                let of_numbers: Vec<&Vec<f64>> = table
                    .columns()
                    .iter()
                    .filter_map(|column| match &column.values {
                        Values::Numbers(numbers) => Some(numbers),
                        _ => None,
                    })
                    .collect();
                *columns = of_numbers.len();
                numbers
                    .extend((0..table.len()).flat_map(|row| of_numbers.iter().map(move |column| column[row] as f32)));
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Csv { path, writer } => {
                let context = || path.display().to_string();
                let file = writer
                    .finish()
                    .with_context(context)?
                    .into_inner()
                    .map_err(|e| e.into_error())
                    .with_context(context)?;
                file.commit()?;
            }
            Self::Npy { path, numbers, columns } => {
                let matrix = Array2::from_shape_vec((numbers.len() / columns.max(1), columns), numbers)?;
                npy::write_matrix_f32(path, matrix.view())?;
            }
        }
        Ok(())
    }
}
