//! Out-of-distribution detection.

use apd_data::Images;
use apd_report::{
    Axis, BarMark, BarSeries, Bars, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, RocCurve,
    RocCurves, RocPanel, ScoreHistograms, ScorePanel, Section, Select, Series, Table,
};
use apd_uncertainty::{Score, detection, drop_collinear, roc_curve};

use crate::config::{Config, EvaluationConfig};
use crate::error::Result;
use crate::metrics;
use crate::sections::change::{self, Change, verdict};
use crate::tasks::ood::compute::{MethodScores, OutOfDistribution};

/// The detection tables, histograms and ROC curves.
pub(crate) fn detection_section(
    config: &Config,
    results: &Results,
    found: &OutOfDistribution,
    inside: &Images,
    sets: &[Images],
) -> Result<Section> {
    let evaluation = &config.evaluation;
    let select = results.select().task("ood");
    let methods = select.distinct(|row| row.method.as_str());
    let view = View { evaluation, select, methods, sets };
    let (glance, changes) = view.glance();
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
        .text(&view.words(&changes))
        .table(glance);
    for &scale in &evaluation.ood_scales {
        for metric in ["auroc", "aupr_out", "aupr_in", "fpr95"] {
            section = section.table(view.detail(metric, scale));
        }
    }
    section = section.figure(view.dots());
    if evaluation.ood_scales.len() > 1 {
        section = section.figure(view.against_scale());
    }
    for figure in histograms_and_roc(&found.scores)? {
        section = section.figure(figure);
    }
    Ok(section)
}

/// The rows of the task, and what they are about.
struct View<'a> {
    evaluation: &'a EvaluationConfig,
    select: Select<'a>,
    methods: Vec<&'a str>,
    sets: &'a [Images],
}

/// The scores that the paper compares.
const MAIN: [Score; 2] = [Score::Entropy, Score::Bald];

