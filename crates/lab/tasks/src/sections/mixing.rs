//! Whether the chains have mixed: diagnostics, traces and rank plots.

use apd_diagnostics::{Diagnosis, rank_histogram};
use apd_report::{
    Axis, BarMark, BarSeries, Bars, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Series, Table,
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
    let mut text = String::from(
        "Expected: R̂ near 1 (below 1.01 if the bank stood for the whole posterior) and hundreds of effective samples, for \
         functions more than for weights, which need not mix where hidden units can be permuted. ",
    );
    text.push_str(&match (value("functions", "rhat_median"), value("functions", "ess_bulk_median")) {
        (Some(rhat), Some(ess)) => format!(
            "Found, for functions: R̂ {rhat:.3} and {ess:.0} effective samples in the median. {}",
            judgment(rhat, ess, config.sgld.chains)
        ),
        _ => "Found: too few samples to say.".into(),
    });
    if !found.left_out.is_empty() {
        let chains: Vec<String> = found.left_out.iter().map(u32::to_string).collect();
        text.push_str(&format!(
            " Left out, for they have fewer than half of the longest's samples: chain {}.",
            chains.join(", ")
        ));
    }
    if let Some(spread) = &found.spread {
        text.push_str(&format!(" Spread of the first chain: {spread}"));
    }
    let mut section = Section::new("Have the chains mixed?")
        .setting("All chains of the bank; each is split into halves, so that a drift shows even in a single chain.")
        .text(&text)
        .table(table);
    let worst: Vec<(&Group, &Draws, &Diagnosis)> =
        found.groups.iter().filter_map(|group| group.worst().map(|(draws, d)| (group, draws, d))).collect();
    if worst.is_empty() {
        return section;
    }
    let traces = worst.iter().map(|(group, draws, diagnosis)| {
        let title = format!("{}, R̂ {:.3}", label(group.name), diagnosis.rhat);
        CurvePanel::new(&title, Axis::new("sample"), Axis::new(unit(group.name)), lines(draws))
    });
    section = section.figure(Figure::new(
        "traces",
        "Traces of U(θ) and of the function and the weight that mix worst. A chain that has mixed looks like a hairy caterpillar.",
        Curves { columns: worst.len(), panels: traces.collect() },
    ));
    if let Some((_, draws, _)) = worst.iter().find(|(group, ..)| group.name == "functions")
        && let Some(ranks) = rank_plot(draws)
    {
        section = section.figure(Figure::new(
            "ranks",
            "Ranks of the worst function's draws among all draws, for each half of each chain. Halves that sample one law are flat.",
            ranks,
        ));
    }
    section
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
fn judgment(rhat: f64, ess: f64, chains: usize) -> String {
    let alone =
        if chains == 1 { " One chain also cannot tell how many other modes there are ([sgld] chains)." } else { "" };
    let verdict = if rhat < 1.01 && ess >= 400.0 {
        "The chains agree, and the bank holds enough effective samples for its averages."
    } else if rhat < 1.05 && ess >= 100.0 {
        "Nearly mixed: averages are usable, but the bank is worth far fewer samples than it has rows."
    } else {
        "The chains have NOT mixed: the bank describes where they went in this time, not the whole posterior. Run longer, or \
         more chains, before believing small differences."
    };
    format!("{verdict}{alone}")
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
