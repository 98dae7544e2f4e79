//! Tables from end to end, as a user meets them: what is fitted, predicted, evaluated and refused.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::{apd, command, fails, succeeds, text};

mod support;

/// What `check` said; its exit code is what the verdicts say.
#[track_caller]
fn checked(output: &Output) -> String {
    let said = text(&output.stdout);
    let unmet = said.lines().filter(|line| line.starts_with("  NOT MET ")).count();
    match unmet {
        0 => assert_eq!(output.status.code(), Some(0), "{said}"),
        _ => fails(output, 1, &[&format!("{unmet} of 5 verdicts not met")]),
    }
    said
}

/// A fit of a second or two.
fn fit<'a>(data: &'a str, target: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["fit", data, "--target", target, "--out", out];
    arguments.extend(["--effort", "quick", "--chains", "2", "--net", "mlp:6"]);
    arguments.extend(more);
    arguments
}

/// The fields of a line of a CSV without quotes.
fn fields(line: &str) -> Vec<&str> {
    line.split(',').collect()
}

const YACHT: &str = include_str!("../../data/data/yacht.csv");

#[test]
fn penguins_from_a_name_to_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let said = succeeds(&apd(dir.path(), &fit("penguins", "species", "p.safetensors", &[])));
    let distilled =
        said.lines().find(|line| line.starts_with("beside all samples, on 40 rows that were held out: TV "));
    assert!(distilled.is_some_and(|line| line.contains("mean BALD × ")), "{said}");
    for words in
        ["344 rows", "island", "3 categories", "target, 3 classes", "do the chains agree?", "better than a constant?"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 110), "{said}");
    assert!(!at("p.safetensors.ckpt").exists(), "checkpoints of a finished fit");
    assert!(fs::metadata(at("p.safetensors")).unwrap().len() < 1_000_000);

    // Another order, one column too many, a category and an identifier that are new.
    let new = "id,year,sex,body_mass_g,flipper_length_mm,bill_depth_mm,bill_length_mm,island,color\n\
               a7,2009,male,3750,181,18.7,39.1,Torgersen,black\n\
               b8,2009,?,5550,224,16,50,Atlantis,white\n";
    fs::write(at("new.csv"), new).unwrap();
    let output = apd(dir.path(), &["predict", "p.safetensors", "new.csv", "--out", "out.csv"]);
    succeeds(&output);
    let notes = text(&output.stderr);
    assert!(
        notes.contains("id, color") && notes.contains("`island`: 1 rows") && notes.contains("first is row 2"),
        "{notes}"
    );
    let out = fs::read_to_string(at("out.csv")).unwrap();
    let lines: Vec<Vec<&str>> = out.lines().map(fields).collect();
    assert_eq!(lines[0], ["prediction", "p_Adelie", "p_Chinstrap", "p_Gentoo", "entropy", "bald", "ood", "abstain"]);
    assert_eq!((lines[1][0], lines[2][0]), ("Adelie", "Gentoo"));
    let sum: f64 = lines[1][1..4].iter().map(|p| p.parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6);

    let arguments = ["evaluate", "p.safetensors", "penguins", "--json", "m.json", "--report", "report"];
    succeeds(&apd(dir.path(), &arguments));
    let metrics: serde_json::Value = serde_json::from_str(&fs::read_to_string(at("m.json")).unwrap()).unwrap();
    for name in ["accuracy", "nll", "brier", "ece", "aurc", "n", "networks", "seconds"] {
        assert!(metrics[name].is_number(), "{name}: {metrics}");
    }
    assert!(metrics["accuracy"].as_f64().unwrap() > 0.95 && metrics.get("auroc").is_none(), "{metrics}");
    let page = fs::read_to_string(at("report/report.html")).unwrap();
    for words in ["to be believed", "class=\"numbers\"", "least sure", "strangest", "risk-coverage", "reliability"] {
        assert!(page.contains(words), "{words}");
    }

    let said = checked(&apd(dir.path(), &["check", "p.safetensors", "penguins"]));
    assert_eq!(said.lines().count(), 5, "{said}");
    let said = checked(&apd(dir.path(), &["check", "p.safetensors", "new.csv"]));
    assert!(said.contains("without `species`"), "{said}");
    let said = succeeds(&apd(dir.path(), &["info", "p.safetensors"]));
    for words in ["3 classes", "SHA-256", "categorical", "held out", "seed 1"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for file in ["m.json", "report/results.json"] {
        succeeds(&apd(dir.path(), &["info", file]));
    }
}

