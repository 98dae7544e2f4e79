//! Adversarial examples: how far do small changes mislead each method, and does its uncertainty tell?

use std::path::PathBuf;

use apd_data::Labelled;
use apd_diagnostics::mean_sd;
use apd_report::{ImageRow, Row};
use apd_seed::Seed;
use apd_store::checkpoint;
use apd_uncertainty::{Detection, Score, detection};
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::methods::DISTILLED;
use crate::named_posterior::NamedPosterior;
use crate::pictures::{SHOWN, label, row};
use crate::rows::{Rows, upper_median};
use crate::stage::{Stage, drive, saved};
use crate::tasks::adversarial::settings::AdversarialConfig;

pub use crate::tasks::adversarial::attack_target::Kind;
use crate::tasks::adversarial::attack_target::{AttackTarget, Evaluation};

const KIND: &str = "adversarial";

/// What the task found.
pub struct Adversarial {
    /// Accuracy, NLL and detection of each method under each attack.
    pub rows: Vec<Row>,
    /// Scores of the first draw at the radius of the tables, for figures.
    pub scores: Vec<AttackedScores>,
    /// Images that were attacked.
    pub images: usize,
    /// The first images as they are and attacked, for a figure.
    pub pictures: Vec<ImageRow>,
}

/// One score of one method, of the images as they are and after an attack on the method itself.
pub struct AttackedScores {
    /// The method.
    pub method: String,
    /// The attack.
    pub attack: Kind,
    /// The score.
    pub score: Score,
    /// Of the images as they are.
    pub clean: Vec<f64>,
    /// Of the same images, attacked.
    pub attacked: Vec<f64>,
}

/// One attack on one draw of one method's networks.
struct Job {
    method: usize,
    draw: usize,
    kind: Kind,
    epsilon: f64,
}

/// What a job found; the checkpoint holds those of the first jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Outcome {
    /// Accuracy of the networks that were attacked.
    target: f64,
    found: Vec<Found>,
    /// The largest change of a pixel, in the median over the images: what misleads half of them, for [`Kind::FgsmMinimal`].
    change: f64,
    /// Each score of each image of the method itself, where a figure shows them.
    scores: Vec<Vec<f64>>,
    /// The first images and what the method itself takes them for, where a figure shows them.
    pictures: Vec<(Vec<f32>, u32)>,
}

/// What the attacked images do to one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Found {
    method: usize,
    accuracy: f64,
    nll: f64,
    /// Attacked against clean images, by each of the method's scores.
    detected: Vec<Detection>,
}

/// Attacks test images with each [`Kind`] on each method's networks, at each radius, and shows the result to the averaged prediction of the
/// same networks (white-box); at the radius of the tables, to all other methods' too (transfer).
///
/// Rows: `accuracy` and `nll` (nats) under attack, and how well each score tells attacked from clean images (attacked is the positive
/// class, all images are in both classes, misled or not), all with `attack`, `source` (the method whose networks were attacked) and
/// `at` = ε. `change_median` of `fgsm-minimal` is the step that misleads half of the images. `accuracy_target` is that of the very networks that were attacked. Rows of the clean images have no attack and `at` = 0.
///
/// A checkpoint after each attack: a run that is stopped goes on there.
pub fn adversarial(
    context: Context<'_>,
    experiment: &Experiment,
    posteriors: &[NamedPosterior<'_>],
) -> Result<Adversarial> {
    let Experiment { config, folder, split, .. } = experiment;
    let (settings, seed) = (config.settings::<AdversarialConfig>(), experiment.seed.child("adversarial"));
    let shown = split.test.sample(seed.child("images"), settings.images);
    let task = Task { experiment, posteriors, settings, shown: &shown, seed };
    let jobs = task.jobs();
    let path = folder.checkpoint(KIND);
    let outcomes: Vec<Outcome> = saved(&path, KIND)?.unwrap_or_default();
    context.progress.begin(KIND, jobs.len() as u64, outcomes.len() as u64);
    let mut attacks = Attacks { clean: task.clean()?, task: &task, jobs, outcomes, path };
    drive(context, &mut attacks)?;
    context.progress.end();
    let Attacks { jobs, outcomes, clean, .. } = attacks;
    let rows = task.rows(&jobs, &outcomes, &clean);
    let scores = task.scores(&jobs, &outcomes, &clean);
    let pictures = task.pictures(&jobs, &outcomes);
    Ok(Adversarial { rows, scores, images: shown.len(), pictures })
}

/// All jobs, one after the other.
struct Attacks<'a> {
    task: &'a Task<'a>,
    jobs: Vec<Job>,
    /// Of the first jobs.
    outcomes: Vec<Outcome>,
    clean: Vec<Vec<Evaluation>>,
    path: PathBuf,
}

