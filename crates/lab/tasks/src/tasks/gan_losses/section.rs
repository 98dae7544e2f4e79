//! The distiller's losses beside each other.

use apd_diagnostics::mean_sd;
use apd_distill::Loss;
use apd_report::{Axis, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Series, Table};

use crate::config::Config;
use crate::metrics;
use crate::tasks::gan_losses::compute::{Evaluation, Run, Stability};
use crate::tasks::gan_losses::settings::GanLossesConfig;

/// The stability of every loss, with its curve.
pub(crate) fn gan_losses(config: &Config, results: &Results, found: &Stability) -> Section {
    let settings = config.settings::<GanLossesConfig>();
    let select = results.select().task("gan-losses");
    let metrics = ["accuracy", "nll", "tv", "variance_ratio"];
    let mut columns = vec![Column::text("loss")];
    columns.extend(metrics.map(metrics::column));
    columns.push(Column::number("diverged %", Format::Percent(0)));
    let mut table =
        Table::new(&format!("Every loss after {} iterations, mean ± sd over seeds.", settings.iterations), columns);
    let cells = |method: &str| metrics.map(|metric| Cell::from(select.clone().method(method).metric(metric).row()));
    for loss in Loss::ALL {
        let mut row = vec![Cell::text(loss.name())];
        row.extend(cells(loss.name()));
        let diverged = select.clone().method(loss.name()).metric("diverged").value();
        row.push(diverged.map_or(Cell::Missing, Cell::number));
        table.push(row);
    }
    let mut bank = vec![Cell::text("sgld")];
    bank.extend(cells("sgld"));
    bank.push(Cell::Missing);
    table.push(bank);
    let table = table.note(
        "TV is the total variation between averaged predictions of generated networks and of held-out rows of the bank; the sgld row has \
         training rows in place of generated networks. A run diverged if anything in it was not finite, or its prediction ended \
         worse than the uniform one (NLL above ln K).",
    );
    let series = Loss::ALL
        .iter()
        .map(|&loss| {
            let runs: Vec<&Run> = found.runs.iter().filter(|run| run.loss == loss).collect();
            curve(loss, &runs)
        })
        .collect();
    let panel = CurvePanel::new(
        "",
        Axis::new("generator iteration"),
        Axis::new("total variation to held-out rows").log(),
        series,
    )
    .reference("sgld", found.bank.tv);
    Section::new("Which loss?")
        .setting(&format!(
            "Each loss with its published optimizer and critic updates, {} seeds, {} generator iterations, {} hidden units, batch {}, on four of \
             five rows of the bank; standardized rows and a last layer that starts at the bank's mean with a tenth of its deviation, as in the \
             other tasks. {} networks drawn for each evaluation. Iterations are equal, not work: WGAN-GP and WGAN take five critic updates in each, \
             DCGAN and LSGAN one.",
            settings.seeds, settings.iterations, settings.hidden, settings.batch, settings.networks
        ))
        .text(&verdict(found))
        .table(table)
        .figure(Figure::new(
            "gan-losses",
            "Total variation between averaged predictions of generated networks and of held-out rows while each loss learns; lines are means \
             over seeds, bands the lowest and the highest.",
            Curves { columns: 1, panels: vec![panel] },
        ))
}

/// The mean over seeds at each evaluation that all of them reached, with the lowest and the highest.
fn curve(loss: Loss, runs: &[&Run]) -> Series {
    let length = runs.iter().map(|run| run.evaluations.len()).min().unwrap_or(0);
    let mut series = Series::new(loss.name(), Vec::new());
    for i in 0..length {
        let evaluations: Vec<&Evaluation> = runs.iter().map(|run| &run.evaluations[i]).collect();
        let values: Vec<f64> = evaluations.iter().map(|evaluation| evaluation.tv).collect();
        series.points.push((evaluations[0].iteration as f64, mean_sd(&values).0));
        let (low, high) = values.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &tv| (low.min(tv), high.max(tv)));
        series.band.push((low, high));
    }
    series
}

fn verdict(found: &Stability) -> String {
    let mut text = String::from(
        "Expected: WGAN-GP learns steadily; clipping (WGAN) bounds the critic so tightly that little is learned in so many steps; the \
         losses that classify (DCGAN, LSGAN) take fewer critic updates, and saturate where critic and generator are out of balance. ",
    );
    let ends = |loss: Loss| -> Vec<Evaluation> {
        let runs = found.runs.iter().filter(move |run| run.loss == loss && !run.diverged);
        runs.filter_map(|run| run.evaluations.last().copied()).collect()
    };
    let mean = |evaluations: &[Evaluation], of: fn(&Evaluation) -> f64| {
        mean_sd(&evaluations.iter().map(of).collect::<Vec<_>>()).0
    };
    let mut ranked: Vec<(Loss, f64, f64)> = Loss::ALL
        .into_iter()
        .map(|loss| (loss, ends(loss)))
        .filter(|(_, ends)| !ends.is_empty())
        .map(|(loss, ends)| {
            (loss, mean(&ends, |evaluation| evaluation.tv), mean(&ends, |evaluation| evaluation.variance_ratio))
        })
        .collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    if let [(best, tv, ratio), rest @ ..] = &ranked[..] {
        text.push_str(&format!(
            "Found: {best} ends closest to the held-out rows (TV {tv:.4}, total variance {ratio:.2} of the bank's"
        ));
        for (loss, tv, ratio) in rest {
            text.push_str(&format!("; {loss}: {tv:.4}, {ratio:.2}"));
        }
        text.push_str(&format!("); rows of the bank itself have TV {:.4}. ", found.bank.tv));
    }
    let diverged = found.runs.iter().filter(|run| run.diverged).count();
    match diverged {
        0 => text.push_str("No run diverged."),
        _ => text.push_str(&format!("{diverged} of {} runs diverged.", found.runs.len())),
    }
    text
}
