//! The posterior and its bank.

use apd_report::{Cell, Column, Format, Section, Table};
use apd_store::Bank;

use crate::config::Config;

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
    let mut text = summary.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    // Somebody has to see it who did not watch the run.
    let diverged: Vec<&str> = remarks.iter().skip(1).map(|remark| remark.as_str()).collect();
    if !diverged.is_empty() {
        text.push_str(&format!("\n\n**{}.**", diverged.join("; ")));
    }
    Section::new("Posterior sampling")
        .setting(&format!(
            "{}, {} chain(s) of {} steps, minibatches of {}, learning rate {} and weight decay {} on the mean loss, \
             temperature {}; a sample every {} steps after {}.",
            config.sampler.kind.name(),
            sgld.chains,
            sgld.steps,
            sgld.batch,
            sgld.lr,
            sgld.weight_decay,
            sgld.temperature,
            sgld.thinning,
            sgld.burn_in
        ))
        .text(&text)
        .table(table)
}
