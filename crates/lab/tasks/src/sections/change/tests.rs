use apd_report::{Results, Row};

use super::*;

fn results(apd: (f64, f64), sgld: (f64, f64)) -> Results {
    let mut results = Results::new("0", serde_json::Value::Null);
    for (method, (value, sd)) in [("sgld", sgld), ("apd", apd)] {
        results.insert(Row::new("t", "digits", "fc1", method, "auroc", value).spread(sd, 4));
    }
    results
}

#[test]
fn a_difference_has_the_errors_of_both_means() {
    let change = Change::of("apd", &results((0.90, 0.03), (0.95, 0.04)).select()).unwrap();
    assert!((change.value + 0.05).abs() < 1e-12 && (change.error.unwrap() - 0.025).abs() < 1e-12, "{change:?}");
    assert_eq!(Change::of("apd", &results((0.9, 0.0), (0.9, 0.0)).select().method("apd")), None);
}

#[test]
fn a_loss_is_told_only_where_it_is_one() {
    let of = |apd, sgld, best| {
        let change = Change::of("apd", &results(apd, sgld).select()).unwrap();
        kept("AUROC", &[("blank".into(), change), ("white".into(), change)], best, Format::Percent(1), 0.01).remove(0)
    };
    let lost = of((0.90, 0.01), (0.95, 0.01), Best::Highest);
    assert_eq!(lost.met, Some(false));
    assert!(
        lost.found.contains("2 are worse") && lost.found.contains("5.0") && lost.found.contains("white"),
        "{lost:?}"
    );
    // The same numbers of a metric that should be low are a gain; within two errors they are neither; and a small loss may be.
    let gained = of((0.90, 0.01), (0.95, 0.01), Best::Lowest);
    assert!(gained.met == Some(true) && gained.found.contains("0 are worse and 2 better"), "{gained:?}");
    let unclear = of((0.90, 0.10), (0.95, 0.10), Best::Highest);
    assert!(unclear.met == Some(true) && unclear.found.contains("no different"), "{unclear:?}");
    assert_eq!(of((0.942, 0.001), (0.95, 0.001), Best::Highest).met, Some(true));
}
