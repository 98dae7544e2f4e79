//! What tells one fit from another.

use apd_data::{Examples, Targets};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// SHA-256 of settings and examples, in hexadecimal digits.
pub(crate) fn of(settings: &impl Serialize, examples: &Examples) -> String {
    let mut digest = Sha256::new();
    digest.update(serde_json::to_vec(settings).expect("settings are JSON"));
    examples.inputs.iter().for_each(|x| digest.update(x.to_le_bytes()));
    match &examples.targets {
        Targets::Classes { labels, .. } => labels.iter().for_each(|label| digest.update(label.to_le_bytes())),
        Targets::Numbers { values, .. } => values.iter().for_each(|y| digest.update(y.to_le_bytes())),
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
