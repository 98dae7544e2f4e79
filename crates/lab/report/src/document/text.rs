use std::fmt::Write as _;

use super::total_time;
use crate::{Report, Results};

/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;

/// The answer alone, for a terminal: the summary, and the numbers and verdicts of the first section, in lines of at most 80 columns.
pub fn text(report: &Report, results: &Results) -> String {
    let mut text = lines(&report.summary, WIDTH).join("\n") + "\n\n";
    let Some(first) = report.sections.first() else { return text };
    let widest = first.numbers.iter().map(|number| number.value.chars().count()).max().unwrap_or(0);
    for number in &first.numbers {
        let beside = if number.beside.is_empty() { String::new() } else { format!(" ({})", number.beside) };
        text += &hanging(&format!("{:>widest$}  ", number.value), &format!("{}{beside}", number.label));
    }
    text.push('\n');
    for verdict in &first.verdicts {
        text += &hanging(&format!("{:<9} ", verdict.word()), &format!("{} {}", verdict.question, verdict.found));
    }
    if let Some(time) = total_time(results) {
        let _ = writeln!(text, "\nall of it took {time}");
    }
    text
}

/// A text behind its head, whose further lines begin where it does.
fn hanging(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let mut written = String::new();
    for (i, line) in lines(text, WIDTH - indent).iter().enumerate() {
        let head = if i == 0 { head.to_owned() } else { " ".repeat(indent) };
        let _ = writeln!(written, "{head}{line}");
    }
    written
}

/// Words in lines of at most so many characters.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_ascii_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
