//! Quality against the number of networks, and what they cost to keep.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Select, Series, Table, Verdict,
};

use crate::config::Config;
use crate::metrics;
use crate::sections::change::{self, Change};
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
        columns: 4,
        panels: vec![
            panel("Accuracy", Axis::new("accuracy %").percent(), &|m, n| plain(m, "accuracy", n)),
            panel("Negative log-likelihood", Axis::new("nats"), &|m, n| plain(m, "nll", n)),
            panel("Detection by entropy", Axis::new("mean AUROC %").percent(), &|m, n| detection(m, "entropy", n)),
            panel("Detection by BALD", Axis::new("mean AUROC %").percent(), &|m, n| detection(m, "bald", n)),
        ],
    };

    let (accuracy, nll) = (metrics::column("accuracy").format, metrics::column("nll").format);
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
    let mut section = Section::new("How many networks does it take?")
        .setting(&format!(
            "Test images for accuracy and NLL; AUROC is the mean over {} out-of-distribution sets at their own intensity. Mean ± sd \
             over {} draws of so many networks.",
            sets.len(),
            settings.draws
        ))
        .figure(Figure::new(
            "curves",
            "Every curve levels off after some tens of networks; where a distilled posterior's lies on sgld's, nothing was lost.",
            figure,
        ))
        .details(Section::new("The same in numbers").table(table.note(change::NOTE)));
    let size = |method| bytes_of(method).map(|bytes| bytes / one);
    section.verdicts = change::DISTILLED
        .iter()
        .filter_map(|method| worth(method, size(method)?, &plain, &settings.networks))
        .collect();
    section
}

/// Whether the distilled posterior is smaller than the stored networks that would do as well.
fn worth(method: &str, size: f64, value: &dyn Fn(&str, &str, f64) -> Option<f64>, counts: &[usize]) -> Option<Verdict> {
    let ours = counts.iter().rev().find_map(|&n| value(method, "nll", n as f64))?;
    let enough = counts.iter().find(|&&n| value("sgld", "nll", n as f64).is_some_and(|sgld| sgld <= ours));
    let found = match enough {
        Some(n) => {
            format!("it takes the bytes of {size:.1} networks; {n} of the bank's reach its NLL of {ours:.4} too.")
        }
        None => {
            format!("it takes the bytes of {size:.1} networks; no number of the bank's reaches its NLL of {ours:.4}.")
        }
    };
    let question = format!("Is {method} smaller than networks that do as well?");
    Some(Verdict::new(&question, enough.is_none_or(|&n| size <= n as f64), &found))
}