#[test]
fn numbers_have_intervals_and_the_same_bits_for_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let lines: Vec<&str> = YACHT.lines().collect();
    fs::write(at("train.csv"), [&lines[..200], &[""]].concat().join("\n")).unwrap();
    fs::write(at("test.csv"), [&lines[..1], &lines[200..], &[""]].concat().join("\n")).unwrap();
    let said = succeeds(&apd(
        dir.path(),
        &fit("train.csv", "resistance", "a.safetensors", &["--threads", "1", "--test", "test.csv"]),
    ));
    assert!(said.contains("rmse") && said.contains("before calibration"), "{said}");
    succeeds(&apd(dir.path(), &fit("train.csv", "resistance", "b.safetensors", &["--threads", "3"])));
    assert!(fs::read(at("a.safetensors")).unwrap() == fs::read(at("b.safetensors")).unwrap(), "models differ");

    succeeds(&apd(dir.path(), &["predict", "a.safetensors", "test.csv", "--out", "p.csv", "--coverage", "0.5,0.995"]));
    let out = fs::read_to_string(at("p.csv")).unwrap();
    let intervals = ["lower_90", "upper_90", "lower_50", "upper_50", "lower_99.5", "upper_99.5"];
    let expected = [&["mean", "sd", "aleatoric_sd", "epistemic_sd"][..], &intervals, &["ood"]].concat();
    assert_eq!(fields(out.lines().next().unwrap()), expected);
    for line in out.lines().skip(1) {
        let numbers: Vec<f64> = fields(line).iter().map(|field| field.parse().unwrap()).collect();
        let [lower_90, upper_90, lower_50, upper_50, lower_99, upper_99] = numbers[4..10] else { panic!("{line}") };
        assert!(
            lower_99 <= lower_90
                && lower_90 <= lower_50
                && lower_50 <= upper_50
                && upper_50 <= upper_90
                && upper_90 <= upper_99
        );
    }
    succeeds(&apd(dir.path(), &["predict", "a.safetensors", "test.csv", "--out", "p.npy", "--draws", "5"]));
    let matrix: ndarray::Array2<f32> = ndarray_npy::read_npy(at("p.npy")).unwrap();
    assert_eq!(matrix.dim(), (109, 7));

    succeeds(&apd(dir.path(), &["evaluate", "a.safetensors", "test.csv", "--json", "m.json", "--report", "report"]));
    let metrics: serde_json::Value = serde_json::from_str(&fs::read_to_string(at("m.json")).unwrap()).unwrap();
    for name in
        ["rmse", "mae", "nll", "nll_normal", "crps", "coverage_50", "coverage_90", "coverage_95", "mean_width_90"]
    {
        assert!(metrics[name].is_number(), "{name}: {metrics}");
    }
    fails(
        &apd(dir.path(), &["predict", "a.safetensors", "test.csv", "--out", "q.csv", "--coverage", "1.5"]),
        1,
        &["coverage is 1.5"],
    );
    fails(&apd(dir.path(), &["predict", "a.safetensors", "--out", "q.csv"]), 2, &["DATA"]);
}

