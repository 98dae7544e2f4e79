use super::*;

fn files(bank: &str, rows: &str) -> Files {
    let file = |name: &str, text: &str| (PathBuf::from(name), text.as_bytes().to_vec());
    let results = format!("{{\"rows\": [{rows}]}}");
    BTreeMap::from([file("bank/shard-0.safetensors", bank), file("results.json", &results)])
}

fn row(task: &str, method: &str, value: f64) -> String {
    format!("{{\"task\": \"{task}\", \"method\": \"{method}\", \"metric\": \"accuracy\", \"value\": {value}}}")
}

fn golden(bank: &str, rows: &str) -> Golden {
    let files = files(bank, rows);
    Golden { hashes: hashes(&files).unwrap(), processors: vec!["this".to_owned()], values: values(&files).unwrap() }
}

fn compared(golden: &Golden, processor: &str, files: &Files) -> Result<Vec<String>, String> {
    compare(golden, processor, &hashes(files).unwrap(), &values(files).unwrap()).map_err(|e| format!("{e:#}"))
}

#[test]
fn the_same_processor_has_to_have_the_same_bits() {
    let rows = [row("classify", "sgd", 0.9), row("ood", "sgd", 0.8)].join(",");
    let golden = golden("rows", &rows);
    assert!(compared(&golden, "this", &files("rows", &rows)).unwrap()[0].contains("all 3 stages"));
    let error = compared(&golden, "this", &files("other rows", &rows)).unwrap_err();
    assert!(error.contains("written down: sgld;"), "{error}");
    let changed = [row("classify", "sgd", 0.9), row("ood", "sgd", 0.8000001)].join(",");
    let error = compared(&golden, "this", &files("rows", &changed)).unwrap_err();
    assert!(error.contains("written down: task ood;"), "{error}");
    let error = compared(&golden, "this", &files("rows", &row("classify", "sgd", 0.9))).unwrap_err();
    assert!(error.contains("task ood"), "{error}");
}

#[test]
fn another_processor_has_to_come_near() {
    let golden = golden("rows", &[row("classify", "sgd", 0.9), row("classify", "sgd", 0.8)].join(","));
    let near = compared(&golden, "that", &files("other", &row("classify", "sgd", 0.87))).unwrap();
    assert!(
        near[0].contains("sgld, task classify") && near[1].contains("classify sgd accuracy the farthest at 20 %"),
        "{near:?}"
    );
    let error = compared(&golden, "that", &files("other", &row("classify", "sgd", 0.7))).unwrap_err();
    assert!(error.contains("classify sgd accuracy is 0.7, was 0.85"), "{error}");
    assert!(
        compared(&golden, "that", &files("other", &row("classify", "sgld", 0.85)))
            .unwrap_err()
            .contains("no classify sgd")
    );
}
