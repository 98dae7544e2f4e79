use super::predictions::STRANGE;
use super::{Answers, Concern, Evaluation, Metrics, TableModel, Verdict};
use crate::Mixing;

/// Most nats that distilling may lose.
const LOST: f64 = 0.01;
/// Share of strange rows that is still usual: one in a hundred is expected.
const STRANGE_SHARE: f64 = 0.05;
/// How far a share may be from what it should be, beside what chance explains.
const SLACK: f64 = 0.02;

impl TableModel {
    /// Whether the model can be believed on the rows of an evaluation: a verdict for each concern.
    pub fn check(&self, evaluation: &Evaluation) -> Vec<Verdict> {
        vec![
            self.mixing_verdict(),
            constant(evaluation),
            coverage(evaluation),
            self.distilling_verdict(),
            strangeness(&evaluation.predictions.ood),
        ]
    }

    /// As [`check`](Self::check), of rows whose target is not known: what the held-out rows said, and how strange these are.
    pub fn check_inputs(&self, ood: &[f64]) -> Vec<Verdict> {
        let mut verdicts = self.verdicts().to_vec();
        verdicts.retain(|verdict| verdict.concern != Concern::Strangeness);
        verdicts.push(strangeness(ood));
        verdicts
    }

    pub(super) fn mixing_verdict(&self) -> Verdict {
        let mixing = self.fitted().mixing();
        let (limit, rhat, ess) = (Mixing::RHAT_LIMIT, mixing.rhat_worst, mixing.ess_median);
        let found = format!("R-hat {rhat:.2} at worst (limit {limit}), {ess:.0} effective draws");
        Verdict { concern: Concern::Mixing, met: mixing.has_mixed(), found }
    }

    pub(super) fn distilling_verdict(&self) -> Verdict {
        let lost = self.held_out().distilling_lost;
        let found = format!("{lost:+.4} nats a row (limit {LOST})");
        Verdict { concern: Concern::Distilling, met: lost <= LOST, found }
    }
}

pub(super) fn constant(evaluation: &Evaluation) -> Verdict {
    let nll = evaluation.nll.iter().sum::<f64>() / evaluation.nll.len() as f64;
    let constant = evaluation.nll_constant;
    let found = format!("log loss {nll:.3} nats, that of a constant {constant:.3}");
    Verdict { concern: Concern::Constant, met: nll < constant, found }
}

/// Of the 90 % intervals, or of the probabilities of the predicted classes.
pub(super) fn coverage(evaluation: &Evaluation) -> Verdict {
    match (&evaluation.metrics, &evaluation.predictions.answers) {
        (Metrics::Classes(metrics), Answers::Classes { p, .. }) => {
            let confidences: Vec<f64> = p.outer_iter().map(|p| p.iter().copied().fold(0.0, f64::max)).collect();
            let n = confidences.len() as f64;
            let confidence = confidences.iter().sum::<f64>() / n;
            let deviation = confidences.iter().map(|p| p * (1.0 - p)).sum::<f64>().sqrt() / n;
            let found = format!("right {:.1} %, and {:.1} % sure of it", 100.0 * metrics.accuracy, 100.0 * confidence);
            // To doubt more than need be is a smaller fault, but one: both sides count.
            let met = (metrics.accuracy - confidence).abs() <= SLACK + 2.6 * deviation;
            Verdict { concern: Concern::Coverage, met, found }
        }
        (Metrics::Numbers(metrics), _) => covered(metrics.coverage_90, metrics.n),
        _ => unreachable!("metrics of the model's kind"),
    }
}

/// Whether a share of `n` rows in their 90 % intervals can be chance; the level is 1 %.
pub(super) fn covered(share: f64, n: usize) -> Verdict {
    let deviation = (0.9 * 0.1 / n as f64).sqrt();
    let found = format!("90 % intervals hold {:.1} % of {n} rows", 100.0 * share);
    Verdict { concern: Concern::Coverage, met: (share - 0.9).abs() <= SLACK + 2.6 * deviation, found }
}

pub(super) fn strangeness(ood: &[f64]) -> Verdict {
    let strange = ood.iter().filter(|&&ood| ood > STRANGE).count();
    let share = strange as f64 / ood.len().max(1) as f64;
    let deviation = (STRANGE * (1.0 - STRANGE) / ood.len().max(1) as f64).sqrt();
    let found = format!("{strange} of {} rows stranger than 99 % of held-out ones", ood.len());
    Verdict { concern: Concern::Strangeness, met: share <= STRANGE_SHARE + 2.6 * deviation, found }
}
