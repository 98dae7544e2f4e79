//! Many independent replicates of a Gaussian at once, and what they average to.

use std::collections::VecDeque;
use std::convert::Infallible;

use apd_seed::Seed;
use apd_sgmcmc::{Chain, ChainConfig, RunError, Sample, Sink, run_chains};

use crate::Trial;
use crate::affine::{Affine, Moments};
use crate::any::AnySampler;
use crate::target::gaussian::Gaussian;

/// What is run: chains on a Gaussian with many blocks.
pub(crate) struct Experiment<'a> {
    /// Makes the sampler.
    pub(crate) sampler: &'a (dyn Fn() -> AnySampler + 'a),
    pub(crate) target: &'a Gaussian,
    /// The chains' numbers.
    pub(crate) chains: &'a [u32],
    pub(crate) burn_in: u64,
    /// Positions, one after another, over which each replicate averages.
    pub(crate) kept: u64,
    /// Whether a whole chain is one replicate, because its blocks depend on each other.
    pub(crate) pooled: bool,
    pub(crate) seed: Seed,
}

/// A moment of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Statistic {
    /// E xᵢ.
    Mean(usize),
    /// Cov(xᵢ, xⱼ).
    Covariance(usize, usize),
    /// Cov(xᵢ, xᵢ so many updates later).
    Lagged(usize, usize),
}

/// Times between positions whose covariance is taken: the least, and one that friction makes a difference to.
const LAGS: [usize; 2] = [1, 8];

impl Statistic {
    /// Those of a block of `p` coordinates.
    pub(crate) fn all(p: usize) -> Vec<Self> {
        let pairs = (0..p).flat_map(|i| (i..p).map(move |j| Self::Covariance(i, j)));
        let lagged = LAGS.into_iter().flat_map(|lag| (0..p).map(move |i| Self::Lagged(i, lag)));
        (0..p).map(Self::Mean).chain(pairs).chain(lagged).collect()
    }

    /// Its value about the mean, in theory.
    pub(crate) fn theory(self, law: &Affine, moments: &Moments) -> f64 {
        match self {
            Self::Mean(_) => 0.0,
            Self::Covariance(i, j) => moments.covariance(i, j),
            Self::Lagged(i, lag) => {
                let later = (1..lag).fold(law.clone(), |later, _| later.then(law));
                later.lagged(moments, i, i) - moments.mean(i).powi(2)
            }
        }
    }
}

/// Time averages of every replicate.
pub(crate) struct Replicates {
    /// The statistics' averages, replicate by replicate, in the order of [`Statistic::all`].
    pub(crate) averages: Vec<Vec<f64>>,
    /// The last position of each chain, about the mean.
    ends: Vec<Vec<f64>>,
    block: usize,
    pooled: bool,
}

impl Experiment<'_> {
    /// Runs it; positions are taken about `mean`, that of one block.
    ///
    /// **Errors** with the words of a chain that failed.
    pub(crate) fn run(&self, mean: &[f64]) -> Result<Replicates, String> {
        let (p, dim) = (mean.len(), mean.len() * self.target.blocks);
        let steps = self.burn_in + self.kept;
        let config = ChainConfig { steps, burn_in: self.burn_in, thinning: 1, batch_size: 1 };
        let chain = |&c| Chain::new(c, self.target.clone(), (self.sampler)(), config, self.seed, vec![0.0; dim]);
        let mut chains =
            self.chains.iter().map(chain).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let cells = if self.pooled { 1 } else { self.target.blocks };
        let sums = vec![vec![0.0; cells]; Statistic::all(p).len()];
        let mut sinks = vec![Averages { mean, sums, seen: VecDeque::new() }; chains.len()];
        for result in run_chains(&mut chains, &mut sinks) {
            result.map_err(|error: RunError<Infallible>| error.to_string())?;
        }
        let per_cell = (self.target.blocks / cells) as f64;
        let statistics = Statistic::all(p);
        let average = |(s, statistic): (usize, &Statistic)| {
            let lag = if let Statistic::Lagged(_, lag) = *statistic { lag } else { 0 };
            let scale = 1.0 / ((self.kept - lag as u64) as f64 * per_cell);
            sinks.iter().flat_map(|sink| &sink.sums[s]).map(|sum| scale * sum).collect()
        };
        let averages = statistics.iter().enumerate().map(average).collect();
        let ends = sinks.into_iter().filter_map(|mut sink| sink.seen.pop_front()).collect();
        Ok(Replicates { averages, ends, block: p, pooled: self.pooled })
    }
}

impl Replicates {
    /// Checks the moments against those of `law`.
    pub(crate) fn check_moments(&self, trial: &mut Trial, law: &Affine) {
        let moments = law.stationary();
        for (statistic, averages) in Statistic::all(self.block).into_iter().zip(&self.averages) {
            trial.mean(format!("{statistic:?}"), statistic.theory(law, &moments), averages);
        }
    }

    /// Checks that the replicates are independent, for the standard errors of the moments and for its own sake.
    pub(crate) fn check_independence(&self, trial: &mut Trial) {
        let chains = self.ends.windows(2).map(|pair| (&pair[0][..], &pair[1][..]));
        trial.mean("between chains", 0.0, &self.products(chains));
        for (what, lag) in [("between neighbors in space", self.block), ("between coordinates 1024 apart", 1024)] {
            let shifted =
                self.ends.iter().filter(|end| end.len() > lag).map(|end| (&end[..end.len() - lag], &end[lag..]));
            let products = self.products(shifted);
            if !products.is_empty() {
                trial.mean(what, 0.0, &products);
            }
        }
    }

    /// Products of the first coordinates of blocks, of which no two in a list have more than one factor in common.
    fn products<'a>(&self, pairs: impl Iterator<Item = (&'a [f64], &'a [f64])>) -> Vec<f64> {
        let products = |(a, b): (&[f64], &[f64])| -> Vec<f64> {
            let products: Vec<f64> = a.iter().zip(b).step_by(self.block).map(|(a, b)| a * b).collect();
            if self.pooled { vec![products.iter().sum::<f64>() / products.len() as f64] } else { products }
        };
        pairs.flat_map(products).collect()
    }
}

/// Sums over the kept positions of one chain.
#[derive(Clone)]
struct Averages<'a> {
    mean: &'a [f64],
    /// By statistic and cell: a block, or all of them.
    sums: Vec<Vec<f64>>,
    /// The last positions about the mean, the newest first.
    seen: VecDeque<Vec<f64>>,
}

impl Sink for Averages<'_> {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), Infallible> {
        let p = self.mean.len();
        let position = sample.position.iter().zip(self.mean.iter().cycle());
        self.seen.truncate(LAGS[LAGS.len() - 1]);
        self.seen.push_front(position.map(|(&x, mean)| f64::from(x) - mean).collect());
        let cells = self.sums[0].len();
        for (statistic, sums) in Statistic::all(p).into_iter().zip(&mut self.sums) {
            let (i, j, lag) = match statistic {
                Statistic::Mean(i) => (i, None, 0),
                Statistic::Covariance(i, j) => (i, Some(j), 0),
                Statistic::Lagged(i, lag) => (i, Some(i), lag),
            };
            // The first positions have nothing so long before them.
            let Some(before) = self.seen.get(lag) else { continue };
            for (r, (now, before)) in self.seen[0].chunks_exact(p).zip(before.chunks_exact(p)).enumerate() {
                sums[r % cells] += now[i] * j.map_or(1.0, |j| before[j]);
            }
        }
        Ok(())
    }
}
