//! Out-of-distribution detection.

use apd_data::Images;
use apd_report::{
    Axis, BarMark, BarSeries, Bars, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, RocCurve,
    RocCurves, RocPanel, ScoreHistograms, ScorePanel, Section, Select, Series, Table, Verdict,
};
use apd_uncertainty::{Score, detection, drop_collinear, roc_curve};

use crate::config::{Config, EvaluationConfig};
use crate::error::Result;
use crate::methods::DISTILLED;
use crate::metrics;
use crate::pictures;
use crate::sections::change::{self, Change, kept};
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
    let mut section = Section::new("Do strange images stand out?")
        .setting(&format!(
            "In: {} test images of {}, unscaled. Out (the positive class): {}{}. {} networks per prediction, {} draws.",
            inside.len(),
            config.dataset,
            sets.iter().map(|set| format!("{} {}", set.len(), set.name)).collect::<Vec<_>>().join(", "),
            if evaluation.ood_scales == [1.0] { "" } else { ", their intensities multiplied by the scale" },
            evaluation.networks,
            evaluation.draws
        ))
        .figure(strange(inside, sets))
        .figure(view.dots(
            Score::Entropy,
            "The higher a dot, the better strange images are told from test images by the entropy of the averaged prediction: 50 % is chance, \
             100 % never wrong. Bars are the deviation over draws.",
        ));
    section.verdicts.extend(view.beats_one_network());
    section.verdicts.extend(kept("detection", &changes, Best::Highest, Format::Percent(1), 0.01));
    let mut numbers = Section::new("Each set, score and method in numbers").table(glance);
    for &scale in &evaluation.ood_scales {
        for metric in ["auroc", "aupr_out", "aupr_in", "fpr95"] {
            numbers = numbers.table(view.detail(metric, scale));
        }
    }
    let mut curves = Section::new("Detection by disagreement, histograms and ROC curves").figure(view.dots(
        Score::Bald,
        "The same by BALD, the disagreement between networks. sgd has none, for one network cannot disagree with itself.",
    ));
    if evaluation.ood_scales.len() > 1 {
        curves = curves.figure(view.against_scale());
    }
    for figure in histograms_and_roc(&found.scores)? {
        curves = curves.figure(figure);
    }
    Ok(section.details(numbers).details(curves))
}

/// A few images of each set, below test images.
fn strange(inside: &Images, sets: &[Images]) -> Figure {
    let rows = std::iter::once(inside).chain(sets);
    let title = |set: &Images| if std::ptr::eq(set, inside) { "test images".to_owned() } else { set.name.clone() };
    let rows = rows.map(|set| pictures::row(&title(set), &set.pixels, Vec::new())).collect();
    pictures::figure(
        "ood-images",
        "Nothing below the first row is what the networks were trained on, and yet they have to answer: a few images of each set, at their own \
         intensity.",
        inside,
        rows,
    )
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

    /// A row per set and scale: what sgd, sgld, distilled and apd detect by entropy and BALD, and what distillation changed.
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

    /// Each method's AUROC of each set at the lowest intensity.
    fn dots(&self, score: Score, caption: &str) -> Figure {
        let scale = self.evaluation.ood_scales.iter().copied().min_by(|a, b| a.total_cmp(b)).unwrap_or(1.0);
        let value = |method: &str, set: &Images| match self.auroc(set, scale, score).method(method).row() {
            Some(row) => (row.value, row.sd.unwrap_or(f64::NAN)),
            None => (f64::NAN, f64::NAN),
        };
        let series = self.methods.iter().map(|method| BarSeries {
            name: method.to_string(),
            values: self.sets.iter().map(|set| value(method, set)).collect(),
        });
        let bars = Bars {
            y: Axis::new(&format!("AUROC %, by {score}")).percent(),
            mark: BarMark::Dot,
            groups: self.sets.iter().map(|set| set.name.clone()).collect(),
            series: series.collect(),
        };
        Figure::new(&format!("ood-auroc-{score}"), caption, bars)
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
        let caption = "Brighter images should be found more easily: AUROC against the factor on their intensities.";
        Figure::new("ood-scale", caption, Curves { columns: 2, panels })
    }

    /// The mean AUROC by entropy, which every method has, over all sets and intensities.
    fn beats_one_network(&self) -> Option<Verdict> {
        let mean = |method: &str| {
            let rows = self.select.clone().metric("auroc").method(method).score(Score::Entropy.name());
            let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
            (!values.is_empty()).then(|| 100.0 * values.iter().sum::<f64>() / values.len() as f64)
        };
        let one = mean("sgd")?;
        let others: Vec<(&str, f64)> =
            COMPARED[1..].iter().filter_map(|&method| Some((method, mean(method)?))).collect();
        if others.is_empty() {
            return None;
        }
        let met = others.iter().all(|&(_, mean)| mean > one);
        let others: Vec<String> = others.iter().map(|(method, mean)| format!("{mean:.1} % for {method}")).collect();
        let found = format!("mean AUROC by entropy {}; sgd has {one:.1} % (limit).", others.join(", "));
        Some(Verdict::new("Do the posteriors beat one network?", met, &found))
    }
}

/// The methods of the short table.
const COMPARED: [&str; 4] = ["sgd", "sgld", DISTILLED, "apd"];

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
            &format!("The less the colored area overlaps the gray one, the better {score} tells strange images (colored) from test images (gray); one draw per method."),
            ScoreHistograms {
                inside: "in: test".into(),
                outside: "out: out of distribution".into(),
                columns: of_score.iter().filter(|scores| COMPARED.contains(&scores.method.as_str())).count(),
                panels,
            },
        ));
        figures.push(Figure::new(
            &format!("roc-{score}"),
            &format!(
                "The closer a curve comes to the upper left corner, the better {score} detects; one draw per method."
            ),
            RocCurves { panels: roc },
        ));
    }
    Ok(figures)
}
