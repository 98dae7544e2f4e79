//! Rules about source files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Names that say nothing about what is inside and so attract everything.
const NAMES_THAT_SAY_NOTHING: [&str; 6] = ["common", "util", "utils", "helpers", "misc", "prelude"];

/// Calls `visit` with every Rust file under `folder`, in the order of their names; what cargo made is not ours.
pub(super) fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &str)) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, visit)?;
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            visit(&path, &super::read(&path)?);
        }
    }
    Ok(())
}

/// No file and no folder has a name that says nothing.
pub(super) fn file_name(path: &str) -> Option<String> {
    let named = |part: &str| NAMES_THAT_SAY_NOTHING.contains(&part.strip_suffix(".rs").unwrap_or(part));
    path.split('/').any(named).then(|| format!("{path}: name it after what it does"))
}

/// The examples of a README are run with the tests.
pub(super) fn readme_is_tested(package: &str, library: &str) -> Option<String> {
    let tested = library.contains("#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\n");
    (!tested).then(|| format!("{package}: src/lib.rs does not put README.md under `#[cfg(doctest)]`"))
}

/// Lines from the top within which the code of a crate's page begins, and lines of code that it has at most.
const PAGE: (usize, usize) = (10, 15);

/// A crate's page opens with what its reader wants to do, in a few lines that run.
pub(super) fn opens_with_code(package: &str, library: &str) -> Option<String> {
    let page: Vec<&str> = library.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let shown = |line: &&&str| !line.is_empty() && **line != "#" && !line.starts_with("# ");
    let code = page.iter().position(|line| line.starts_with("```")).filter(|&start| start < PAGE.0);
    let lines =
        code.map(|start| page[start + 1..].iter().take_while(|line| !line.starts_with("```")).filter(shown).count());
    let complaint = |found| {
        format!("{package}: src/lib.rs opens with {found}; what can be done with it, in at most {} lines", PAGE.1)
    };
    match lines {
        None => Some(complaint("text".to_owned())),
        Some(lines) => (lines > PAGE.1).then(|| complaint(format!("{lines} lines of code"))),
    }
}

/// The message of an error holds its cause, so that `source` does not tell it once more.
pub(super) fn causes_told_twice(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let starts = (0..lines.len()).filter(|&i| lines[i].starts_with("#[error("));
    let is_twice = |&start: &usize| {
        // The message may take some lines; what it is about comes next.
        let end = start + lines[start..].iter().position(|line| line.ends_with(")]")).unwrap_or(0);
        let message = lines[start..=end].concat();
        let variant = lines.get(end + 1).copied().unwrap_or_default();
        message.contains("{source")
            || message.contains("{0") && (variant.contains("#[from]") || variant.contains("#[source]"))
    };
    let complaint = |start: usize| format!("{path}:{}: the error's message holds what is its source too", start + 1);
    starts.filter(is_twice).map(complaint).collect()
}

/// `unsafe` only in a module that allows it, never for a whole crate, and each use with its reason.
pub(super) fn unsafe_code(path: &str, text: &str) -> Vec<String> {
    let code = without_comments_and_literals(text);
    let lines: Vec<&str> = text.lines().collect();
    let allows = code.contains("allow(unsafe_code)");
    let mut complaints = Vec::new();
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    if is_root && code.contains("#![allow(unsafe_code)]") {
        complaints.push(format!("{path}: allows unsafe code for the whole crate; allow it in one module"));
    }
    let code: Vec<&str> = code.lines().collect();
    for (number, line) in code.iter().enumerate().filter(|(_, line)| has_word(line, "unsafe")) {
        let at = format!("{path}:{}", number + 1);
        if !allows {
            complaints.push(format!("{at}: unsafe code in a module that does not allow it"));
        }
        if !is_explained(&lines[..=number], line) && !keeps_a_traits_promise(&code[..=number]) {
            complaints.push(format!("{at}: unsafe code without a SAFETY comment"));
        }
    }
    complaints
}

/// A reason stands on the line itself or in the comments and attributes right above the statement it belongs to.
/// Blocks and impls say `SAFETY:`; a function says to its callers what they must keep, under `# Safety`. A function
/// type has nothing to keep.
fn is_explained(lines: &[&str], code: &str) -> bool {
    let squeezed: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_function = ["unsafe fn ", "unsafe extern \"C\" fn "].iter().any(|it| squeezed.contains(it));
    let is_type = squeezed.contains("unsafe fn(");
    let reason = if is_function { "# Safety" } else { "SAFETY:" };
    let (last, above) = lines.split_last().expect("the line itself");
    if is_type || last.contains("SAFETY:") {
        return true;
    }
    // A statement may begin a few lines above its `unsafe {`; comments and attributes end the search once others begin.
    let mut in_comment = false;
    for line in above.iter().rev().map(|line| line.trim_start()) {
        let is_comment = line.starts_with("//") || line.starts_with("#[") || line.starts_with("#!");
        if is_comment && (line.contains(reason) || line.contains("SAFETY:")) {
            return true;
        }
        let ends_a_statement = line.is_empty() || line.ends_with([';', '}', '{']);
        if !is_comment && (in_comment || ends_a_statement) {
            return false;
        }
        in_comment |= is_comment;
    }
    false
}

/// What the callers of a trait's unsafe function must keep is said by the trait, not by each of its implementations.
fn keeps_a_traits_promise(code: &[&str]) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (line, above) = code.split_last().expect("the line itself");
    let outer = above.iter().rev().find(|it| !it.trim().is_empty() && indent(it) < indent(line));
    let is_implementation = |it: &&str| has_word(it, "impl") && it.contains(" for ");
    line.trim_start().starts_with("unsafe fn ") && outer.is_some_and(is_implementation)
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

/// The text with comments, strings and character literals blanked out, line for line.
pub(super) fn without_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = token(rest, out.chars().next_back());
        let length = length.max(first.len_utf8());
        let (taken, remainder) = rest.split_at(length);
        if keep {
            out.push_str(taken);
        } else {
            out.push(' ');
            out.extend(taken.chars().filter(|it| *it == '\n'));
        }
        rest = remainder;
    }
    out
}

/// Length of the token `text` begins with, and whether it is code. Knows comments (nested), strings (raw and not) and
/// characters; everything else is one character long.
fn token(text: &str, before: Option<char>) -> (usize, bool) {
    let until = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    let in_a_name = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), false);
    }
    if text.starts_with("/*") {
        return (block_comment(text), false);
    }
    let prefix = if in_a_name { 0 } else { text.find(|it| !matches!(it, 'b' | 'c' | 'r')).unwrap_or(0).min(2) };
    let hashes = text[prefix..].bytes().take_while(|it| *it == b'#').count();
    if text[..prefix].contains('r') && text[prefix + hashes..].starts_with('"') {
        return (until(prefix + hashes + 1, &format!("\"{}", "#".repeat(hashes))), false);
    }
    if text[prefix..].starts_with('"') {
        return (quoted(text, prefix + 1, '"'), false);
    }
    if text[prefix..].starts_with('\'') {
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let mut after = text[prefix + 1..].chars();
        let (first, second) = (after.next(), after.next());
        if first == Some('\\') || second == Some('\'') {
            return (quoted(text, prefix + 1, '\''), false);
        }
    }
    (0, true)
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Where the literal that began before `from` ends, escapes skipped.
fn quoted(text: &str, from: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text[from..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return from + at + 1,
            _ => {}
        }
    }
    text.len()
}
