//! Scores of predictions, by the names that they have in the tables.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use apd::Examples;
use apd::bnn::likelihood::Predictive;
use apd::data::Targets;
use apd::uncertainty::{accuracy, brier, ece, regression, reliability};
use apd::{Metrics, uncertainty};

/// Bins of ECE.
const BINS: usize = 15;

/// Scores by name.
pub(crate) type Scores = BTreeMap<String, f64>;

/// Those of a baseline's predictions.
///
/// **Errors**: predictions of another kind than the targets.
pub(crate) fn of_predictive(predictive: &Predictive, examples: &Examples) -> Result<Scores> {
    let values = match (predictive, &examples.targets) {
        (Predictive::Classes(classes), Targets::Classes { labels, .. }) => {
            let p = classes.mean();
            vec![
                ("accuracy", accuracy(p.view(), labels)?),
                ("nll", uncertainty::nll(p.view(), labels)?),
                ("brier", brier(p.view(), labels)?),
                ("ece", ece(&reliability(p.view(), labels, BINS)?)),
            ]
        }
        (Predictive::Numbers(numbers), Targets::Numbers { values, .. }) => {
            let (mean, (lower, upper)) = (numbers.mean(), numbers.interval(0.9));
            vec![
                ("rmse", regression::rmse(mean.view(), values.view())?),
                ("ln_p", -regression::nll(numbers, values.view())?),
                ("nll_normal", regression::nll_normal(numbers, values.view())?),
                ("crps", regression::crps(numbers, values.view())?),
                ("coverage_90", regression::coverage(lower.view(), upper.view(), values.view())?),
                ("width_90", regression::width(lower.view(), upper.view())?),
            ]
        }
        _ => bail!("predictions of another kind than the targets"),
    };
    Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Those of a model of ours.
pub(crate) fn of_metrics(metrics: &Metrics) -> Scores {
    let values = match metrics {
        Metrics::Classes(it) => {
            vec![("accuracy", it.accuracy), ("nll", it.nll), ("brier", it.brier), ("ece", it.ece)]
        }
        Metrics::Numbers(it) => vec![
            ("rmse", it.rmse),
            ("ln_p", -it.nll),
            ("nll_normal", it.nll_normal),
            ("crps", it.crps),
            ("coverage_90", it.coverage_90),
            ("width_90", it.mean_width_90),
        ],
    };
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same in units of a target's standard deviation.
pub(crate) fn standardized(mut scores: Scores, sd: f64) -> Scores {
    for (name, value) in &mut scores {
        match name.as_str() {
            "rmse" | "crps" | "width_90" => *value /= sd,
            "ln_p" => *value += sd.ln(),
            "nll_normal" => *value -= sd.ln(),
            _ => {}
        }
    }
    scores
}

/// Mean −ln p of what was there.
///
/// **Errors**: as [`of_predictive`].
pub(crate) fn nll(predictive: &Predictive, examples: &Examples) -> Result<f64> {
    Ok(match (predictive, &examples.targets) {
        (Predictive::Classes(classes), Targets::Classes { labels, .. }) => {
            uncertainty::nll(classes.mean().view(), labels)?
        }
        (Predictive::Numbers(numbers), Targets::Numbers { values, .. }) => regression::nll(numbers, values.view())?,
        _ => bail!("predictions of another kind than the targets"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_target_are_undone() {
        let scores = [("rmse", 6.0), ("ln_p", -1.0), ("nll_normal", 1.0), ("coverage_90", 0.9)];
        let scores = scores.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let scores = standardized(scores, 2.0);
        assert_eq!((scores["rmse"], scores["coverage_90"]), (3.0, 0.9));
        assert!((scores["ln_p"] + 1.0 - 2_f64.ln()).abs() < 1e-12);
        assert!((scores["nll_normal"] - 1.0 + 2_f64.ln()).abs() < 1e-12);
    }
}
