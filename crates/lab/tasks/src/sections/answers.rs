//! The answers first: four questions, five numbers and a picture, from the results of all tasks.

use apd_diagnostics::mean_sd;
use apd_report::{Axis, CurvePanel, Curves, Figure, Format, Results, Row, Section, Series, Verdict};
use apd_uncertainty::Score;

use crate::config::Config;
use crate::methods::{DISTILLED, SHARE};
use crate::models::Models;
use crate::named_posterior::NamedPosterior;
use crate::sections::mixing::mixed;

#[cfg(test)]
mod tests;

/// The method whose file the answers are about.
const FILE: &str = DISTILLED;
/// The accuracy that distilling may cost.
const ACCURACY: f64 = 0.01;
/// The share by which it may raise the NLL.
const NLL: f64 = 0.05;

/// The answer in a sentence or two, and the section with what is behind it.
pub(crate) fn answers(config: &Config, results: &Results, models: &Models<'_>) -> (String, Section) {
    let posteriors = [models.posteriors(), models.online_posteriors()].concat();
    let bytes = |name: &str| posteriors.iter().find(|p| p.name == name).map(|p| p.posterior.bytes() as f64);
    let (accuracy, nll) =
        (|name: &str| classify(results, "accuracy", name), |name: &str| classify(results, "nll", name));
    let auroc = |name: &str| detection(results, name);
    let mut section = Section::new("In short");
    let verdicts = [mixed(results), helps(results), loses(results), costs(bytes(FILE), bytes("sgld"))];
    section.verdicts = verdicts.into_iter().flatten().collect();

    let percent = |value: f64| format!("{:.1} %", 100.0 * value);
    let nats = |value: f64| format!("{value:.3}");
    let size = |value: f64| Format::Bytes.number(value);
    type Of<'a> = &'a dyn Fn(&str) -> Option<f64>;
    type Written<'a> = &'a dyn Fn(f64) -> String;
    let numbers: [(&str, Of<'_>, Written<'_>, [&str; 2]); 4] = [
        ("of the test images right", &accuracy, &percent, ["sgd", "sgld"]),
        ("nats lost per image (NLL)", &nll, &nats, ["sgd", "sgld"]),
        ("AUROC of strange images", &auroc, &percent, ["sgd", "sgld"]),
        ("in the file", &bytes, &size, ["sgld", "apd"]),
    ];
    for (label, value, written, others) in numbers {
        let Some(ours) = value(FILE) else { continue };
        let beside = others.into_iter().filter_map(|name| Some(format!("{name} {}", written(value(name)?))));
        section = section.number(&written(ours), label, &beside.collect::<Vec<_>>().join(", "));
    }
    let rhat = results.select().task("diagnostics").score("functions").metric("rhat_median").value();
    if let Some(rhat) = rhat {
        section = section.number(&format!("{rhat:.3}"), "R̂ of predictions", "1: the chains agree");
    }
    let rows = models.bank.len() as f64;
    let summary = format!(
        "{} networks were sampled from the posterior of {} on {} by {} and distilled into one small file. {}",
        Format::Integer.number(rows),
        config.net,
        config.dataset,
        config.sampler.kind.name(),
        outcome(&section.verdicts)
    );
    (summary, section.figure(picture(results, &posteriors)))
}

/// How many of the answers are as hoped, and which are not.
fn outcome(verdicts: &[Verdict]) -> String {
    let unmet: Vec<&str> =
        verdicts.iter().filter(|verdict| verdict.met == Some(false)).map(|verdict| &*verdict.question).collect();
    match unmet[..] {
        [] if verdicts.is_empty() => "The tasks that ran give no answer.".to_owned(),
        [] => "All answers below are as hoped.".to_owned(),
        _ => format!("Of {} answers below, {} NOT as hoped: {}", verdicts.len(), are(unmet.len()), unmet.join(" ")),
    }
}

fn are(count: usize) -> String {
    if count == 1 { "one is".to_owned() } else { format!("{count} are") }
}

fn row<'a>(results: &'a Results, metric: &str, method: &str) -> Option<&'a Row> {
    results.select().task("classify").method(method).metric(metric).row()
}

