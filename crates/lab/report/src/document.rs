//! The report as one document: what Markdown and HTML have in common.

use crate::format::Format;
use crate::{Cell, Column, Results, Table};

mod html;
mod markdown;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

#[cfg(test)]
mod tests;

/// A piece of running text.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Words(&'a str),
    Code(&'a str),
}

/// Paragraphs are parted by blank lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in text.lines().map(str::trim) {
        let last = paragraphs.len() - 1;
        match (line.is_empty(), paragraphs[last].is_empty()) {
            (true, false) => paragraphs.push(String::new()),
            (true, true) => {}
            (false, true) => paragraphs[last] = line.into(),
            (false, false) => paragraphs[last] = format!("{} {line}", paragraphs[last]),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Splits at backticks; a last one without a partner is an ordinary character.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = vec![];
    let mut rest = text;
    while let Some(open) = rest.find('`') {
        let Some(length) = rest[open + 1..].find('`').filter(|length| *length > 0) else { break };
        pieces.push(Piece::Words(&rest[..open]));
        pieces.push(Piece::Code(&rest[open + 1..open + 1 + length]));
        rest = &rest[open + 2 + length..];
    }
    pieces.push(Piece::Words(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Words("")));
    pieces
}

/// How long all stages took together; `None` where nothing was timed.
fn total_time(results: &Results) -> Option<String> {
    let seconds: f64 = results.timings.iter().map(|timing| timing.seconds).filter(|seconds| seconds.is_finite()).sum();
    (!results.timings.is_empty()).then(|| Format::Duration.number(seconds))
}

/// Where the time went, from the results; `None` where nothing was timed.
fn timings(results: &Results) -> Option<Table> {
    if results.timings.is_empty() {
        return None;
    }
    let columns = vec![
        Column::text("stage"),
        Column::number("time", Format::Duration),
        Column::number("steps", Format::Integer),
        Column::number("steps per second", Format::Significant(3)),
    ];
    let mut table = Table::new("Wall-clock time of each stage.", columns);
    for timing in &results.timings {
        let steps = timing.steps.map(|steps| steps as f64);
        let cell = |value: Option<f64>| value.filter(|v| v.is_finite()).map_or(Cell::Missing, Cell::number);
        table.push(vec![
            Cell::text(&timing.stage),
            cell(Some(timing.seconds)),
            cell(steps),
            cell(steps.map(|steps| steps / timing.seconds)),
        ]);
    }
    Some(table)
}

fn configuration(results: &Results) -> String {
    serde_json::to_string_pretty(&results.config).expect("a JSON value always serializes")
}
