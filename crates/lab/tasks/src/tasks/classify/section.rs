//! Classification and calibration.

use apd_report::{
    Align, Best, Cell, Column, Figure, Format, MethodReliability, ReliabilityBin, ReliabilityDiagram, Results, Section,
    Select, Table, Verdict,
};

use crate::experiment::Experiment;
use crate::metrics;
use crate::pictures;
use crate::sections::change::{self, Change};
use crate::tasks::classify::compute::{Classification, ECE_BINS};

/// The classification table and reliability diagram.
pub(crate) fn classification(experiment: &Experiment, results: &Results, found: &Classification) -> Section {
    let Experiment { config, split, .. } = experiment;
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
    let table = table.note(
        "Agreement (same class) and TV (total variation) compare the averaged prediction with that of a draw from the bank; the sgld row \
         compares two draws from the bank, which is the best any distiller can do.",
    );
    let columns = std::iter::once(Column::text("metric")).chain(
        change::DISTILLED.map(|method| Column { align: Align::Right, ..Column::text(&format!("{method} − sgld")) }),
    );
    let mut changes = Table::new("What distilling changed.", columns.collect()).note(change::NOTE);
    for metric in metrics {
        let Column { heading, format, best, .. } = metrics::column(metric);
        let cells = Change::cells(&select.clone().metric(metric), best.unwrap_or(Best::Highest), format);
        changes.push(std::iter::once(Cell::text(&heading)).chain(cells).collect());
    }
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
    let mut section = Section::new("Does it predict better, and know how sure to be?")
        .setting(&format!(
            "{} on {}: each prediction averages {} networks; {} independent draws. sgd is one network, the best on the \
             validation set.",
            config.net, config.dataset, evaluation.networks, evaluation.draws
        ))
        .table(table);
    section.verdicts = verdicts(&select);
    if let Some(least_sure) = &found.least_sure {
        let places: Vec<u32> = least_sure.images.iter().map(|&(place, _)| place).collect();
        let images = split.test.images.select(&places);
        let label = |&(place, seen): &(u32, u32)| pictures::label(split.test.labels[place as usize], seen);
        let row = pictures::row(&least_sure.method, &images.pixels, least_sure.images.iter().map(label).collect());
        section = section.figure(pictures::figure(
            "least-sure",
            &format!(
                "Would you be sure? The {} test images that {} is least sure of, the least sure first; below each what it is, and → what it is \
                 taken for where that is something else.",
                places.len(),
                least_sure.method
            ),
            &images,
            vec![row],
        ));
    }
    section.details(Section::new("What distilling changed").table(changes)).details(Section::new("Calibration, method by method").figure(Figure::new(
        "reliability",
        &format!(
            "Dots on the diagonal are right about how sure they are; above it a method is too modest, below too sure. {ECE_BINS} bins of \
             confidence; the bars below say how many predictions each holds."
        ),
        ReliabilityDiagram { methods },
    )))
}

/// Accuracy and loss beside one network's, and beside the bank's.
fn verdicts(select: &Select<'_>) -> Vec<Verdict> {
    let value = |method: &str, metric: &str| select.clone().method(method).metric(metric).value();
    let mut verdicts = Vec::new();
    if let (Some(one), Some(bank)) = (value("sgd", "accuracy"), value("sgld", "accuracy")) {
        let found = format!(
            "{:.2} % of the test images right, sgd {:.2} % (limit half a point less).",
            100.0 * bank,
            100.0 * one
        );
        verdicts.push(Verdict::new("Is the bank as accurate as one network?", bank >= one - 0.005, &found));
    }
    if let (Some(one), Some(bank)) = (value("sgd", "nll"), value("sgld", "nll")) {
        let found = format!("NLL {bank:.4} nats, sgd {one:.4} (limit).");
        verdicts.push(Verdict::new("Does the bank lose less?", bank < one, &found));
    }
    let changes: Vec<(String, Change)> = Change::all(&select.clone().metric("accuracy"))
        .into_iter()
        .map(|change| ("test images".to_owned(), change))
        .collect();
    verdicts.extend(change::kept("accuracy", &changes, Best::Highest, Format::Percent(2), 0.01));
    verdicts
}
