//! The distilled posterior beside its baselines.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, Section, Select, Series, Table, Verdict,
};

use crate::config::Config;
use crate::methods::DISTILLED;
use crate::metrics;
use crate::tasks::fidelity::compute::Fidelity;
use crate::tasks::fidelity::settings::FidelityConfig;

/// The budget, in networks, that baselines are compared at in the tables.
const BUDGET: f64 = 16.0;

/// A method of the tables: its name, and the budget of one that comes in several sizes.
type Key = (String, Option<f64>);

/// Predictions and networks of every baseline at one budget, and their curves over all budgets.
pub(crate) fn fidelity(config: &Config, results: &Results, found: &Fidelity) -> Section {
    let settings = config.settings::<FidelityConfig>();
    let select = results.select().task("fidelity");
    let at = |(method, budget): &Key| {
        let of_method = select.clone().method(method);
        budget.map_or(of_method.clone(), |budget| of_method.at(budget))
    };
    // The reference and the bank first, then what has one size, then the sizes that come nearest to the budget from below.
    let mut keys: Vec<Key> = Vec::new();
    for method in select.distinct(|row| row.method.clone()) {
        let budgets = select.clone().method(&method).metric("tv").distinct(|row| row.at);
        let sized: Vec<f64> = budgets.into_iter().flatten().collect();
        let nearest = sized.iter().copied().filter(|&budget| budget <= BUDGET).reduce(f64::max);
        // What comes in several sizes, all of them larger, has no place in a table of small ones.
        if sized.is_empty() || nearest.is_some() {
            keys.push((method, nearest));
        }
    }
    let sets = select.clone().metric("auroc").distinct(|row| row.ood.clone()).into_iter().flatten().collect::<Vec<_>>();

    // What detection loses beside the held-out rows, set by set.
    let auroc = |select: Select<'_>, score: &str, set: &str| select.metric("auroc").score(score).ood(set).value();
    let losses = |key: &Key, score: &str| -> Vec<f64> {
        let of_set = |set: &String| {
            let reference = auroc(select.clone().method("held-out"), score, set)?;
            Some(reference - auroc(at(key), score, set)?)
        };
        sets.iter().filter_map(of_set).collect()
    };
    let on_test = |key: &Key, metric: &str| at(key).metric(metric).filter(|row| row.ood.is_none()).row().cloned();
    let bytes = |key: &Key| at(key).metric("bytes_in_networks").value();

    let mut columns = vec![Column::text("method"), Column::number("in networks", Format::Decimal(1))];
    let metrics = ["tv", "agreement", "accuracy", "nll", "ece", "mean_bald"];
    columns.extend(metrics.map(|metric| match metric {
        "mean_bald" => Column::number("mean BALD", Format::Decimal(4)),
        metric => metrics::column(metric).plain(),
    }));
    if found.counts[2] > 0 {
        columns.push(Column::number("TV to other chains", Format::Decimal(4)));
    }
    columns.push(Column::number("worst AUROC loss, entropy", Format::Percent(1)));
    columns.push(Column::number("worst AUROC loss, BALD", Format::Percent(1)));
    let mut predictions = Table::new(
        &format!(
            "Predictions, beside the average of held-out rows; baselines of several sizes at {BUDGET} networks' bytes or what is next below."
        ),
        columns,
    );
    let mut networks = Table::new(
        "The networks themselves, beside held-out rows.",
        vec![
            Column::text("method"),
            Column::number("mean error", Format::Decimal(3)),
            Column::number("variance ratio", Format::Decimal(2)).best(Best::NearestOne),
            Column::number("per weight, 5 %", Format::Decimal(2)),
            Column::number("50 %", Format::Decimal(2)),
            Column::number("95 %", Format::Decimal(2)),
            Column::number("sliced W₁", Format::Decimal(3)),
            Column::number("distinguished: drawn", Format::Decimal(2)),
            Column::number("held-out", Format::Decimal(2)),
            Column::number("novelty", Format::Decimal(2)),
            Column::number("in any order", Format::Decimal(2)),
            Column::number("accuracy of one %", Format::Percent(2)),
        ],
    );
    let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::number);
    for key in &keys {
        let label = key.1.map_or(key.0.clone(), |budget| format!("{} at {budget}", key.0));
        let mut row = vec![Cell::text(&label), number(bytes(key))];
        row.extend(metrics.map(|metric| Cell::from(on_test(key, metric).as_ref())));
        if found.counts[2] > 0 {
            row.push(Cell::from(on_test(key, "tv_chains").as_ref()));
        }
        row.extend(["entropy", "bald"].map(|score| number(losses(key, score).into_iter().reduce(f64::max))));
        predictions.push(row);
        if key.0 != "held-out" {
            let names = [
                "mean_error",
                "variance_ratio",
                "variance_ratio_05",
                "variance_ratio_50",
                "variance_ratio_95",
                "sliced_wasserstein",
                "neighbour_test_drawn",
                "neighbour_test_held_out",
                "novelty",
                "novelty_aligned",
            ];
            let mut row = vec![Cell::text(&label)];
            row.extend(names.map(|name| number(at(key).metric(name).value())));
            row.push(Cell::from(at(key).metric("single_accuracy").row()));
            networks.push(row);
        }
    }

    let panel = |title: &str, y: Axis, value: &dyn Fn(&Key) -> Option<f64>| {
        let line = |method: &String| {
            let mut budgets: Vec<Option<f64>> = select.clone().method(method).metric("tv").distinct(|row| row.at);
            budgets.sort_by(|a, b| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
            let point = |budget: Option<f64>| {
                let key = (method.clone(), budget);
                Some((bytes(&key)?, value(&key)?))
            };
            Series::new(method, budgets.into_iter().filter_map(point).collect())
        };
        let shown = keys.iter().map(|key| &key.0).filter(|method| !["held-out", "bank"].contains(&method.as_str()));
        CurvePanel::new(title, Axis::new("bytes, in networks").log(), y, shown.map(line).collect())
    };
    let tv = |key: &Key| on_test(key, "tv").map(|row| row.value);
    let bank: Key = ("bank".to_owned(), None);
    let floor = tv(&bank).unwrap_or(f64::NAN);
    let mean_loss = |key: &Key| {
        let losses = ["entropy", "bald"].map(|score| losses(key, score)).concat();
        (!losses.is_empty()).then(|| losses.iter().map(|loss| loss.abs()).sum::<f64>() / losses.len() as f64)
    };
    let figure = Curves {
        columns: 2,
        panels: vec![
            panel("Total variation to held-out rows", Axis::new("TV on test images").log(), &tv)
                .reference("bank", floor),
            panel("Change of detection", Axis::new("mean |AUROC − held-out|, %").percent().log(), &mean_loss)
                .reference("bank", mean_loss(&bank).unwrap_or(f64::NAN)),
        ],
    };

    let [training, held_out, others] = found.counts;
    let of_others = match others {
        0 => String::new(),
        others => format!(" {others} rows of other chains, on which nothing was trained, are shown beside them."),
    };
    let mut section = Section::new("Is the distilled posterior the posterior?")
        .setting(&format!(
            "Everything is fitted to the same {training} rows and judged by {} of {held_out} held-out ones (one row in five).{of_others} Mean ± sd over \
             {} draws of {} networks.",
            settings.truth.min(held_out),
            settings.draws,
            settings.networks
        ))
        .figure(Figure::new(
            "fidelity",
            "Lower and further left is better: what is lost against the bytes that are kept. Below the dotted line nothing is lost that redrawing \
             rows of the bank would not lose too.",
            figure,
        ));
    section.verdicts = verdicts(&keys, &tv, &bytes, floor);
    let details = Section::new("Predictions and networks in numbers")
        .table(predictions.note(
            "bank: training rows, drawn at random; what is spread evenly through the bank, as the draws of distilled and the kept rows are, \
             can be nearer. distilled: the default distiller, a subspace, a path for each of several chains, or rows, whichever predicts most as the training rows do. rows: a subsample of the bank, as it is or in 8 bits. gaussian: the same directions with one Gaussian. path: directions of each chain, a regression of their coefficients on the chain's time, \
             and a Gaussian of what that leaves; adversarial: with a GAN in its place whose generator and critic are told chain and time. apd: the paper's GAN. A loss of AUROC is \
             that of the set on which it is largest; negative where detection is better than the held-out rows'.",
        ))
        .table(networks.note(
            "Mean error in posterior standard deviations. Distinguished: how often a 1-nearest-neighbor classifier is right about drawn and about \
             held-out networks: ½ and ½ where it cannot tell, 1 and 0 where drawn networks vary less, below ½ where both lie beside rows of one chain. Novelty: distance of a drawn network to the nearest training row, over that of a held-out row: \
             below 1, networks are remembered; in any order: with the hidden units of both put into the order of a row first, so that a row with its \
             units shuffled would not pass for new. What lies in few directions is far from every row, because each row also has what the directions leave out.",
        ));
    section.details(details)
}