impl Stage for Attacks<'_> {
    fn is_finished(&self) -> bool {
        self.outcomes.len() >= self.jobs.len()
    }

    fn step(&mut self, context: Context<'_>) -> Result<()> {
        let job = &self.jobs[self.outcomes.len()];
        let outcome = self.task.run(job, &self.clean)?;
        let (method, accuracy) = (self.task.posteriors[job.method].name, 100.0 * outcome.found[0].accuracy);
        let message = format!("{} on {method}, ε = {}: accuracy {accuracy:.1} %", job.kind, job.epsilon);
        self.outcomes.push(outcome);
        context.progress.advance(self.outcomes.len() as u64, Some(message));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        Ok(checkpoint::save(&self.path, KIND, &self.outcomes)?)
    }
}

/// What all jobs share.
struct Task<'a> {
    experiment: &'a Experiment,
    posteriors: &'a [NamedPosterior<'a>],
    settings: &'a AdversarialConfig,
    shown: &'a Labelled,
    seed: Seed,
}

impl Task<'_> {
    fn draws(&self, method: usize) -> usize {
        if self.posteriors[method].is_random() { self.settings.draws } else { 1 }
    }

    /// Each radius once, in order.
    fn radii(&self) -> Vec<f64> {
        let mut radii = [&self.settings.epsilons[..], &[self.settings.epsilon]].concat();
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        radii
    }

    fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for method in 0..self.posteriors.len() {
            for draw in 0..self.draws(method) {
                for epsilon in self.radii() {
                    jobs.extend(self.kinds(method, epsilon).map(|kind| Job { method, draw, kind, epsilon }));
                }
            }
        }
        jobs
    }

    /// One network is its own average; the shortest step has no radius, but a longest.
    fn kinds(&self, method: usize, epsilon: f64) -> impl Iterator<Item = Kind> {
        let single = !self.posteriors[method].has_spread();
        let minimal = self.settings.minimal && epsilon == self.settings.epsilon;
        Kind::ALL
            .into_iter()
            .filter(move |kind| !(single && kind.on_one_network()) && (minimal || *kind != Kind::FgsmMinimal))
    }

    fn attack_target(&self, method: usize, draw: usize) -> Result<AttackTarget> {
        let posterior = self.posteriors[method];
        let seed = self.seed.child(posterior.name).index(draw as u64);
        AttackTarget::new(&self.experiment.network, posterior, self.settings.networks, seed)
    }

    /// Each draw of each method on the images as they are.
    fn clean(&self) -> Result<Vec<Vec<Evaluation>>> {
        let evaluate = |method, draw| {
            self.attack_target(method, draw)?.evaluate(self.shown.images.pixels.view(), &self.shown.labels)
        };
        let methods = 0..self.posteriors.len();
        methods.map(|method| (0..self.draws(method)).map(|draw| evaluate(method, draw)).collect()).collect()
    }

    fn run(&self, job: &Job, clean: &[Vec<Evaluation>]) -> Result<Outcome> {
        let (attack_target, labels) = (self.attack_target(job.method, job.draw)?, &self.shown.labels);
        let seed = self.seed.child("start").child(self.posteriors[job.method].name).index(job.draw as u64);
        let images = attack_target.perturb(job.kind, job.epsilon, self.settings, seed, self.shown);
        let evaluation = attack_target.evaluate(images.view(), labels)?;
        let target = if job.kind.on_one_network() {
            attack_target.evaluate_one(images.view(), labels)?
        } else {
            evaluation.accuracy
        };
        drop(attack_target);
        let at_tables = job.epsilon == self.settings.epsilon;
        let mut found = vec![compare(job.method, &evaluation, &clean[job.method][job.draw])?];
        if at_tables && job.kind.is_attack() {
            // Draws of two methods are paired by their number.
            for other in (0..self.posteriors.len()).filter(|&other| other != job.method) {
                let draw = job.draw.min(self.draws(other) - 1);
                let evaluation = self.attack_target(other, draw)?.evaluate(images.view(), labels)?;
                found.push(compare(other, &evaluation, &clean[other][draw])?);
            }
        }
        let figure = at_tables && job.kind.is_attack() && job.draw == 0;
        let scores =
            if figure { evaluation.scores.into_iter().map(|(_, values)| values).collect() } else { Vec::new() };
        let pictures = match self.is_pictured(job) {
            true => images.rows().into_iter().map(|image| image.to_vec()).zip(evaluation.seen).take(SHOWN).collect(),
            false => Vec::new(),
        };
        let change = median_change(&self.shown.images.pixels, &images);
        Ok(Outcome { target, found, change, scores, pictures })
    }

    /// Whether a figure shows the images of this job: of one network and of the default distiller, after noise and after the strongest attack.
    fn is_pictured(&self, job: &Job) -> bool {
        let pictured = match self.posteriors[job.method].name {
            "sgd" => matches!(job.kind, Kind::Noise | Kind::PgdAverage),
            DISTILLED => job.kind == Kind::PgdAverage,
            _ => false,
        };
        pictured && job.epsilon == self.settings.epsilon && job.draw == 0
    }

    /// The first images, a row for each job that is pictured.
    fn pictures(&self, jobs: &[Job], outcomes: &[Outcome]) -> Vec<ImageRow> {
        let labels = &self.shown.labels;
        let truth = labels.iter().take(SHOWN).map(|&truth| label(truth, truth)).collect();
        let mut rows = vec![row("as they are", &self.shown.images.pixels, truth)];
        for (job, outcome) in jobs.iter().zip(outcomes).filter(|(job, _)| self.is_pictured(job)) {
            let labels = outcome.pictures.iter().zip(labels).map(|((_, seen), &truth)| label(truth, *seen)).collect();
            let images = outcome.pictures.iter().map(|(image, _)| image.clone()).collect();
            let title = format!("{} on {}", job.kind, self.posteriors[job.method].name);
            rows.push(ImageRow { title, images, labels });
        }
        rows
    }

    fn rows(&self, jobs: &[Job], outcomes: &[Outcome], clean: &[Vec<Evaluation>]) -> Vec<Row> {
        let mut rows = Rows::new(&self.experiment.config, KIND);
        let name = |method: usize| self.posteriors[method].name;
        for (method, evaluation) in clean.iter().enumerate() {
            for (metric, value) in
                [("accuracy", (|j| j.accuracy) as fn(&Evaluation) -> f64), ("nll", |j: &Evaluation| j.nll)]
            {
                let values: Vec<f64> = evaluation.iter().map(value).collect();
                rows.push(name(method), metric, mean_sd(&values), values.len()).at = Some(0.0);
            }
        }
        for (method, _) in clean.iter().enumerate() {
            for epsilon in self.radii() {
                for kind in self.kinds(method, epsilon) {
                    let same = |job: &Job| job.method == method && job.epsilon == epsilon && job.kind == kind;
                    let of: Vec<&Outcome> =
                        jobs.iter().zip(outcomes).filter(|(job, _)| same(job)).map(|(_, outcome)| outcome).collect();
                    let mut push = |on: usize, metric: &str, score: Option<Score>, values: Vec<f64>| {
                        let row = rows.push(name(on), metric, mean_sd(&values), values.len());
                        row.at = Some(epsilon);
                        row.score = score.map(|score| score.to_string());
                        row.attack = Some(kind.to_string());
                        row.source = Some(name(method).to_string());
                    };
                    if kind == Kind::FgsmMinimal {
                        push(method, "change_median", None, of.iter().map(|outcome| outcome.change).collect());
                    }
                    if kind.on_one_network() {
                        push(method, "accuracy_target", None, of.iter().map(|outcome| outcome.target).collect());
                    }
                    for (i, first) in of[0].found.iter().enumerate() {
                        let values = |value: &dyn Fn(&Found) -> f64| of.iter().map(|o| value(&o.found[i])).collect();
                        push(first.method, "accuracy", None, values(&|f| f.accuracy));
                        push(first.method, "nll", None, values(&|f| f.nll));
                        for (s, (score, _)) in clean[first.method][0].scores.iter().enumerate() {
                            let score = Some(*score);
                            push(first.method, "auroc", score, values(&|f| f.detected[s].auroc));
                            push(first.method, "aupr_out", score, values(&|f| f.detected[s].aupr_out));
                            push(first.method, "aupr_in", score, values(&|f| f.detected[s].aupr_in));
                            push(first.method, "fpr95", score, values(&|f| f.detected[s].fpr95));
                        }
                    }
                }
            }
        }
        rows.finish()
    }

    fn scores(&self, jobs: &[Job], outcomes: &[Outcome], clean: &[Vec<Evaluation>]) -> Vec<AttackedScores> {
        let mut scores = Vec::new();
        for (job, outcome) in jobs.iter().zip(outcomes) {
            for ((score, clean), attacked) in clean[job.method][0].scores.iter().zip(&outcome.scores) {
                scores.push(AttackedScores {
                    method: self.posteriors[job.method].name.into(),
                    attack: job.kind,
                    score: *score,
                    clean: clean.clone(),
                    attacked: attacked.clone(),
                });
            }
        }
        scores
    }
}

fn compare(method: usize, attacked: &Evaluation, clean: &Evaluation) -> Result<Found> {
    let pairs = clean.scores.iter().zip(&attacked.scores);
    let detected = pairs.map(|((_, clean), (_, attacked))| Ok(detection(clean, attacked)?)).collect::<Result<_>>()?;
    Ok(Found { method, accuracy: attacked.accuracy, nll: attacked.nll, detected })
}

/// The middle, over the images, of the largest change of a pixel.
fn median_change(images: &Array2<f32>, attacked: &Array2<f32>) -> f64 {
    let largest = |(a, b): (ArrayView1<'_, f32>, ArrayView1<'_, f32>)| {
        a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    };
    upper_median(images.outer_iter().zip(attacked.outer_iter()).map(largest).collect())
}

/// Whether an attack did what it is there for: it raised the mean loss far more than noise of its size did.
///
/// An attack that does nothing, or goes the wrong way, does not; neither does a good one on a network that gives it no gradient.
pub(crate) fn is_effective(clean_nll: f64, noise_nll: f64, attacked_nll: f64) -> bool {
    attacked_nll - clean_nll > 2.0 * (noise_nll - clean_nll).abs() + 0.1 * clean_nll.max(0.1)
}

#[cfg(test)]
mod tests;
