//! Every sampler beside NUTS.

use apd_report::{Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Section, Series, Table, Verdict};

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
    let (verdicts, text) = verdicts(&best, floor, &found.diverged);
    let mut section = Section::new("Which sampler?")
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
        .text(&text)
        .details(Section::new("Each sampler in numbers and by its step size").table(table).figure(Figure::new(
            "samplers",
            "The lower, the nearer to NUTS at equally many gradients: too small a step has not yet seen the posterior, too large a one is biased.",
            Curves { columns: 1, panels: vec![panel] },
        )));
    section.verdicts = verdicts;
    section
}

/// Whether SGLD, by which everything else is sampled, keeps up with the best; and what to take, from what came out.
fn verdicts(best: &[&Compared], floor: Option<f64>, diverged: &[(String, f64)]) -> (Vec<Verdict>, String) {
    let (mut verdicts, mut text) = (Vec::new(), String::new());
    let mut ranked: Vec<&&Compared> = best.iter().filter(|entry| entry.step_size.is_some()).collect();
    ranked.sort_by(|a, b| a.tv.total_cmp(&b.tv));
    let sgld = ranked.iter().find(|entry| entry.name.eq_ignore_ascii_case("sgld"));
    if let (Some(first), Some(sgld)) = (ranked.first(), sgld) {
        let limit = 1.25 * first.tv;
        let floor = floor.map_or(String::new(), |floor| format!(", another run of NUTS {floor:.4}"));
        let found = format!(
            "its predictions are {:.4} in total variation from those of NUTS (limit {limit:.4}); {} is nearest with {:.4}{floor}.",
            sgld.tv, first.name, first.tv
        );
        verdicts.push(Verdict::new("Is SGLD within a quarter of the best sampler?", sgld.tv <= limit, &found));
        // By gradients, not seconds: the same on every machine.
        let per_gradient = |entry: &Compared| entry.ess.unwrap_or(0.0) / entry.gradients as f64;
        let good = ranked.iter().filter(|entry| entry.tv < limit && entry.rhat.is_some_and(|rhat| rhat < 1.05));
        if let Some(choice) = good.max_by(|a, b| per_gradient(a).total_cmp(&per_gradient(b))) {
            text.push_str(&format!(
                "For a posterior like this one take {} at ε = {:e}: of those within a quarter of the best whose chains agree, it has the most \
                 effective samples per gradient.",
                choice.name,
                choice.step_size.unwrap_or(f64::NAN)
            ));
        }
    }
    if !diverged.is_empty() {
        let list: Vec<String> = diverged.iter().map(|(name, epsilon)| format!("{name} at {epsilon:e}")).collect();
        let found = format!("{} diverged, and are left out.", list.join(", "));
        verdicts.push(Verdict::new("Did every sampler stay finite?", false, &found));
    }
    (verdicts, text)
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
