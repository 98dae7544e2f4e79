//! The distiller as it learns, and what it costs.

use apd_distill::Loss;
use apd_report::{
    Axis, Best, Cell, ColorMap, Column, CurvePanel, Curves, Figure, Format, ImageRow, ImageRows, Results, Section,
    Table,
};
use apd_seed::Seed;
use apd_store::Bank;

use crate::config::Config;
use crate::distill::History;
use crate::method::FittedMethod;
use crate::sections::learning::{lines, quality};

/// Networks shown and hidden units of each, in the figure of first-layer weights.
const SHOWN_NETWORKS: usize = 2;
const SHOWN_UNITS: usize = 10;

/// The distillers: losses and accuracy while they learn, what they keep, and what their weights look like.
pub(crate) fn distillation(
    config: &Config,
    results: &Results,
    distilled: &[&FittedMethod<'_>],
    bank: &Bank,
    image: (usize, usize),
    seed: Seed,
) -> Section {
    let learned: Vec<(&str, &History)> =
        distilled.iter().filter_map(|one| Some((one.method.name(), one.fitted.history.as_ref()?))).collect();
    let x = Axis::new("generator iteration");
    let distance = Axis::new("critic(bank) − critic(generated)");
    let penalty = Axis::new("λ·mean (‖∇‖ − 1)²").log();
    let mut panels = vec![
        CurvePanel::new("Wasserstein estimate", x.clone(), distance, lines(&learned, |p| p.wasserstein)),
        CurvePanel::new("Gradient penalty", x.clone(), penalty, lines(&learned, |p| p.penalty)),
    ];
    panels.extend(quality(&learned, &x));
    let curves = Curves { columns: 2, panels };
    let mut table = Table::new(
        "What is kept, beside the bank that it was distilled from.",
        vec![
            Column::text(""),
            Column::number("bytes", Format::Bytes),
            Column::number("in networks", Format::Decimal(1)),
            Column::number("total variance / bank's", Format::Decimal(2)).best(Best::NearestOne),
            Column::number("directions", Format::Integer),
            Column::number("variance explained %", Format::Percent(1)),
        ],
    );
    let one = 4.0 * bank.dim() as f64;
    let mut push = |name: &str, bytes: f64, variance: Cell, rank: Cell, explained: Cell| {
        table.push(vec![Cell::text(name), Cell::number(bytes), Cell::number(bytes / one), variance, rank, explained]);
    };
    push("bank", one * bank.len() as f64, Cell::Missing, Cell::Missing, Cell::Missing);
    for FittedMethod { method, fitted } in distilled {
        let value = |metric| results.select().method(method.name()).metric(metric).value();
        let number = |metric| value(metric).map_or(Cell::Missing, Cell::number);
        let rank = fitted.posterior.low_rank().map(|subspace| subspace.rank() as f64);
        let bytes = fitted.posterior.bytes() as f64;
        push(
            method.name(),
            bytes,
            number("variance_ratio"),
            rank.map_or(Cell::Missing, Cell::number),
            number("explained_variance"),
        );
    }
    let d = &config.distill;
    let bound = match d.loss {
        Loss::WganGp => format!(", λ = {}", d.penalty),
        Loss::Wgan => format!(", the critic clipped to ±{}", d.clip),
        Loss::Dcgan | Loss::Lsgan => String::new(),
    };
    Section::new("Distillation")
        .setting(&format!(
            "The GAN (apd): loss `{}` with {} latent dimensions, three hidden layers of {}, batch {}, {} iterations of {} critic steps \
             each{}; rows are put through `{}` first.",
            d.loss, d.latent, d.hidden, d.batch, d.iterations, d.critic_steps, bound, d.standardization
        ))
        .text(&format!(
            "Expected: the Wasserstein estimate and the penalty fall, generated networks reach the bank's accuracy, and \
             their total variance approaches the bank's (1 = equal; above, the generator is over-dispersed; below, it \
             has lost posterior spread that accuracy alone does not show).{}",
            learned.iter().map(|(name, history)| found(name, history)).collect::<String>()
        ))
        .table(table)
        .figure(Figure::new("distillation", "The distiller as it learns.", curves))
        .figure(first_layer(bank, distilled, image, seed))
}

/// Where the distiller ended, and whether that is where it should.
fn found(name: &str, history: &History) -> String {
    let Some(last) = history.points.last() else { return String::new() };
    let spread = match last.variance_ratio {
        ratio if ratio < 0.8 => {
            "posterior spread was lost: detection, which lives on it, will show how much that matters"
        }
        ratio if ratio > 1.25 => "the generator is over-dispersed: its networks vary more than the bank's",
        _ => "the spread was kept, in total",
    };
    format!(
        " Found, of {name} after {} iterations: validation accuracy {:.2} % against the bank's {:.2} %, total variance {:.2} of the bank's: {spread}.",
        last.iteration,
        100.0 * last.accuracy,
        100.0 * history.bank_accuracy,
        last.variance_ratio
    )
}

/// First-layer weights of sampled and generated networks, each hidden unit an image of the input's shape.
fn first_layer(bank: &Bank, distilled: &[&FittedMethod<'_>], (height, width): (usize, usize), seed: Seed) -> Figure {
    let pixels = height * width;
    let units = |row: &[f32]| row.chunks_exact(pixels).take(SHOWN_UNITS).map(<[f32]>::to_vec).collect();
    let mut rows = Vec::new();
    for i in 0..SHOWN_NETWORKS.min(bank.len()) {
        let row = i * (bank.len() - 1) / (SHOWN_NETWORKS - 1).max(1);
        rows.push(ImageRow {
            title: format!("sgld, sample {}", row + 1),
            images: units(bank.row(row)),
            labels: Vec::new(),
        });
    }
    for FittedMethod { method, fitted } in distilled {
        for (i, theta) in fitted.posterior.draw(seed.child("shown"), SHOWN_NETWORKS).rows().into_iter().enumerate() {
            let title = format!("{}, draw {}", method.name(), i + 1);
            rows.push(ImageRow { title, images: units(&theta.to_vec()), labels: Vec::new() });
        }
    }
    let colors = ColorMap::Diverging;
    let images = ImageRows { height, width, rows, limit: None, label: "weight".into(), colors };
    Figure::new(
        "first-layer",
        "First-layer weights: each row a network, each image the input weights of one hidden unit.",
        images,
    )
}