#[test]
fn tables_that_cannot_be_learned_from_are_refused_by_name_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let rows = |row: &dyn Fn(usize) -> String| (0..60).map(row).collect::<Vec<_>>().join("\n");
    let numbers = rows(&|i| format!("{i}.5,{}", (i * 7) % 11));
    let many: String = (0..1_000_000).map(|i| format!("v{i},{}.5\n", i % 17)).collect();
    let repeated: String = (0..4_000).map(|i| format!("v{},{}.5\n", i % 2_000, i % 17)).collect();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("no target", format!("x,z\n{numbers}\n").into(), &["`y`", "x, z"]),
        ("no rows", "x,y\n".into(), &["`y`", "no rows"]),
        ("nothing", "".into(), &["names of the columns"]),
        ("one class", format!("x,y\n{}\n", rows(&|i| format!("{i}.5,a"))).into(), &["`y`", "one class"]),
        ("constant", format!("x,y\n{}\n", rows(&|i| format!("{i}.5,2.5"))).into(), &["`y`", "constant"]),
        (
            "all missing",
            format!("x,z,y\n{}\n", rows(&|i| format!("{i}.5,NA,{}.5", i % 7))).into(),
            &["`z`", "--drop z"],
        ),
        ("target missing", format!("x,y\n{}\n", rows(&|i| format!("{i}.5,NA"))).into(), &["`y`", "no values"]),
        ("two thousand categories", format!("x,y\n{repeated}").into(), &["`x`", "--drop x"]),
        (
            "text",
            format!("x,z,y\n{}\n", rows(&|i| format!("{i}.5,some words {i},{}.5", i % 7))).into(),
            &["`z`", "text", "--drop z"],
        ),
        (
            "dates",
            format!("x,z,y\n{}\n", rows(&|i| format!("{i}.5,2026-01-{:02},{}.5", i % 28 + 1, i % 7))).into(),
            &["`z`"],
        ),
        ("ragged", format!("x,y\n{numbers}\n1\n").into(), &["line 62", "expected 2", "found 1"]),
        ("mixed", format!("x,y\n{numbers}\nabc,1\n").into(), &["line 62", "`x`", "abc"]),
        ("not UTF-8", [format!("x,y\n{numbers}\n").as_bytes(), b"\xff,1\n"].concat(), &["line 62", "`x`", "UTF-8"]),
        (
            "twice",
            format!("x,x,y\n{}\n", rows(&|i| format!("{i}.5,1,{}.5", i % 7))).into(),
            &["`x`", "columns 1 and 2"],
        ),
        ("infinite", format!("x,y\n{numbers}\ninf,1\n").into(), &["line 62", "`x`", "inf"]),
        ("few rows", "x,y\n1,.5\n7,1.5\n3,2.5\n".into(), &["`y`", "at least 10"]),
    ];
    fs::write(at("m.safetensors"), "kept").unwrap();
    for (name, content, facts) in cases {
        fs::write(at("data.csv"), content).unwrap();
        let output = apd(dir.path(), &fit("data.csv", "y", "m.safetensors", &[]));
        println!("{name}");
        fails(&output, 1, facts);
        assert_eq!(fs::read(at("m.safetensors")).unwrap(), b"kept", "{name}");
        assert!(!at("m.safetensors.ckpt").exists(), "{name}");
    }
    // A million names that all differ are an identifier: not used, and then nothing is left to learn from.
    fs::write(at("data.csv"), format!("x,y\n{many}")).unwrap();
    fails(
        &apd(dir.path(), &fit("data.csv", "y", "m.safetensors", &[])),
        1,
        &["no column", "`x`", "differs in every row"],
    );
    fails(&apd(dir.path(), &fit("nothing.csv", "y", "m.safetensors", &[])), 1, &["nothing.csv", "penguins"]);
    fails(
        &apd(dir.path(), &fit("yacht", "resistance", "m.safetensors", &["--drop", "sails"])),
        1,
        &["`sails`", "froude"],
    );
    let wrong = ["fit", "yacht", "--target", "resistance", "--out", "m.safetensors", "--net", "mlp:0"];
    fails(&apd(dir.path(), &wrong), 2, &["mlp:0"]);
}

