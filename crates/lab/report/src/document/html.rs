use minijinja::value::Value;
use minijinja::{Environment, context};

use super::{Piece, configuration, paragraphs, pieces, timings, total_time};
use crate::draw::escape;
use crate::{Align, Error, Palette, Report, Results, Section, Table};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// The report as one HTML page that needs nothing else: style sheet and figures are inside, there are no scripts.
///
/// **Errors**: [`Error::Template`].
pub fn html(report: &Report, results: &Results) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE)?;
    let mut page = Page { palette: &report.palette, tables: 0, figures: 0 };
    let sections: Vec<Value> = report
        .sections
        .iter()
        .enumerate()
        .map(|(i, section)| page.section(section, format!("section-{}", i + 1)))
        .collect();
    let methods = report.palette.methods().iter();
    let page = context! {
        style => Value::from_safe_string(STYLE.into()),
        title => &report.title,
        summary => prose(&report.summary),
        methods => methods.map(|m| context! { text => &m.name, color => m.color.to_string(), meaning => &m.meaning }).collect::<Vec<_>>(),
        sections => sections,
        version => &results.project_version,
        total => total_time(results),
        timings => timings(results).map(|timings| page.table(&timings)),
        configuration => configuration(results),
    };
    Ok(environment.get_template("report.html")?.render(page)?)
}

/// Tables and figures are numbered through.
struct Page<'a> {
    palette: &'a Palette,
    tables: usize,
    figures: usize,
}

impl Page<'_> {
    fn section(&mut self, section: &Section, id: String) -> Value {
        let verdicts = section.verdicts.iter().map(|verdict| {
            let class = match verdict.met {
                Some(true) => "met",
                Some(false) => "unmet",
                None => "unknown",
            };
            let (question, found) = (inline(&verdict.question), inline(&verdict.found));
            context! { class => class, word => verdict.word(), question => question, found => found }
        });
        let numbers = section.numbers.iter();
        let numbers = numbers.map(|n| context! { value => &n.value, label => &n.label, beside => &n.beside });
        let (numbers, verdicts): (Vec<Value>, Vec<Value>) = (numbers.collect(), verdicts.collect());
        let tables: Vec<Value> = section.tables.iter().map(|table| self.table(table)).collect();
        let mut figures = vec![];
        for figure in &section.figures {
            self.figures += 1;
            figures.push(context! {
                number => self.figures,
                id => &figure.id,
                caption => inline(&figure.caption),
                svg => Value::from_safe_string(figure.svg(self.palette)),
                narrow => Value::from_safe_string(figure.narrow_svg(self.palette)),
            });
        }
        let mut folds = vec![];
        // In a fold, the setting is text like any other.
        let setting = (!section.setting.is_empty()).then(|| Section::new("How it was run").text(&section.setting));
        for (i, fold) in setting.iter().chain(&section.details).enumerate() {
            folds.push(self.section(fold, format!("{id}-{}", i + 1)));
        }
        let count = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
        let holds = [count(tables.len(), "table"), count(figures.len(), "figure")];
        context! {
            id => id,
            heading => inline(&section.heading),
            holds => holds.into_iter().flatten().collect::<Vec<_>>().join(", "),
            unmet => section.verdicts.iter().any(|verdict| verdict.met == Some(false)),
            numbers => numbers,
            verdicts => verdicts,
            text => prose(&section.text),
            tables => tables,
            figures => figures,
            folds => folds,
        }
    }

    /// A text with the color of the method that it names.
    fn named(&self, text: &str) -> Value {
        context! { text => inline(text), color => self.palette.of(text).map(|color| color.to_string()) }
    }

    fn table(&mut self, table: &Table) -> Value {
        self.tables += 1;
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
            .map(|column| context! { heading => self.named(&column.heading), align => align(column.align) })
            .collect();
        let row_values: Vec<Value> = rows
            .iter()
            .map(|row| {
                let cells: Vec<Value> = (row.cells.iter().enumerate())
                    // The first cell of a group spans its rows.
                    .filter(|(c, _)| !(table.grouped && *c == 0 && !row.starts_group))
                    .map(|(c, cell)| {
                        context! {
                            sd => &cell.sd,
                            sd_width => sd_width(c),
                            bold => cell.bold,
                            align => align(table.columns[c].align),
                            // On a phone, where rows are cards.
                            label => &table.columns[c].heading,
                            heads_row => c == 0,
                            rows => if table.grouped && c == 0 { row.group_rows } else { 1 },
                            ..self.named(&cell.text)
                        }
                    })
                    .collect();
                context! { cells => cells, starts_group => table.grouped && row.starts_group }
            })
            .collect();
        context! {
            number => self.tables,
            caption => inline(&table.caption),
            columns => columns,
            rows => row_values,
            note => prose(&table.note),
        }
    }
}

fn inline(text: &str) -> Value {
    let mut markup = String::new();
    for piece in pieces(text) {
        match piece {
            // A number and its unit stay on one line.
            Piece::Words(words) => markup += &escape(words).replace(" %", "\u{a0}%"),
            Piece::Code(code) => markup += &format!("<code>{}</code>", escape(code)),
        }
    }
    Value::from_safe_string(markup)
}

fn prose(text: &str) -> Vec<Value> {
    paragraphs(text).iter().map(|paragraph| inline(paragraph)).collect()
}
