//! The posterior in the plane, as pictures.

use apd_report::{
    Best, Cell, ColorMap, Column, Figure, Format, HeatMap, Heatmaps, Marker, Results, Section, Select, Table,
};

use crate::config::Config;
use crate::tasks::toy2d::compute::{Map, REACH, Reference, SECOND, Toy2d};
use crate::tasks::toy2d::settings::Toy2dConfig;

/// The maps side by side, and how far they are from each other.
pub(crate) fn toy2d(config: &Config, results: &Results, found: &Toy2d) -> Section {
    let settings = config.settings::<Toy2dConfig>();
    let select = results.select().task("toy2d");
    let mut table = Table::new(
        "Averaged predictions on the square: how far from SGLD's and from the reference, and how unsure.",
        vec![
            Column::text("method"),
            Column::text("networks"),
            Column::number("TV to sgld", Format::Decimal(4)).best(Best::Lowest),
            Column::number("TV to hmc", Format::Decimal(4)).best(Best::Lowest),
            Column::number("entropy at the points", Format::Decimal(4)),
            Column::number("entropy on the square", Format::Decimal(4)),
            Column::number("BALD on the square", Format::Decimal(4)),
        ],
    );
    for map in &found.maps {
        let of = |metric: &str| Cell::from(select.clone().method(map.method).metric(metric).row());
        table.push(vec![
            Cell::text(name(map)),
            Cell::text(&map.setting),
            of("tv_to_sgld"),
            of("tv_to_hmc"),
            of("entropy_at_points"),
            of("entropy_on_square"),
            of("bald_on_square"),
        ]);
    }
    let table = table.note(&format!(
        "Entropy and BALD in nats, means over the 20 points or over the square; entropy is at most ln 2 = 0.693. {}",
        health(&found.reference)
    ));
    let shown = || found.maps.iter().filter(|map| map.method != SECOND);
    let figure = |id: &str, caption: &str, value_label: &str, top: f64, colors, contours, maps| {
        let maps = Heatmaps {
            maps,
            x_range: (-REACH, REACH),
            y_range: (-REACH, REACH),
            x_label: "x₁".into(),
            y_label: "x₂".into(),
            value_label: value_label.into(),
            value_range: Some((0.0, top)),
            colors,
            contours,
            points: found.points.iter().map(|&(x, y, class)| Marker::new(x, y, class)).collect(),
            classes: vec!["class 0".into(), "class 1".into()],
        };
        Figure::new(id, caption, maps)
    };
    let map = |map: &Map, values: &[f64]| HeatMap {
        title: name(map).into(),
        note: map.setting.clone(),
        width: settings.grid,
        height: settings.grid,
        values: values.to_vec(),
    };
    let ln2 = std::f64::consts::LN_2;
    Section::new("A posterior that can be looked at")
        .setting(&format!(
            "Two blobs of {} points each at (−2, −2) and (2, 2) with covariance 0.3·I; a 2-10-10-2 ReLU network; prior \
             N(0, 1/τ) with τ = N·{} = {}. sgd, mc-dropout, the ensemble's networks, swag and sgld make {} full-batch steps each at lr {} (ε = lr/N), of which \
             sgld keeps every {}th and swag takes every {}th of the second half. Temperature 1. \
             apd: z {}, h {}, batch {}, {} iterations on sgld's samples. hmc is NUTS with {} draws of warm-up.",
            settings.points,
            settings.weight_decay,
            2.0 * settings.points as f64 * settings.weight_decay,
            settings.steps,
            settings.lr,
            settings.thinning,
            settings.thinning,
            settings.distill.latent,
            settings.distill.hidden,
            settings.distill.batch,
            settings.distill.iterations,
            settings.hmc_warmup
        ))
        .text(&verdict(&select, found, settings.steps))
        .table(table)
        .figure(figure(
            "toy2d-probability",
            "p(y = 1) of every method's averaged prediction; lines at 0.1, 0.5 and 0.9.",
            "p(y = 1)",
            1.0,
            ColorMap::Diverging,
            vec![0.1, 0.5, 0.9],
            shown().map(|m| map(m, &m.probability)).collect(),
        ))
        .figure(figure(
            "toy2d-entropy",
            "Entropy of the averaged prediction: all uncertainty.",
            "entropy (nats)",
            ln2,
            ColorMap::Viridis,
            vec![],
            shown().map(|m| map(m, &m.entropy)).collect(),
        ))
        .figure(figure(
            "toy2d-bald",
            "BALD, the mutual information between prediction and network: what more data would remove. One network has none.",
            "BALD (nats)",
            ln2,
            ColorMap::Viridis,
            vec![],
            shown().filter_map(|m| Some(map(m, m.bald.as_ref()?))).collect(),
        ))
}

