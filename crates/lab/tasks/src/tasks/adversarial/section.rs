//! Adversarial examples.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, ScoreHistograms, ScorePanel, Section,
    Select, Series, Table,
};
use apd_uncertainty::{Score, detection};

use crate::config::Config;
use crate::metrics;
use crate::sections::change::{self, Change, verdict};
use crate::tasks::adversarial::compute::{Adversarial, Kind, is_effective};
use crate::tasks::adversarial::settings::AdversarialConfig;

/// Attacks whose detection is shown.
const DETECTED: [Kind; 2] = [Kind::PgdDraw, Kind::PgdAverage];
/// Scores in the histograms.
const SHOWN: [Score; 2] = [Score::Entropy, Score::Bald];

/// Accuracy under attack, the transfer matrix, and detection.
pub(crate) fn adversarial(config: &Config, results: &Results, found: &Adversarial) -> Section {
    let settings = config.settings::<AdversarialConfig>();
    let select = results.select().task("adversarial");
    let methods = select.distinct(|row| row.method.clone());
    let view = View { settings, select, methods };
    let (accuracy, accuracy_changes) = view.accuracy();
    let (auroc, auroc_changes) = view.detection("auroc");
    let (aupr, _) = view.detection("aupr_out");
    let mut section = Section::new("Adversarial examples")
        .setting(&format!(
            "{} test images; each pixel may move by ε, {} unless a table says otherwise, of a range of 2 (L∞). fgsm takes one step of ε, \
             pgd {} steps of {}{}, along the sign of the gradient of the loss of the true class. \
             “draw”: the gradient of one of the method's networks; “average”: that of the averaged prediction, which is what is asked \
             afterwards in every column (white-box). noise is ±ε in each pixel by chance. {} networks are averaged (sgd: 1, ensemble: {}); \
             mean ± sd over {} draws of them.",
            found.images,
            settings.epsilon,
            settings.steps,
            settings.step,
            if settings.random_start { " from a random point of the ball" } else { "" },
            settings.networks,
            config.baselines.ensemble,
            settings.draws
        ))
        .text(&view.words(&accuracy_changes, &auroc_changes))
        .table(accuracy)
        .table(view.transfer())
        .table(auroc)
        .table(aupr)
        .figure(view.curves());
    if let Some(figure) = histograms(found) {
        section = section.figure(figure);
    }
    section
}

struct View<'a> {
    settings: &'a AdversarialConfig,
    select: Select<'a>,
    methods: Vec<String>,
}

