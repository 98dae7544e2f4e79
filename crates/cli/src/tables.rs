//! What the commands for tables share.

use anyhow::Result;
use apd::data::{Surprise, Table, TableSource, Wanted};
use apd::{TableModel, Verdict};

use crate::arguments::Written;
use crate::output::say;

/// A table by its name or path.
pub(crate) fn source(name: &str, written: &Written) -> Result<TableSource> {
    Ok(TableSource::open_as(name, written.dialect())?)
}

/// A table as a model reads it, its target included.
pub(crate) fn blocks(
    source: &TableSource,
    model: &TableModel,
) -> Result<impl Iterator<Item = Result<Table, apd::data::Error>> + use<>> {
    let mut blocks = source.blocks(model.schema(), Wanted::InputsAndTarget)?;
    Ok(std::iter::from_fn(move || blocks.next_block().transpose()))
}

/// A line a verdict.
pub(crate) fn say_verdicts(verdicts: &[Verdict]) -> Result<()> {
    verdicts.iter().try_for_each(|verdict| say(format_args!("  {verdict}")))
}

/// Says what a person has to know of a model before anything else.
pub(crate) fn warn<'a>(unmet: impl Iterator<Item = &'a Verdict>) {
    for verdict in unmet {
        eprintln!("warning: {} NOT MET: {}", verdict.concern.question(), verdict.found);
    }
}

/// Says which columns are not used, and where rows hold what training rows did not.
pub(crate) fn say_surprises(unknown: &[String], surprises: &[Surprise]) {
    if !unknown.is_empty() {
        eprintln!("note: columns that the model does not know, not used: {}", unknown.join(", "));
    }
    for Surprise { column, rows, first } in surprises {
        let first = first + 1;
        eprintln!(
            "note: column `{column}`: {rows} rows with what training rows did not have (unseen, or missing), the first is row {first}"
        );
    }
}
