//! What the rows come to, as a page.

use std::fmt::Write as _;

use apd::Effort;
use apd::diagnostics::mean_sd;
use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::scores::Scores;
use crate::set::{Kind, SETS, Set};

/// What one method reached on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) set: String,
    pub(crate) split: usize,
    pub(crate) method: String,
    pub(crate) effort: Effort,
    pub(crate) scores: Scores,
}

/// Mean and standard error.
fn summary(values: &[f64]) -> (f64, f64) {
    let (mean, sd) = mean_sd(values);
    (mean, sd.map_or(f64::NAN, |sd| sd / (values.len() as f64).sqrt()))
}

fn written((mean, error): (f64, f64)) -> String {
    let digits = if mean.abs() >= 10.0 { 2 } else { 3 };
    match error.is_finite() {
        true => format!("{mean:.digits$} ± {error:.digits$}"),
        false => format!("{mean:.digits$}"),
    }
}

/// The page: a table for each kind of set, and what is better than what, paired over splits.
pub(crate) fn page(rows: &[Row], command: &str) -> String {
    let mut page = format!(
        "# Tables\n\nWhat the defaults reach beside baselines that are fitted to the same rows, as mean ± standard error over splits. `apd` is \
         what the distilled file predicts; `linear`, `point` and `ensemble` (five members) are trained by Adam and stopped by held-out rows.\n\n\
         By `{command}`.\n\n## Verdicts\n\n| set | asked | found | |\n|---|---|---|---|\n"
    );
    let mut verdicts = SETS.iter().flat_map(|set| verdicts(rows, set).into_iter().map(|verdict| (set.name, verdict)));
    let _ = verdicts.try_for_each(|(set, Verdict { asked, found, is_met })| {
        writeln!(page, "| {set} | {asked} | {found} | {} |", if is_met { "met" } else { "NOT met" })
    });
    let regression = ["ln_p", "rmse", "crps", "coverage_90", "width_90", "nll_normal", "file_share", "distilling_lost"];
    let classification = ["nll", "ece", "accuracy", "auroc_strange", "file_share", "distilling_lost"];
    for (title, metrics, wanted) in
        [("Regression", &regression[..], false), ("Classification", &classification[..], true)]
    {
        let sets = SETS.iter().filter(|set| (set.kind == Kind::Classes) == wanted);
        let sets: Vec<&Set> = sets.filter(|set| rows.iter().any(|row| row.set == set.name)).collect();
        if sets.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| set | splits | method |");
        metrics.iter().for_each(|metric| page.push_str(&format!(" {} |", metric.replace('_', " "))));
        let _ = writeln!(page, "\n|---|---|---|{}", "---|".repeat(metrics.len()));
        for set in sets {
            for method in Method::ALL {
                let of = of(rows, set.name, method);
                if of.is_empty() {
                    continue;
                }
                let _ = write!(page, "| {} | {} | {} |", set.name, of.len(), method.name());
                for metric in metrics {
                    let values: Vec<f64> = of.iter().filter_map(|row| row.scores.get(*metric).copied()).collect();
                    let cell = if values.is_empty() { "–".to_owned() } else { written(summary(&values)) };
                    let _ = write!(page, " {cell} |");
                }
                page.push('\n');
            }
            if let Kind::Published { ln_p, rmse } = set.kind {
                let blank = " – |".repeat(metrics.len() - 2);
                let _ = writeln!(
                    page,
                    "| {} | 20 | MC-dropout (published) | {} | {} |{blank}",
                    set.name,
                    written(ln_p),
                    written(rmse)
                );
            }
        }
    }
    page.push_str(
        "\n## Paired\n\nThe mean difference of `apd` to each baseline over the splits that both have; better is ",
    );
    page.push_str("a larger ln p, a smaller NLL and ECE.\n\n| set | metric | linear | point | ensemble |\n|---|---|---|---|---|\n");
    for set in SETS.iter().filter(|set| !of(rows, set.name, Method::Apd).is_empty()) {
        let metrics = if set.kind == Kind::Classes { ["nll", "ece"] } else { ["ln_p", "crps"] };
        for metric in metrics {
            let _ = write!(page, "| {} | {} |", set.name, metric.replace('_', " "));
            for method in [Method::Linear, Method::Point, Method::Ensemble] {
                let differences = paired(rows, set.name, method, metric);
                let cell = if differences.is_empty() { "–".to_owned() } else { written(summary(&differences)) };
                let _ = write!(page, " {cell} |");
            }
            page.push('\n');
        }
    }
    page
}

