use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a model can be believed in one respect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Verdict {
    /// In which.
    pub concern: Concern,
    /// Whether it can.
    pub met: bool,
    /// What was found, and what it should be.
    pub found: String,
}

/// What may be wrong with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Concern {
    /// The chains do not agree.
    Mixing,
    /// A constant predicts as well.
    Constant,
    /// Intervals or probabilities are not what they say.
    Coverage,
    /// The file predicts worse than the samples that it was distilled from.
    Distilling,
    /// The rows are unlike those that it was fitted to.
    Strangeness,
}

impl Concern {
    /// What is asked.
    pub fn question(self) -> &'static str {
        match self {
            Self::Mixing => "do the chains agree?",
            Self::Constant => "better than a constant?",
            Self::Coverage => "as sure as it says?",
            Self::Distilling => "nothing lost in the file?",
            Self::Strangeness => "rows like those it learned?",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met" } else { "NOT MET" };
        write!(f, "{verdict:<8}{:<28}{}", self.concern.question(), self.found)
    }
}
