//! From a table to a model file, and from the file to answers in the table's own words.

mod architecture;
mod check;
mod describe;
mod effort;
mod evaluation;
mod fit;
mod metrics;
mod model;
mod predictions;
mod settings;
#[cfg(test)]
mod tests;
mod verdicts;

pub use architecture::{Architecture, UnknownArchitecture};
pub use effort::Effort;
pub use evaluation::Evaluation;
pub use metrics::{ClassMetrics, Metrics, NumberMetrics};
pub use model::{DistillationLoss, HeldOut, Provenance, TableModel};
pub use predictions::{Answers, Outcomes, Predictions};
pub use settings::{TableFit, Task};
pub use verdicts::{Concern, Verdict};
