//! Whether the chains have mixed: diagnostics, traces and rank plots.

use apd_diagnostics::{Diagnosis, rank_histogram};
use apd_report::{
    Axis, BarMark, BarSeries, Bars, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Series, Table,
    Verdict,
};

use crate::config::Config;
use crate::diagnose::{Diagnosed, Draws, Group};

/// Points of a trace.
const SHOWN: usize = 400;
/// Bins of a rank plot.
const BINS: usize = 20;
/// Chains in a rank plot: more cannot be distinguished.
const CHAINS: usize = 4;

/// The diagnostics of the chains, in the words of somebody who has to decide whether to trust them.
pub(crate) fn mixing(config: &Config, results: &Results, found: &Diagnosed) -> Section {
    let select = results.select().task("diagnostics");
    let value = |group: &str, metric: &str| select.clone().score(group).metric(metric).value();
    let mut columns = vec![Column::text("of"), Column::number("scalars", Format::Integer)];
    for name in ["R̂", "bulk ESS", "tail ESS"] {
        let format = if name == "R̂" { Format::Decimal(3) } else { Format::Integer };
        columns.push(Column::number(&format!("{name}, median"), format));
        columns.push(Column::number(&format!("{name}, worst"), format));
    }
    let mut table = Table::new("Convergence and effective sample sizes of the bank.", columns);
    for group in &found.groups {
        let mut row = vec![Cell::text(label(group.name)), Cell::number(group.found.len() as f64)];
        row.extend(group.figures().map(|(metric, _)| value(group.name, metric).map_or(Cell::Missing, Cell::number)));
        table.push(row);
    }
    let table = table.note(
        "Rank-normalized split-R̂, bulk and tail effective sample sizes (Vehtari et al. 2021). Functions are the probabilities \
         of the true class of held-out images. Scalars that never move have no diagnosis and are left out.",
    );
    let mut text = String::new();
    if config.sgld.chains == 1 {
        text.push_str("One chain cannot tell how many other modes there are ([sgld] chains). ");
    }
    if !found.left_out.is_empty() {
        let chains: Vec<String> = found.left_out.iter().map(u32::to_string).collect();
        text.push_str(&format!(
            "Left out, for they have fewer than half of the longest's samples: chain {}. ",
            chains.join(", ")
        ));
    }
    if let Some(spread) = &found.spread {
        text.push_str(&format!("Spread of the first chain: {spread}"));
    }
    let mut section = Section::new("Is the posterior right?").text(judgment(results)).setting(
        "All chains of the bank; each is split into halves, so that a drift shows even in a single chain. Functions should mix better than \
         weights, which need not where hidden units can be permuted.",
    );
    section.verdicts.extend(mixed(results));
    let mut details = Section::new("Diagnostics of functions, weights and U(θ)").text(&text).table(table);
    details.tables.extend(unseen(results));
    let worst: Vec<(&Group, &Draws, &Diagnosis)> =
        found.groups.iter().filter_map(|group| group.worst().map(|(draws, d)| (group, draws, d))).collect();
    if worst.is_empty() {
        return section.details(details);
    }
    let traces = worst.iter().map(|(group, draws, diagnosis)| {
        let title = format!("{}, R̂ {:.3}", label(group.name), diagnosis.rhat);
        CurvePanel::new(&title, Axis::new("sample"), Axis::new(unit(group.name)), lines(draws))
    });
    section = section.figure(Figure::new(
        "traces",
        "A chain that has mixed wanders over the same band from its first sample to its last, and all chains over the same one: here are \
         U(θ) and the function and the weight that mix worst.",
        Curves { columns: worst.len(), panels: traces.collect() },
    ));
    if let Some((_, draws, _)) = worst.iter().find(|(group, ..)| group.name == "functions")
        && let Some(ranks) = rank_plot(draws)
    {
        details = details.figure(Figure::new(
            "ranks",
            "Ranks of the worst function's draws among all draws, for each half of each chain. Halves that sample one law are flat.",
            ranks,
        ));
    }
    section.details(details)
}

