/// Why a diagnostic has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DiagnosticError {
    /// Nothing was given.
    #[error("there are no {what}: nothing can be said about them")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
    /// A half of a chain needs two draws to have a variance.
    #[error("{found} {what} are too few: at least {needed} are needed")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Chains are compared draw by draw: all have one length.
    #[error("chain {chain} has {found} draws, chain 0 has {expected}: cut all chains to one length")]
    UnequalLengths {
        /// The first chain that differs.
        chain: usize,
        /// Draws of chain 0.
        expected: usize,
        /// Draws of this chain.
        found: usize,
    },
    /// A value that is not finite has no place in an average.
    #[error("{what} {row}, value {index}, is {value}: not a finite number (has the chain diverged?)")]
    NotFinite {
        /// What the rows are.
        what: &'static str,
        /// The row: a chain, or a sample.
        row: usize,
        /// Position in the row.
        index: usize,
        /// The value.
        value: f64,
    },
    /// All draws are equal: between-chain and within-chain variances are both 0, and their ratio says nothing.
    #[error(
        "all draws are {value}: R-hat and effective sample sizes of a constant are undefined (has the chain moved?)"
    )]
    Constant {
        /// The only value.
        value: f64,
    },
    /// A deviation is a finite number, at least 0.
    #[error("{what} is {value}: expected {expected}")]
    OutOfRange {
        /// Which quantity.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
}