/// What is asked of the defaults, and what was found.
struct Verdict {
    asked: String,
    found: String,
    is_met: bool,
}

/// The questions to a set, or none before it was fitted to.
fn verdicts(rows: &[Row], set: &Set) -> Vec<Verdict> {
    let values = |method, metric: &str| -> Vec<f64> {
        of(rows, set.name, method).iter().filter_map(|row| row.scores.get(metric).copied()).collect()
    };
    let ours = |metric| summary(&values(Method::Apd, metric));
    let mut verdicts = Vec::new();
    let mut ask = |asked: String, found: String, is_met| verdicts.push(Verdict { asked, found, is_met });
    if of(rows, set.name, Method::Apd).is_empty() {
        return verdicts;
    }
    match set.kind {
        Kind::Published { ln_p: (published, error), .. } => {
            let (ln_p, ln_p_error) = ours("ln_p");
            let gap = (ln_p - published, ln_p_error.hypot(error));
            ask("ln p above MC-dropout's".to_owned(), format!("by {}", written(gap)), gap.0 > 0.0);
            let coverage = ours("coverage_90");
            let within = (0.88..=0.92).contains(&coverage.0);
            ask("90 % intervals hold 88–92 %".to_owned(), written(coverage), within);
        }
        Kind::OneSplit => {
            for (metric, most) in [
                ("rmse", 0.122),
                ("nll_normal", -0.91),
                ("seconds", 240.0),
                ("file_share", 0.02),
                ("distilling_lost", 0.01),
            ] {
                let found = ours(metric);
                ask(format!("{} ≤ {most}", metric.replace('_', " ")), written(found), found.0 <= most);
            }
        }
        Kind::Classes => {
            for metric in ["nll", "ece"] {
                let mean = |method| summary(&values(method, metric)).0;
                let better =
                    if mean(Method::Linear) < mean(Method::Ensemble) { Method::Linear } else { Method::Ensemble };
                let gap = summary(&paired(rows, set.name, better, metric));
                let asked = format!("{} no worse than that of `{}`, beyond the error", metric, better.name());
                ask(asked, format!("by {}", written(gap)), gap.0 <= gap.1);
            }
            let gap = summary(&paired(rows, set.name, Method::Ensemble, "auroc_strange"));
            ask("AUROC of strange rows ≥ the ensemble's".to_owned(), format!("by {}", written(gap)), gap.0 >= 0.0);
        }
    }
    verdicts
}

fn of<'a>(rows: &'a [Row], set: &str, method: Method) -> Vec<&'a Row> {
    rows.iter().filter(|row| row.set == set && row.method == method.name()).collect()
}

/// apd − method, split by split.
fn paired(rows: &[Row], set: &str, method: Method, metric: &str) -> Vec<f64> {
    let theirs = of(rows, set, method);
    let difference = |ours: &&Row| {
        let theirs = theirs.iter().find(|theirs| theirs.split == ours.split)?;
        Some(ours.scores.get(metric)? - theirs.scores.get(metric)?)
    };
    of(rows, set, Method::Apd).iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_pairs_splits_and_shows_what_was_published() {
        let row = |split, method: Method, ln_p| Row {
            set: "yacht".into(),
            split,
            method: method.name().into(),
            effort: Effort::Quick,
            scores: [("ln_p".to_owned(), ln_p)].into(),
        };
        let rows = [
            row(0, Method::Apd, -1.0),
            row(1, Method::Apd, -2.0),
            row(2, Method::Apd, 9.0),
            row(0, Method::Linear, -3.0),
            row(1, Method::Linear, -5.0),
        ];
        assert_eq!(paired(&rows, "yacht", Method::Linear, "ln_p"), [2.0, 3.0]);
        assert_eq!(summary(&[2.0, 3.0]), (2.5, 0.5));
        let page = page(&rows, "x");
        assert!(page.contains("| yacht | ln p | 2.500 ± 0.500 | – | – |"), "{page}");
        assert!(page.contains("| yacht | ln p above MC-dropout's | by 3.250 ±"), "{page}");
        assert!(page.contains("| yacht | 20 | MC-dropout (published) | -1.250 ± 0.016 | 0.666 ± 0.050 |"), "{page}");
    }
}
