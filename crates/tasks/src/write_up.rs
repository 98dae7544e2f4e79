//! The report's sections: what was run, what was expected, what came out.

use apd_datasets::Images;
use apd_distill::Generator;
use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, ImageRow, MethodReliability, ReliabilityBin,
    ReliabilityDiagram, Results, RocCurve, RocCurves, RocPanel, ScoreHistograms, ScorePanel, Section, Series, Table,
    WeightImages,
};
use apd_seed::Seed;
use apd_store::Bank;
use apd_uncertainty::{Score, detection, drop_collinear, roc_curve};

use crate::classify::{Classification, ECE_BINS};
use crate::config::Config;
use crate::distill::History;
use crate::error::Result;
use crate::ood::{MethodScores, OutOfDistribution};

/// Networks shown and hidden units of each, in the figure of first-layer weights.
const SHOWN_NETWORKS: usize = 2;
const SHOWN_UNITS: usize = 10;

/// The posterior and its bank: settings, the sampler's summary and what a bank costs.
pub(crate) fn sampling(config: &Config, summary: &str, bank: &Bank) -> Section {
    let sgld = &config.sgld;
    let mut table = Table::new(
        "The posterior bank.",
        vec![
            Column::number("networks", Format::Integer),
            Column::number("parameters each", Format::Integer),
            Column::number("chains", Format::Integer),
            Column::number("bytes", Format::Bytes),
        ],
    );
    let (rows, dim) = (bank.len() as f64, bank.dim() as f64);
    table.push([rows, dim, sgld.chains as f64, 4.0 * rows * dim].map(Cell::number).to_vec());
    Section::new("Posterior sampling")
        .setting(&format!(
            "SGLD, {} chain(s) of {} steps, minibatches of {}, learning rate {} and weight decay {} on the mean loss, \
             temperature {}; a sample every {} steps after {}.",
            sgld.chains,
            sgld.steps,
            sgld.batch,
            sgld.lr,
            sgld.weight_decay,
            sgld.temperature,
            sgld.thinning,
            sgld.burn_in
        ))
        .text(&summary.lines().map(str::trim).collect::<Vec<_>>().join("; "))
        .table(table)
}

/// The distiller: losses, accuracy while it learns, spread, and what its weights look like.
pub(crate) fn distillation(
    config: &Config,
    history: &History,
    bank: &Bank,
    generator: &Generator,
    image: (usize, usize),
    seed: Seed,
) -> Section {
    let iterations = |of: fn(&crate::distill::Point) -> f64| -> Vec<(f64, f64)> {
        history.points.iter().map(|point| (point.iteration as f64, of(point))).collect()
    };
    let x = || Axis::new("generator iteration");
    let curves = Curves {
        columns: 2,
        panels: vec![
            CurvePanel::new(
                "Wasserstein estimate",
                x(),
                Axis::new("critic(bank) − critic(generated)"),
                vec![Series::new("apd", iterations(|p| p.wasserstein))],
            ),
            CurvePanel::new(
                "Gradient penalty",
                x(),
                Axis::new("λ·mean (‖∇‖ − 1)²").log(),
                vec![Series::new("apd", iterations(|p| p.penalty))],
            ),
            CurvePanel::new(
                "Validation accuracy",
                x(),
                Axis::new("accuracy %").percent(),
                vec![Series::new("apd", iterations(|p| p.accuracy))],
            )
            .reference("sgld", history.bank_accuracy),
            CurvePanel::new(
                "Spread of the generated networks",
                x(),
                Axis::new("total variance / bank's").log(),
                vec![Series::new("apd", iterations(|p| p.variance_ratio))],
            )
            .reference("sgld", 1.0),
        ],
    };
    let mut table = Table::new(
        "What is kept: the generator beside the bank it was distilled from.",
        vec![
            Column::text(""),
            Column::number("bytes", Format::Bytes),
            Column::number("in networks", Format::Decimal(1)),
            Column::number("total variance / bank's", Format::Decimal(2)).best(Best::NearestOne),
        ],
    );
    let one = 4.0 * bank.dim() as f64;
    let bank_bytes = one * bank.len() as f64;
    let last = history.points.last();
    table.push(vec![Cell::text("bank"), Cell::number(bank_bytes), Cell::number(bank_bytes / one), Cell::Missing]);
    table.push(vec![
        Cell::text("generator"),
        Cell::number(generator.bytes() as f64),
        Cell::number(generator.bytes() as f64 / one),
        last.map_or(Cell::Missing, |p| Cell::number(p.variance_ratio)),
    ]);
    let d = &config.distill;
    Section::new("Distillation")
        .setting(&format!(
            "WGAN-GP with {} latent dimensions, three hidden layers of {}, batch {}, {} iterations of {} critic steps \
             each, λ = {}; rows are put through `{}` first.",
            d.latent, d.hidden, d.batch, d.iterations, d.critic_steps, d.penalty, d.standardization
        ))
        .text(
            "Expected: the Wasserstein estimate and the penalty fall, generated networks reach the bank's accuracy, and \
             their total variance approaches the bank's (1 = equal; above, the generator is over-dispersed; below, it \
             has lost posterior spread that accuracy alone does not show).",
        )
        .table(table)
        .figure(Figure::new("distillation", "The distiller as it learns.", curves))
        .figure(first_layer(bank, generator, image, seed))
}

