//! Every metric against scikit-learn's value; `scikit_learn.py` beside this file made `scikit_learn.json`.

use apd_uncertainty::{accuracy, brier, detection, ece, nll, reliability, roc_curve};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    detection: Vec<DetectionCase>,
    calibration: Vec<CalibrationCase>,
}

#[derive(Deserialize)]
struct DetectionCase {
    name: String,
    negatives: Vec<f64>,
    positives: Vec<f64>,
    auroc: f64,
    aupr_out: f64,
    aupr_in: f64,
    fpr95: f64,
    roc: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct CalibrationCase {
    name: String,
    p: Vec<Vec<f64>>,
    labels: Vec<u32>,
    accuracy: f64,
    nll: f64,
    brier: f64,
    ece15: f64,
    ece10: f64,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("scikit_learn.json")).expect("the committed file is valid")
}

#[track_caller]
fn close(name: &str, metric: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-13, "{name}: {metric} is {ours}, scikit-learn has {theirs}");
}

#[test]
fn detection_metrics_are_those_of_scikit_learn() {
    let cases = cases().detection;
    assert_eq!(cases.len(), 17);
    for c in cases {
        let d = detection(&c.negatives, &c.positives).unwrap();
        close(&c.name, "auroc", d.auroc, c.auroc);
        close(&c.name, "aupr_out", d.aupr_out, c.aupr_out);
        close(&c.name, "aupr_in", d.aupr_in, c.aupr_in);
        close(&c.name, "fpr95", d.fpr95, c.fpr95);

        let roc = roc_curve(&c.negatives, &c.positives).unwrap();
        assert_eq!((roc[0].threshold, roc[0].fpr, roc[0].tpr), (f64::INFINITY, 0.0, 0.0));
        assert_eq!(roc.len(), c.roc.len() + 1, "{}", c.name);
        for (ours, [threshold, fpr, tpr]) in roc[1..].iter().zip(c.roc) {
            assert_eq!(ours.threshold, threshold, "{}", c.name);
            close(&c.name, "fpr", ours.fpr, fpr);
            close(&c.name, "tpr", ours.tpr, tpr);
        }
    }
}

#[test]
fn calibration_metrics_are_those_of_scikit_learn() {
    let cases = cases().calibration;
    assert_eq!(cases.len(), 4);
    for c in cases {
        let p = Array2::from_shape_fn((c.p.len(), c.p[0].len()), |(i, j)| c.p[i][j]);
        let p = p.view();
        close(&c.name, "accuracy", accuracy(p, &c.labels).unwrap(), c.accuracy);
        close(&c.name, "nll", nll(p, &c.labels).unwrap(), c.nll);
        close(&c.name, "brier", brier(p, &c.labels).unwrap(), c.brier);
        close(&c.name, "ece15", ece(&reliability(p, &c.labels, 15).unwrap()), c.ece15);
        close(&c.name, "ece10", ece(&reliability(p, &c.labels, 10).unwrap()), c.ece10);
    }
}
