//! Eight schools: NUTS on a density of one's own, and the summary of what it implies.

use std::error::Error;

use apd_sgmcmc::{Draws, FromFn64, HamiltonianConfig, sample};

const EFFECT: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
const ERROR: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // School j has the effect μ + τ·z_j; μ ~ N(0, 5²), τ ~ Cauchy⁺(0, 5), z_j ~ N(0, 1). The coordinates are μ, ln τ and z.
    let potential = FromFn64::new(10, |x: &[f64], gradient: &mut [f64]| {
        let (mu, tau, z) = (x[0], x[1].exp(), &x[2..]);
        let tail = (tau / 5.0).powi(2);
        let mut u = mu * mu / 50.0 + tail.ln_1p() - x[1]; // the last is the Jacobian of ln τ
        (gradient[0], gradient[1]) = (mu / 25.0, 2.0 * tail / (1.0 + tail) - 1.0);
        for j in 0..8 {
            let residual = (mu + tau * z[j] - EFFECT[j]) / ERROR[j];
            u += 0.5 * (residual * residual + z[j] * z[j]);
            let pull = residual / ERROR[j];
            (gradient[0], gradient[1]) = (gradient[0] + pull, gradient[1] + pull * tau * z[j]);
            gradient[2 + j] = z[j] + pull * tau;
        }
        u
    });
    let nuts = HamiltonianConfig { target_acceptance: 0.95, ..HamiltonianConfig::nuts(1_000, 1_000) };
    let draws = sample(4, potential).with(nuts).run()?;
    assert_eq!(draws.warnings(), []);

    // What the draws imply for μ, τ and the effects themselves.
    let implied = |x: &[f64]| [vec![x[0], x[1].exp()], x[2..].iter().map(|z| x[0] + x[1].exp() * z).collect()].concat();
    let chain = |k| draws.positions(k).flat_map(implied).collect();
    let summary = Draws::new([("mu", vec![]), ("tau", vec![]), ("school", vec![8])], (0..4).map(chain)).summary();
    let rows = summary.rows.iter().map(|row| row.diagnosis.clone()).collect::<Result<Vec<_>, _>>()?;
    assert!(rows.iter().all(|row| row.rhat < 1.01 && row.ess_bulk > 400.0));
    assert!((rows[0].mean - 4.4).abs() < 0.5 && (rows[1].mean - 3.6).abs() < 0.5, "posteriordb's means");
    println!("{summary}");
    Ok(())
}
