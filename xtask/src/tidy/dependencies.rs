//! Rules about which crate depends on which: ARCHITECTURE.md has the table, the manifests have to agree with it.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata};

/// For each package of the workspace, by its name without `apd-`, those that it depends on; `(name)` is one that only its tests use.
pub(super) type Uses = BTreeMap<String, BTreeSet<String>>;

/// What the manifests say.
pub(super) fn uses(metadata: &Metadata) -> Uses {
    let short = |name: &str| name.strip_prefix("apd-").unwrap_or(name).to_owned();
    let packages = metadata.workspace_packages();
    let is_ours = |name: &str| packages.iter().any(|package| package.name == name);
    let uses = |package: &cargo_metadata::Package| {
        let (tests, code): (Vec<_>, Vec<_>) = package
            .dependencies
            .iter()
            .filter(|it| is_ours(&it.name))
            .partition(|it| it.kind == DependencyKind::Development);
        let code: BTreeSet<String> = code.iter().map(|it| short(&it.name)).collect();
        let tests = tests.iter().map(|it| short(&it.name)).filter(|name| !code.contains(name));
        tests.map(|name| format!("({name})")).chain(code.iter().cloned()).collect()
    };
    packages.iter().map(|package| (short(&package.name), uses(package))).collect()
}

/// The table is the first fenced block below the heading `## Dependencies`. Its lines read `a, b → c, (d)`; the right side may also be
/// `nothing` or `anything`.
///
/// Both sides have to be equal: a dependency that is not in the table is a complaint, and so is a line that no manifest bears out.
pub(super) fn complaints(architecture: &str, uses: &Uses) -> Vec<String> {
    let below = architecture.split_once("## Dependencies").map_or("", |(_, below)| below);
    let table = below.split("```").nth(1).unwrap_or_default();
    let list = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect::<BTreeSet<_>>();
    let mut complaints = Vec::new();
    let mut rest = uses.clone();
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let Some((packages, allowed)) = line.split_once('→') else {
            complaints.push(format!("ARCHITECTURE.md: `{line}` is not `a → b`"));
            continue;
        };
        for package in list(packages) {
            let Some(used) = rest.remove(&package) else {
                complaints.push(format!("ARCHITECTURE.md lists {package}, which does not exist or has a line already"));
                continue;
            };
            let allowed = match allowed.trim() {
                "anything" => used.clone(),
                "nothing" => BTreeSet::new(),
                names => list(names),
            };
            let missing = used.difference(&allowed);
            complaints.extend(missing.map(|it| format!("{package} depends on {it}: ARCHITECTURE.md does not say so")));
            let stale = allowed.difference(&used);
            complaints.extend(stale.map(|it| format!("{package} does not depend on {it}: ARCHITECTURE.md says so")));
        }
    }
    complaints.extend(rest.keys().map(|package| format!("ARCHITECTURE.md has no line for {package}")));
    complaints
}
