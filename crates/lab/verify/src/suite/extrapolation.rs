//! Averages at three step sizes, and what they tend to.
//!
//! Where the discretized chain has no law in closed form, its averages still have an expansion in the step size, E_ε f = E f + c₁ε +
//! c₂ε² + O(ε³) (Talay & Tubaro 1990; with minibatches Vollmer, Zygalakis & Teh 2016). The parabola through the averages at ε, ε/2, and
//! ε/4 is at ε = 0 the combination ⅓·E_ε − 2·E_{ε/2} + ⁸⁄₃·E_{ε/4} = E f + c₃ε³/8 + …: free of the bias to second order. Step sizes are such
//! that ε is a tenth to a third of where chains become unstable, 4/λ: on a quadratic U the law of SGLD has c₃ε³/8 = (ελ/4)³/8 parts of the
//! variance, below 10⁻³ of it for ελ ≤ 0.8, and Monte Carlo errors are above that.

use std::convert::Infallible;
use std::ops::Range;

use apd_sgmcmc::{Chain, ChainError, Potential, RunError, Sample, Sampler};
use rayon::prelude::*;

use crate::Trial;

/// ε, ε/2, ε/4, as parts of ε.
pub(super) const LEVELS: [f64; 3] = [1.0, 0.5, 0.25];
const WEIGHTS: [f64; 3] = [1.0 / 3.0, -2.0, 8.0 / 3.0];

/// Time averages of some functions, chain by chain.
pub(super) struct Averages {
    /// Of function f along chain c: `means[f][c]`.
    means: Vec<Vec<f64>>,
}

/// Runs independent chains in parallel, each by `run`, which calls its argument with every sample; and averages what `observe` makes of
/// them, with the samples' weights.
///
/// **Errors**: that of the first chain that failed.
pub(super) fn averages(
    chains: Range<u32>,
    functions: usize,
    run: impl Fn(u32, &mut (dyn FnMut(Sample<'_>) + Send)) -> Result<(), ChainError> + Sync,
    observe: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Averages, ChainError> {
    let average = |c: u32| {
        let (mut sums, mut values, mut weight) = (vec![0.0; functions], vec![0.0; functions], 0.0);
        run(c, &mut |sample| {
            observe(sample.position, &mut values);
            weight += sample.weight;
            sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum += sample.weight * value);
        })?;
        sums.iter_mut().for_each(|sum| *sum /= weight);
        Ok::<_, ChainError>(sums)
    };
    let averages: Vec<Vec<f64>> = chains.into_par_iter().map(average).collect::<Result<_, _>>()?;
    Ok(Averages { means: (0..functions).map(|f| averages.iter().map(|chain| chain[f]).collect()).collect() })
}

/// Runs a chain to its end.
///
/// **Errors**: its divergence.
pub(super) fn run(
    mut chain: Chain<impl Potential, impl Sampler>,
    visit: &mut (dyn FnMut(Sample<'_>) + Send),
) -> Result<(), ChainError> {
    let ended = chain.run(&mut |sample: Sample<'_>| {
        visit(sample);
        Ok::<(), Infallible>(())
    });
    match ended {
        Ok(_) => Ok(()),
        Err(RunError::Chain(error)) => Err(error),
        Err(RunError::Sink { cause, .. }) => match cause {},
    }
}

impl Averages {
    /// Chain by chain, the weighted sum of function `f`'s averages here and there.
    pub(super) fn combined(&self, f: usize, other: &Self, [here, there]: [f64; 2]) -> Vec<f64> {
        self.means[f].iter().zip(&other.means[f]).map(|(a, b)| here * a + there * b).collect()
    }

    /// Checks that function `f` has the mean that theory says.
    #[track_caller]
    pub(super) fn check(&self, trial: &mut Trial, f: usize, what: &str, theory: f64) {
        trial.mean(what, theory, &self.means[f]);
    }

    /// As [`check`](Self::check), where the mean may be off by `tolerance`.
    #[track_caller]
    pub(super) fn check_within(&self, trial: &mut Trial, f: usize, what: &str, theory: f64, tolerance: f64) {
        trial.mean_within(what, theory, tolerance, &self.means[f]);
    }
}

/// Checks function `f`, whose expectation under the posterior is `theory`, by its averages at the three [`LEVELS`] of ε:
/// they tend to it, and at the smallest step size the bias is at most `bound`.
#[track_caller]
pub(super) fn check(trial: &mut Trial, f: usize, what: &str, theory: f64, levels: &[Averages; 3], bound: f64) {
    let limit: Vec<f64> = (0..levels[0].means[f].len())
        .map(|c| levels.iter().zip(WEIGHTS).map(|(level, weight)| weight * level.means[f][c]).sum())
        .collect();
    trial.mean(format!("{what} as ε → 0"), theory, &limit);
    trial.mean_within(format!("{what} at ε/4"), theory, bound, &levels[2].means[f]);
}