#[test]
fn models_and_rows_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let said = succeeds(&apd(dir.path(), &fit("yacht", "resistance", "m.safetensors", &[])));
    assert!(said.contains("held out: CRPS × ") && said.contains("epistemic deviation × "), "{said}");
    let predict = |model: &str, data: &str| apd(dir.path(), &["predict", model, data, "--out", "p.csv"]);
    fs::write(at("p.csv"), "kept").unwrap();
    fs::write(at("few.csv"), "position,prismatic\n1,2\n").unwrap();
    fails(&predict("m.safetensors", "few.csv"), 1, &["displacement", "froude"]);
    let header = YACHT.lines().next().unwrap();
    fs::write(at("words.csv"), format!("{header}\n1,1,1,1,1,fast,1\n")).unwrap();
    fails(&predict("m.safetensors", "words.csv"), 1, &["line 2", "`froude`", "fast"]);
    fs::write(at("infinite.csv"), format!("{header}\n1,1,1,1,1,inf,1\n")).unwrap();
    fails(&predict("m.safetensors", "infinite.csv"), 1, &["line 2", "`froude`", "inf"]);
    fs::write(at("empty.csv"), format!("{header}\n")).unwrap();
    fails(&predict("m.safetensors", "empty.csv"), 1, &["empty.csv", "no rows"]);
    fails(&apd(dir.path(), &["check", "m.safetensors", "few.csv"]), 1, &["froude"]);
    // The target may be anything, or missing.
    fs::write(
        at("target.csv"),
        format!("{header}\n-2.3,.568,4.78,3.99,3.17,.125,?\n-2.3,.568,4.78,3.99,3.17,.15,who knows\n"),
    )
    .unwrap();
    fails(&apd(dir.path(), &["evaluate", "m.safetensors", "target.csv"]), 1, &["line 3", "`resistance`"]);

    let model = fs::read(at("m.safetensors")).unwrap();
    for end in [0, 7, 8, 100, model.len() / 2, model.len() - 1] {
        fs::write(at("cut.safetensors"), &model[..end]).unwrap();
        fails(&predict("cut.safetensors", "yacht"), 1, &["cut.safetensors"]);
        fails(&apd(dir.path(), &["info", "cut.safetensors"]), 1, &["cut.safetensors"]);
    }
    let replaced = |old: &str, new: &str| {
        let at = model.windows(old.len()).position(|window| window == old.as_bytes()).expect("it is there");
        let mut model = model.clone();
        model[at..at + old.len()].copy_from_slice(new.as_bytes());
        model
    };
    fs::write(at("other.safetensors"), replaced(r#"version\\\":1"#, r#"version\\\":2"#)).unwrap();
    fails(&predict("other.safetensors", "yacht"), 1, &["version 2", "version 1"]);
    fs::write(at("huge.safetensors"), replaced(r#"widths\\\":[6,6,2]"#, r#"widths\\\":[9,9,9]"#)).unwrap();
    fails(&predict("huge.safetensors", "yacht"), 1, &["huge.safetensors"]);
    let length = [&u64::MAX.to_le_bytes()[..], &model[8..]].concat();
    fs::write(at("header.safetensors"), length).unwrap();
    fails(&predict("header.safetensors", "yacht"), 1, &["header.safetensors"]);
    fails(&predict("few.csv", "yacht"), 1, &["few.csv"]);
    assert_eq!(fs::read(at("p.csv")).unwrap(), b"kept");
    succeeds(&predict("m.safetensors", "target.csv"));
}

#[test]
fn a_script_learns_from_the_exit_code_whether_a_model_is_to_be_believed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    succeeds(&apd(dir.path(), &fit("yacht", "resistance", "m.safetensors", &[])));
    // Rows that no training row is like, and a resistance to go with them.
    let mut rows = YACHT.lines();
    let header = rows.next().unwrap();
    let strange = |line: &str| {
        let numbers: Vec<f64> = fields(line).iter().map(|field| field.parse().unwrap()).collect();
        numbers.iter().map(|x| (2.0 * x + 2.0).to_string()).collect::<Vec<_>>().join(",")
    };
    fs::write(at("other.csv"), format!("{header}\n{}\n", rows.map(strange).collect::<Vec<_>>().join("\n"))).unwrap();
    let check = |data| apd(dir.path(), &["check", "m.safetensors", data]);
    let output = check("other.csv");
    let said = checked(&output);
    for question in ["better than a constant?", "as sure as it says?", "rows like those it learned?"] {
        assert!(said.lines().any(|line| line.starts_with("  NOT MET ") && line.contains(question)), "{said}");
    }
    fails(&output, 1, &["m.safetensors on other.csv"]);
    checked(&check("yacht"));
    fails(&check("nothing.csv"), 1, &["nothing.csv"]);
    fails(&apd(dir.path(), &["check", "m.safetensors"]), 2, &["DATA"]);
    let help = succeeds(&apd(dir.path(), &["check", "--help"]));
    assert!(help.contains("exit code is 0"), "{help}");
}

#[test]
fn how_a_file_is_written_down_can_be_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    // As a spreadsheet writes it somewhere else: the same table, with one value more that is missing.
    let european = YACHT.replace(',', "~").replace('.', ",").replacen("\n-2,3~", "\n-999~", 1);
    fs::write(at("train.txt"), &european).unwrap();
    let told = ["--delimiter", "~", "--decimal-comma", "--missing", "-999,unknown"];
    let said = succeeds(&apd(dir.path(), &fit("train.txt", "resistance", "m.safetensors", &told)));
    assert!(said.contains("308 rows, 7 columns"), "{said}");
    let run = |command: &[&str], told: &[&str]| apd(dir.path(), &[command, told].concat());
    succeeds(&run(&["predict", "m.safetensors", "train.txt", "--out", "a.csv"], &told));
    succeeds(&run(&["evaluate", "m.safetensors", "train.txt"], &told));
    checked(&run(&["check", "m.safetensors", "train.txt"], &told));
    assert_eq!(fs::read_to_string(at("a.csv")).unwrap().lines().count(), 309);

    let wrong = fit("yacht.csv", "resistance", "w.safetensors", &["--delimiter", ";"]);
    fs::write(at("yacht.csv"), YACHT).unwrap();
    fails(&apd(dir.path(), &wrong), 1, &["yacht.csv", "`;`", "`,` parts it into 7"]);
    let predict = ["predict", "m.safetensors", "yacht.csv", "--out", "b.csv"];
    fails(&run(&predict, &["--delimiter", "tab"]), 1, &["yacht.csv", "a tab"]);
    for delimiter in ["", "ab", "7", "é", "\""] {
        fails(&run(&predict, &["--delimiter", delimiter]), 2, &["--delimiter", "one character"]);
    }
    fails(&run(&["predict", "m.safetensors", "yacht", "--out", "b.csv"], &["--decimal-comma"]), 1, &["a text file"]);
    let bank = ["predict", "--bank", "b.npy", "--net", "fc1", "--inputs", "x.npy", "--out", "p.npy"];
    fails(&run(&bank, &["--missing", "-1"]), 2, &["--missing", "table"]);
}

#[test]
fn chains_as_jobs_make_the_model_of_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let arguments = |out: &'static str| fit("yacht", "resistance", out, &["--steps", "400"]);
    succeeds(&apd(dir.path(), &arguments("whole.safetensors")));
    let run = |more: &[&str]| command(dir.path(), &arguments("jobs.safetensors")).args(more).output().unwrap();
    assert!(succeeds(&run(&["--chain", "1"])).contains("chain 1 of 0 to 1"));
    fails(&run(&["--chain", "2"]), 2, &["--chain 2", "0 to 1"]);
    fails(&run(&[]), 1, &["--resume"]);
    succeeds(&run(&["--chain", "0"]));
    fails(&run(&["--resume", "--seed", "9"]), 1, &["other data or with other settings"]);
    succeeds(&run(&["--resume"]));
    assert_eq!(fs::read(at("jobs.safetensors")).unwrap(), fs::read(at("whole.safetensors")).unwrap());
    assert!(!at("jobs.ckpt").exists());
    let few = fit("yacht", "resistance", "few.safetensors", &["--steps", "7"]);
    fails(&apd(dir.path(), &few), 1, &["steps is 7", "at least 8"]);
}

