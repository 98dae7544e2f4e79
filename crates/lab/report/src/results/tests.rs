use super::*;
use serde_json::json;

fn sample() -> Results {
    let mut results = Results::new("0.1.0", json!({"dataset": "digits", "seed": 7}));
    results.insert(Row::new("classify", "digits", "fc1", "sgld", "accuracy", 0.978).spread(0.0003, 10));
    results.insert(Row::new("ood", "digits", "fc1", "apd", "auroc", 0.944).score("bald").ood("inverted").scale(5.0));
    results.time("sgld", 12.5, Some(20_000));
    results.time("evaluate", 3.0, None);
    results
}

const GOLDEN: &str = r#"{
  "schema": 1,
  "project_version": "0.1.0",
  "config": {
    "dataset": "digits",
    "seed": 7
  },
  "rows": [
    {
      "task": "classify",
      "dataset": "digits",
      "net": "fc1",
      "method": "sgld",
      "metric": "accuracy",
      "value": 0.978,
      "sd": 0.0003,
      "n": 10
    },
    {
      "task": "ood",
      "dataset": "digits",
      "net": "fc1",
      "method": "apd",
      "metric": "auroc",
      "score": "bald",
      "ood": "inverted",
      "scale": 5.0,
      "value": 0.944,
      "sd": null,
      "n": null
    }
  ],
  "timings": [
    {
      "stage": "sgld",
      "seconds": 12.5,
      "steps": 20000
    },
    {
      "stage": "evaluate",
      "seconds": 3.0,
      "steps": null
    }
  ]
}
"#;

#[test]
fn json_is_the_golden() {
    assert_eq!(sample().to_json(), GOLDEN);
}

#[test]
fn save_and_load_are_inverse() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.json");
    sample().save(&path).unwrap();
    assert_eq!(Results::load(&path).unwrap(), sample());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the temporary file is gone");
}

fn load_text(text: &str) -> Result<Results, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.json");
    std::fs::write(&path, text).unwrap();
    Results::load(&path)
}

#[test]
fn another_schema_is_named() {
    for (text, expected) in [
        (GOLDEN.replace("\"schema\": 1", "\"schema\": 2"), "2"),
        (GOLDEN.replace("\"schema\": 1", "\"schema\": \"1\""), "\"1\""),
        (GOLDEN.replace("\"schema\": 1,", ""), "missing"),
        ("[]".into(), "missing"),
        (r#"{"schema": 9, "something": "new"}"#.into(), "9"),
    ] {
        match load_text(&text) {
            Err(Error::Schema { found, expected: 1, .. }) => assert_eq!(found, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn broken_files_are_errors() {
    for text in [
        String::new(),
        GOLDEN[..GOLDEN.len() / 2].into(),
        GOLDEN.replace("\"net\"", "\"network\""),
        GOLDEN.replace("\"timings\"", "\"times\""),
        GOLDEN.replace("0.978", "\"high\""),
    ] {
        assert!(matches!(load_text(&text), Err(Error::Json { .. })), "{text}");
    }
    assert!(matches!(Results::load(Path::new("no/such/file")), Err(Error::File(_))));
}

#[test]
fn values_that_are_not_finite_come_back_as_nan() {
    let mut results = sample();
    results.rows[0].value = f64::INFINITY;
    results.rows[1].value = f64::NAN;
    let back = load_text(&results.to_json()).unwrap();
    assert!(back.rows[0].value.is_nan() && back.rows[1].value.is_nan());
}

#[test]
fn the_same_quantity_is_replaced() {
    let mut results = sample();
    results.insert(Row::new("ood", "digits", "fc1", "apd", "auroc", 0.5).score("bald").ood("inverted").scale(5.0));
    results.insert(Row::new("ood", "digits", "fc1", "apd", "auroc", 0.6).score("bald").ood("inverted").scale(1.0));
    results.time("sgld", 1.0, None);
    assert_eq!(results.rows.len(), 3);
    assert_eq!(results.rows[1].value, 0.5);
    assert_eq!(results.timings.len(), 2);
    assert_eq!(results.timings[0].seconds, 1.0);
}

#[test]
fn select_narrows_down() {
    let results = sample();
    let ood = results.select().task("ood");
    assert_eq!(ood.clone().score("bald").ood("inverted").scale(5.0).value(), Some(0.944));
    assert_eq!(ood.clone().scale(1.0).value(), None);
    assert_eq!(ood.clone().dataset("digits").net("fc1").method("apd").metric("auroc").iter().count(), 1);
    assert_eq!(ood.net("fc2").row(), None);
    assert_eq!(results.select().distinct(|row| row.method.as_str()), ["sgld", "apd"]);
}
