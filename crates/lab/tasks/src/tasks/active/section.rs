//! Active learning: curves, labels needed, and whether asking the posterior was worth it.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Row, Section, Select, Series, Table, Verdict,
};

use crate::config::Config;
use crate::methods::DISTILLED;
use crate::tasks::active::compute::{Active, TARGETS};
use crate::tasks::active::settings::{AccuracyOn, ActiveConfig, Start};

/// The curves of accuracy against labels, and what they amount to.
pub(crate) fn active(config: &Config, results: &Results, found: &Active) -> Section {
    let settings = config.settings::<ActiveConfig>();
    let select = results.select().task("active");
    let accuracy = select.clone().metric("accuracy");
    let methods = accuracy.distinct(|row| row.method.clone());
    let acquisitions: Vec<String> = accuracy.distinct(|row| row.score.clone()).into_iter().flatten().collect();
    let series = |name: &str, method: &str, acquisition: &str| {
        let of_run = accuracy.clone().method(method).score(acquisition);
        let mut rows = of_run.iter().collect::<Vec<&Row>>();
        rows.sort_by(|a, b| a.at.unwrap_or(0.0).total_cmp(&b.at.unwrap_or(0.0)));
        let sd = |row: &&Row| row.sd.unwrap_or(0.0);
        let line = Series::new(name, rows.iter().map(|row| (row.at.unwrap_or(f64::NAN), row.value)).collect());
        Series { band: rows.iter().map(|row| (row.value - sd(row), row.value + sd(row))).collect(), ..line }
    };
    let has = |method: &str, acquisition: &str| accuracy.clone().method(method).score(acquisition).row().is_some();
    let panel = |title: &str, lines: Vec<Series>| {
        CurvePanel::new(title, Axis::new("labels"), Axis::new("accuracy %").percent(), lines)
    };
    let by_method = |method: &String| {
        let of = acquisitions.iter().filter(|acquisition| has(method, acquisition));
        panel(method, of.map(|acquisition| series(acquisition, method, acquisition)).collect())
    };
    let by_acquisition = |acquisition: &str| {
        let of = methods.iter().filter(|method| has(method, acquisition));
        panel(acquisition, of.map(|method| series(method, method, acquisition)).collect())
    };
    let last = accuracy.iter().filter_map(|row| row.at).fold(0.0, f64::max);

    let mut columns = vec![
        Column::text("method"),
        Column::text("acquisition"),
        Column::number("mean accuracy %", Format::Percent(2)).best(Best::Highest),
        Column::number("over random, points", Format::Percent(2)).best(Best::Highest),
        Column::number("over sgld, points", Format::Percent(2)),
        Column::number(&format!("accuracy % with {last:.0}"), Format::Percent(2)).best(Best::Highest),
    ];
    for (target, ..) in TARGETS {
        columns.push(Column::number(&format!("labels to {:.0} %", 100.0 * target), Format::Integer).best(Best::Lowest));
        columns.push(Column::number("seeds there %", Format::Percent(0)));
    }
    let mut table = Table::new("What each way to choose labels is worth, mean ± sd over seeds.", columns).grouped();
    for method in &methods {
        for acquisition in acquisitions.iter().filter(|acquisition| has(method, acquisition)) {
            let of = |metric: &str| select.clone().method(method).score(acquisition).metric(metric);
            let share = |metric: &str| of(metric).value().map_or(Cell::Missing, Cell::number);
            let mut cells = vec![
                Cell::text(method),
                Cell::text(acquisition),
                Cell::from(of("mean_accuracy").row()),
                Cell::from(of("gain_over_random").row()),
                Cell::from(of("gain_over_sgld").row()),
                Cell::from(of("accuracy").at(last).row()),
            ];
            for (_, labels_to, reached) in TARGETS {
                cells.extend([Cell::from(of(labels_to).row()), share(reached)]);
            }
            table.push(cells);
        }
    }
    let table = table.note(
        "Mean accuracy is that over all rounds. Labels to an accuracy are those held when it was first reached, a mean over the seeds that \
         got there. Differences are taken seed by seed: the runs of a seed start with the same labels, draw the same candidates, and have \
         the same test images.",
    );
    let (sgld, distill) = (&settings.sgld, &settings.distill);
    let or_all = |count: usize, what: &str| match count {
        0 => format!("all {what}"),
        n => format!("{n} {what}"),
    };
    let setting = format!(
        "{} on {}: {} labels per class to start with, then {} rounds of {} labels, chosen among {} drawn for the round; {} seeds; {}; {}{}. \
         Predictions average {} networks. sgd, mc-dropout, swag and each of the ensemble's {} networks: {} steps at lr {}, weight decay {}; \
         swag's Gaussian is that of the second half of the path. sgld: {} of {} steps, a sample \
         every {} after {}, minibatches of {}, ε = {}/N with N the labels so far, prior N(0, 1/{}), temperature {}. distilled and apd: {} \
         samples of the same chains distilled in each round, into at most {} directions or some of them, and by a GAN with h {}, batch {}, {} iterations{}.",
        config.net,
        config.dataset,
        settings.initial_per_class,
        settings.rounds,
        settings.acquire,
        or_all(settings.candidates, "images of the pool"),
        settings.seeds,
        match settings.start {
            Start::Cold => "training starts anew in each round",
            Start::Warm => "training goes on from where the round before ended",
        },
        or_all(
            settings.test_images,
            match settings.accuracy_on {
                AccuracyOn::Test => "test images",
                AccuracyOn::Validation => "validation images",
            }
        ),
        settings.judge.as_ref().map_or(String::new(), |judge| format!(
            ", on which {judge} is judged, trained on the labels that each method has acquired"
        )),
        settings.networks,
        config.baselines.ensemble,
        settings.sgd_steps,
        config.sgd.lr,
        config.sgd.weight_decay,
        if sgld.chains == 1 { "one chain".into() } else { format!("{} chains", sgld.chains) },
        sgld.steps,
        sgld.thinning,
        sgld.burn_in,
        sgld.batch,
        sgld.lr,
        match (sgld.prior_precision, sgld.weight_decay) {
            (precision, 0.0) => precision.to_string(),
            (0.0, decay) => format!("({decay}·N)"),
            (precision, decay) => format!("({precision} + {decay}·N)"),
        },
        sgld.temperature,
        sgld.samples_per_chain() * sgld.chains as u64,
        config.subspace.rank,
        distill.hidden,
        distill.batch,
        distill.iterations,
        match settings.gan_start {
            Start::Cold => "",
            Start::Warm => " a round, the same one in all rounds",
        }
    );
    let columns = methods.len().clamp(1, 3);
    let shown = SHOWN.into_iter().filter(|shown| acquisitions.iter().any(|acquisition| acquisition == shown));
    let figure = |id: &str, caption: &str, columns: usize, panels: Vec<CurvePanel>| {
        Figure::new(id, caption, Curves { columns, panels })
    };
    let mut section = Section::new("Is it worth asking which labels to buy?").setting(&setting).figure(figure(
        "active",
        "The sooner a line rises, the fewer labels it needs: labels bought at random, and those that the method is least sure of (BALD). Mean and \
         sd over seeds.",
        2,
        shown.map(&by_acquisition).collect(),
    ));
    section.verdicts = verdicts(&select);
    section
        .details(
            Section::new("What each way to choose labels is worth")
                .text(&verdict(&select, found, sgld.temperature))
                .table(table),
        )
        .details(
            Section::new("Every acquisition and every method")
                .figure(figure(
                    "active-acquisitions",
                    "Where the lines of a method differ, it matters what it asks. Mean and sd over seeds.",
                    columns,
                    methods.iter().map(by_method).collect(),
                ))
                .figure(figure(
                    "active-methods",
                    "The same, method beside method.",
                    columns,
                    acquisitions.iter().map(|acquisition| by_acquisition(acquisition)).collect(),
                )),
        )
}

