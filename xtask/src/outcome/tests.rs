use super::*;

fn run(root: &Path, row: &str) {
    fs::create_dir_all(root.join("bank")).unwrap();
    fs::create_dir_all(root.join("checkpoints")).unwrap();
    for file in ["bank/manifest.json", "bank/shard-0.safetensors", "generator.safetensors", "generator-apd.safetensors"]
    {
        fs::write(root.join(file), file).unwrap();
    }
    fs::write(
        root.join("results.json"),
        format!("{{\"rows\": [{row}], \"timings\": [{}]}}", root.display().to_string().len()),
    )
    .unwrap();
    fs::write(root.join("report.html"), root.display().to_string()).unwrap();
    fs::write(root.join("checkpoints/sgd.ckpt"), root.display().to_string()).unwrap();
}

#[test]
fn a_changed_byte_a_missing_and_a_further_file_are_found() {
    let dir = std::env::temp_dir().join(format!("apd-torture-{}", std::process::id()));
    let (a, b) = (dir.join("a"), dir.join("longer"));
    let compare = || differences(&outcome(&a).unwrap(), &outcome(&b).unwrap());
    run(&a, "1");
    run(&b, "1");
    assert_eq!(compare(), [""; 0]);
    fs::write(b.join("bank/shard-0.safetensors"), "bank/shard-1.safetensors").unwrap();
    assert_eq!(compare(), ["bank/shard-0.safetensors"]);
    fs::remove_file(b.join("bank/shard-0.safetensors")).unwrap();
    fs::write(b.join("generator.safetensors.1-2.tmp"), "").unwrap();
    assert_eq!(compare(), ["bank/shard-0.safetensors", "generator.safetensors.1-2.tmp"]);
    run(&b, "2");
    assert_eq!(compare(), ["generator.safetensors.1-2.tmp", "results.json"]);
    fs::remove_file(b.join("results.json")).unwrap();
    assert!(outcome(&b).is_err());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn of_a_report_what_tells_of_time_does_not_count() {
    let report = |a: &str, b: &str, accuracy: &str| {
        format!(
            "took\n\n| of | ESS per second | accuracy |\n|:--|{}--:|--:|\n| x | {a} | {accuracy} |\n\n| of | time |\n|-|-|\n| y | {b} |\n",
            "-".repeat(a.len())
        )
    };
    let expected = timeless(&report("**12**", "1.1 s", "0.5"));
    assert_eq!(expected, timeless(&report("7", "900 ms", "**0.5**")));
    assert_ne!(expected, timeless(&report("12", "1.1 s", "0.6")));
    assert!(expected.contains("x|0.5|"), "{expected}");
}
