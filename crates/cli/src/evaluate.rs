//! `apd evaluate` and `apd check`: how right a model is on rows that are known, and whether it is to be believed there.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use apd::data::{Surprise, Wanted};
use apd::{TableModel, Verdict};
use apd_points::write_atomic;

use crate::arguments::{Check, Evaluate};
use crate::evaluation_report;
use crate::output::say;
use crate::paths::check_writable;
use crate::reproduce::threads;
use crate::tables::{blocks, say_surprises, say_verdicts, source, warn};

pub(crate) fn evaluate(arguments: &Evaluate) -> Result<()> {
    threads(arguments.threads)?;
    let model = TableModel::load(&arguments.model)?;
    if let Some(json) = &arguments.json {
        check_writable(json)?;
    }
    if let Some(folder) = &arguments.report {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        check_writable(&folder.join("report.html"))?;
    }
    let data = source(&arguments.data, &arguments.written)?;
    let evaluation = model.evaluate(blocks(&data, &model)?, arguments.draws.map(std::num::NonZeroUsize::get))?;
    let verdicts = model.check(&evaluation);
    warn(verdicts.iter().filter(|verdict| !verdict.met));
    if evaluation.without_target > 0 {
        eprintln!(
            "note: {} rows without `{}`, or of an unknown class, are left out",
            evaluation.without_target,
            model.target()
        );
    }
    // Predictions are of the rows with a target; a person counts all.
    let in_table = |surprise: &Surprise| Surprise { first: evaluation.rows[surprise.first], ..surprise.clone() };
    say_surprises(&[], &evaluation.predictions.surprises.iter().map(in_table).collect::<Vec<_>>());
    if let Some(json) = &arguments.json {
        let metrics = serde_json::to_string_pretty(&evaluation.metrics)?;
        write_atomic(json, format!("{metrics}\n").as_bytes())?;
    }
    if let Some(folder) = &arguments.report {
        let report = evaluation_report::report(&model, &evaluation, &verdicts, &arguments.data, &data.read()?)?;
        apd_report::render(&report, &evaluation_report::results(&model, &evaluation, &arguments.data)?, folder)?;
        eprintln!("{}", folder.join("report.html").display());
    }
    say(&evaluation.metrics)?;
    say_verdicts(&verdicts)
}

pub(crate) fn check(arguments: &Check) -> Result<()> {
    threads(arguments.threads)?;
    let model = TableModel::load(&arguments.model)?;
    let data = source(&arguments.data, &arguments.written)?;
    let mut inputs = data.blocks(model.schema(), Wanted::Inputs)?;
    let (mut ood, mut has_target) = (Vec::new(), false);
    while let Some(block) = inputs.next_block()? {
        has_target = block.column(model.target()).is_some();
        if has_target {
            break;
        }
        ood.extend(model.predict(&block, &[], None)?.ood);
    }
    if has_target {
        let evaluation = model.evaluate(blocks(&data, &model)?, None)?;
        return judge(&model.check(&evaluation), arguments);
    }
    if ood.is_empty() {
        bail!("{}: no rows", arguments.data);
    }
    warn(model.warnings());
    say(format_args!(
        "{}: {} rows without `{}`; what held-out rows said, and how strange these are:",
        arguments.data,
        ood.len(),
        model.target()
    ))?;
    judge(&model.check_inputs(&ood), arguments)
}

/// Says the verdicts.
///
/// **Errors**: one that is not met, so that a script may ask.
fn judge(verdicts: &[Verdict], arguments: &Check) -> Result<()> {
    say_verdicts(verdicts)?;
    let unmet = verdicts.iter().filter(|verdict| !verdict.met).count();
    ensure!(
        unmet == 0,
        "{} on {}: {unmet} of {} verdicts not met",
        arguments.model.display(),
        arguments.data,
        verdicts.len()
    );
    Ok(())
}
