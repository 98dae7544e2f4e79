//! The stages of a run in order, with about how long each takes beside the others.

/// A stage of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// Seconds that it takes in the default run on two cores; only what it is beside the others' matters.
    pub seconds: f64,
}

/// As measured in a default run on two cores. Other settings have other proportions, and a progress display corrects itself as it goes.
const SECONDS: [(&str, f64); 13] = [
    ("training", 35.0),
    ("diagnose", 2.0),
    ("distilled", 2.0),
    ("apd", 180.0),
    ("apd-online", 45.0),
    ("apd-online-infinite", 40.0),
    ("ood", 25.0),
    ("fidelity", 70.0),
    ("curves", 25.0),
    ("gan-losses", 55.0),
    ("samplers", 100.0),
    ("adversarial", 35.0),
    ("active", 40.0),
];
/// Of one that is not listed.
const SHORT: f64 = 10.0;

/// The stages of these names.
pub(crate) fn stages<'a>(names: impl Iterator<Item = &'a str>) -> Vec<PlannedStage> {
    let seconds = |name: &str| SECONDS.iter().find(|(known, _)| *known == name).map_or(SHORT, |&(_, seconds)| seconds);
    names.map(|name| PlannedStage { name: name.to_owned(), seconds: seconds(name) }).collect()
}
