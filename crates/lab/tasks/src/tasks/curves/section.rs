//! Quality against the number of networks, and what they cost to keep.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Select, Series, Table,
};

use crate::config::Config;
use crate::metrics;
use crate::sections::change::{self, Change, verdict};
use crate::tasks::curves::settings::CurvesConfig;

/// The curves of the bank and the generator, and the bytes behind each.
pub(crate) fn curves(config: &Config, results: &Results, dim: usize) -> Section {
    let settings = config.settings::<CurvesConfig>();
    let select = results.select().task("curves");
    let methods = select.distinct(|row| row.method.clone());
    let sets = select.clone().metric("auroc").distinct(|row| row.ood.clone());
    let one = 4.0 * dim as f64;

    // The mean over the sets, so that a curve is one line.
    let detection = |method: &str, score: &str, at: f64| -> Option<f64> {
        let rows = select.clone().method(method).metric("auroc").score(score).at(at);
        let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let plain = |method: &str, metric: &str, at: f64| select.clone().method(method).metric(metric).at(at).value();
    let panel = |title: &str, y: Axis, value: &dyn Fn(&str, f64) -> Option<f64>| {
        let line = |method: &String| {
            let points = settings.networks.iter().filter_map(|&n| Some((n as f64, value(method, n as f64)?)));
            Series::new(method, points.collect())
        };
        CurvePanel::new(title, Axis::new("networks averaged").log(), y, methods.iter().map(line).collect())
    };
    let figure = Curves {
        columns: 2,
        panels: vec![
            panel("Accuracy", Axis::new("accuracy %").percent(), &|m, n| plain(m, "accuracy", n)),
            panel("Negative log-likelihood", Axis::new("nats"), &|m, n| plain(m, "nll", n)),
            panel("Detection by entropy", Axis::new("AUROC %, mean over sets").percent(), &|m, n| {
                detection(m, "entropy", n)
            }),
            panel("Detection by BALD", Axis::new("AUROC %, mean over sets").percent(), &|m, n| detection(m, "bald", n)),
        ],
    };

    let (accuracy, nll) = (metrics::column("accuracy").format, metrics::column("nll").format);
    let mut changes = Vec::new();
    let mut table = Table::new(
        "Averages of so many networks, and the bytes they take where a bank is kept: the generator takes the same for any number.",
        vec![
            Column::text("method"),
            Column::number("networks", Format::Integer),
            Column::number("bytes kept", Format::Bytes),
            Column::number("in networks", Format::Decimal(1)),
            metrics::column("accuracy"),
            Column::number("− sgld", accuracy),
            metrics::column("nll"),
            Column::number("− sgld", nll),
            Column::number("AUROC %, entropy", Format::Percent(1)),
            Column::number("AUROC %, BALD", Format::Percent(1)),
        ],
    )
    .grouped();
    let optional = |value: Option<f64>| value.map_or(Cell::Missing, Cell::number);
    let bytes_of = |method: &str| select.clone().method(method).metric("bytes").value();
    for method in &methods {
        for &count in &settings.networks {
            let at = count as f64;
            let of_point: Select<'_> = select.clone().method(method).at(at);
            if of_point.row().is_none() {
                continue;
            }
            let bytes = if method == "sgld" { one * at } else { bytes_of(method).unwrap_or(f64::NAN) };
            // Beside a distilled posterior's numbers, what it changed.
            let change = |metric: &str| {
                let distilled = change::DISTILLED.into_iter().find(|distilled| distilled == method)?;
                Change::of(distilled, &select.clone().at(at).metric(metric))
            };
            let (of_accuracy, of_nll) = (change("accuracy"), change("nll"));
            changes.extend(of_nll.map(|change| (format!("{count} networks"), change)));
            table.push(vec![
                Cell::text(method),
                Cell::number(at),
                Cell::number(bytes),
                Cell::number(bytes / one),
                Cell::from(of_point.clone().metric("accuracy").row()),
                Change::cell(of_accuracy, Best::Highest, accuracy),
                Cell::from(of_point.clone().metric("nll").row()),
                Change::cell(of_nll, Best::Lowest, nll),
                optional(detection(method, "entropy", at)),
                optional(detection(method, "bald", at)),
            ]);
        }
    }
    Section::new("How many networks, and at what cost?")
        .setting(&format!(
            "Test images for accuracy and NLL; AUROC is the mean over {} out-of-distribution sets at their own intensity. Mean ± sd \
             over {} draws of so many networks.",
            sets.len(),
            settings.draws
        ))
        .text(&format!(
            "Expected: every quality saturates after some tens of networks, and the curves of a distilled posterior lie on the bank's. {}{}",
            change::DISTILLED.map(|method| worth(method, bytes_of(method).map(|bytes| bytes / one), &plain, &settings.networks)).concat(),
            verdict("NLL (nats)", &changes, Best::Lowest, nll)
        ))
        .table(table.note(change::NOTE))
        .figure(Figure::new("curves", "Quality of averaged predictions against the number of networks.", figure))
}

/// How many stored networks the generator is worth, and how many it is as large as.
fn worth(method: &str, size: Option<f64>, value: &dyn Fn(&str, &str, f64) -> Option<f64>, counts: &[usize]) -> String {
    let mut text = String::new();
    let largest = counts.iter().rev().find_map(|&n| value(method, "nll", n as f64));
    if let (Some(size), Some(apd)) = (size, largest) {
        text.push_str(&format!("Found: {method} takes the bytes of {size:.1} networks. "));
        let enough = counts.iter().find(|&&n| value("sgld", "nll", n as f64).is_some_and(|sgld| sgld <= apd));
        match enough {
            Some(&n) => text.push_str(&format!(
                "{} of the bank to predictions of the test images as good as its own of as many networks as it likes (NLL {apd:.4}): {}. ",
                if n == 1 { "One network comes".into() } else { format!("{n} networks come") },
                if (n as f64) < size {
                    "where only the average is wanted, keeping that many is the smaller choice"
                } else {
                    "it is the smaller choice"
                }
            )),
            None => text.push_str(&format!("No number of the bank's networks reaches its NLL of {apd:.4}. ")),
        }
    }
    text
}
