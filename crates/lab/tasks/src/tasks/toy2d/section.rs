//! The posterior in the plane, as pictures.

use apd_report::{
    Best, Cell, ColorMap, Column, Figure, Format, HeatMap, Heatmaps, Marker, Results, Section, Select, Table, Verdict,
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
    let mut section = Section::new("A posterior that can be looked at")
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
        .figure(figure(
            "toy2d-probability",
            "Away from the points a posterior grows unsure (white), and one network does not: p(y = 1) of each averaged prediction; lines at 0.1, \
             0.5 and 0.9.",
            "p(y = 1)",
            1.0,
            ColorMap::Diverging,
            vec![0.1, 0.5, 0.9],
            shown().map(|m| map(m, &m.probability)).collect(),
        ));
    let (verdicts, text) = verdicts(&select, found, settings.steps);
    section.verdicts = verdicts;
    section.details(Section::new("The maps in numbers").text(&text).table(table)).details(
        Section::new("Where each is unsure")
            .figure(figure(
                "toy2d-entropy",
                "Bright is unsure for whatever reason: the entropy of the averaged prediction.",
                "entropy (nats)",
                ln2,
                ColorMap::Viridis,
                vec![],
                shown().map(|m| map(m, &m.entropy)).collect(),
            ))
            .figure(figure(
                "toy2d-bald",
                "Bright is where networks disagree, which more data would end: BALD. One network has none.",
                "BALD (nats)",
                ln2,
                ColorMap::Viridis,
                vec![],
                shown().filter_map(|m| Some(map(m, m.bald.as_ref()?))).collect(),
            )),
    )
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

/// What the rows say, and in words how far to trust them.
fn verdicts(select: &Select<'_>, found: &Toy2d, steps: u64) -> (Vec<Verdict>, String) {
    let value = |method: &str, metric: &str| select.clone().method(method).metric(metric).value().unwrap_or(f64::NAN);
    let (apd, second) = (value("apd", "tv_to_sgld"), value(SECOND, "tv_to_sgld"));
    let (sgd, sgld, hmc) =
        (value("sgd", "entropy_on_square"), value("sgld", "entropy_on_square"), value("hmc", "entropy_on_square"));
    let mut verdicts = vec![
        Verdict::new(
            "Is apd's map sgld's?",
            apd <= second,
            &format!(
                "{apd:.4} in total variation from it; another sgld chain, from another start, is {second:.4} away (limit)."
            ),
        ),
        Verdict::new(
            "Is one network surer than the posterior?",
            sgd < sgld && sgd < hmc,
            &format!("the mean entropy on the square is {sgd:.3} nats, of sgld {sgld:.3} and of hmc {hmc:.3}."),
        ),
    ];
    if let Some((middle, worst)) = found.reference.rhat {
        let found = format!("R̂ of their predictions is {worst:.3} at worst (limit 1.05), {middle:.3} in the median.");
        verdicts.push(Verdict::new("Do the chains of hmc, the reference, agree?", worst < 1.05, &found));
    }
    let mut ranked: Vec<(&str, f64)> = found
        .maps
        .iter()
        .filter(|map| map.method != "hmc")
        .map(|map| (name(map), value(map.method, "tv_to_hmc")))
        .collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let list: Vec<String> = ranked.iter().map(|(name, tv)| format!("{name} ({tv:.4})")).collect();
    let mut text = format!(
        "From the nearest to the reference to the farthest: {}; both halves of the reference's own chains are {:.4} apart, which is what such a \
         number owes to chance. ",
        list.join(", "),
        found.reference.tv_between_halves
    );
    let relaxation = value("sgld", "relaxation_steps");
    text.push_str(&format!(
        "sgld's chain has {steps} steps, and the prior alone takes 2/(ε·τ) = {relaxation:.0} of them to forget where the chain \
         started: {}.",
        match (steps as f64) < 3.0 * relaxation {
            true => "one such chain has not seen the whole posterior, and another one sees another part of it",
            false => "the chain is long beside that",
        }
    ));
    if found.reference.rhat_weights.is_some_and(|rhat| rhat >= 1.05) {
        text.push_str(
            " On their weights the chains of hmc do not agree: each sits among some of the permutations of the hidden units, which are different \
             weights and the same functions.",
        );
    }
    let Reference { divergences, draws, .. } = found.reference;
    if 100 * divergences > draws {
        text.push_str(&format!(
            " {divergences} of the {draws} trajectories of hmc ran into a wall that its steps do not resolve (a point misclassified by a \
             logit in the thousands): such a trajectory is cut short, not wrong, but where the walls are close the reference moves slowly."
        ));
    }
    (verdicts, text)
}