/// First-layer weights of sampled and generated networks, each hidden unit an image of the input's shape.
fn first_layer(bank: &Bank, generator: &Generator, (height, width): (usize, usize), seed: Seed) -> Figure {
    let pixels = height * width;
    let units = |theta: &[f32]| theta.chunks_exact(pixels).take(SHOWN_UNITS).map(<[f32]>::to_vec).collect();
    let mut rows = Vec::new();
    for i in 0..SHOWN_NETWORKS.min(bank.len()) {
        let row = i * (bank.len() - 1) / (SHOWN_NETWORKS - 1).max(1);
        rows.push(ImageRow { title: format!("sgld, sample {}", row + 1), images: units(bank.row(row)) });
    }
    for (i, theta) in generator.draw(seed.child("shown"), SHOWN_NETWORKS).rows().into_iter().enumerate() {
        rows.push(ImageRow { title: format!("apd, draw {}", i + 1), images: units(&theta.to_vec()) });
    }
    let images = WeightImages { height, width, rows, limit: None, label: "weight".into() };
    Figure::new(
        "first-layer",
        "First-layer weights: each row a network, each image the input weights of one hidden unit.",
        images,
    )
}

/// The classification table and reliability diagram.
pub(crate) fn classification(config: &Config, results: &Results, found: &Classification) -> Section {
    let evaluation = &config.evaluation;
    let metrics = ["accuracy", "nll", "ece", "brier", "agreement", "tv"];
    let mut columns = vec![Column::text("method")];
    columns.extend(metrics.map(Column::metric));
    let mut table = Table::new("Averaged predictions on the test set, mean ± sd over draws.", columns);
    let select = results.select().task("classify");
    for (method, _) in &found.reliability {
        let mut row = vec![Cell::text(method)];
        row.extend(metrics.map(|metric| Cell::from(select.clone().method(method).metric(metric).row())));
        table.push(row);
    }
    let table = table.note(
        "Agreement (same class) and TV (total variation) compare the averaged prediction with that of a draw from the \
         bank; the sgld row compares two draws from the bank, which is the best any distiller can do.",
    );
    let methods = found
        .reliability
        .iter()
        .map(|(method, bins)| MethodReliability {
            method: method.clone(),
            bins: bins
                .iter()
                .map(|bin| ReliabilityBin {
                    confidence: bin.confidence,
                    accuracy: bin.accuracy,
                    count: bin.count as u64,
                })
                .collect(),
        })
        .collect();
    let value = |method: &str, metric: &str| select.clone().method(method).metric(metric).value().unwrap_or(f64::NAN);
    Section::new("Classification")
        .setting(&format!(
            "{} on {}: each prediction averages {} networks; {} independent draws. sgd is one network, the best on the \
             validation set.",
            config.net, config.dataset, evaluation.networks, evaluation.draws
        ))
        .text(&format!(
            "Expected: sgld is no less accurate than sgd and better calibrated; apd, drawn from the generator alone, \
             equals sgld in every column. Found: accuracy {:.2} % for sgd, {:.2} % for sgld, {:.2} % for apd; NLL {:.4}, \
             {:.4} and {:.4} nats. {}",
            100.0 * value("sgd", "accuracy"),
            100.0 * value("sgld", "accuracy"),
            100.0 * value("apd", "accuracy"),
            value("sgd", "nll"),
            value("sgld", "nll"),
            value("apd", "nll"),
            lost("NLL", "nats", value("sgld", "nll"), value("apd", "nll"))
        ))
        .table(table)
        .figure(Figure::new(
            "reliability",
            &format!("Reliability: accuracy against confidence in {ECE_BINS} bins; the diagonal is perfect calibration."),
            ReliabilityDiagram { methods },
        ))
}

/// Whether distillation lost anything, in words.
fn lost(what: &str, unit: &str, sgld: f64, apd: f64) -> String {
    let difference = apd - sgld;
    let relative = difference / sgld.abs().max(1e-12);
    match relative {
        r if !r.is_finite() => String::new(),
        r if r > 0.05 => format!("Distillation lost {difference:.4} {unit} of {what} ({:.0} % more).", 100.0 * r),
        r if r < -0.05 => format!("Distillation lowered {what} by {:.4} {unit}.", -difference),
        _ => format!("Distillation kept the {what} (within 5 %)."),
    }
}