impl<'a> View<'a> {
    /// Rows of an attack on each method itself.
    fn white_box(&self, kind: Kind, at: f64) -> Select<'a> {
        let own = |row: &apd_report::Row| row.source.as_ref() == Some(&row.method);
        self.select.clone().attack(kind.name()).at(at).filter(own)
    }

    fn clean(&self) -> Select<'a> {
        self.select.clone().filter(|row| row.attack.is_none())
    }

    fn value(&self, method: &str, kind: Kind, metric: &str, at: f64) -> Option<f64> {
        self.white_box(kind, at).method(method).metric(metric).value()
    }

    /// A row per attack, a column per method.
    fn accuracy(&self) -> (Table, Vec<(String, Change)>) {
        let format = Format::Percent(1);
        let mut columns = vec![Column::text("images")];
        columns.extend(self.methods.iter().map(|method| Column::number(method, format)));
        columns.extend(Change::columns(format));
        let caption = format!("Accuracy % of the averaged prediction under attack, ε = {}.", self.settings.epsilon);
        let mut table = Table::new(&caption, columns).best_in_row(Best::Highest);
        let mut changes = Vec::new();
        let mut push = |name: &str, select: Select<'a>| {
            let mut cells = vec![Cell::text(name)];
            cells.extend(self.methods.iter().map(|method| Cell::from(select.clone().method(method).row())));
            cells.extend(Change::cells(&select, Best::Highest, format));
            table.push(cells);
            changes.extend(Change::all(&select).into_iter().map(|change| (name.to_string(), change)));
        };
        push("as they are", self.clean().metric("accuracy"));
        for kind in Kind::ALL {
            push(kind.name(), self.white_box(kind, self.settings.epsilon).metric("accuracy"));
        }
        let table = table.note(&format!(
            "sgd is one network, so that an attack on its average is the attack on a draw. {}",
            change::NOTE
        ));
        (table, changes)
    }

    fn transfer(&self) -> Table {
        let format = Format::Percent(1);
        let mut columns = vec![Column::text("made on ↓ shown to →")];
        columns.extend(self.methods.iter().map(|method| Column::number(method, format)));
        let caption = format!(
            "Transfer: accuracy % of each method on what pgd-average makes of another, ε = {}.",
            self.settings.epsilon
        );
        let mut table = Table::new(&caption, columns);
        let select = self.select.clone().attack(Kind::PgdAverage.name()).at(self.settings.epsilon).metric("accuracy");
        for source in &self.methods {
            let mut cells = vec![Cell::text(source)];
            let of_source = select.clone().source(source);
            cells.extend(self.methods.iter().map(|method| Cell::from(of_source.clone().method(method).row())));
            table.push(cells);
        }
        table.note("The diagonal is the white-box attack. The lower a row, the further what misleads that method misleads the others.")
    }

    /// A row per attack and score, a column per method.
    fn detection(&self, metric: &str) -> (Table, Vec<(String, Change)>) {
        let Column { heading, format, best, .. } = metrics::column(metric);
        let best = best.unwrap_or(Best::Highest);
        let mut columns = vec![Column::text("attack"), Column::text("score")];
        columns.extend(self.methods.iter().map(|method| Column::number(method, format)));
        columns.extend(Change::columns(format));
        let heading = heading.replace(" out", "");
        let caption = format!("{heading}: attacked against clean images, ε = {}.", self.settings.epsilon);
        let mut table = Table::new(&caption, columns).grouped().best_in_row(best);
        let mut changes = Vec::new();
        for kind in DETECTED {
            for score in Score::ALL {
                let select = self.white_box(kind, self.settings.epsilon).metric(metric).score(score.name());
                let mut cells = vec![Cell::text(kind.name()), Cell::text(score.name())];
                cells.extend(self.methods.iter().map(|method| Cell::from(select.clone().method(method).row())));
                cells.extend(Change::cells(&select, best, format));
                table.push(cells);
                changes.extend(Change::all(&select).into_iter().map(|change| (format!("{kind}, {score}"), change)));
            }
        }
        let table = table.note(&format!(
            "Attacked images are the positive class; every image is in both classes once, misled or not. 50 % is chance; below it, the \
             attacked images look more certain than the clean ones. {}",
            change::NOTE
        ));
        (table, changes)
    }

    fn radii(&self) -> Vec<f64> {
        let mut radii = self.select.distinct(|row| row.at.unwrap_or(0.0));
        radii.sort_by(f64::total_cmp);
        radii
    }

    fn curves(&self) -> Figure {
        let radii = self.radii();
        let line = |method: &String, kind: Kind, metric: &str, score: Option<Score>| {
            let value = |&at: &f64| {
                let select = match at {
                    0.0 if score.is_none() => self.clean(),
                    _ => self.white_box(kind, at),
                };
                let select = select.method(method).metric(metric);
                let row = score.map_or(select.clone(), |score| select.score(score.name())).value()?;
                Some((at, row))
            };
            Series::new(method, radii.iter().filter_map(value).collect())
        };
        let panel = |title: &str, y: &str, kind: Kind, metric: &str, score: Option<Score>| {
            let lines: Vec<Series> = self.methods.iter().map(|method| line(method, kind, metric, score)).collect();
            let lines = lines.into_iter().filter(|line| line.points.len() > 1).collect();
            CurvePanel::new(title, Axis::new("ε"), Axis::new(y).percent(), lines)
        };
        let panels = vec![
            panel("pgd-draw", "accuracy %", Kind::PgdDraw, "accuracy", None),
            panel("pgd-average", "accuracy %", Kind::PgdAverage, "accuracy", None),
            panel("fgsm-average", "accuracy %", Kind::FgsmAverage, "accuracy", None),
            panel("noise", "accuracy %", Kind::Noise, "accuracy", None),
            panel("pgd-draw, found by BALD", "AUROC %", Kind::PgdDraw, "auroc", Some(Score::Bald)),
            panel("pgd-average, found by BALD", "AUROC %", Kind::PgdAverage, "auroc", Some(Score::Bald)),
        ];
        Figure::new(
            "adversarial",
            "Accuracy of the averaged prediction against the radius of the attack, and how well BALD finds the attacked images.",
            Curves { columns: 2, panels },
        )
    }

    fn words(&self, accuracy: &[(String, Change)], auroc: &[(String, Change)]) -> String {
        let epsilon = self.settings.epsilon;
        let percent = |value: Option<f64>| value.map_or("–".into(), |value| format!("{:.1} %", 100.0 * value));
        let mut text = String::from(
            "Expected: noise of this size does next to nothing, and an attack on the very prediction that is asked afterwards misleads \
             every method; a Bayesian average is no defense against those who know it. An attack on one of its networks misleads \
             the average less, and there the networks' disagreement should give it away. apd should do as sgld does in every cell. Found:",
        );
        for method in ["sgd", "sgld", "apd"].into_iter().filter(|method| self.methods.iter().any(|m| m == method)) {
            let clean = self.clean().method(method).metric("accuracy").value();
            let under = |kind: Kind| percent(self.value(method, kind, "accuracy", epsilon));
            text.push_str(&format!(
                " {method} is right on {} of the images, on {} after noise, {}{} after pgd on its average.",
                percent(clean),
                under(Kind::Noise),
                match self.value(method, Kind::PgdDraw, "accuracy", epsilon) {
                    Some(value) => format!(
                        "{} after pgd on one of its networks (which itself is right on {}), ",
                        percent(Some(value)),
                        percent(self.value(method, Kind::PgdDraw, "accuracy_target", epsilon))
                    ),
                    None => String::new(),
                },
                under(Kind::PgdAverage),
            ));
        }
        text.push_str("\n\n");
        text.push_str(&self.check());
        let by = |kind: Kind, method: &str| {
            let select = self.white_box(kind, epsilon).method(method).metric("auroc");
            percent(select.score(Score::Bald.name()).value())
        };
        text.push_str(&format!(
            " BALD finds pgd on one network with an AUROC of {} (sgld) and {} (apd), pgd on the average with {} and {}.\n\n{} {}",
            by(Kind::PgdDraw, "sgld"),
            by(Kind::PgdDraw, "apd"),
            by(Kind::PgdAverage, "sgld"),
            by(Kind::PgdAverage, "apd"),
            verdict("accuracy", accuracy, Best::Highest, Format::Percent(1)),
            verdict("AUROC", auroc, Best::Highest, Format::Percent(1)),
        ));
        text
    }

    /// Whether the attacks attacked: without that, every other number here is about nothing.
    fn check(&self) -> String {
        let epsilon = self.settings.epsilon;
        let mut idle = Vec::new();
        for method in &self.methods {
            let Some(clean) = self.clean().method(method).metric("nll").value() else { continue };
            let Some(noise) = self.value(method, Kind::Noise, "nll", epsilon) else { continue };
            for kind in [Kind::FgsmAverage, Kind::PgdAverage] {
                let attacked = self.value(method, kind, "nll", epsilon).unwrap_or(clean);
                if !is_effective(clean, noise, attacked) {
                    idle.push(format!("{kind} on {method}"));
                }
            }
        }
        match idle[..] {
            [] => "The attacks work: on every method they raise the loss far more than noise of the same size.".into(),
            _ => format!(
                "ATTACKS THAT DID NOTHING: {}. They did not raise the loss beyond what noise of the same size does, so that the \
                 numbers about them say nothing of robustness; a network whose gradient vanishes looks like this.",
                idle.join(", ")
            ),
        }
    }
}

