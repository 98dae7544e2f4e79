//! Every diagnostic of scalar draws against ArviZ's value; `arviz.py` beside this file made `arviz.json`.

use apd_diagnostics::{
    autocorrelation, diagnose, ess_bulk, ess_mean, ess_tail, mcse_mean, mcse_quantile, mcse_sd, rhat,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    chains: Vec<Vec<f64>>,
    rhat: f64,
    ess_bulk: f64,
    ess_tail: f64,
    ess_mean: f64,
    mcse_mean: f64,
    mcse_sd: f64,
    mcse_quantile: Vec<[f64; 2]>,
    autocorrelation: Vec<f64>,
}

/// Largest relative difference from ArviZ. Nearly all differ by 10⁻¹⁵; in "far from zero" ArviZ's means are rounded at 10⁴ times
/// the deviation, which leaves 3·10⁻¹³.
const TOLERANCE: f64 = 1e-12;

#[track_caller]
fn close(name: &str, what: &str, ours: f64, theirs: f64) {
    let close = (ours - theirs).abs() <= TOLERANCE * theirs.abs();
    assert!(close, "{name}: {what} is {ours}, ArviZ has {theirs}, {:.1e}", (ours / theirs - 1.0).abs());
}

#[test]
fn diagnostics_are_those_of_arviz() {
    let Cases { cases } = serde_json::from_str(include_str!("arviz.json")).expect("the committed file is valid");
    assert_eq!(cases.len(), 20);
    for Case { name, chains, .. } in &cases {
        assert!(chains.len() <= 4 && chains[0].len() <= 250, "{name}");
    }
    for c in cases {
        close(&c.name, "rhat", rhat(&c.chains).unwrap(), c.rhat);
        close(&c.name, "ess_bulk", ess_bulk(&c.chains).unwrap(), c.ess_bulk);
        close(&c.name, "ess_tail", ess_tail(&c.chains).unwrap(), c.ess_tail);
        close(&c.name, "ess_mean", ess_mean(&c.chains).unwrap(), c.ess_mean);
        close(&c.name, "mcse_mean", mcse_mean(&c.chains).unwrap(), c.mcse_mean);
        close(&c.name, "mcse_sd", mcse_sd(&c.chains).unwrap(), c.mcse_sd);
        for [q, error] in c.mcse_quantile {
            close(&c.name, &format!("mcse_quantile({q})"), mcse_quantile(&c.chains, q).unwrap(), error);
        }
        let ours = autocorrelation(&c.chains[c.chains.len() - 1], c.autocorrelation.len() - 1).unwrap();
        assert_eq!(ours.len(), c.autocorrelation.len(), "{}", c.name);
        for (ours, theirs) in ours.into_iter().zip(c.autocorrelation) {
            assert!((ours - theirs).abs() < 1e-12, "{}: autocorrelation {ours}, ArviZ has {theirs}", c.name);
        }
        let all = diagnose(&c.chains).unwrap();
        close(&c.name, "diagnose's rhat", all.rhat, c.rhat);
        close(&c.name, "diagnose's ess_bulk", all.ess_bulk, c.ess_bulk);
        close(&c.name, "diagnose's ess_tail", all.ess_tail, c.ess_tail);
        close(&c.name, "diagnose's mcse_mean", all.mcse_mean, c.mcse_mean);
    }
}
