//! Classification and calibration.

use apd_report::{
    Best, Cell, Column, Figure, MethodReliability, ReliabilityBin, ReliabilityDiagram, Results, Section, Table,
};

use crate::config::Config;
use crate::metrics;
use crate::sections::change::{self, Change};
use crate::tasks::classify::compute::{Classification, ECE_BINS};

/// The classification table and reliability diagram.
pub(crate) fn classification(config: &Config, results: &Results, found: &Classification) -> Section {
    let evaluation = &config.evaluation;
    let metrics = ["accuracy", "nll", "ece", "brier", "agreement", "tv"];
    let mut columns = vec![Column::text("method")];
    columns.extend(metrics.map(metrics::column));
    let mut table = Table::new("Averaged predictions on the test set, mean ± sd over draws.", columns);
    let select = results.select().task("classify");
    for (method, _) in &found.reliability {
        let mut row = vec![Cell::text(method)];
        row.extend(metrics.map(|metric| Cell::from(select.clone().method(method).metric(metric).row())));
        table.push(row);
    }
    let mut changes = String::new();
    for method in change::DISTILLED {
        let mut cells = vec![Cell::text(&format!("{method} − sgld"))];
        let mut clauses = Vec::new();
        for metric in metrics {
            let Column { heading, format, best, .. } = metrics::column(metric);
            let best = best.unwrap_or(Best::Highest);
            let change = Change::of(method, &select.clone().metric(metric));
            cells.push(Change::cell(change, best, format));
            clauses.extend(change.map(|change| change.words(heading.trim_end_matches(" %"), best, format)));
        }
        table.push(cells);
        if !clauses.is_empty() {
            changes.push_str(&format!("\n\nOf {method}, beside sgld: {}.", clauses.join("; ")));
        }
    }
    let table = table.note(&format!(
        "Agreement (same class) and TV (total variation) compare the averaged prediction with that of a draw from the \
         bank; the sgld row compares two draws from the bank, which is the best any distiller can do. {}",
        change::NOTE
    ));
    let methods = found
        .reliability
        .iter()
        .map(|(method, bins)| MethodReliability {
            method: method.clone(),
            bins: bins
                .iter()
                .map(|bin| ReliabilityBin {
                    confidence: bin.confidence,
                    accuracy: bin.accuracy,
                    count: bin.count as u64,
                })
                .collect(),
        })
        .collect();
    let value = |method: &str, metric: &str| select.clone().method(method).metric(metric).value().unwrap_or(f64::NAN);
    Section::new("Classification")
        .setting(&format!(
            "{} on {}: each prediction averages {} networks; {} independent draws. sgd is one network, the best on the \
             validation set.",
            config.net, config.dataset, evaluation.networks, evaluation.draws
        ))
        .text(&format!(
            "Expected: sgld is no less accurate than sgd and better calibrated; subspace and apd, drawn without the bank, \
             equal sgld in every column. Found: accuracy {:.2} % for sgd, {:.2} % for sgld, {:.2} % for subspace, {:.2} % for apd; NLL {:.4}, \
             {:.4}, {:.4} and {:.4} nats.{changes}",
            100.0 * value("sgd", "accuracy"),
            100.0 * value("sgld", "accuracy"),
            100.0 * value("subspace", "accuracy"),
            100.0 * value("apd", "accuracy"),
            value("sgd", "nll"),
            value("sgld", "nll"),
            value("subspace", "nll"),
            value("apd", "nll"),
        ))
        .table(table)
        .figure(Figure::new(
            "reliability",
            &format!("Reliability: accuracy against confidence in {ECE_BINS} bins; the diagonal is perfect calibration."),
            ReliabilityDiagram { methods },
        ))
}
