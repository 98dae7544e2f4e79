use super::*;

fn results(nll: f64, accuracy: f64) -> Results {
    let mut results = Results::new("0", serde_json::Value::Null);
    for (method, nll, accuracy) in [("sgd", 0.20, 0.95), ("sgld", 0.10, 0.97), (FILE, nll, accuracy)] {
        results.insert(Row::new("classify", "digits", "fc1", method, "nll", nll).spread(0.002, 4));
        results.insert(Row::new("classify", "digits", "fc1", method, "accuracy", accuracy));
    }
    results
}

#[test]
fn it_helps_where_it_is_better_than_one_network_beyond_its_error() {
    let met = |nll| helps(&results(nll, 0.97)).unwrap().met;
    assert_eq!([met(0.11), met(0.1975), met(0.1985), met(0.3)], [true, true, false, false].map(Some));
    assert_eq!(helps(&Results::new("0", serde_json::Value::Null)), None);
    let mut once = results(0.11, 0.97);
    once.rows.iter_mut().for_each(|row| row.sd = None);
    assert_eq!(helps(&once), None, "one draw has no error");
}

#[test]
fn losses_and_sizes_have_limits() {
    let lost = |accuracy| loses(&results(0.10, accuracy)).unwrap();
    let by_nll = |nll| loses(&results(nll, 0.97)).unwrap().met;
    assert_eq!([by_nll(0.104), by_nll(0.106)], [true, false].map(Some));
    assert_eq!([lost(0.98).met, lost(0.961).met, lost(0.959).met], [true, true, false].map(Some));
    assert!(lost(0.98).found.contains("−1.00 points of accuracy (limit 1)"), "{:?}", lost(0.98));
    let met = |file| costs(Some(file), Some(1e6)).unwrap().met;
    assert_eq!([met(1e5), met(1.1e5)], [true, false].map(Some));
    assert_eq!(costs(None, Some(1.0)), None);
}

#[test]
fn what_is_not_met_is_said_first() {
    let verdict = |question: &str, met: bool| Verdict::new(question, met, "");
    assert_eq!(outcome(&[]), "The tasks that ran give no answer.");
    assert_eq!(outcome(&[verdict("A?", true)]), "All answers below are as hoped.");
    assert_eq!(outcome(&[verdict("A?", true), verdict("B?", false)]), "Of 2 answers below, one is NOT as hoped: B?");
}
