//! Rules about manifests.

use cargo_metadata::Package;
use toml::Table;

const KINDS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];

/// Every dependency says `workspace = true`: one version of a crate, in one table, for the whole workspace.
pub(super) fn versions_live_in_the_root(name: &str, manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(|it| it.as_table()).into_iter().flat_map(|it| it.values());
    let places = targets.filter_map(|it| it.as_table()).chain(std::iter::once(manifest));
    let mut complaints = Vec::new();
    for place in places {
        for dependencies in KINDS.iter().filter_map(|kind| place.get(*kind)?.as_table()) {
            for (dependency, value) in dependencies {
                if value.get("workspace").and_then(|it| it.as_bool()) != Some(true) {
                    complaints.push(format!("{name}: {dependency} must be `{dependency}.workspace = true`"));
                }
            }
        }
    }
    complaints
}

/// The workspace's lints are on.
pub(super) fn lints(name: &str, manifest: &Table) -> Option<String> {
    let on = manifest.get("lints").and_then(|it| it.get("workspace")).and_then(|it| it.as_bool()) == Some(true);
    (!on).then(|| format!("{name}: `lints.workspace = true` is missing"))
}

/// What a registry asks for and what a reader of its page needs.
pub(super) fn ready_to_publish(package: &Package) -> Vec<String> {
    let filled = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.trim().is_empty());
    let readme = package.readme().is_some_and(|path| path.is_file());
    let fields = [
        (filled(&package.description), "description"),
        (filled(&package.license), "license"),
        (filled(&package.repository), "repository"),
        (readme, "readme that exists"),
        (package.metadata["docs"]["rs"]["all-features"] == true, "docs.rs metadata (all-features)"),
        ((1..=5).contains(&package.keywords.len()), "keywords (one to five)"),
    ];
    let missing = fields.iter().filter(|(present, _)| !present);
    missing.map(|(_, field)| format!("{} has no {field}", package.name)).collect()
}