#[cfg(unix)]
#[test]
fn a_killed_fit_goes_on_to_the_same_bits() {
    use std::time::Duration;
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let more = ["--net", "mlp:16-16"];
    let arguments = |out: &'static str| {
        let mut arguments = fit("yacht", "resistance", out, &[]);
        let net = arguments.iter().position(|argument| *argument == "mlp:6").unwrap();
        arguments[net] = more[1];
        arguments
    };
    succeeds(&apd(dir.path(), &arguments("whole.safetensors")));
    let mut kills = 0;
    for attempt in 0..200_u64 {
        let resume: &[&str] = if attempt == 0 { &[] } else { &["--resume"] };
        let mut child = command(dir.path(), &arguments("parts.safetensors"))
            .args(resume)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 * (attempt + 1)));
        // A signal lets it write where it is; a kill costs what was made since the last checkpoint.
        let signal = if attempt % 2 == 0 { "-INT" } else { "-KILL" };
        Command::new("kill").args([signal, &child.id().to_string()]).output().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "the fit was over before it could be killed");
    assert!(fs::read(at("whole.safetensors")).unwrap() == fs::read(at("parts.safetensors")).unwrap(), "models differ");
}

#[cfg(unix)]
#[test]
fn outputs_are_checked_before_the_work_and_keep_their_mode() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let output = apd(dir.path(), &fit("yacht", "resistance", "nowhere/m.safetensors", &[]));
    fails(&output, 1, &["nowhere"]);
    assert!(output.stdout.is_empty(), "it had begun");
    for file in ["m.safetensors", "p.csv", "m.json"] {
        fs::write(at(file), "").unwrap();
        fs::set_permissions(at(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    succeeds(&apd(dir.path(), &fit("yacht", "resistance", "m.safetensors", &[])));
    succeeds(&apd(dir.path(), &["predict", "m.safetensors", "yacht", "--out", "p.csv"]));
    succeeds(&apd(dir.path(), &["evaluate", "m.safetensors", "yacht", "--json", "m.json"]));
    for file in ["m.safetensors", "p.csv", "m.json"] {
        let metadata = fs::metadata(at(file)).unwrap();
        assert!(metadata.permissions().mode() & 0o777 == 0o600 && metadata.len() > 0, "{file}");
    }
    for arguments in [
        &["predict", "m.safetensors", "yacht", "--out", "nowhere/p.csv"][..],
        &["evaluate", "m.safetensors", "yacht", "--json", "nowhere/m.json"],
    ] {
        fails(&apd(dir.path(), arguments), 1, &["nowhere"]);
    }

    // Nobody reads what is said: the work is done all the same, and well.
    let unread = fit("yacht", "resistance", "unread.safetensors", &[]);
    for arguments in [&["info", "m.safetensors"][..], &["evaluate", "m.safetensors", "yacht"], &unread] {
        let mut child = command(dir.path(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        fails(&output, 0, &[]);
    }
    assert!(at("unread.safetensors").exists(), "a fit that nobody listens to leaves no model");
    if Path::new("/dev/full").exists() {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(dir.path(), &["info", "m.safetensors"]).stdout(full).output().unwrap();
        fails(&output, 1, &["standard output"]);
    }
}

#[test]
fn the_commands_of_the_front_page_run() {
    let page = include_str!("../../../README.md");
    let section = page.split("## Your table").nth(1).expect("the section").split("\n## ").next().expect("its text");
    let dir = tempfile::tempdir().unwrap();
    let mut run = 0;
    for line in section.lines().filter_map(|line| line.strip_prefix("apd ")) {
        let mut arguments: Vec<&str> = line.split(" #").next().unwrap_or_default().split_whitespace().collect();
        if arguments[0] == "fit" {
            // The same, in less time.
            arguments.extend(["--effort", "quick", "--chains", "2", "--net", "mlp:6"]);
        }
        succeeds(&apd(dir.path(), &arguments));
        run += 1;
    }
    assert_eq!(run, 3);
    assert!(dir.path().join("report/report.html").exists());
}
