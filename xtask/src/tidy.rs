//! Checks what the compiler does not: the shape of the workspace.
//!
//! Each rule is a pure function from text or from a small description to a list of complaints, so that a test can show
//! it both passing and failing.

mod circles;
mod dependencies;
mod manifests;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::Metadata;

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
    let mut all = dependencies::complaints(&read(&root.join("ARCHITECTURE.md"))?, &dependencies::uses(metadata));
    all.extend(threading(&resolved_features(metadata)));
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let text = read(package.manifest_path.as_std_path())?;
        let manifest = text.parse().with_context(|| format!("{} is not TOML", package.manifest_path))?;
        all.extend(manifests::versions_live_in_the_root(name, &manifest));
        all.extend(manifests::lints(name, &manifest));
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder").as_std_path();
        let files = files(&folder.join("src"))?;
        all.extend(circles::circles(name, &files));
        let library = files.iter().find(|file| file.path == "lib.rs").filter(|_| folder.join("README.md").exists());
        all.extend(library.and_then(|file| sources::readme_is_tested(name, &file.text)));
        if package.publish.as_deref() != Some(&[]) {
            all.extend(manifests::ready_to_publish(package));
            all.extend(library.and_then(|file| sources::opens_with_code(name, &file.text)));
        }
    }
    for folder in ["crates", "examples", "xtask", "tests", "benches", "fuzz"] {
        sources::walk(&root.join(folder), &mut |path, text| {
            let shown = path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/");
            all.extend(sources::file_name(&shown));
            all.extend(sources::unsafe_code(&shown, text));
            all.extend(sources::causes_told_twice(&shown, text));
        })?;
    }
    Ok(all)
}

/// The source files of a package; `main.rs` beside `lib.rs` is another crate, a file long.
fn files(folder: &Path) -> Result<Vec<circles::File>> {
    let mut files = Vec::new();
    if !folder.exists() {
        return Ok(files);
    }
    sources::walk(folder, &mut |path, text| {
        let path = path.strip_prefix(folder).unwrap_or(path).display().to_string().replace('\\', "/");
        files.push(circles::File { path, text: text.to_owned() });
    })?;
    if files.iter().any(|file| file.path == "lib.rs") {
        files.retain(|file| file.path != "main.rs");
    }
    Ok(files)
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

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