fn classify(results: &Results, metric: &str, method: &str) -> Option<f64> {
    Some(row(results, metric, method)?.value)
}

/// The mean over sets and intensities of the AUROC by entropy, the score that every method has.
fn detection(results: &Results, method: &str) -> Option<f64> {
    let select = results.select().task("ood").metric("auroc").score(Score::Entropy.name()).method(method);
    let values: Vec<f64> = select.iter().map(|row| row.value).collect();
    (!values.is_empty()).then(|| mean_sd(&values).0)
}

/// Whether what is drawn from the file predicts better than one network.
fn helps(results: &Results) -> Option<Verdict> {
    let (ours, one) = (row(results, "nll", FILE)?, classify(results, "nll", "sgd")?);
    // One draw has no error, and says nothing.
    let error = ours.sd? / (ours.n? as f64).sqrt();
    let mut found = format!("its NLL is {:.3} nats, that of one network {one:.3} (limit)", ours.value);
    let others = [
        ("accuracy", classify(results, "accuracy", FILE).zip(classify(results, "accuracy", "sgd"))),
        ("AUROC of strange images", detection(results, FILE).zip(detection(results, "sgd"))),
    ];
    for (what, pair) in others {
        if let Some((ours, one)) = pair {
            found.push_str(&format!("; {what} {:.1} % and {:.1} %", 100.0 * ours, 100.0 * one));
        }
    }
    Some(Verdict::new("Does it help?", ours.value + 2.0 * error < one, &(found + ".")))
}

/// What distilling cost.
fn loses(results: &Results) -> Option<Verdict> {
    let lost = |metric: &str| Some(classify(results, metric, FILE)? - classify(results, metric, "sgld")?);
    let (accuracy, nll, most) = (-lost("accuracy")?, lost("nll")?, NLL * classify(results, "nll", "sgld")?);
    let mut found = format!(
        "beside the bank {:.2} points of accuracy (limit {:.0}) and {nll:.4} nats of NLL (limit {most:.4})",
        100.0 * accuracy,
        100.0 * ACCURACY
    );
    if let (Some(ours), Some(bank)) = (detection(results, FILE), detection(results, "sgld")) {
        found.push_str(&format!(" and {:.1} points of AUROC", 100.0 * (bank - ours)));
    }
    let found = found.replace('-', "−") + "; a loss below zero is a gain.";
    Some(Verdict::new("What does the file lose?", accuracy <= ACCURACY && nll <= most, &found))
}

/// What the file takes beside the bank.
fn costs(file: Option<f64>, bank: Option<f64>) -> Option<Verdict> {
    let (file, bank) = (file?, bank?);
    let found = format!(
        "{} in place of {}: {:.1} % of the bank (limit {:.0} %).",
        Format::Bytes.number(file),
        Format::Bytes.number(bank),
        100.0 * file / bank,
        100.0 * SHARE
    );
    Some(Verdict::new("What does it cost?", file <= SHARE * bank, &found))
}

/// Quality against bytes, a dot for each method.
fn picture(results: &Results, posteriors: &[NamedPosterior<'_>]) -> Figure {
    let panel = |title: &str, y: Axis, value: &dyn Fn(&str) -> Option<f64>| {
        let dot = |p: &NamedPosterior<'_>| {
            Series::new(
                p.name,
                value(p.name).map(|value| (p.posterior.bytes() as f64 / 1e6, value)).into_iter().collect(),
            )
        };
        CurvePanel::new(title, Axis::new("MB kept").log(), y, posteriors.iter().map(dot).collect())
    };
    let panels = vec![
        panel("Loss on the test images: lower is better", Axis::new("NLL (nats)"), &|name| {
            classify(results, "nll", name)
        }),
        panel("Detection of strange images: higher is better", Axis::new("AUROC %, by entropy").percent(), &|name| {
            detection(results, name)
        }),
    ];
    Figure::new(
        "answers",
        "A distilled posterior is worth having if its dot lies level with sgld's, far to the left of it, and is better than sgd's.",
        Curves { columns: 2, panels },
    )
}