/// Whether the default distiller is worth its bytes: nearer to the posterior than what else takes no more of them.
fn verdicts(
    keys: &[Key],
    tv: &dyn Fn(&Key) -> Option<f64>,
    bytes: &dyn Fn(&Key) -> Option<f64>,
    floor: f64,
) -> Vec<Verdict> {
    let named = |name: &str| keys.iter().find(|key| key.0 == name).and_then(|key| Some((tv(key)?, bytes(key)?)));
    let Some((ours, size)) = named(DISTILLED) else { return Vec::new() };
    let mut verdicts = vec![Verdict::new(
        "Does distilled predict as redrawn rows do?",
        ours <= 2.0 * floor,
        &format!(
            "its total variation to held-out rows is {ours:.4}, that of redrawn rows {floor:.4} (limit twice that)."
        ),
    )];
    if let Some((adversarial, bytes)) = named("adversarial") {
        let limit = 1.2 * floor;
        let path =
            named("path").map_or(String::new(), |(path, _)| format!(", of the path without an adversary {path:.4}"));
        let found =
            format!("its total variation is {adversarial:.4} (limit {limit:.4}) in {bytes:.1} networks' bytes{path}.");
        verdicts.push(Verdict::new(
            "Does the adversarial distiller predict as redrawn rows do?",
            adversarial <= limit,
            &found,
        ));
    }
    if let Some((theirs, bytes)) = named("apd") {
        let found = format!("{ours:.4} in {size:.1} networks' bytes, apd {theirs:.4} (limit) in {bytes:.1}.");
        verdicts.push(Verdict::new("Is distilled nearer than the paper's GAN?", ours < theirs, &found));
    }
    verdicts
}