impl<'a> View<'a> {
    fn auroc(&self, set: &Images, scale: f32, score: Score) -> Select<'a> {
        self.select.clone().metric("auroc").ood(&set.name).scale(f64::from(scale)).score(score.name())
    }

    /// A row per set and scale: what sgd, sgld, subspace and apd detect by entropy and BALD, and what distillation changed.
    fn glance(&self) -> (Table, Vec<(String, Change)>) {
        let format = Format::Percent(1);
        let scaled = self.evaluation.ood_scales.len() > 1;
        let mut columns = vec![Column::text("set")];
        columns.extend(scaled.then(|| Column::number("intensity ×", Format::Significant(2))));
        for score in MAIN {
            for method in COMPARED.iter().filter(|&&method| method != "sgd" || score == Score::Entropy) {
                columns.push(Column::number(&format!("{method}, {score}"), format));
            }
            columns.extend(Change::columns(format));
        }
        let mut table = Table::new("At a glance: AUROC % of each set, by entropy and by BALD.", columns).grouped();
        let mut changes = Vec::new();
        for set in self.sets {
            for &scale in &self.evaluation.ood_scales {
                let mut cells = vec![Cell::text(&set.name)];
                cells.extend(scaled.then(|| Cell::number(f64::from(scale))));
                for score in MAIN {
                    let select = self.auroc(set, scale, score);
                    for method in COMPARED.iter().filter(|&&method| method != "sgd" || score == Score::Entropy) {
                        cells.push(Cell::from(select.clone().method(method).row()));
                    }
                    cells.extend(Change::cells(&select, Best::Highest, format));
                    let place = if scaled {
                        format!("{} × {scale}, {score}", set.name)
                    } else {
                        format!("{}, {score}", set.name)
                    };
                    changes.extend(Change::all(&select).into_iter().map(|change| (place.clone(), change)));
                }
                table.push(cells);
            }
        }
        (table.note(change::NOTE), changes)
    }

    /// Every score of every method, by one metric at one scale.
    fn detail(&self, metric: &str, scale: f32) -> Table {
        let Column { heading, format, best, .. } = metrics::column(metric);
        let best = best.unwrap_or(Best::Highest);
        let mut columns = vec![Column::text("set"), Column::text("score")];
        columns.extend(self.methods.iter().map(|method| Column::number(method, format)));
        columns.extend(Change::columns(format));
        let at = if scale == 1.0 { String::new() } else { format!(", intensity × {scale}") };
        let mut table = Table::new(&format!("{heading}{at}."), columns).grouped().best_in_row(best);
        for set in self.sets {
            for score in Score::ALL {
                let select =
                    self.select.clone().metric(metric).ood(&set.name).scale(f64::from(scale)).score(score.name());
                if select.row().is_none() {
                    continue;
                }
                let mut cells = vec![Cell::text(&set.name), Cell::text(score.name())];
                cells.extend(self.methods.iter().map(|method| Cell::from(select.clone().method(method).row())));
                cells.extend(Change::cells(&select, best, format));
                table.push(cells);
            }
        }
        table
    }

    /// Each method's AUROC of each set at the lowest intensity, by entropy and, to the right, by BALD.
    fn dots(&self) -> Figure {
        let scale = self.evaluation.ood_scales.iter().copied().min_by(|a, b| a.total_cmp(b)).unwrap_or(1.0);
        let places = || MAIN.into_iter().flat_map(|score| self.sets.iter().map(move |set| (set, score)));
        let series = self.methods.iter().map(|method| BarSeries {
            name: method.to_string(),
            values: places()
                .map(|(set, score)| match self.auroc(set, scale, score).method(method).row() {
                    Some(row) => (row.value, row.sd.unwrap_or(f64::NAN)),
                    None => (f64::NAN, f64::NAN),
                })
                .collect(),
        });
        let bars = Bars {
            y: Axis::new("AUROC %").percent(),
            mark: BarMark::Dot,
            groups: places().map(|(set, score)| format!("{}, {score}", set.name)).collect(),
            series: series.collect(),
        };
        let caption = "AUROC by set and method, by entropy and by BALD; bars are the deviation over draws.";
        Figure::new("ood-auroc", caption, bars)
    }

    /// AUROC against the scale, a panel for each set and score.
    fn against_scale(&self) -> Figure {
        let mut panels = Vec::new();
        for set in self.sets {
            for score in MAIN {
                let line = |method: &&str| {
                    let scales = self.evaluation.ood_scales.iter();
                    let point =
                        |&scale: &f32| Some((f64::from(scale), self.auroc(set, scale, score).method(method).value()?));
                    Series::new(method, scales.filter_map(point).collect())
                };
                let lines = self.methods.iter().map(line).filter(|line| !line.points.is_empty()).collect();
                let (x, y) = (Axis::new("intensity ×").log(), Axis::new("AUROC %").percent());
                panels.push(CurvePanel::new(&format!("{}, {score}", set.name), x, y, lines));
            }
        }
        let caption = "AUROC against the factor on the intensities of the out-of-distribution images.";
        Figure::new("ood-scale", caption, Curves { columns: 2, panels })
    }

    fn words(&self, changes: &[(String, Change)]) -> String {
        let mean = |method: &str, score: Score| {
            let rows = self.select.clone().metric("auroc").method(method).score(score.name());
            let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
            match values.is_empty() {
                true => "–".into(),
                false => format!("{:.1} %", 100.0 * values.iter().sum::<f64>() / values.len() as f64),
            }
        };
        let (entropy, bald) = (Score::Entropy, Score::Bald);
        format!(
            "Expected: subspace and apd detect what sgld detects, by every score, and both beat one network. sgd has no disagreement between \
             networks, so BALD, variation ratio and model variance do not exist for it. Found, as the mean AUROC over all sets{}: by entropy {} \
             for sgd, {} for sgld, {} for subspace, {} for apd; by BALD {} for sgld, {} for subspace and {} for apd.\n\n{}",
            if self.evaluation.ood_scales.len() > 1 { " and intensities" } else { "" },
            mean("sgd", entropy),
            mean("sgld", entropy),
            mean("subspace", entropy),
            mean("apd", entropy),
            mean("sgld", bald),
            mean("subspace", bald),
            mean("apd", bald),
            verdict("AUROC by entropy and BALD", changes, Best::Highest, Format::Percent(1))
        )
    }
}

/// The methods of the short table.
const COMPARED: [&str; 4] = ["sgd", "sgld", "subspace", "apd"];

fn histograms_and_roc(scores: &[MethodScores]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for score in MAIN {
        let of_score: Vec<&MethodScores> = scores.iter().filter(|s| s.score == score).collect();
        let Some(first) = of_score.first() else { continue };
        let mut panels = Vec::new();
        let mut roc = Vec::new();
        for (set, (name, _)) in first.outside.iter().enumerate() {
            let mut curves = Vec::new();
            for method in &of_score {
                let outside = &method.outside[set].1;
                let auroc = detection(&method.inside, outside)?.auroc;
                // More than a few histograms beside each other cannot be read.
                if COMPARED.contains(&method.method.as_str()) {
                    panels.push(ScorePanel {
                        title: format!("{} · {name}", method.method),
                        method: method.method.clone(),
                        note: format!("AUROC {:.1} %", 100.0 * auroc),
                        x_label: format!("{score} (nats)"),
                        inside: method.inside.clone(),
                        outside: outside.clone(),
                    });
                }
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
                inside: "in: test".into(),
                outside: "out: out of distribution".into(),
                columns: of_score.iter().filter(|scores| COMPARED.contains(&scores.method.as_str())).count(),
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
