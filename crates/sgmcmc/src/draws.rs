//! The draws of several chains.

use std::convert::Infallible;
use std::fmt;

use apd_diagnostics::{Diagnosis, DiagnosticError, diagnose};

use crate::{Outcome, Sample, Sink, Transition, Warning};

/// A named part of θ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Lengths of its axes; none for a number.
    pub shape: Vec<usize>,
    /// The coordinate of θ at which it begins.
    pub offset: usize,
}

impl Parameter {
    /// Numbers that it consists of.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The name of its `i`-th number, in row-major order: `weight[2, 0]`.
    fn element(&self, i: usize) -> String {
        let mut left = self.size();
        let index = self.shape.iter().map(|&length| {
            left /= length;
            (i / left % length).to_string()
        });
        let index: Vec<String> = index.collect();
        if index.is_empty() { self.name.clone() } else { format!("{}[{}]", self.name, index.join(", ")) }
    }
}

/// What several chains have kept, which need not be equally many draws.
///
/// To a bank, in single precision, and back:
/// ```
/// use apd_points::Layout;
/// use apd_sgmcmc::{Draws, FromFn64, HamiltonianConfig, sample};
/// use apd_store::{Bank, BankWriter, Header};
///
/// let normal = FromFn64::new(3, |x: &[f64], gradient: &mut [f64]| {
///     gradient.copy_from_slice(x);
///     0.5 * x.iter().map(|x| x * x).sum::<f64>()
/// });
/// let config = HamiltonianConfig::nuts(100, 200);
/// let draws = sample(2, normal).with(config).parameters([("a", vec![]), ("b", vec![2])]).run()?;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("bank");
/// let mut header = Header::new(draws.dim());
/// header.layout = Layout::new(draws.parameters().iter().map(|it| (it.name.clone(), it.shape.clone())));
/// let mut bank = BankWriter::create(&folder, header)?;
/// for chain in 0..draws.chains() {
///     for (step, (position, &potential)) in draws.positions(chain).zip(draws.potentials(chain)).enumerate() {
///         let row: Vec<f32> = position.iter().map(|&x| x as f32).collect();
///         bank.push(chain as u32, step as u64, 1.0, potential, &row)?;
///     }
/// }
/// bank.finish()?;
///
/// let bank = Bank::open(&folder)?;
/// let mut chains = vec![Vec::new(); bank.info().chains.len()];
/// for (i, row) in bank.rows().enumerate() {
///     chains[bank.meta(i).chain as usize].extend(row.iter().map(|&x| f64::from(x)));
/// }
/// let parameters = bank.header().layout.parameters().map(|(name, shape)| (name, shape.to_vec()));
/// let back = Draws::new(parameters, chains);
/// assert_eq!((back.parameters(), back.positions(1).len()), (draws.parameters(), 200));
/// let [there, here] = [&draws, &back].map(|draws| draws.summary().rows[2].diagnosis.clone().map(|it| it.mean));
/// assert!((there? - here?).abs() < 1e-7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Draws {
    parameters: Vec<Parameter>,
    chains: Vec<Kept>,
    /// Whether the chains came to their end.
    pub outcome: Outcome,
}

/// What one chain has kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Kept {
    positions: Vec<f64>,
    transitions: Vec<Transition>,
    /// U of each draw.
    pub(crate) potentials: Vec<f64>,
    pub(crate) warnings: Vec<Warning>,
}

impl<T: Copy + Into<f64>> Sink<T> for Kept {
    type Error = Infallible;

    fn sample(&mut self, sample: Sample<'_, T>) -> Result<(), Infallible> {
        self.positions.extend(sample.position.iter().map(|&x| x.into()));
        self.potentials.push(sample.potential);
        self.transitions.extend(sample.transition);
        Ok(())
    }
}

impl Draws {
    /// Draws that were made elsewhere: of each chain the positions, one after the other.
    ///
    /// **Panics** if a chain does not consist of whole positions of these parameters.
    #[track_caller]
    pub fn new(
        parameters: impl IntoIterator<Item = (impl Into<String>, Vec<usize>)>,
        chains: impl IntoIterator<Item = Vec<f64>>,
    ) -> Self {
        let mut offset = 0;
        let place = |(name, shape): (_, Vec<usize>)| {
            let parameter = Parameter { name: Into::into(name), shape, offset };
            offset += parameter.size();
            parameter
        };
        let parameters: Vec<Parameter> = parameters.into_iter().map(place).collect();
        let keep = |positions: Vec<f64>| {
            assert_eq!(positions.len() % offset.max(1), 0, "numbers of a chain beyond whole positions of {offset}");
            Kept { positions, ..Kept::default() }
        };
        Self { chains: chains.into_iter().map(keep).collect(), parameters, outcome: Outcome::Finished }
    }

