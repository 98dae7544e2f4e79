use super::*;
use crate::{Best, Color, Curves, Figure, Palette, Report, Section, Verdict};

const EVIL: &str = "<script>alert(\"1\")</script> & 'x' | *a* [b](c) `d<e>|f`";

fn report() -> Report {
    let mut table = Table::new(
        "Numbers.",
        vec![
            Column::text("set"),
            Column::number("accuracy %", Format::Percent(2)).best(Best::Highest),
            Column::number("NLL (nats)", Format::Decimal(4)),
            Column::text(EVIL),
        ],
    )
    .grouped()
    .note("A note.");
    table.push(vec![Cell::text("a|b"), Cell::spread(0.978, 0.0012), Cell::number(0.0856), Cell::text(EVIL)]);
    table.push(vec![Cell::text("a|b"), Cell::number(0.5), Cell::Missing, Cell::text("line\nbreak")]);
    table.push(vec![Cell::text("c"), Cell::number(f64::NAN)]);
    let section = Section::new(EVIL)
        .setting("With `code`.\n\nAnother paragraph.")
        .number(EVIL, EVIL, EVIL)
        .verdict(Verdict::new(EVIL, false, EVIL))
        .text("# not a heading")
        .table(table)
        .figure(Figure::new("fig", EVIL, Curves::default()).alt(EVIL))
        .details(Section::new("More").text("Much more."));
    Report::new(EVIL, EVIL)
        .palette(Palette::new([(EVIL, EVIL, Some(Color(1))), ("c", "a method", Some(Color(2)))]))
        .section(section)
}

fn results() -> Results {
    let mut results = Results::new(EVIL, serde_json::json!({"evil": EVIL, "fence": "```"}));
    results.time(EVIL, 2.0, Some(100));
    results.time("instant", 0.0, Some(1));
    results
}

#[test]
fn html_is_escaped_everywhere() {
    let page = html(&report(), &results()).unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("'x'"));
    assert!(page.matches("&lt;script&gt;").count() >= 10);
    assert!(page.contains("<code>d&lt;e&gt;|f</code>"));
}

#[test]
fn html_needs_nothing_from_elsewhere() {
    let page = html(&report(), &results()).unwrap();
    let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http:", "https:", "src=", "@import", "<link", "<script", "javascript:"] {
        assert!(!without_namespace.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("<svg") && page.contains("role=\"img\""));
}

#[test]
fn html_links_its_contents_and_spans_groups() {
    let page = html(&report(), &results()).unwrap();
    assert!(page.contains("<a href=\"#section-1\">") && page.contains("<section id=\"section-1\">"));
    assert!(page.contains("scope=\"rowgroup\" class=\"left first\" rowspan=\"2\">a|b</th>"), "{page}");
    assert!(page.contains("<b>97.80</b><span class=\"sd\" style=\"min-width:6ch\"> ± 0.12</span>"), "{page}");
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    assert_eq!(page.matches("<tr").count(), page.matches("</tr>").count());
}

#[test]
fn html_folds_settings_and_details_behind_anchors() {
    let page = html(&report(), &results()).unwrap();
    let fold = |heading: &str, id: &str| format!("<summary>{heading}</summary>\n<div id=\"{id}\">");
    assert!(page.contains(&fold("How it was run", "section-1-1")) && page.contains(&fold("More", "section-1-2")));
    assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
}

#[test]
fn html_marks_what_is_not_met_in_text_and_contents() {
    let page = html(&report(), &results()).unwrap();
    assert!(page.contains("<div class=\"unmet\">") && page.contains("<b>NOT met</b>"));
    assert_eq!(page.matches("class=\"unmet\" title").count(), 1);
}

#[test]
fn methods_have_their_color_in_tables() {
    let page = html(&report(), &results()).unwrap();
    assert!(
        page.contains("class=\"left first\"><i class=\"dot\" style=\"background:#000002\"></i>&#8288;c</th>"),
        "{page}"
    );
    assert!(page.contains("<dd>a method</dd>"));
}

