//! The distiller as it learns, and what it costs.

use apd_distill::Loss;
use apd_report::{
    Axis, Best, Cell, ColorMap, Column, CurvePanel, Curves, Figure, Format, ImageRow, ImageRows, Results, Section,
    Table, Verdict,
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
    let learning = Section::new("How the GAN learned")
        .text("The Wasserstein estimate and the penalty should fall, and accuracy and spread rise to the bank's.")
        .figure(Figure::new(
            "distillation",
            "The lower panels count: generated networks should reach the bank's accuracy and its spread, the dotted lines.",
            curves,
        ));
    let mut section = Section::new("What does distillation keep?")
        .text("The table says how large each distilled posterior is beside the bank. A total variance below 1 is posterior spread that was lost, which accuracy alone does not show.")
        .table(table)
        .setting(&format!(
            "The GAN (apd): loss `{}` with {} latent dimensions, three hidden layers of {}, batch {}, {} iterations of {} critic steps \
             each{}; rows are put through `{}` first.",
            d.loss, d.latent, d.hidden, d.batch, d.iterations, d.critic_steps, bound, d.standardization
        ))
        .details(learning)
        .details(Section::new("What the networks look like").figure(first_layer(bank, distilled, image, seed)));
    section.verdicts = learned.iter().flat_map(|(name, history)| found(name, history)).collect();
    section
}

/// Where the distiller ended, and whether that is where it should.
pub(crate) fn found(name: &str, history: &History) -> Vec<Verdict> {
    let Some(last) = history.points.last() else { return Vec::new() };
    let [accuracy, bank] = [last.accuracy, history.bank_accuracy].map(|share| 100.0 * share);
    let (ratio, iteration) = (last.variance_ratio, last.iteration);
    vec![
        Verdict::new(
            &format!("Is {name} as accurate as the bank?"),
            accuracy >= bank - 1.0,
            &format!(
                "{accuracy:.1} % of the validation images after {iteration} iterations, the bank {bank:.1} % (limit 1 point)."
            ),
        ),
        Verdict::new(
            &format!("Does {name} keep the bank's spread?"),
            (0.8..=1.25).contains(&ratio),
            &format!("its total variance is {ratio:.2} of the bank's (limits 0.80 and 1.25)."),
        ),
    ]
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
        "Drawn networks should have the strokes and blots of sampled ones: each row is a network, each image the input weights of one of its \
         hidden units.",
        images,
    )
}