    /// The parameters, in the order in which they lie in θ.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The dimension of θ.
    pub fn dim(&self) -> usize {
        self.parameters.iter().map(Parameter::size).sum()
    }

    /// The number of chains.
    pub fn chains(&self) -> usize {
        self.chains.len()
    }

    /// The positions that a chain has kept, in their order.
    ///
    /// **Panics** if there is no such chain.
    pub fn positions(&self, chain: usize) -> impl ExactSizeIterator<Item = &[f64]> {
        self.chains[chain].positions.chunks_exact(self.dim().max(1))
    }

    /// What a parameter is in the draws of a chain: its numbers, in row-major order.
    ///
    /// **Panics** if there is no such chain, or no parameter of this name.
    pub fn values<'a>(&'a self, name: &str, chain: usize) -> impl ExactSizeIterator<Item = &'a [f64]> {
        let found = self.parameters.iter().find(|parameter| parameter.name == name);
        let parameter = found.unwrap_or_else(|| panic!("there is no parameter `{name}`"));
        let range = parameter.offset..parameter.offset + parameter.size();
        self.positions(chain).map(move |position| &position[range.clone()])
    }

    /// U at each of a chain's draws: nats. None of draws that were made elsewhere.
    ///
    /// **Panics** if there is no such chain.
    pub fn potentials(&self, chain: usize) -> &[f64] {
        &self.chains[chain].potentials
    }

    /// The statistics of a chain's draws, of HMC and NUTS.
    ///
    /// **Panics** if there is no such chain.
    pub fn transitions(&self, chain: usize) -> &[Transition] {
        &self.chains[chain].transitions
    }

    /// What the chains' own statistics say against them, with the chain.
    pub fn warnings(&self) -> Vec<(usize, Warning)> {
        let chains = self.chains.iter().enumerate();
        chains.flat_map(|(chain, kept)| kept.warnings.iter().map(move |&warning| (chain, warning))).collect()
    }

    /// Mean, deviation, Monte Carlo error, R̂ and effective sizes of every number, and the warnings; `Display` prints a table.
    ///
    /// Chains are compared draw by draw: of those that have more draws than the shortest, the last are left out.
    pub fn summary(&self) -> DrawsSummary {
        let row = |parameter: &Parameter, i: usize| {
            let coordinate = parameter.offset + i;
            let of = |chain| self.positions(chain).map(|x| x[coordinate]).collect::<Vec<f64>>();
            let chains: Vec<Vec<f64>> = (0..self.chains()).map(of).collect();
            Row { name: parameter.element(i), diagnosis: diagnose(&chains) }
        };
        let rows = self.parameters.iter().flat_map(|parameter| (0..parameter.size()).map(move |i| (parameter, i)));
        DrawsSummary { rows: rows.map(|(parameter, i)| row(parameter, i)).collect(), warnings: self.warnings() }
    }

    pub(crate) fn kept(&mut self) -> &mut [Kept] {
        &mut self.chains
    }
}

/// The summary of draws; see [`Draws::summary`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct DrawsSummary {
    /// One for each number of θ.
    pub rows: Vec<Row>,
    /// What the chains' own statistics say against them, with the chain.
    pub warnings: Vec<(usize, Warning)>,
}

/// The summary of one number.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The parameter, and which of its numbers: `weight[2, 0]`.
    pub name: String,
    /// What is known of it, or why nothing is.
    pub diagnosis: Result<Diagnosis, DiagnosticError>,
}

impl fmt::Display for DrawsSummary {
    /// A row for each number, to two digits of its Monte Carlo error; then a line for each warning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let [mean, sd, mcse, rhat, bulk, tail] = ["mean", "sd", "MCSE", "R-hat", "ESS bulk", "ESS tail"];
        writeln!(f, "{:width$} {mean:>14} {sd:>12} {mcse:>8} {rhat:>6} {bulk:>9} {tail:>9}", "")?;
        for Row { name, diagnosis } in &self.rows {
            match diagnosis {
                Ok(Diagnosis { mean, sd, rhat, ess_bulk, ess_tail, mcse_mean, .. }) => {
                    let digits = (1.0 - mcse_mean.log10().floor()).clamp(0.0, 12.0) as usize;
                    write!(f, "{name:width$} {mean:>14.digits$} {sd:>12.digits$} {mcse_mean:>8.1e}")?;
                    writeln!(f, " {rhat:>6.3} {ess_bulk:>9.0} {ess_tail:>9.0}")?;
                }
                Err(error) => writeln!(f, "{name:width$} {error}")?,
            }
        }
        for (chain, warning) in &self.warnings {
            writeln!(f, "chain {chain}: {warning}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
