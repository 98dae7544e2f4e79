//! The page, and the rows that it is made of.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::method::{Method, Run};
use crate::problem::{Judged, NAMES};

/// The error that counts as right: nats of a held-out row, or relative error of a variance.
const RIGHT: f64 = 0.01;

/// R̂ of chains that agree.
const AGREED: f64 = 1.1;

/// What stands above the tables.
const HEAD: &str = "# Samplers compared

```sh
cargo xtask compare-samplers --tables DIR --data-dir DIR --out docs/samplers
```

Each sampler has its own automatic tuning, and nothing by hand; each row is a run of its own, a quarter of it a warm-up, on all cores. A gradient is one over all data;
minibatches count as their share. In bold: errors below 0.01 of chains that agree (a median R̂ below 1.1). The reference is the longest run of NUTS where there is one, or else that whose chains agree best. “Bias” is by how much variances are expected to be too large, before the run and by what is measured where a
chain ended. *nuts* and *microcanonical* (Langevin, what `apd fit` takes) go over all data in each step; the others are samplers for minibatches, which here go over all
data, too, except where a batch is named.
";

/// A run of a sampler.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) problem: String,
    pub(crate) what: String,
    pub(crate) sampler: String,
    pub(crate) seed: u64,
    /// Of the longest run.
    pub(crate) share: f64,
    /// `None`: a chain diverged.
    pub(crate) found: Option<Found>,
}

/// What it gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    /// Gradients over all data, of each chain.
    passes: f64,
    seconds: f64,
    loss: f64,
    rhat_median: Option<f64>,
    rhat_worst: Option<f64>,
    ess_median: Option<f64>,
    /// Expected before, measured after: by the step, by minibatches.
    bias: Option<[[f64; 2]; 2]>,
}

impl Found {
    pub(crate) fn new(run: &Run, Judged { loss, mixing }: Judged) -> Self {
        Self {
            passes: run.passes,
            seconds: run.seconds,
            loss,
            rhat_median: mixing.map(|it| it.rhat_median),
            rhat_worst: mixing.map(|it| it.rhat_worst),
            ess_median: mixing.map(|it| it.ess_median),
            bias: run.bias.map(|both| both.map(|it| [it.discretization, it.minibatches])),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {:<14} {:.3}  ", self.problem, self.sampler, self.share)?;
        let Some(found) = &self.found else { return write!(f, "a chain diverged") };
        write!(f, "{:>7.0} passes {:>6.1} s  loss {:.4}", found.passes, found.seconds, found.loss)?;
        match (found.rhat_median, found.rhat_worst, found.ess_median) {
            (Some(median), Some(worst), Some(ess)) => write!(f, "  R-hat {median:.3}, {worst:.3}  ess {ess:.0}"),
            _ => Ok(()),
        }
    }
}

/// Runs of one sampler on one problem with one share, by seed.
struct Runs<'a>(Vec<&'a Row>);

impl Runs<'_> {
    fn found(&self) -> impl Iterator<Item = &Found> {
        self.0.iter().filter_map(|row| row.found.as_ref())
    }

    fn mean(&self, of: impl Fn(&Found) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.found().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    fn diverged(&self) -> usize {
        self.0.len() - self.found().count()
    }
}

