//! The posterior and its bank.

use apd_report::{Cell, Column, Format, Section, Table, Verdict};
use apd_store::Bank;

use crate::config::Config;

/// Whether all chains stayed finite; nothing where they did.
pub(crate) fn diverged(remarks: &[&String]) -> Option<Verdict> {
    // Somebody has to see it who did not watch the run.
    let diverged: Vec<&str> = remarks.iter().skip(1).map(|remark| remark.as_str()).collect();
    (!diverged.is_empty())
        .then(|| Verdict::new("Did every chain stay finite?", false, &format!("{}.", diverged.join("; "))))
}

/// The posterior and its bank: settings, the sampler's summary and what a bank costs.
pub(crate) fn sampling(config: &Config, remarks: &[&String], bank: &Bank) -> Section {
    let sgld = &config.sgld;
    let mut table = Table::new(
        "The posterior bank.",
        vec![
            Column::number("networks", Format::Integer),
            Column::number("parameters each", Format::Integer),
            Column::number("chains", Format::Integer),
            Column::number("bytes", Format::Bytes),
        ],
    );
    let (rows, dim) = (bank.len() as f64, bank.dim() as f64);
    table.push([rows, dim, sgld.chains as f64, 4.0 * rows * dim].map(Cell::number).to_vec());
    let summary = remarks.first().map_or("", |summary| summary.as_str());
    let text = summary.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    Section::new("The bank, and how it was sampled")
        .setting(&format!(
            "{}, {} chain(s) of {}{} steps, {}, {} and weight decay {} on the mean loss, \
             temperature {}; a sample every {} steps after {}.",
            config.sampler.kind.name(),
            sgld.chains,
            sgld.until_ess.map_or(String::new(), |goal| format!("up to {goal} effective samples of predictions, or ")),
            sgld.steps,
            match sgld.training_steps {
                0 => format!("minibatches of {}", sgld.batch),
                steps => format!("each from a network after {steps} of SGD, minibatches of at most {}", sgld.batch),
            },
            match config.sampler.tuned {
                true => "step size and friction as measured at its start".to_owned(),
                false => format!("learning rate {}", sgld.lr),
            },
            sgld.weight_decay,
            sgld.temperature,
            sgld.thinning,
            sgld.burn_in
        ))
        .text(&text)
        .table(table)
}