/// The acquisitions that are shown first.
const SHOWN: [&str; 2] = ["random", "bald"];

/// Whether asking is worth it, and whether what was distilled asks as sgld does.
fn verdicts(select: &Select<'_>) -> Vec<Verdict> {
    let row = |metric: &str, method: &str| select.clone().method(method).score("bald").metric(metric).row();
    let gain = |row: &Row| (100.0 * row.value, row.sd.map(|sd| 200.0 * sd / (row.n.unwrap_or(1) as f64).sqrt()));
    let words = |(gain, error): (f64, Option<f64>)| match error {
        Some(error) => format!("{gain:+.1} ± {:.1} points of mean accuracy", error / 2.0),
        None => format!("{gain:+.1} points of mean accuracy (one seed)"),
    };
    let mut verdicts = Vec::new();
    for method in ["sgld", DISTILLED] {
        let Some((gain, error)) = row("gain_over_random", method).map(gain) else { continue };
        let found = format!("{} against random labels (limit two standard errors above 0).", words((gain, error)));
        let question = format!("Does {method} learn faster where BALD asks?");
        verdicts.push(Verdict::new(&question, error.map(|error| gain > error), &found));
    }
    for method in [DISTILLED, "apd"] {
        let Some((gain, error)) = row("gain_over_sgld", method).map(gain) else { continue };
        let found = format!("{} against sgld with BALD (limit −1 point, where that is clear).", words((gain, error)));
        let question = format!("Does {method} learn as fast as sgld?");
        verdicts.push(Verdict::new(&question, error.map(|error| gain >= -1.0 || gain >= -error), &found));
    }
    verdicts
}