fn name(map: &Map) -> &str {
    if map.method == SECOND { "sgld, once more" } else { map.method }
}

/// Whether the reference may be believed.
fn health(reference: &Reference) -> String {
    let mut text = format!(
        "The reference: {} of {} trajectories divergent, E-BFMI at least {:.2}, total variation {:.4} between both halves of its chains",
        reference.divergences, reference.draws, reference.e_bfmi, reference.tv_between_halves
    );
    if let (Some((middle, worst)), Some(ess)) = (reference.rhat, reference.ess) {
        text.push_str(&format!(
            "; R̂ of its predictions on the square {middle:.3} in the median and {worst:.3} at worst, bulk effective sample size \
             {ess:.0} in the median"
        ));
    }
    if let Some(weights) = reference.rhat_weights {
        text.push_str(&format!("; R̂ of its weights {weights:.2} in the median"));
    }
    text.push('.');
    text
}

/// What the rows say, in words.
fn verdict(select: &Select<'_>, found: &Toy2d, steps: u64) -> String {
    let value = |method: &str, metric: &str| select.clone().method(method).metric(metric).value().unwrap_or(f64::NAN);
    let mut text = String::from(
        "Expected: one network is sure nearly everywhere, as sure far from the points as near them; sgld and hmc grow unsure away \
         from them; apd's map is sgld's.\n\n",
    );
    let (apd, second) = (value("apd", "tv_to_sgld"), value(SECOND, "tv_to_sgld"));
    text.push_str(&format!(
        "Found: apd's map is {apd:.4} in total variation from sgld's; another sgld chain, from another start, is {second:.4} from \
         it. {} ",
        match apd <= second {
            true => "Distillation changed the map no more than the choice of the chain does.",
            false => "Distillation changed the map more than the choice of the chain does.",
        }
    ));
    let mut ranked: Vec<(&str, f64)> = found
        .maps
        .iter()
        .filter(|map| map.method != "hmc")
        .map(|map| (name(map), value(map.method, "tv_to_hmc")))
        .collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let list: Vec<String> = ranked.iter().map(|(name, tv)| format!("{name} ({tv:.4})")).collect();
    text.push_str(&format!(
        "From the nearest to the reference to the farthest: {}; both halves of the reference's own chains are {:.4} apart, which is what such a \
         number owes to chance. ",
        list.join(", "),
        found.reference.tv_between_halves
    ));
    let (sgd, sgld, hmc) =
        (value("sgd", "entropy_on_square"), value("sgld", "entropy_on_square"), value("hmc", "entropy_on_square"));
    text.push_str(&format!(
        "The mean entropy on the square is {sgd:.3} nats for sgd, {sgld:.3} for sgld and {hmc:.3} for hmc: {}.\n\n",
        match (sgd < sgld, sgd < hmc) {
            (true, true) => "one network is surer than the posterior, as expected",
            (false, false) => "one network is no surer than the posterior, against the expectation",
            _ => "one network is surer than one of the two, but not than the other",
        }
    ));
    let relaxation = value("sgld", "relaxation_steps");
    text.push_str(&format!(
        "sgld's chain has {steps} steps, and the prior alone takes 2/(ε·τ) = {relaxation:.0} of them to forget where the chain \
         started: {}. ",
        match (steps as f64) < 3.0 * relaxation {
            true => "one such chain has not seen the whole posterior, and another one sees another part of it",
            false => "the chain is long beside that",
        }
    ));
    if let Some((middle, worst)) = found.reference.rhat {
        text.push_str(&match worst < 1.05 {
            true => format!("The chains of hmc agree on what they predict (R̂ {worst:.3} at worst)"),
            false if middle < 1.05 => {
                format!("The chains of hmc agree on most predictions, not on all (R̂ {middle:.3} in the median, {worst:.3} at worst)")
            }
            false => format!("The chains of hmc do not agree on what they predict (R̂ {middle:.3} in the median): take it with care"),
        });
        if let Some(weights) = found.reference.rhat_weights {
            text.push_str(&match weights < 1.05 {
                true => format!(", and on their weights (R̂ {weights:.2} in the median)"),
                false => format!(
                    "; on their weights they do not (R̂ {weights:.2} in the median): each sits among some of the permutations of the \
                     hidden units, which are different weights and the same functions"
                ),
            });
        }
        text.push('.');
    }
    let Reference { divergences, draws, .. } = found.reference;
    if 100 * divergences > draws {
        text.push_str(&format!(
            " {divergences} of the {draws} trajectories of hmc ran into a wall that its steps do not resolve (a point misclassified by a \
             logit in the thousands): such a trajectory is cut short, not wrong, but where the walls are close the reference moves slowly."
        ));
    }
    text
}
