//! Chains of one's own, diagnosed: Metropolis on two modes, with steps that are too small and with longer ones.

use std::error::Error;

use apd_diagnostics::{diagnose, rank_histogram};
use apd_seed::Seed;

/// 4000 positions of a chain whose steps have deviation `step`, for modes at −3 and 3 of deviation 1.
fn chain(number: u64, step: f64) -> Vec<f64> {
    let ln_density = |x: f64| ((-0.5 * (x - 3.0_f64).powi(2)).exp() + (-0.5 * (x + 3.0).powi(2)).exp()).ln();
    let seed = Seed::root(1).child("chain").index(number);
    let (mut x, mut uniforms) = ([-3.0, 3.0][number as usize % 2], seed.stream());
    let mut z = [0.0];
    let next = |t: u64| {
        seed.normals().fill_f64(t, 0, &mut z);
        let proposal = x + step * z[0];
        if uniforms.uniform().ln() < ln_density(proposal) - ln_density(x) {
            x = proposal;
        }
        x
    };
    (0..4000).map(next).collect()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    for (step, mixes) in [(0.3, false), (6.0, true)] {
        let chains: Vec<Vec<f64>> = (0..4).map(|number| chain(number, step)).collect();
        let diagnosis = diagnose(&chains)?;
        assert_eq!(diagnosis.rhat < 1.05, mixes);
        println!("steps of {step}: {diagnosis}");
        for counts in rank_histogram(&chains, 40)? {
            // Flat where the chains sample one law.
            let bar = |&count: &u64| ['.', ':', '-', '=', '+', '*', '%', '#'][(count / 40).min(7) as usize];
            println!("    |{}|", counts.iter().map(bar).collect::<String>());
        }
    }
    Ok(())
}
