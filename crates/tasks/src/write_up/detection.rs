//! Out-of-distribution detection.

use apd_datasets::Images;
use apd_report::{
    Best, Cell, Column, Figure, Results, RocCurve, RocCurves, RocPanel, ScoreHistograms, ScorePanel, Section, Table,
};
use apd_uncertainty::{Score, detection, drop_collinear, roc_curve};

use crate::config::Config;
use crate::error::Result;
use crate::ood::{MethodScores, OutOfDistribution};

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