/// The detection tables, histograms and ROC curves.
pub(crate) fn detection_section(
    config: &Config,
    results: &Results,
    found: &OutOfDistribution,
    inside: &Images,
    sets: &[Images],
) -> Result<Section> {
    let evaluation = &config.evaluation;
    let mut methods: Vec<&str> = Vec::new();
    for row in &found.rows {
        if !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
    }
    let mut section = Section::new("Out-of-distribution detection")
        .setting(&format!(
            "In: {} test images of {}, unscaled. Out (the positive class): {}{}. {} networks per prediction, {} draws.",
            inside.len(),
            config.dataset,
            sets.iter().map(|set| format!("{} {}", set.len(), set.name)).collect::<Vec<_>>().join(", "),
            if evaluation.ood_scales == [1.0] { "" } else { ", their intensities multiplied by the scale" },
            evaluation.networks,
            evaluation.draws
        ))
        .text(
            "Expected: apd detects what sgld detects, by every score, and both beat one network. sgd has no \
             disagreement between networks, so BALD, variation ratio and model variance do not exist for it. All four \
             metrics of every cell are in results.json.",
        );
    for &scale in &evaluation.ood_scales {
        for (metric, best) in [("auroc", Best::Highest), ("fpr95", Best::Lowest)] {
            let Column { heading, format, .. } = Column::metric(metric);
            let mut columns = vec![Column::text("set"), Column::text("score")];
            columns.extend(methods.iter().map(|method| Column::number(method, format)));
            let at = if scale == 1.0 { String::new() } else { format!(", intensity × {scale}") };
            let mut table = Table::new(&format!("{heading}{at}."), columns).grouped().best_in_row(best);
            let select = results.select().task("ood").metric(metric).scale(f64::from(scale));
            let mut seen: Vec<(&str, &str)> = Vec::new();
            for row in found.rows.iter().filter(|row| row.metric == metric) {
                let (Some(set), Some(score)) = (row.ood.as_deref(), row.score.as_deref()) else { continue };
                if !seen.contains(&(set, score)) {
                    seen.push((set, score));
                }
            }
            // Sets in their order, scores in theirs: methods differ in which scores they have.
            let sets = unique(seen.iter().map(|&(set, _)| set));
            for set in sets {
                for score in Score::ALL.iter().map(ToString::to_string) {
                    if !seen.contains(&(set, score.as_str())) {
                        continue;
                    }
                    let mut cells = vec![Cell::text(set), Cell::text(&score)];
                    cells.extend(
                        methods
                            .iter()
                            .map(|method| Cell::from(select.clone().ood(set).score(&score).method(method).row())),
                    );
                    table.push(cells);
                }
            }
            section = section.table(table);
        }
    }
    for figure in histograms_and_roc(&found.scores)? {
        section = section.figure(figure);
    }
    Ok(section)
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

fn histograms_and_roc(scores: &[MethodScores]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for score in [Score::Entropy, Score::Bald] {
        let of_score: Vec<&MethodScores> = scores.iter().filter(|s| s.score == score).collect();
        let Some(first) = of_score.first() else { continue };
        let mut panels = Vec::new();
        let mut roc = Vec::new();
        for (set, (name, _)) in first.outside.iter().enumerate() {
            let mut curves = Vec::new();
            for method in &of_score {
                let outside = &method.outside[set].1;
                let auroc = detection(&method.inside, outside)?.auroc;
                panels.push(ScorePanel {
                    title: format!("{} · {name}", method.method),
                    method: method.method.clone(),
                    note: format!("AUROC {:.1} %", 100.0 * auroc),
                    x_label: format!("{score} (nats)"),
                    inside: method.inside.clone(),
                    outside: outside.clone(),
                });
                let points = drop_collinear(&roc_curve(&method.inside, outside)?);
                let points = points.iter().map(|p| (p.fpr, p.tpr)).collect();
                curves.push(RocCurve { name: method.method.clone(), points, auroc });
            }
            roc.push(RocPanel { title: name.clone(), curves });
        }
        figures.push(Figure::new(
            &format!("ood-{score}"),
            &format!("{score} of test images against out-of-distribution images, one draw per method."),
            ScoreHistograms {
                inside: "test".into(),
                outside: "out of distribution".into(),
                columns: of_score.len(),
                panels,
            },
        ));
        figures.push(Figure::new(
            &format!("roc-{score}"),
            &format!("ROC curves of {score}, one draw per method."),
            RocCurves { panels: roc },
        ));
    }
    Ok(figures)
}
