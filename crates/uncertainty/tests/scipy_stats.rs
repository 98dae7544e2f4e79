//! Mixtures of predictions against SciPy's values; `scipy_stats.py` beside this file made `scipy_stats.json`.

use apd_uncertainty::{Normal, NumberPredictive, Poisson, StudentT};
use ndarray::{Array2, array};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
    crps_gaussian: Vec<[f64; 4]>,
}

#[derive(Deserialize)]
struct Case {
    family: String,
    dof: f64,
    locations: Vec<f64>,
    scales: Vec<f64>,
    mean: f64,
    aleatoric: f64,
    epistemic: f64,
    rows: Vec<Row>,
    quantiles: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Row {
    y: f64,
    crps: f64,
    ln_density: f64,
    pit: f64,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("scipy_stats.json")).expect("the committed file is valid")
}

/// SciPy's quadrature and root finding were asked for 10⁻¹², relative to values of the order of the scale; its special functions
/// have about 13 digits.
#[track_caller]
fn close(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 2e-9 * (1.0 + theirs.abs()), "{what} is {ours}, SciPy has {theirs}");
}

#[test]
fn mixtures_are_those_of_scipy() {
    let cases = cases().cases;
    assert_eq!(cases.len(), 8);
    for c in cases {
        let mut predictive = match c.family.as_str() {
            "normal" => NumberPredictive::new(1, 1, Normal),
            "student-t" => NumberPredictive::new(1, 1, StudentT { dof: c.dof }),
            _ => NumberPredictive::new(1, 1, Poisson),
        };
        c.locations.iter().zip(&c.scales).for_each(|(&location, &scale)| predictive.add(|_, _| (location, scale)));
        let only = |values: Array2<f64>| values[[0, 0]];
        close("mean", only(predictive.mean()), c.mean);
        close("aleatoric", only(predictive.aleatoric_deviation()), c.aleatoric);
        close("epistemic", only(predictive.epistemic_deviation()), c.epistemic);
        close("deviation", only(predictive.deviation()), c.aleatoric.hypot(c.epistemic));
        for row in c.rows {
            let y = array![[row.y]];
            close("crps", only(predictive.crps(y.view())), row.crps);
            close("ln density", only(predictive.ln_density(y.view())), row.ln_density);
            close("pit", only(predictive.pit(y.view())), row.pit);
        }
        for [p, quantile] in c.quantiles {
            close("quantile", only(predictive.quantile(p)), quantile);
        }
    }
}

#[test]
fn one_normal_law_has_properscorings_crps() {
    for [mean, sd, y, crps] in cases().crps_gaussian {
        let mut predictive = NumberPredictive::new(1, 1, Normal);
        predictive.add(|_, _| (mean, sd));
        close("crps", predictive.crps(array![[y]].view())[[0, 0]], crps);
    }
}
