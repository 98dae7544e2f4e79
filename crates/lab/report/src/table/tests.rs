use super::*;
use crate::{Figure, Report, Section};

fn bold(table: &Table) -> Vec<Vec<bool>> {
    table.written().iter().map(|row| row.cells.iter().map(|cell| cell.bold).collect()).collect()
}

#[test]
fn best_is_what_the_reader_sees_as_best() {
    let columns = vec![
        Column::text("method"),
        Column::number("accuracy %", Format::Percent(2)).best(Best::Highest),
        Column::number("NLL (nats)", Format::Decimal(4)).best(Best::Lowest),
    ];
    let mut table = Table::new("", columns);
    table.push(vec![Cell::text("a"), Cell::number(0.978_01), Cell::number(0.2)]);
    table.push(vec![Cell::text("b"), Cell::number(0.978_04), Cell::number(0.1)]);
    table.push(vec![Cell::text("c"), Cell::number(0.9), Cell::number(f64::NAN)]);
    assert_eq!(bold(&table), [[false, true, false], [false, true, true], [false, false, false]]);
}

#[test]
fn best_is_per_group_and_absent_without_a_choice() {
    let mut table = Table::new(
        "",
        vec![Column::text("set"), Column::number("variance ratio", Format::Decimal(2)).best(Best::NearestOne)],
    )
    .grouped();
    for (set, value) in [("x", 0.9), ("x", 1.2), ("y", 2.0), ("z", 1.1), ("z", 0.9)] {
        table.push(vec![Cell::text(set), Cell::number(value)]);
    }
    let column: Vec<_> = bold(&table).iter().map(|row| row[1]).collect();
    assert_eq!(column, [true, false, false, false, false]);
    let groups: Vec<_> = table.written().iter().map(|r| (r.starts_group, r.group_rows)).collect();
    assert_eq!(groups, [(true, 2), (false, 1), (true, 1), (true, 2), (false, 1)]);
}

#[test]
fn best_in_row_ignores_words_and_gaps() {
    let columns = vec![
        Column::text("set"),
        Column::number("AUROC %", Format::Percent(1)),
        Column::number("AUROC %", Format::Percent(1)),
    ];
    let mut table = Table::new("", columns).best_in_row(Best::Highest);
    table.push(vec![Cell::text("x"), Cell::number(0.9), Cell::number(0.95)]);
    table.push(vec![Cell::text("y"), Cell::Missing, Cell::number(0.95)]);
    table.push(vec![Cell::text("z")]);
    assert_eq!(bold(&table), [[false, false, true], [false; 3], [false; 3]]);
    assert_eq!(table.written()[2].cells[2].text, "–");
}

#[test]
fn a_report_survives_json_with_its_gaps() {
    let mut table = Table::new("c", vec![Column::number("ECE", Format::Decimal(4)).best(Best::Lowest)]);
    table.push(vec![Cell::number(f64::NAN)]);
    let bins = vec![crate::ReliabilityBin { confidence: f64::NAN, accuracy: f64::NAN, count: 0 }];
    let diagram = crate::ReliabilityDiagram { methods: vec![crate::MethodReliability { method: "apd".into(), bins }] };
    let report =
        Report::new("t", "s").section(Section::new("h").table(table).figure(Figure::new("f", "caption", diagram)));
    let text = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert!(matches!(back.sections[0].tables[0].rows[0][0], Cell::Number { value, .. } if value.is_nan()));
}
