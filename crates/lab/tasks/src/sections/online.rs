//! Distillation while sampling.

use apd_report::{Axis, Best, Cell, Column, Curves, Figure, Format, Results, Section, Table};
use apd_store::Bank;

use crate::config::Config;
use crate::distill::{History, Point};
use crate::method::FittedMethod;
use crate::metrics;
use crate::sections::learning::quality;

/// Offline and online distillation beside each other, at equal SGLD steps.
pub(crate) fn online(
    config: &Config,
    results: &Results,
    offline: &[&FittedMethod<'_>],
    online: &[&FittedMethod<'_>],
    bank: &Bank,
) -> Section {
    let settings = &config.online;
    fn histories<'a>(methods: &[&'a FittedMethod<'_>]) -> Vec<(&'static str, &'a History)> {
        methods.iter().filter_map(|one| Some((one.method.name(), one.fitted.history.as_ref()?))).collect()
    }
    let (offline, online) = (histories(offline), histories(online));
    let one = 4.0 * bank.dim() as f64;
    let mut table = Table::new(
        "The same SGLD steps, with a bank and without one. Held: bytes of samples while the generator learns.",
        vec![
            Column::text("method"),
            Column::number("samples drawn", Format::Integer),
            Column::number("held", Format::Bytes),
            Column::number("iterations", Format::Integer),
            metrics::column("accuracy"),
            Column::number("total variance / bank's", Format::Decimal(2)).best(Best::NearestOne),
        ],
    );
    let mut push = |name: &str, drawn: f64, held: f64, points: &[Point]| {
        let last = |of: fn(&Point) -> f64| points.last().map_or(Cell::Missing, |point| Cell::number(of(point)));
        let numbers = [Cell::number(drawn), Cell::number(held), last(|point| point.iteration as f64)];
        let quality = [last(|point| point.accuracy), last(|point| point.variance_ratio)];
        table.push(std::iter::once(Cell::text(name)).chain(numbers).chain(quality).collect());
    };
    for (name, history) in &offline {
        push(name, bank.len() as f64, one * bank.len() as f64, &history.points);
    }
    for (name, history) in &online {
        let value = |metric| results.select().method(name).metric(metric).value().unwrap_or(f64::NAN);
        push(name, value("samples_drawn"), value("buffer_bytes"), &history.points);
    }
    let table = table
        .note("Accuracy is that of averaged predictions on validation images; the test set's is under Classification.");

    let all = [&offline[..], &online].concat();
    let panels = quality(&all, &Axis::new("generator iteration").log()).into();
    let figure = Curves { columns: 2, panels };
    Section::new("Distillation while sampling, without a bank")
        .setting(&format!(
            "After burn-in, {} chain(s) walk in {} rounds of {} steps, while the generator takes {} iterations in each on a buffer of \
             the newest {} samples. Infinite chains restart from generated networks in each round.",
            config.sgld.chains,
            settings.rounds,
            (config.sgld.steps - config.sgld.burn_in) / settings.rounds,
            settings.iterations,
            settings.buffer
        ))
        .text(&format!(
            "Without a bank the generator should be as good as after as many iterations on one. {}",
            verdict(offline.first().map(|(_, history)| *history), &online)
        ))
        .table(table)
        .figure(Figure::new("online", "Online distillation should reach what offline distillation has after as many iterations.", figure))
}

/// The ends of the online runs beside the offline one when it had taken as many iterations.
fn verdict(offline: Option<&History>, online: &[(&str, &History)]) -> String {
    let mut text = String::new();
    for (name, history) in online {
        let Some(end) = history.points.last() else { continue };
        let nearest = offline
            .into_iter()
            .flat_map(|offline| &offline.points)
            .min_by_key(|point| point.iteration.abs_diff(end.iteration));
        let Some(beside) = nearest else { continue };
        text.push_str(&format!(
            "After {} iterations {} predicts {:.2} % of the validation images with {:.2} of the bank's total variance; \
             offline it was {:.2} % with {:.2} after {}. ",
            end.iteration,
            name,
            100.0 * end.accuracy,
            end.variance_ratio,
            100.0 * beside.accuracy,
            beside.variance_ratio,
            beside.iteration
        ));
    }
    text
}