/// What the rows say, in words. A difference counts when it is larger than twice its standard error over seeds.
fn verdict(select: &Select<'_>, found: &Active, temperature: f64) -> String {
    let mut text = String::new();
    let gains = select.clone().metric("gain_over_random");
    let methods = gains.distinct(|row| row.method.clone());
    let sentences: Vec<String> = methods
        .iter()
        .map(|method| {
            let rows = gains.clone().method(method);
            let parts: Vec<String> = rows.iter().map(|row| compared(row, row.score.as_deref().unwrap_or(""))).collect();
            format!("{method}: {}", parts.join(", "))
        })
        .collect();
    text.push_str(&format!(
        "In mean accuracy over all rounds against random acquisition with the same method, in points: {}. A difference of less than twice \
         its standard error over the seeds is called none.\n\n",
        sentences.join("; ")
    ));
    let losses = select.clone().metric("gain_over_sgld");
    let of_method = |method: &String| {
        let rows = losses.clone().method(method);
        let parts: Vec<String> = rows.iter().map(|row| compared(row, row.score.as_deref().unwrap_or(""))).collect();
        format!("{method}: {}", parts.join(", "))
    };
    let sentences: Vec<String> = losses.distinct(|row| row.method.clone()).iter().map(of_method).collect();
    if !sentences.is_empty() {
        text.push_str(&format!(
            "What was distilled against sgld with the same acquisition, in the same measure: {}. With random acquisition they hold the same \
             labels and the same samples, so that this difference is distillation's alone.",
            sentences.join("; ")
        ));
    }
    if temperature != 1.0 {
        text.push_str(&format!(
            " sgld's temperature is {temperature}, so its samples are not those of the Bayesian posterior. The defaults of temperature and \
             prior were picked by test accuracy among a few settings, which flatters sgld and what is distilled from it a little."
        ));
    }
    let diverged = found.curves.iter().filter(|curve| curve.diverged).count();
    if diverged > 0 {
        text.push_str(&format!(" {diverged} runs ended early because a chain or the distiller diverged."));
    }
    text
}

/// `bald better (+1.2 ± 0.3)`.
fn compared(row: &Row, name: &str) -> String {
    let (gain, n) = (100.0 * row.value, row.n.unwrap_or(1) as f64);
    let Some(error) = row.sd.map(|sd| 100.0 * sd / n.sqrt()) else {
        return format!("{name} {gain:+.1} (one seed)");
    };
    let word = match gain {
        gain if gain > 2.0 * error => "better",
        gain if gain < -2.0 * error => "worse",
        _ => "no difference",
    };
    format!("{name} {word} ({gain:+.1} ± {error:.1})")
}
