use minijinja::value::Value;
use minijinja::{Environment, context};

use super::{Piece, configuration, paragraphs, pieces, timings};
use crate::draw::escape;
use crate::{Align, Error, Report, Results, Table};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The report as one HTML page that needs nothing else: style sheet and figures are inside, there are no scripts.
///
/// **Errors**: [`Error::Template`].
pub fn html(report: &Report, results: &Results) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE)?;
    let (mut tables, mut figures) = (0, 0);
    let mut sections = vec![];
    for (i, section) in report.sections.iter().enumerate() {
        let section_tables: Vec<Value> = section.tables.iter().map(|t| table(t, &mut tables)).collect();
        let section_figures: Vec<Value> = section
            .figures
            .iter()
            .map(|figure| {
                figures += 1;
                context! {
                    number => figures,
                    id => &figure.id,
                    caption => inline(&figure.caption),
                    svg => Value::from_safe_string(figure.svg(&report.palette)),
                }
            })
            .collect();
        sections.push(context! {
            id => format!("section-{}", i + 1),
            heading => inline(&section.heading),
            setting => prose(&section.setting),
            text => prose(&section.text),
            tables => section_tables,
            figures => section_figures,
        });
    }
    let page = context! {
        style => Value::from_safe_string(STYLE.into()),
        title => &report.title,
        summary => prose(&report.summary),
        sections => sections,
        version => &results.project_version,
        timings => timings(results).map(|timings| table(&timings, &mut tables)),
        configuration => configuration(results),
    };
    Ok(environment.get_template("report.html")?.render(page)?)
}

fn table(table: &Table, number: &mut usize) -> Value {
    *number += 1;
    let align = |align: Align| match align {
        Align::Left => "left",
        Align::Center => "center",
        Align::Right => "right",
    };
    let rows = table.written();
    // Where only some cells of a column have a spread, the others leave its room free, so that the numbers line up.
    let sd_width =
        |c: usize| rows.iter().filter_map(|row| row.cells[c].sd.as_ref()).map(|sd| sd.chars().count() + 2).max();
    let columns: Vec<Value> = (table.columns.iter())
        .map(|column| context! { heading => inline(&column.heading), align => align(column.align) })
        .collect();
    let row_values: Vec<Value> = rows
        .iter()
        .map(|row| {
            let cells: Vec<Value> = (row.cells.iter().enumerate())
                // The first cell of a group spans its rows.
                .filter(|(c, _)| !(table.grouped && *c == 0 && !row.starts_group))
                .map(|(c, cell)| {
                    context! {
                        text => inline(&cell.text),
                        sd => &cell.sd,
                        sd_width => sd_width(c),
                        bold => cell.bold,
                        align => align(table.columns[c].align),
                        heads_row => c == 0,
                        rows => if table.grouped && c == 0 { row.group_rows } else { 1 },
                    }
                })
                .collect();
            context! { cells => cells, starts_group => table.grouped && row.starts_group }
        })
        .collect();
    context! {
        number => *number,
        caption => inline(&table.caption),
        columns => columns,
        rows => row_values,
        note => prose(&table.note),
    }
}

fn inline(text: &str) -> Value {
    let mut markup = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Words(words) => markup += &escape(words),
            Piece::Code(code) => markup += &format!("<code>{}</code>", escape(code)),
        }
    }
    Value::from_safe_string(markup)
}

fn prose(text: &str) -> Vec<Value> {
    paragraphs(text).iter().map(|paragraph| inline(paragraph)).collect()
}
