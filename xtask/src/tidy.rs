//! Checks what the compiler does not: the shape of the house.
//!
//! Each rule is a pure function from text or from a small description to a list of complaints, so that a test can show
//! it both passing and failing.

mod manifests;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::Metadata;

/// What a room may depend on.
#[derive(Clone, Copy)]
enum May {
    Use(&'static [&'static str]),
    UseAnything,
}

/// The house: each package of the workspace and the packages of the workspace it may use, in any kind of dependency
/// (normal, build, dev). A missing line and a line without a package are both complaints.
const ARROWS: &[(&str, May)] = &[
    ("apd-seed", May::Use(&[])),
    ("apd-tensor", May::Use(&[])),
    ("apd-points", May::Use(&["apd-seed"])),
    ("apd-store", May::Use(&["apd-points", "apd-seed", "apd-watch"])),
    ("apd-uncertainty", May::Use(&[])),
    ("apd-report", May::Use(&[])),
    ("apd-diagnostics", May::Use(&["apd-seed"])),
    ("apd-nn", May::Use(&["apd-tensor", "apd-points", "apd-seed"])),
    ("apd-sgmcmc", May::Use(&["apd-seed"])),
    ("apd-data", May::Use(&["apd-seed"])),
    ("apd-bnn", May::Use(&["apd-nn", "apd-tensor", "apd-sgmcmc", "apd-points", "apd-seed"])),
    ("apd-distill", May::Use(&["apd-nn", "apd-tensor", "apd-points", "apd-seed"])),
    ("apd-verify", May::Use(&["apd-sgmcmc", "apd-seed"])),
    (
        "apd-tasks",
        May::Use(&[
            "apd-bnn",
            "apd-diagnostics",
            "apd-nn",
            "apd-points",
            "apd-tensor",
            "apd-sgmcmc",
            "apd-distill",
            "apd-store",
            "apd-uncertainty",
            "apd-data",
            "apd-seed",
            "apd-report",
        ]),
    ),
    (
        "apd-cli",
        May::Use(&[
            "apd-tasks",
            "apd-verify",
            "apd-report",
            "apd-store",
            "apd-distill",
            "apd-data",
            "apd-uncertainty",
            "apd-bnn",
            "apd-nn",
            "apd-points",
            "apd-seed",
        ]),
    ),
    ("xtask", May::Use(&[])),
    ("apd-tests", May::UseAnything),
    ("apd-watch", May::Use(&[])),
    ("apd-benches", May::UseAnything),
    ("apd-fuzz", May::UseAnything),
];

/// Checks every rule, prints each complaint; whether there was none.
pub(crate) fn run() -> Result<bool> {
    let metadata = crate::metadata()?;
    let complaints = complaints(&metadata)?;
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    if complaints.is_empty() {
        println!("tidy: {} packages, nothing to complain about", metadata.workspace_members.len());
    }
    Ok(complaints.is_empty())
}

fn complaints(metadata: &Metadata) -> Result<Vec<String>> {
    let root = metadata.workspace_root.as_std_path();
    let rooms = rooms(metadata);
    let mut all = arrows(ARROWS, &rooms);
    all.extend(threading(&resolved_features(metadata)));
    all.extend(mentions(root, &rooms)?);
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let text = read(package.manifest_path.as_std_path())?;
        let manifest = text.parse().with_context(|| format!("{} is not TOML", package.manifest_path))?;
        all.extend(manifests::versions_live_in_the_root(name, &manifest));
        all.extend(manifests::lints(name, &manifest));
        if package.publish.as_deref() != Some(&[]) {
            all.extend(manifests::ready_to_publish(package));
        }
    }
    for folder in ["crates", "xtask", "tests", "benches", "fuzz"] {
        sources::walk(&root.join(folder), &mut |path, text| {
            let shown = path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/");
            all.extend(sources::file_name(&shown));
            all.extend(sources::unsafe_code(&shown, text));
        })?;
    }
    Ok(all)
}

/// A package of the workspace and those of the workspace it depends on, in any kind of dependency.
struct Room {
    name: String,
    uses: Vec<String>,
}

fn rooms(metadata: &Metadata) -> Vec<Room> {
    let members: Vec<String> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let uses = |package: &cargo_metadata::Package| {
        package.dependencies.iter().map(|it| it.name.clone()).filter(|name| members.contains(name)).collect()
    };
    metadata
        .workspace_packages()
        .iter()
        .map(|package| Room { name: package.name.to_string(), uses: uses(package) })
        .collect()
}

fn arrows(table: &[(&str, May)], rooms: &[Room]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Room { name, uses } in rooms {
        let Some((_, may)) = table.iter().find(|(room, _)| room == name) else {
            complaints.push(format!("{name} is not in the table of arrows (xtask/src/tidy.rs)"));
            continue;
        };
        if let May::Use(allowed) = may {
            let forbidden = uses.iter().filter(|used| !allowed.contains(&used.as_str()));
            complaints.extend(forbidden.map(|used| format!("forbidden arrow: {name} must not depend on {used}")));
        }
    }
    let stale = table.iter().filter(|(line, _)| rooms.iter().all(|room| room.name != *line));
    complaints.extend(stale.map(|(line, _)| format!("the table of arrows lists {line}, which does not exist")));
    complaints
}

/// Name and enabled features of every package in the resolved graph.
fn resolved_features(metadata: &Metadata) -> Vec<(String, Vec<String>)> {
    let nodes = metadata.resolve.iter().flat_map(|graph| &graph.nodes);
    nodes
        .map(|node| {
            (metadata[&node.id].name.to_string(), node.features.iter().map(|feature| feature.to_string()).collect())
        })
        .collect()
}

/// matrixmultiply's own thread pool would be used by ndarray too (features are unified), and with it sums would depend
/// on the number of threads.
fn threading(graph: &[(String, Vec<String>)]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut found = false;
    for (name, features) in graph.iter().filter(|(name, _)| name == "matrixmultiply") {
        found = true;
        if features.iter().any(|feature| feature == "threading") {
            complaints.push(format!("{name}'s feature `threading` is on in the resolved graph"));
        }
    }
    if !found {
        complaints.push("matrixmultiply is not in the resolved graph: its rule checks nothing".to_owned());
    }
    complaints
}

fn mentions(root: &Path, rooms: &[Room]) -> Result<Vec<String>> {
    let path = root.join("ARCHITECTURE.md");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read(&path)?;
    Ok(unmentioned(&text, rooms))
}

fn unmentioned(text: &str, rooms: &[Room]) -> Vec<String> {
    let known = |name: &str| {
        let short = name.strip_prefix("apd-").unwrap_or(name);
        [format!("`{name}`"), format!("`{short}`"), format!("`{short}/`"), format!("crates/{short}")]
            .iter()
            .any(|spelling| text.contains(spelling))
    };
    let missing = rooms.iter().filter(|room| !known(&room.name));
    missing.map(|room| format!("ARCHITECTURE.md does not mention {}", room.name)).collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
