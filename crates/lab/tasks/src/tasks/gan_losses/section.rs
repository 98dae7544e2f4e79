//! The distiller's losses beside each other.

use apd_diagnostics::mean_sd;
use apd_distill::Loss;
use apd_report::{Axis, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Series, Table, Verdict};

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
    let (verdicts, text) = verdicts(found);
    let mut section = Section::new("Which GAN loss?")
        .setting(&format!(
            "Each loss with its published optimizer and critic updates, {} seeds, {} generator iterations, {} hidden units, batch {}, on four of \
             five rows of the bank; standardized rows and a last layer that starts at the bank's mean with a tenth of its deviation, as in the \
             other tasks. {} networks drawn for each evaluation. Iterations are equal, not work: WGAN-GP and WGAN take five critic updates in each, \
             DCGAN and LSGAN one.",
            settings.seeds, settings.iterations, settings.hidden, settings.batch, settings.networks
        ))
        .details(Section::new("Each loss in numbers and as it learns").text(&text).table(table).figure(Figure::new(
            "gan-losses",
            "The lower a line, the nearer the predictions of generated networks are to those of held-out rows; lines are means over seeds, bands \
             the lowest and the highest.",
            Curves { columns: 1, panels: vec![panel] },
        )));
    section.verdicts = verdicts;
    section
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

/// Whether the paper's loss is the best, and none diverged; and why that might be.
fn verdicts(found: &Stability) -> (Vec<Verdict>, String) {
    let text = "Clipping (WGAN) bounds the critic so tightly that little is learned in so many steps; the losses that classify (DCGAN, LSGAN) take \
                fewer critic updates, and saturate where critic and generator are out of balance.";
    let mut verdicts = Vec::new();
    let ends = |loss: Loss| -> Vec<f64> {
        let runs = found.runs.iter().filter(move |run| run.loss == loss && !run.diverged);
        runs.filter_map(|run| run.evaluations.last()).map(|evaluation| evaluation.tv).collect()
    };
    let mut ranked: Vec<(Loss, f64)> = Loss::ALL
        .into_iter()
        .map(|loss| (loss, ends(loss)))
        .filter(|(_, ends)| !ends.is_empty())
        .map(|(loss, ends)| (loss, mean_sd(&ends).0))
        .collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    if let Some(&(best, _)) = ranked.first() {
        let ends = ranked.iter().map(|(loss, tv)| format!("{loss} {tv:.4}")).collect::<Vec<_>>();
        let found =
            format!("total variation to held-out rows {}; rows of the bank {:.4}.", ends.join(", "), found.bank.tv);
        verdicts.push(Verdict::new(
            "Does WGAN-GP, the paper's loss, end closest to the bank?",
            best == Loss::WganGp,
            &found,
        ));
    }
    let (diverged, all) = (found.runs.iter().filter(|run| run.diverged).count(), found.runs.len());
    verdicts.push(Verdict::new("Did every run stay finite?", diverged == 0, &format!("{diverged} of {all} diverged.")));
    (verdicts, text.to_owned())
}
