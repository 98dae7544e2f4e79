use std::fmt::Write as _;

use super::{Piece, configuration, paragraphs, pieces, timings};
use crate::draw::escape;
use crate::table::WrittenCell;
use crate::{Align, Cell, Column, Number, Report, Results, Section, Table};

/// The report as Markdown (GitHub's dialect); figures are linked as `figures/<id>.svg`.
pub fn markdown(report: &Report, results: &Results) -> String {
    let mut document = Markdown::default();
    document.heading(1, &report.title);
    document.prose("", &report.summary);
    for (i, section) in report.sections.iter().enumerate() {
        document.section(section, 2);
        if i == 0 && !report.palette.methods().is_empty() {
            let columns = vec![Column::text("method"), Column::text("what it is")];
            let mut methods = Table::new("The methods.", columns);
            report
                .palette
                .methods()
                .iter()
                .for_each(|m| methods.push(vec![Cell::text(&m.name), Cell::text(&m.meaning)]));
            document.table(&methods);
        }
    }
    document.heading(2, "The run");
    let version = inline(&results.project_version);
    document
        .block(&format!("Version {version}. Every number behind this report is in [`results.json`](results.json)."));
    if let Some(table) = timings(results) {
        document.table(&table);
    }
    document.block("Configuration:");
    // Indented rather than fenced: no string in the configuration can end the block.
    let configuration: Vec<_> = configuration(results).lines().map(|line| format!("    {line}")).collect();
    document.block(&configuration.join("\n"));
    document.text
}

#[derive(Default)]
struct Markdown {
    text: String,
    tables: usize,
    figures: usize,
}

impl Markdown {
    /// Blocks are parted by a blank line.
    fn block(&mut self, block: &str) {
        if !block.is_empty() {
            let gap = if self.text.is_empty() { "" } else { "\n" };
            let _ = writeln!(self.text, "{gap}{block}");
        }
    }

    fn heading(&mut self, level: usize, text: &str) {
        let text = inline(text);
        self.block(format!("{} {text}", "#".repeat(level)).trim_end());
    }

    fn prose(&mut self, lead: &str, text: &str) {
        for (i, paragraph) in paragraphs(text).iter().enumerate() {
            let lead = if i == 0 { lead } else { "" };
            let text = inline(paragraph);
            // Inside a paragraph `-`, `#`, `1.` mean nothing; at its start they would make a list or a heading.
            let marker = lead.is_empty() && text.starts_with(['#', '-', '+', '=', '~']);
            self.block(&format!("{lead}{}{text}", if marker { "\\" } else { "" }));
        }
    }

    fn section(&mut self, section: &Section, level: usize) {
        self.heading(level, &section.heading);
        for Number { value, label, beside } in &section.numbers {
            let beside = if beside.is_empty() { String::new() } else { format!(" ({})", inline(beside)) };
            self.block(&format!("- **{}** {}{beside}", inline(value), inline(label)));
        }
        for verdict in &section.verdicts {
            let (question, word, found) = (inline(&verdict.question), verdict.word(), inline(&verdict.found));
            self.block(&format!("- {question} **{word}**: {found}"));
        }
        self.prose("", &section.text);
        section.tables.iter().for_each(|table| self.table(table));
        for figure in &section.figures {
            self.figures += 1;
            let (alt, id) = (inline(figure.alternative()), &figure.id);
            let (number, caption) = (self.figures, inline(&figure.caption));
            self.block(&format!("![{alt}](figures/{id}.svg)"));
            self.block(format!("**Figure {number}.** {caption}").trim_end());
        }
        self.prose("**Setting.** ", &section.setting);
        section.details.iter().for_each(|details| self.section(details, level + 1));
    }

    fn table(&mut self, table: &Table) {
        self.tables += 1;
        let (number, caption) = (self.tables, inline(&table.caption));
        self.block(format!("**Table {number}.** {caption}").trim_end());
        if table.columns.is_empty() || table.rows.is_empty() {
            self.block("*no data*");
        } else {
            self.block(&grid(table));
        }
        self.prose("", &table.note);
    }
}

/// Columns padded to equal width, so that the source reads as a table too.
fn grid(table: &Table) -> String {
    let mut lines: Vec<Vec<String>> = vec![table.columns.iter().map(|column| cell_text(&column.heading)).collect()];
    lines.extend(table.written().iter().map(|row| row.cells.iter().map(cell).collect()));
    let width = |c: usize| lines.iter().map(|line: &Vec<String>| line[c].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let rule: Vec<String> = table
        .columns
        .iter()
        .zip(&widths)
        .map(|(column, &w)| match column.align {
            Align::Left => format!(":{}", "-".repeat(w - 1)),
            Align::Center => format!(":{}:", "-".repeat(w - 2)),
            Align::Right => format!("{}:", "-".repeat(w - 1)),
        })
        .collect();
    let padded = |line: &Vec<String>| -> String {
        let cells = line.iter().zip(&widths).zip(&table.columns).map(|((text, &w), column)| match column.align {
            Align::Left => format!("{text:<w$}"),
            Align::Center => format!("{text:^w$}"),
            Align::Right => format!("{text:>w$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let mut text = vec![padded(&lines[0]), format!("| {} |", rule.join(" | "))];
    text.extend(lines[1..].iter().map(padded));
    text.join("\n")
}

fn cell(cell: &WrittenCell) -> String {
    let text = cell_text(&cell.text);
    let text = if cell.bold { format!("**{text}**") } else { text };
    match &cell.sd {
        Some(sd) => format!("{text} ± {sd}"),
        None => text,
    }
}

fn cell_text(text: &str) -> String {
    // A pipe ends a cell even inside code.
    inline(&text.replace(['\n', '\r'], " ")).replace('|', "\\|")
}

/// Words as they are: what Markdown or HTML would read as markup is escaped. Code stays code.
fn inline(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let mut written = String::new();
    for piece in pieces(&text) {
        match piece {
            Piece::Code(code) => {
                let _ = write!(written, "`{code}`");
            }
            Piece::Words(words) => {
                for c in words.chars() {
                    match c {
                        '<' | '>' | '&' => written += &escape(&c.to_string()),
                        '\\' | '*' | '_' | '[' | ']' | '`' => written.extend(['\\', c]),
                        _ => written.push(c),
                    }
                }
            }
        }
    }
    written
}