/// Least number of effective samples, and largest R̂, of a bank that stands for the posterior (Vehtari et al. 2021).
const ENOUGH: f64 = 400.0;
const AGREED: f64 = 1.01;

/// R̂ and effective samples of functions, in the median.
fn functions(results: &Results) -> Option<(f64, f64)> {
    let select = results.select().task("diagnostics").score("functions");
    Some((select.clone().metric("rhat_median").value()?, select.metric("ess_bulk_median").value()?))
}

/// Whether the chains have mixed.
pub(crate) fn mixed(results: &Results) -> Option<Verdict> {
    let (rhat, ess) = functions(results)?;
    let found = format!(
        "in the median over predictions R̂ is {rhat:.3} (limit {AGREED}), and {ess:.0} samples are effective (limit {ENOUGH})."
    );
    Some(Verdict::new("Is the posterior right?", rhat < AGREED && ess >= ENOUGH, &found))
}

/// What another chain still tells.
fn unseen(results: &Results) -> Option<Table> {
    let columns =
        vec![Column::number("chains", Format::Integer), Column::number("TV to the other half", Format::Decimal(4))];
    let mut table = Table::new("What some chains have not seen of the others.", columns);
    for row in results.select().task("diagnostics").metric("tv_to_other_chains").iter() {
        let tv = row.sd.map_or_else(|| Cell::number(row.value), |sd| Cell::spread(row.value, sd));
        table.push(vec![row.at.map_or(Cell::Missing, Cell::number), tv]);
    }
    (!table.rows.is_empty()).then(|| {
        table.note(
            "Total variation between the averaged predictions of so many chains and of half of all, which those are not among: the mean over \
             validation images, and over groups of so many with their deviation.",
        )
    })
}

fn label(group: &str) -> &str {
    if group == "potential" { "U(θ)" } else { group }
}

fn unit(group: &str) -> &'static str {
    match group {
        "potential" => "nats",
        "functions" => "probability of the true class",
        _ => "weight",
    }
}

/// In words, what R̂ and the effective sample size of the functions say.
fn judgment(results: &Results) -> &'static str {
    match functions(results) {
        None => "There are too few samples to say.",
        Some((rhat, ess)) if rhat < AGREED && ess >= ENOUGH => {
            "The chains agree, and the bank holds enough effective samples for its averages."
        }
        Some((rhat, ess)) if rhat < 1.05 && ess >= 100.0 => {
            "The chains have nearly mixed: averages are usable, but the bank is worth far fewer samples than it has rows."
        }
        Some(_) => {
            "The chains have NOT mixed: the bank describes where they went in this time, not the whole posterior. Run longer, or more chains, \
             before believing small differences."
        }
    }
}

fn lines(draws: &Draws) -> Vec<Series> {
    let line = |(chain, values): (usize, &Vec<f64>)| {
        let stride = values.len().div_ceil(SHOWN).max(1);
        let points = values.iter().enumerate().step_by(stride).map(|(i, &value)| ((i + 1) as f64, value)).collect();
        Series::new(&format!("chain {}", chain + 1), points)
    };
    draws.iter().enumerate().map(line).collect()
}

fn rank_plot(draws: &Draws) -> Option<Bars> {
    let halves: Vec<&[f64]> = draws
        .iter()
        .take(CHAINS)
        .flat_map(|chain| [&chain[..chain.len() / 2], &chain[chain.len().div_ceil(2)..]])
        .collect();
    let counts = rank_histogram(&halves, BINS).ok()?;
    let series = counts.iter().enumerate().map(|(i, counts)| BarSeries {
        name: format!("chain {}, half {}", i / 2 + 1, i % 2 + 1),
        values: counts.iter().map(|&count| (count as f64, f64::NAN)).collect(),
    });
    Some(Bars {
        y: Axis::new("draws"),
        mark: BarMark::Bar,
        groups: (1..=BINS).map(|bin| bin.to_string()).collect(),
        series: series.collect(),
    })
}