/// What the losses of a problem are compared with: the longest run of NUTS if there is one, or else that whose chains agree best; 0 for the
/// normal law.
fn reference(rows: &[&Row]) -> Option<f64> {
    if rows.iter().any(|row| row.problem == "normal") {
        return Some(0.0);
    }
    let longest = |method: Method| {
        let of = |row: &&&Row| row.share == 1.0 && row.sampler == method.name();
        Runs(rows.iter().filter(of).copied().collect())
    };
    let loss = |runs: &Runs<'_>| runs.mean(|found| Some(found.loss));
    let rhat = |method: &Method| longest(*method).mean(|found| found.rhat_median);
    let agrees_best = || {
        let known = Method::ALL.into_iter().filter_map(|method| Some((method, rhat(&method)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(method, _)| method)
    };
    loss(&longest(Method::Nuts)).or_else(|| loss(&longest(agrees_best()?)))
}

/// All of it, in Markdown.
pub(crate) fn page(rows: &[Row]) -> String {
    let mut shares: Vec<f64> = rows.iter().map(|row| row.share).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let mut page = HEAD.to_owned();
    for name in NAMES {
        let of_problem: Vec<&Row> = rows.iter().filter(|row| row.problem == name).collect();
        let Some(first) = of_problem.first() else { continue };
        let reference = reference(&of_problem);
        let seeds = of_problem.iter().map(|row| row.seed + 1).max().unwrap_or(1);
        let _ = write!(page, "\n## {name}\n\n{}; {}.", first.what, counted(seeds));
        let _ = match (name, reference) {
            ("normal", _) => writeln!(page, " Error: the largest of a variance, relative to it."),
            (_, Some(nats)) => writeln!(page, " Error: nats of a held-out row above the reference's {nats:.4}."),
            (_, None) => writeln!(page, " There is no reference: errors are nats of a held-out row."),
        };
        page.push_str("\n| sampler | gradients of a chain | seconds | error | R̂, median | worst | effective samples | bias by steps, before | after | by minibatches, before | after | diverged |\n");
        page.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for method in Method::ALL {
            for &share in &shares {
                let is_here = |row: &&&Row| row.sampler == method.name() && row.share == share;
                let runs = Runs(of_problem.iter().filter(is_here).copied().collect());
                if runs.0.is_empty() {
                    continue;
                }
                let agree = runs.mean(|found| found.rhat_median).is_none_or(|rhat| rhat < AGREED);
                let error = runs.mean(|found| Some(found.loss)).map(|loss| loss - reference.unwrap_or(0.0));
                let number = |of: Option<f64>, digits: usize| of.map_or("–".to_owned(), |x| format!("{x:.digits$}"));
                let percent = |when: usize, which: usize| {
                    let bias = runs.mean(|found| found.bias.map(|bias| bias[when][which]));
                    bias.map_or("–".to_owned(), |bias| format!("{:.2} %", 100.0 * bias))
                };
                let cells = [
                    method.name().to_owned(),
                    number(runs.mean(|found| Some(found.passes)), 0),
                    number(runs.mean(|found| Some(found.seconds)), 1),
                    match error {
                        Some(error) if error < RIGHT && agree => format!("**{error:.4}**"),
                        error => number(error, 4),
                    },
                    number(runs.mean(|found| found.rhat_median), 3),
                    number(runs.mean(|found| found.rhat_worst), 3),
                    number(runs.mean(|found| found.ess_median), 0),
                    percent(0, 0),
                    percent(1, 0),
                    percent(0, 1),
                    percent(1, 1),
                    format!("{} of {}", runs.diverged(), runs.0.len()),
                ];
                let _ = writeln!(page, "| {} |", cells.join(" | "));
            }
        }
    }
    page
}

fn counted(seeds: u64) -> String {
    if seeds == 1 { "one seed".to_owned() } else { format!("means of {seeds} seeds") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(problem: &str, sampler: &str, loss: f64, rhat: f64) -> Row {
        let found = Found {
            passes: 100.0,
            seconds: 1.0,
            loss,
            rhat_median: Some(rhat),
            rhat_worst: Some(rhat),
            ess_median: Some(50.0),
            bias: None,
        };
        let (problem, sampler) = (problem.to_owned(), sampler.to_owned());
        Row { problem, what: "a network".to_owned(), sampler, seed: 0, share: 1.0, found: Some(found) }
    }

    /// Beside NUTS where it was run, or else beside the chains that agree best; a small error is bold only where chains agree.
    #[test]
    fn errors_are_beside_the_reference_and_bold_where_chains_agree() {
        let page = page(&[
            row("yacht", "nuts", 0.5, 1.5),
            row("yacht", "baoab", 0.505, 1.05),
            row("yacht", "sgld", 0.505, 1.2),
            row("digits", "baoab", 0.2, 1.01),
            row("digits", "sgld", 0.1, 1.3),
        ]);
        for line in [
            "| baoab | 100 | 1.0 | **0.0050** | 1.050",
            "| sgld | 100 | 1.0 | 0.0050 | 1.200",
            "| baoab | 100 | 1.0 | **0.0000** | 1.010",
            "| sgld | 100 | 1.0 | -0.1000 | 1.300",
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
    }

    #[test]
    fn a_chain_that_diverged_is_counted() {
        let diverged = Row { found: None, ..row("digits", "sgld", 0.0, 1.0) };
        let page = page(&[row("digits", "sgld", 0.1, 1.0), Row { seed: 1, ..diverged }]);
        assert!(page.contains("| 1 of 2 |"), "{page}");
    }
}
