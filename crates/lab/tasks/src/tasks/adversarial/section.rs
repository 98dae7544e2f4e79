//! Adversarial examples.

use apd_report::{
    Axis, Best, Cell, Column, CurvePanel, Curves, Figure, Format, Results, ScoreHistograms, ScorePanel, Section,
    Select, Series, Table, Verdict,
};
use apd_uncertainty::{Score, detection};

use crate::experiment::Experiment;
use crate::methods::DISTILLED;
use crate::metrics;
use crate::pictures;
use crate::sections::change::{self, Change, kept};
use crate::tasks::adversarial::compute::{Adversarial, Kind, is_effective};
use crate::tasks::adversarial::settings::AdversarialConfig;

/// Attacks whose detection is shown.
const DETECTED: [Kind; 3] = [Kind::PgdDraw, Kind::PgdAverage, Kind::FgsmMinimal];
/// Scores in the histograms.
const SHOWN: [Score; 2] = [Score::Entropy, Score::Bald];

/// Accuracy under attack, the transfer matrix, and detection.
pub(crate) fn adversarial(experiment: &Experiment, results: &Results, found: &Adversarial) -> Section {
    let Experiment { config, split, .. } = experiment;
    let settings = config.settings::<AdversarialConfig>();
    let select = results.select().task("adversarial");
    let methods = select.distinct(|row| row.method.clone());
    let view = View { settings, select, methods };
    let (accuracy, accuracy_changes) = view.accuracy();
    let (auroc, auroc_changes) = view.detection("auroc");
    let (aupr, _) = view.detection("aupr_out");
    let mut numbers = Section::new("Each attack in numbers");
    for table in [accuracy, view.transfer(), auroc, aupr] {
        numbers = numbers.table(table);
    }
    let mut section = Section::new("What if somebody wants to mislead it?")
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
        .figure(pictures::figure(
            "attacked-images",
            &format!(
                "To us the rows show the same: test images as they are, after noise, and attacked with ε = {}; below each what it is, and → what \
                 the method that was attacked takes it for where that is something else.",
                settings.epsilon
            ),
            &split.test.images,
            found.pictures.clone(),
        ));
    section.verdicts = view.verdicts();
    section.verdicts.extend(kept("accuracy under attack", &accuracy_changes, Best::Highest, Format::Percent(1), 0.02));
    section.verdicts.extend(kept("detection of attacks", &auroc_changes, Best::Highest, Format::Percent(1), 0.02));
    section = section.details(Section::new("Attacks of every size").figure(view.curves())).details(numbers);
    match histograms(found) {
        Some(figure) => section.details(Section::new("Histograms").figure(figure)),
        None => section,
    }
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

    /// Those of these attacks that were made.
    fn kinds(&self, of: &[Kind]) -> Vec<Kind> {
        let made = |kind: &&Kind| kind != &&Kind::FgsmMinimal || self.settings.minimal;
        of.iter().filter(made).copied().collect()
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
        for kind in self.kinds(&Kind::ALL) {
            push(kind.name(), self.white_box(kind, self.settings.epsilon).metric("accuracy"));
        }
        let minimal = if self.settings.minimal { self.minimal() } else { String::new() };
        let table = table.note(&format!(
            "sgd is one network, so that an attack on its average is the attack on a draw. {minimal}{}",
            change::NOTE
        ));
        (table, changes)
    }

    /// What the shortest steps are.
    fn minimal(&self) -> String {
        let epsilon = self.settings.epsilon;
        let median = |method: &String| {
            let change = self.value(method, Kind::FgsmMinimal, "change_median", epsilon)?;
            Some(format!("{method} {}{change:.3}", if change < epsilon { "" } else { "at least " }))
        };
        let medians: Vec<String> = self.methods.iter().filter_map(median).collect();
        format!(
            "fgsm-minimal is the shortest part of fgsm's step that misleads, image by image: in the median {} of a range of 2. ",
            medians.join(", ")
        )
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
        for kind in self.kinds(&DETECTED) {
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
            panel("noise: accuracy", "accuracy %", Kind::Noise, "accuracy", None),
            panel("pgd on one network: accuracy", "accuracy %", Kind::PgdDraw, "accuracy", None),
            panel("pgd on the average: accuracy", "accuracy %", Kind::PgdAverage, "accuracy", None),
            panel("fgsm on the average: accuracy", "accuracy %", Kind::FgsmAverage, "accuracy", None),
            panel("pgd on one network, found by BALD", "AUROC %", Kind::PgdDraw, "auroc", Some(Score::Bald)),
            panel("pgd on the average, found by BALD", "AUROC %", Kind::PgdAverage, "auroc", Some(Score::Bald)),
        ];
        Figure::new(
            "adversarial",
            "Noise should do next to nothing, and an attack on the very prediction that is asked mislead everybody as ε grows. The last two panels \
             say whether the networks' disagreement gives an attack away: 50 % is chance.",
            Curves { columns: 3, panels },
        )
    }

    /// Whether the attacks attacked, and whether disagreement gives away those on one network.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = vec![self.check()];
        let select = self.white_box(Kind::PgdDraw, self.settings.epsilon).metric("auroc").score(Score::Bald.name());
        let found: Vec<(&str, f64)> = ["sgld", DISTILLED, "apd"]
            .into_iter()
            .filter_map(|method| Some((method, select.clone().method(method).value()?)))
            .collect();
        if !found.is_empty() {
            let words: Vec<String> =
                found.iter().map(|(method, auroc)| format!("{method} {:.1} %", 100.0 * auroc)).collect();
            let words = format!("AUROC by BALD: {} (limit 50 %, chance).", words.join(", "));
            let met = found.iter().all(|&(_, auroc)| auroc > 0.5);
            verdicts.push(Verdict::new("Does disagreement give an attack on one network away?", met, &words));
        }
        verdicts
    }

    /// Whether the attacks attacked: without that, every other number here is about nothing.
    fn check(&self) -> Verdict {
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
        let found = match idle[..] {
            [] => "on every method they raise the loss far more than noise of the same size.".into(),
            _ => format!(
                "{} did nothing beyond what noise of the same size does, so that their numbers say nothing of robustness; a network whose \
                 gradient vanishes looks like this.",
                idle.join(", ")
            ),
        };
        Verdict::new("Do the attacks work?", idle.is_empty(), &found)
    }
}

/// Methods in the histograms: more cannot be read beside each other.
const COMPARED: [&str; 4] = ["mc-dropout", "sgld", DISTILLED, "apd"];

/// Rows: attack and score; columns: methods.
fn histograms(found: &Adversarial) -> Option<Figure> {
    let mut panels = Vec::new();
    let mut columns = 0;
    for kind in [Kind::PgdDraw, Kind::PgdAverage] {
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
            "Where the colored area (attacked) lies right of the gray one (as they are), the score gives the attack away; one draw per method.",
            ScoreHistograms { inside: "as they are".into(), outside: "attacked".into(), columns, panels },
        )
    })
}