#[test]
fn the_answer_alone_fits_a_terminal() {
    let number = "a number that is explained at some length, as numbers that nobody knows have to be";
    let section = Section::new("x").number("12.3 %", number, "1 %").number("7", "short", "").verdict(Verdict::new(
        "Is it right?",
        false,
        &number.repeat(2),
    ));
    let said = text(&Report::new("", "The answer.").section(section), &results());
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.starts_with("The answer.\n\n12.3 %  a number") && said.contains("\n     7  short\n"), "{said}");
    assert!(
        said.contains("\n\nNOT met   Is it right? a number") && said.ends_with("\n\nall of it took 2.0\u{a0}s\n"),
        "{said}"
    );
}

#[test]
fn markdown_columns_line_up() {
    let mut table = Table::new(
        "Two methods.",
        vec![
            Column::text("method"),
            Column::number("accuracy %", Format::Percent(2)).best(Best::Highest),
            Column::number("NLL (nats)", Format::Decimal(4)).best(Best::Lowest),
        ],
    );
    table.columns[2].align = Align::Center;
    table.push(vec![Cell::text("sgld"), Cell::spread(0.978, 0.0003), Cell::number(0.0856)]);
    table.push(vec![Cell::text("apd"), Cell::number(0.9776), Cell::Missing]);
    let report = Report::new("T", "").section(Section::new("H").table(table));
    let text = markdown(&report, &Results::new("0", serde_json::json!(null)));
    let expected = "\
**Table 1.** Two methods.

| method |       accuracy % | NLL (nats) |
| :----- | ---------------: | :--------: |
| sgld   | **97.80** ± 0.03 |   0.0856   |
| apd    |            97.76 |     –      |
";
    assert!(text.contains(expected), "{text}");
}

use crate::Align;

#[test]
fn markdown_escapes_markup_and_keeps_tables_whole() {
    let text = markdown(&report(), &results());
    let (prose, _) = text.split_once("Configuration:").unwrap();
    assert!(!prose.contains("<script"), "{text}");
    assert!(text.contains("\\*a\\* \\[b\\](c) `d<e>|f`"), "{text}");
    assert!(text.contains("\n\\# not a heading\n"));
    assert!(text.contains("![") && text.contains("](figures/fig.svg)"));
    assert!(text.contains("line break"));
    // Whatever the cells hold, every line of a table has the same number of unescaped pipes.
    for block in text.split("\n\n").filter(|block| block.starts_with('|')) {
        let pipes: Vec<_> = block.lines().map(|l| l.replace("\\|", "").matches('|').count()).collect();
        assert!(pipes.iter().all(|n| *n == pipes[0]), "{block}");
    }
    assert!(!text.contains("\n```"), "the configuration cannot close its block");
}

#[test]
fn empty_documents_are_documents() {
    let empty = Section::new("").table(Table::default()).figure(Figure::new("x", "", Curves::default()));
    let best = Table::new("", vec![Column::text("")]).best_in_row(Best::Lowest);
    let report = Report::new("", "").section(empty.table(best));
    let results = Results::new("", serde_json::Value::Null);
    assert!(html(&report, &results).unwrap().contains("no data"));
    assert!(markdown(&report, &results).contains("no data"));
}

#[test]
fn text_is_split_into_paragraphs_and_code() {
    assert_eq!(paragraphs(" a\nb\n\n\n c \n"), ["a b", "c"]);
    assert!(paragraphs(" \n\n").is_empty());
    assert_eq!(pieces("a `b` c"), [Piece::Words("a "), Piece::Code("b"), Piece::Words(" c")]);
    assert_eq!(pieces("a `b"), [Piece::Words("a `b")]);
    assert_eq!(pieces("``"), [Piece::Words("``")]);
}

#[test]
fn rates_need_a_time() {
    let table = timings(&results()).unwrap();
    assert_eq!(table.rows[0][3], Cell::number(50.0));
    assert_eq!(table.rows[1][3], Cell::Missing);
}
