//! Every sampler beside NUTS.

use apd_report::{Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Section, Series, Table};

use crate::config::Config;
use crate::metrics;
use crate::tasks::samplers::compute::{Compared, Comparison};
use crate::tasks::samplers::settings::SamplersConfig;

/// The comparison of the samplers, with a recommendation that follows from it.
pub(crate) fn samplers(config: &Config, found: &Comparison) -> Section {
    let settings = config.settings::<SamplersConfig>();
    let mut table = Table::new(
        "Averaged predictions of every sampler beside a long run of NUTS; of each sampler, its best step size.",
        vec![
            Column::text("sampler"),
            Column::number("ε", Format::Significant(2)),
            Column::number("TV to NUTS", Format::Decimal(4)).best(Best::Lowest),
            metrics::column("agreement"),
            metrics::column("accuracy"),
            metrics::column("nll"),
            Column::number("R̂, median", Format::Decimal(3)),
            Column::number("bulk ESS, median", Format::Integer),
            Column::number("ESS per second", Format::Significant(3)).best(Best::Highest),
            Column::number("gradients", Format::Integer),
        ],
    );
    let optional = |value: Option<f64>| value.map_or(Cell::Missing, Cell::number);
    let names = unique(&found.compared);
    let best: Vec<&Compared> = names.iter().filter_map(|name| best_of(&found.compared, name)).collect();
    for entry in &best {
        table.push(vec![
            Cell::text(if entry.name == "NUTS" { "NUTS, once more" } else { &entry.name }),
            optional(entry.step_size),
            Cell::number(entry.tv),
            Cell::number(entry.agreement),
            Cell::number(entry.accuracy),
            Cell::number(entry.nll),
            optional(entry.rhat),
            optional(entry.ess),
            optional(entry.ess_per_second()),
            Cell::number(entry.gradients as f64),
        ]);
    }
    let table = table.note(
        "ε is that of the SGLD which moves as far per step: samplers with friction α take α·ε. Gradients are those of one \
         minibatch, a full-data gradient counts as N/B of them. Effective samples are those of the probability of the true class \
         of held-out images, per second of one thread on the machine that wrote this report. SWAG's draws are independent, of a \
         Gaussian fitted to each chain.",
    );
    let floor = found.compared.iter().find(|entry| entry.name == "NUTS").map(|entry| entry.tv);
    let series = names
        .iter()
        .filter_map(|name| {
            let of_name = found.compared.iter().filter(|entry| entry.name == *name);
            let mut points: Vec<(f64, f64)> = of_name.filter_map(|entry| Some((entry.step_size?, entry.tv))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            (!points.is_empty()).then(|| Series::new(name, points))
        })
        .collect();
    let panel = CurvePanel::new("", Axis::new("step size ε").log(), Axis::new("total variation to NUTS").log(), series);
    let panel = match floor {
        Some(tv) => panel.reference("NUTS, once more", tv),
        None => panel,
    };
    let (divergences, e_bfmi) = found.reference_health;
    Section::new("Which sampler?")
        .setting(&format!(
            "A {} network (d = {}) on {} of the embedded digits, prior N(0, 1/{}), {} chains each. Stochastic-gradient samplers: \
             {} gradients of minibatches of {} per chain, the first {} burn-in. NUTS and HMC: {} draws per chain after {} of \
             warm-up; the reference had {divergences} divergent draws and an E-BFMI of at least {e_bfmi:.2}.",
            found.net,
            found.dim,
            found.terms,
            settings.prior_precision,
            settings.chains,
            settings.steps,
            settings.batch,
            settings.burn_in,
            settings.reference_draws,
            settings.reference_warmup
        ))
        .text(&verdict(&best, floor, &found.diverged))
        .table(table)
        .figure(Figure::new(
            "samplers",
            "Total variation between the averaged predictions and those of NUTS against the step size, at equally many gradients. \
             Too small a step has not yet seen the posterior, too large a one is biased.",
            Curves { columns: 1, panels: vec![panel] },
        ))
}

/// What to take, from what came out.
fn verdict(best: &[&Compared], floor: Option<f64>, diverged: &[(String, f64)]) -> String {
    let mut text = String::from(
        "Expected: every sampler approaches NUTS as the step falls and the chain grows; at equal work the samplers with momentum \
         and the splitting of BAOAB bear larger steps than SGLD. ",
    );
    let stochastic = best.iter().filter(|entry| entry.step_size.is_some());
    let mut ranked: Vec<&&Compared> = stochastic.collect();
    ranked.sort_by(|a, b| a.tv.total_cmp(&b.tv));
    if let (Some(first), Some(floor)) = (ranked.first(), floor) {
        let close: Vec<&str> =
            ranked.iter().skip(1).filter(|entry| entry.tv < 1.25 * first.tv).map(|entry| entry.name.as_str()).collect();
        text.push_str(&format!(
            "Found: {} comes closest (TV {:.4}; another run of NUTS: {floor:.4})",
            first.name, first.tv
        ));
        if !close.is_empty() {
            text.push_str(&format!(", with {} within a quarter of it", close.join(", ")));
        }
        text.push_str(". ");
        // By gradients, not seconds: the same on every machine.
        let per_gradient = |entry: &Compared| entry.ess.unwrap_or(0.0) / entry.gradients as f64;
        let good =
            ranked.iter().filter(|entry| entry.tv < 1.25 * first.tv && entry.rhat.is_some_and(|rhat| rhat < 1.05));
        if let Some(choice) = good.max_by(|a, b| per_gradient(a).total_cmp(&per_gradient(b))) {
            text.push_str(&format!(
                "Recommended for a posterior like this one: {} at ε = {:e}: its chains agree (R̂ {:.3}), it is within a quarter of \
                 the best, and of those it has the most effective samples per gradient. The other tasks of this report sample by \
                 SGLD, as the paper does. ",
                choice.name,
                choice.step_size.unwrap_or(f64::NAN),
                choice.rhat.unwrap_or(f64::NAN)
            ));
        }
    }
    if !diverged.is_empty() {
        let list: Vec<String> = diverged.iter().map(|(name, epsilon)| format!("{name} at {epsilon:e}")).collect();
        text.push_str(&format!("Diverged, and left out: {}.", list.join(", ")));
    }
    text
}

fn unique(compared: &[Compared]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for entry in compared {
        if !names.contains(&entry.name.as_str()) {
            names.push(&entry.name);
        }
    }
    names
}

/// The step size of a sampler that comes closest to NUTS.
fn best_of<'a>(compared: &'a [Compared], name: &str) -> Option<&'a Compared> {
    compared.iter().filter(|entry| entry.name == name).min_by(|a, b| a.tv.total_cmp(&b.tv))
}