/// Methods in the histograms: more cannot be read beside each other.
const COMPARED: [&str; 3] = ["mc-dropout", "sgld", "apd"];

/// Rows: attack and score; columns: methods.
fn histograms(found: &Adversarial) -> Option<Figure> {
    let mut panels = Vec::new();
    let mut columns = 0;
    for kind in DETECTED {
        for score in SHOWN {
            let row = found.scores.iter().filter(|s| s.attack == kind && s.score == score);
            let row = row.filter(|s| COMPARED.contains(&s.method.as_str()));
            let row: Vec<ScorePanel> = row
                .map(|scores| ScorePanel {
                    title: format!("{} · {kind}", scores.method),
                    method: scores.method.clone(),
                    note: detection(&scores.clean, &scores.attacked)
                        .map_or(String::new(), |found| format!("AUROC {:.1} %", 100.0 * found.auroc)),
                    x_label: format!("{score} (nats)"),
                    inside: scores.clean.clone(),
                    outside: scores.attacked.clone(),
                })
                .collect();
            columns = columns.max(row.len());
            panels.extend(row);
        }
    }
    (!panels.is_empty()).then(|| {
        Figure::new(
            "adversarial-histograms",
            "Uncertainty of test images as they are and attacked, one draw per method.",
            ScoreHistograms { inside: "as they are".into(), outside: "attacked".into(), columns, panels },
        )
    })
}
