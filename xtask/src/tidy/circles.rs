//! The rule that no two files of a crate need each other, directly or through others.
//!
//! A simple reader: it follows every path that begins with `crate`, `self`, `super` or a module declared in the file, and takes a name that
//! a module re-exports for one of the module that defines it. A re-export needs nothing itself, and a file in another's folder is a part of
//! it, which may use what it defines. What macros write is not seen.

use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

/// A file, by its path below `src/`, and its text.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// Each set of files that need each other is one complaint.
pub(super) fn circles(package: &str, files: &[File]) -> Vec<String> {
    let modules: BTreeMap<Module, Names> =
        files.iter().filter_map(|file| Some((module(&file.path)?, Names::read(&file.text)))).collect();
    let needs: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .iter()
        .map(|(module, names)| {
            let found = names.used.iter().filter_map(|path| home(&modules, module, path, 0));
            (module, found.filter(|it| !module.starts_with(it)).collect())
        })
        .collect();
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        needs.keys().map(|module| (*module, reached(&needs, module))).collect();
    let mut complaints = BTreeSet::new();
    for (module, reached) in &reach {
        let circle: Vec<&&Module> = reached.iter().filter(|it| reach[**it].contains(module)).collect();
        if circle.len() > 1 {
            let uses = circle.iter().flat_map(|from| {
                needs[**from]
                    .iter()
                    .filter(|to| circle.contains(to))
                    .map(move |to| format!("{} → {}", shown(from), shown(to)))
            });
            complaints.insert(format!("{package}: files in a circle: {}", uses.collect::<Vec<_>>().join(", ")));
        }
    }
    complaints.into_iter().collect()
}

fn shown(module: &Module) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

/// The module that a file is; none for tests, which may use whatever they test.
fn module(path: &str) -> Option<Module> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let parts: Module = path.split('/').map(str::to_owned).collect();
    let is_root = parts.len() == 1 && (parts[0] == "lib" || parts[0] == "main");
    (!parts.iter().any(|part| part == "tests")).then(|| if is_root { Vec::new() } else { parts })
}

fn reached<'a>(needs: &BTreeMap<&'a Module, BTreeSet<&'a Module>>, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        open.extend(needs[module].iter().filter(|it| seen.insert(**it)).copied());
    }
    seen
}

/// The module in which a path ends, seen from `module`.
fn home<'a>(
    modules: &'a BTreeMap<Module, Names>,
    module: &Module,
    path: &[String],
    depth: usize,
) -> Option<&'a Module> {
    let mut at = module.clone();
    for (i, part) in path.iter().enumerate() {
        match part.as_str() {
            "crate" if i == 0 => at.clear(),
            "self" => {}
            "super" => drop(at.pop()?),
            name => {
                let mut inner = at.clone();
                inner.push(name.to_owned());
                if modules.contains_key(&inner) {
                    at = inner;
                    continue;
                }
                let names = &modules.get(&at)?;
                let renamed = names.imported.get(name).filter(|_| depth < 8);
                let (key, _) = modules.get_key_value(&at)?;
                return renamed.and_then(|path| home(modules, &at, path, depth + 1)).or(Some(key));
            }
        }
    }
    modules.get_key_value(&at).map(|(key, _)| key)
}

/// What a file says about other files of its crate.
#[derive(Default)]
struct Names {
    /// Paths that its own code needs.
    used: Vec<Vec<String>>,
    /// Names that `use` brings into it, and where from.
    imported: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn read(text: &str) -> Self {
        let code = super::sources::without_comments_and_literals(text);
        // Tests within a file use whatever they test.
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let tokens = tokens(code);
        let children: BTreeSet<&str> =
            tokens.windows(3).filter(|it| it[0] == "mod" && it[2] == ";").map(|it| it[1]).collect();
        let starts = |at: usize| {
            let first = tokens[at];
            let begins = at == 0 || !matches!(tokens[at - 1], "::" | "." | "mod" | "$");
            begins
                && (matches!(first, "crate" | "super" | "self") || children.contains(first))
                && tokens.get(at + 1) == Some(&"::")
        };
        let mut names = Self::default();
        let mut at = 0;
        while at < tokens.len() {
            let imports = tokens[..at].last() == Some(&"use");
            if !starts(at) {
                at += 1;
                continue;
            }
            let public = imports && at > 1 && matches!(tokens[at - 2], "pub" | ")");
            let mut paths = Vec::new();
            let end = tree(&tokens, at, &mut Vec::new(), &mut paths);
            for (path, name) in paths {
                if imports {
                    names.imported.insert(name, path.clone());
                }
                if !public {
                    names.used.push(path);
                }
            }
            at = end.max(at + 1);
        }
        names
    }
}

/// Reads `a::b`, `a::{b, c::d as e}` or `a::*` from a token on: each path with the name that it goes by. Where it ends.
fn tree(tokens: &[&str], mut at: usize, prefix: &mut Vec<String>, paths: &mut Vec<(Vec<String>, String)>) -> usize {
    let depth = prefix.len();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|it| *it != "}") {
                    at = tree(tokens, at, prefix, paths).max(at + 1);
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                prefix.truncate(depth);
                return at + 1;
            }
            Some(&"*") => {
                paths.push((prefix.clone(), "*".to_owned()));
                prefix.truncate(depth);
                return at + 1;
            }
            Some(part) if part.starts_with(is_part_of_a_name) => prefix.push((*part).to_owned()),
            _ => break,
        }
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    let mut name = prefix.last().cloned().unwrap_or_default();
    if tokens.get(at) == Some(&"as") {
        name = tokens.get(at + 1).copied().unwrap_or_default().to_owned();
        at += 2;
    }
    paths.push((prefix.clone(), name));
    prefix.truncate(depth);
    at
}

fn is_part_of_a_name(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// Names, `::`, and every other character that is not white space.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("::") {
            2
        } else if is_part_of_a_name(first) {
            rest.find(|it| !is_part_of_a_name(it)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}
