//! The `apd` command as a user meets it: exit codes, messages, files, and what an interruption costs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::{apd, fails, succeeds};

mod support;

/// A run of a few seconds: everything is there, nothing is large.
const TINY: &str = r#"
tasks = ["classify", "ood"]
[sgd]
steps = 400
validate-every = 100
[sgld]
chains = 2
steps = 1200
burn-in = 200
thinning = 10
training-steps = 50
batch = 100
[distill]
iterations = 30
hidden = 24
latent = 8
[online]
rounds = 2
iterations = 3
[evaluation]
networks = 20
draws = 2
ood-count = 60
"#;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("run.toml"), TINY).unwrap();
    dir
}

/// The numbers of a run without the times it took.
fn numbers(path: &Path) -> serde_json::Value {
    let mut results: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    results.as_object_mut().unwrap().remove("timings");
    results
}

#[test]
fn a_run_leaves_what_it_promises_and_its_settings_rerun_it() {
    let dir = folder();
    let at = |path: &str| dir.path().join(path);
    let run = apd(dir.path(), &["reproduce", "--config", "run.toml", "--out", "a", "--threads", "1"]);
    succeeds(&run);
    // The answer, not the report; and progress that says where it is.
    let (said, progress) = (String::from_utf8_lossy(&run.stdout).into_owned(), stderr(&run));
    assert!(
        said.lines().count() < 40 && said.contains("Does it help?") && said.contains("report:    a/report.html"),
        "{said}"
    );
    let stages: Vec<&str> = progress.lines().filter(|line| line.starts_with("stage ")).collect();
    assert!(
        stages.iter().any(|line| line.contains("training done in")) && stages.last().unwrap().contains(" of "),
        "{progress}"
    );
    assert!(
        said.lines().chain(stages).all(|line| line.chars().count() <= 80 || line.contains("config.toml")),
        "{said}{progress}"
    );
    for file in ["results.json", "report.md", "report.html", "config.toml", "generator.safetensors", "bank"] {
        assert!(at("a").join(file).exists(), "{file}");
    }
    let rows = numbers(&at("a/results.json"))["rows"].as_array().unwrap().clone();
    let has = |task: &str, method: &str, metric: &str| {
        rows.iter().any(|row| row["task"] == task && row["method"] == method && row["metric"] == metric)
    };
    for method in ["sgd", "sgld", "apd"] {
        assert!(has("classify", method, "accuracy"), "{method}");
        assert!(has("ood", method, "auroc"), "{method}");
    }
    // The settings that the run left give the same run, on another number of threads.
    succeeds(&apd(dir.path(), &["reproduce", "--config", "a/config.toml", "--out", "b", "--threads", "3"]));
    assert_eq!(numbers(&at("a/results.json")), numbers(&at("b/results.json")));
    assert!(
        fs::read(at("a/generator.safetensors")).unwrap() == fs::read(at("b/generator.safetensors")).unwrap(),
        "generators differ"
    );
}

#[test]
fn the_pieces_fit_together() {
    let dir = folder();
    let at = |path: &str| dir.path().join(path);
    succeeds(&apd(dir.path(), &["sample-posterior", "--config", "run.toml", "--out", "bank"]));
    succeeds(&apd(dir.path(), &["bank", "info", "bank"]));
    succeeds(&apd(dir.path(), &["bank", "verify", "bank"]));
    // A chain as a job of its own, and a bank made of such jobs.
    succeeds(&apd(dir.path(), &["sample-posterior", "--config", "run.toml", "--out", "first", "--chain", "0"]));
    succeeds(&apd(dir.path(), &["bank", "merge", "first", "--out", "merged"]));
    assert!(fs::read(at("merged/manifest.json")).unwrap() == fs::read(at("first/manifest.json")).unwrap());
    fails(&apd(dir.path(), &["bank", "merge", "first", "bank", "--out", "both"]), 1, &["bank", "chain 0", "first"]);
    succeeds(&apd(dir.path(), &["bank", "export", "bank", "--format", "npy", "--out", "rows.npy"]));
    succeeds(&apd(dir.path(), &["bank", "export", "bank", "--format", "safetensors", "--out", "rows.safetensors"]));
    // A bank of ours and the same rows as a plain array give the same generator.
    for (bank, out) in [("bank", "a.safetensors"), ("rows.npy", "b.safetensors"), ("rows.safetensors", "c.safetensors")]
    {
        succeeds(&apd(dir.path(), &["distill", "--bank", bank, "--out", out, "--iterations", "5"]));
    }
    succeeds(&apd(dir.path(), &["draw", "--generator", "a.safetensors", "--count", "7", "--out", "networks.npy"]));
    let shape: ndarray::Array2<f32> = ndarray_npy::read_npy(at("networks.npy")).unwrap();
    assert_eq!(shape.dim(), (7, 64 * 100 + 100 + 10 * 100 + 10));
    for out in ["b", "c"] {
        let (generator, drawn) = (format!("{out}.safetensors"), format!("{out}.npy"));
        succeeds(&apd(dir.path(), &["draw", "--generator", &generator, "--count", "7", "--out", &drawn]));
        assert!(fs::read(at("networks.npy")).unwrap() == fs::read(at(&drawn)).unwrap(), "{out}");
    }

    // Without iterations it is a subspace, which is smaller.
    succeeds(&apd(
        dir.path(),
        &["distill", "--bank", "bank", "--out", "s.safetensors", "--rank", "3", "--format", "f16"],
    ));
    let size = |file: &str| fs::metadata(at(file)).unwrap().len();
    assert!(size("s.safetensors") < 5 * 4 * 7510 && size("a.safetensors") > 100 * 4 * 7510);

    let inputs = apd_data::all_digits().images.pixels.slice_move(ndarray::s![..30, ..]);
    ndarray_npy::write_npy(at("x.npy"), &inputs).unwrap();
    for source in [["--bank", "bank"], ["--generator", "a.safetensors"], ["--generator", "s.safetensors"]] {
        let mut arguments =
            vec!["predict", "--net", "fc1", "--inputs", "x.npy", "--out", "p.npy", "--scores", "entropy,bald"];
        arguments.extend(source);
        succeeds(&apd(dir.path(), &arguments));
        let p: ndarray::Array2<f32> = ndarray_npy::read_npy(at("p.npy")).unwrap();
        assert_eq!(p.dim(), (30, 10));
        assert!(p.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-4));
        let scores: ndarray::Array2<f32> = ndarray_npy::read_npy(at("p.scores.npy")).unwrap();
        assert_eq!(scores.dim(), (30, 2));
    }
}

#[test]
fn images_of_the_users_own_are_scored() {
    let dir = folder();
    let blank = ndarray::Array2::<f32>::zeros((40, 64));
    ndarray_npy::write_npy(dir.path().join("blank.npy"), &blank).unwrap();
    succeeds(&apd(
        dir.path(),
        &["reproduce", "--config", "run.toml", "--only", "ood", "--out", "a", "--ood", "blank=blank.npy"],
    ));
    let rows = numbers(&dir.path().join("a/results.json"))["rows"].clone();
    assert!(rows.as_array().unwrap().iter().any(|row| row["ood"] == "blank" && row["metric"] == "auroc"));
    assert!(rows.as_array().unwrap().iter().all(|row| row["task"] != "classify"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_resumes_to_the_same_bits() {
    use std::time::Duration;
    let dir = folder();
    let at = |path: &str| dir.path().join(path);
    let arguments = |out| ["reproduce", "--config", "run.toml", "--out", out];
    succeeds(&apd(dir.path(), &arguments("whole")));

    // Stopped again and again, by signals of both kinds, a little later each time.
    let mut interruptions = 0;
    for attempt in 0..200_u64 {
        let resume: &[&str] = if attempt == 0 { &[] } else { &["--resume"] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_apd"))
            .current_dir(dir.path())
            .args(arguments("parts"))
            .args(resume)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + 60 * attempt));
        let signal = if attempt % 2 == 0 { "-INT" } else { "-KILL" };
        Command::new("kill").args([signal, &child.id().to_string()]).output().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        interruptions += 1;
    }
    assert!(interruptions >= 2, "the run was over before it could be interrupted");
    assert_eq!(numbers(&at("whole/results.json")), numbers(&at("parts/results.json")));
    assert!(
        fs::read(at("whole/generator.safetensors")).unwrap() == fs::read(at("parts/generator.safetensors")).unwrap(),
        "generators differ"
    );
}

/// Starts `apd`, sends it a SIGINT once it has begun to sample or to distill, and returns how it ended.
#[cfg(unix)]
fn interrupted(dir: &Path, arguments: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_apd"))
        .current_dir(dir)
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).output().unwrap();
    child.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_how_to_go_on() {
    let dir = folder();
    fs::write(dir.path().join("long.toml"), "[sgd]\nsteps = 100000000").unwrap();
    let stopped = interrupted(dir.path(), &["reproduce", "--config", "long.toml", "--out", "a"]);
    fails(&stopped, 1, &["stopped", "--resume"]);

    let rows = ndarray::Array2::<f32>::from_shape_fn((30, 50), |(i, j)| ((i * 7 + j * 3) % 11) as f32);
    ndarray_npy::write_npy(dir.path().join("a.npy"), &rows).unwrap();
    ndarray_npy::write_npy(dir.path().join("b.npy"), &(rows + 1.0)).unwrap();
    let distill = |bank| ["distill", "--bank", bank, "--out", "g.safetensors", "--iterations", "10000000"];
    fails(&interrupted(dir.path(), &distill("a.npy")), 1, &["stopped", "g.safetensors.ckpt"]);
    // What was begun on one bank is not continued on another.
    fails(&apd(dir.path(), &distill("b.npy")), 1, &["another bank", "g.safetensors.ckpt"]);
}

#[test]
fn resuming_with_other_settings_is_refused_with_the_difference() {
    let dir = folder();
    succeeds(&apd(dir.path(), &["reproduce", "--config", "run.toml", "--only", "classify", "--out", "a"]));
    let other = apd(
        dir.path(),
        &["reproduce", "--config", "run.toml", "--only", "classify", "--out", "a", "--resume", "--seed", "2"],
    );
    fails(&other, 1, &["other settings", "seed = 1", "seed = 2"]);
}

#[test]
fn mistakes_on_the_command_line_exit_with_2() {
    let dir = folder();
    let bad = |arguments: &[&str], facts: &[&str]| fails(&apd(dir.path(), arguments), 2, facts);
    bad(&["reproduce", "--dataset", "minst"], &["minst", "mnist"]);
    bad(&["reproduce", "--only", "clasify"], &["clasify", "classify"]);
    bad(&["reproduce", "--threads", "0"], &["--threads 0"]);
    bad(&["reproduce", "--ood", "blank"], &["NAME=PATH"]);
    bad(&["reproduce", "--dataset", "mnist"], &["--data-dir", "fetch-data"]);
    bad(&["fetch-data", "imagenet"], &["imagenet", "omniglot"]);
    bad(&["draw", "--generator", "g", "--count", "0", "--out", "n.npy"], &["--count"]);
    fs::write(dir.path().join("full.toml"), "profile = \"full\"").unwrap();
    bad(&["reproduce", "--config", "full.toml", "--profile", "quick"], &["--profile quick", "full"]);
    bad(&["predict", "--net", "fc1", "--inputs", "x.npy", "--out", "p.npy"], &["--bank"]);
    bad(&["distill", "--bank", "b", "--out", "g", "--distiller", "gan9"], &["gan9", "gan1"]);
    bad(&["distill", "--bank", "b", "--out", "g", "--distiller", "subspace", "--iterations", "5"], &["--iterations"]);
    bad(&["distill", "--bank", "b", "--out", "g", "--distiller", "apd", "--rank", "5"], &["--rank"]);
    for (text, fact) in [
        ("sed = 3", "sed"),
        ("[sgld]\nstep = 3", "step"),
        ("[sgld]\nlr = -1.0", "sgld.lr"),
        ("[sgld]\nthinning = 0", "sgld.thinning"),
        ("[sgld]\nsteps = 10\nburn-in = 10", "keep no sample"),
        ("dataset = 3", "dataset"),
        ("seed = ", "TOML"),
    ] {
        fs::write(dir.path().join("bad.toml"), text).unwrap();
        bad(&["reproduce", "--config", "bad.toml"], &[fact]);
        bad(&["sample-posterior", "--config", "bad.toml", "--out", "bank"], &[fact]);
    }
}

#[test]
fn damaged_and_missing_files_exit_with_1_and_say_where() {
    let dir = folder();
    let at = |path: &str| dir.path().join(path);
    let bad = |arguments: &[&str], facts: &[&str]| fails(&apd(dir.path(), arguments), 1, facts);
    bad(&["reproduce", "--dataset", "mnist", "--data-dir", "nowhere"], &["train-images", "nowhere", "fetch-data"]);
    bad(&["reproduce", "--config", "nowhere.toml"], &["nowhere.toml"]);
    bad(&["bank", "info", "nowhere"], &["nowhere"]);

    let rows = ndarray::Array2::<f32>::from_shape_fn((30, 50), |(i, j)| ((i * 7 + j * 3) % 11) as f32);
    ndarray_npy::write_npy(at("rows.npy"), &rows).unwrap();
    succeeds(&apd(dir.path(), &["distill", "--bank", "rows.npy", "--out", "g.safetensors", "--iterations", "2"]));
    let inputs = ndarray::Array2::<f32>::zeros((3, 64));
    ndarray_npy::write_npy(at("x.npy"), &inputs).unwrap();
    let predict = ["predict", "--net", "fc1", "--inputs", "x.npy", "--out", "p.npy"];
    // The generator makes points of another length than the network has parameters.
    bad(&[&predict[..], &["--generator", "g.safetensors"]].concat(), &["7510", "50"]);
    bad(&["draw", "--generator", "g.safetensors", "--count", "99999999999999999", "--out", "n.npy"], &["memory"]);
    let whole = fs::read(at("g.safetensors")).unwrap();
    fs::write(at("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    bad(&["draw", "--generator", "cut.safetensors", "--count", "1", "--out", "n.npy"], &["cut.safetensors"]);
    fs::write(at("noise.safetensors"), b"neither a generator nor anything else").unwrap();
    bad(&["draw", "--generator", "noise.safetensors", "--count", "1", "--out", "n.npy"], &["noise.safetensors"]);

    let mut nan = rows.clone();
    nan[[3, 4]] = f32::NAN;
    ndarray_npy::write_npy(at("nan.npy"), &nan).unwrap();
    bad(&["distill", "--bank", "nan.npy", "--out", "n.safetensors", "--iterations", "2"], &["finite"]);
    let mut weights = ndarray::Array2::<f32>::zeros((2, 7510));
    weights[[1, 5]] = f32::NAN;
    ndarray_npy::write_npy(at("weights.npy"), &weights).unwrap();
    bad(&[&predict[..], &["--bank", "weights.npy"]].concat(), &["weights.npy", "class 0 for row 0", "NaN"]);
    assert!(!at("p.npy").exists());
    let npy = fs::read(at("rows.npy")).unwrap();
    fs::write(at("cut.npy"), &npy[..npy.len() - 5]).unwrap();
    bad(&["distill", "--bank", "cut.npy", "--out", "n.safetensors"], &["cut.npy"]);
    fs::write(at("images.idx"), [0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 8, 1]).unwrap();
    bad(
        &["predict", "--net", "fc1", "--inputs", "images.idx", "--out", "p.npy", "--generator", "g.safetensors"],
        &["images.idx"],
    );
}

#[test]
fn a_chain_that_diverges_says_where_and_what_to_try() {
    let dir = folder();
    fs::write(dir.path().join("hot.toml"), format!("{TINY}\n").replace("[sgld]", "[sgld]\nlr = 1e9")).unwrap();
    let of_sgld = ["--set", "sampler.tuned=false", "--set", "sampler.kind=sgld"];
    let output = apd(dir.path(), &[&["reproduce", "--config", "hot.toml", "--out", "a"], &of_sgld[..]].concat());
    fails(&output, 1, &["chain", "step", "step size"]);
}

/// A shell limits the size of files, which is what a full disk looks like to a writer.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_leaves_what_was_there() {
    let dir = folder();
    let rows = ndarray::Array2::<f32>::from_shape_fn((30, 5000), |(i, j)| ((i * 7 + j * 3) % 11) as f32);
    ndarray_npy::write_npy(dir.path().join("rows.npy"), &rows).unwrap();
    succeeds(&apd(dir.path(), &["distill", "--bank", "rows.npy", "--out", "g.safetensors", "--iterations", "1"]));
    fs::write(dir.path().join("n.npy"), "old").unwrap();
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" draw --generator g.safetensors --count 30 --out n.npy";
    let output = Command::new("sh")
        .current_dir(dir.path())
        .args(["-c", limited, env!("CARGO_BIN_EXE_apd")])
        .output()
        .expect("a shell starts");
    fails(&output, 1, &["n.npy", "File too large"]);
    assert_eq!(fs::read_to_string(dir.path().join("n.npy")).unwrap(), "old");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{left:?}");
}

#[test]
fn a_damaged_bank_is_repaired_and_what_was_lost_is_sampled_again() {
    let dir = folder();
    let sample = ["sample-posterior", "--config", "run.toml", "--out", "bank"];
    succeeds(&apd(dir.path(), &sample));
    let bank = dir.path().join("bank");
    let whole = rows_on_disk(&bank);
    let (name, bytes) = whole.iter().find(|(name, _)| name.starts_with("shard-0")).unwrap();
    fs::write(bank.join(name), &bytes[..bytes.len() / 2]).unwrap();

    fails(&apd(dir.path(), &["bank", "verify", "bank"]), 1, &[name, "bytes"]);
    let repaired = apd(dir.path(), &["bank", "verify", "bank", "--repair"]);
    succeeds(&repaired);
    let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
    for fact in [name, "chain 0: 0 rows kept, 100 lost", "chain 1: 100 rows kept, 0 lost", "--resume"] {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    succeeds(&apd(dir.path(), &["bank", "verify", "bank"]));
    // The chain's checkpoint is at its end: going on from there would leave a hole.
    let resumed = apd(dir.path(), &[&sample[..], &["--resume"]].concat());
    succeeds(&resumed);
    assert!(stderr(&resumed).contains("chain 0: the bank has lost rows"), "{}", stderr(&resumed));
    assert_eq!(rows_on_disk(&bank), whole);

    fs::remove_file(bank.join("manifest.json")).unwrap();
    fails(&apd(dir.path(), &[&sample[..], &["--resume"]].concat()), 1, &["manifest.json", "apd bank verify --repair"]);
    succeeds(&apd(dir.path(), &["bank", "verify", "bank", "--repair"]));
    assert_eq!(rows_on_disk(&bank), whole);
}

/// A bank's shards and its manifest.
fn rows_on_disk(bank: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(bank).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors" || ending == "json"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_with_an_error_and_a_bank_that_can_be_gone_on_with() {
    let dir = folder();
    let sample = |out: &str| format!("sample-posterior --config run.toml --checkpoint-seconds 0 --out {out}");
    let apd = |line: &str| apd(dir.path(), &line.split(' ').collect::<Vec<_>>());
    succeeds(&apd(&sample("whole")));

    // No file may grow beyond a third of a chain's rows; without the signal, the write that would is an error, as on a full disk.
    let limited = format!("trap '' XFSZ; ulimit -f 2000; exec \"$0\" {}", sample("bank"));
    let full = Command::new("sh").args(["-c", &limited, env!("CARGO_BIN_EXE_apd")]).current_dir(dir.path()).output();
    fails(&full.unwrap(), 1, &["bank/shard-", "File too large"]);
    succeeds(&apd("bank verify bank"));
    let left = fs::read_dir(dir.path().join("bank")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));

    succeeds(&apd(&format!("{} --resume", sample("bank"))));
    assert!(rows_on_disk(&dir.path().join("bank")) == rows_on_disk(&dir.path().join("whole")));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named_before_any_work() {
    let dir = folder();
    // Below a file: root could write to a folder that is merely read-only.
    fs::write(dir.path().join("file"), "").unwrap();
    for line in ["reproduce --config run.toml --out file/run", "sample-posterior --config run.toml --out file/bank"] {
        fails(&apd(dir.path(), &line.split(' ').collect::<Vec<_>>()), 1, &["file/"]);
    }
}

#[test]
fn two_processes_do_not_write_into_one_folder() {
    let dir = folder();
    let sample = ["sample-posterior", "--config", "run.toml", "--out", "bank", "--resume"];
    succeeds(&apd(dir.path(), &sample[..5]));
    let before = rows_on_disk(&dir.path().join("bank"));
    {
        let _bank = apd_store::BankWriter::resume(dir.path().join("bank")).unwrap();
        fails(&apd(dir.path(), &sample), 1, &["bank", "another writer"]);
        fails(&apd(dir.path(), &["bank", "verify", "bank", "--repair"]), 1, &["bank", "another writer"]);
    }
    succeeds(&apd(dir.path(), &sample));
    assert!(rows_on_disk(&dir.path().join("bank")) == before);

    fs::create_dir(dir.path().join("run")).unwrap();
    let _run = apd_store::Lock::acquire(dir.path().join("run"), "run.lock").unwrap();
    fails(&apd(dir.path(), &["reproduce", "--config", "run.toml", "--out", "run"]), 1, &["run", "another writer"]);
    assert!(!dir.path().join("run/config.toml").exists());
}

#[test]
fn a_run_that_does_not_fit_is_refused_before_it_starts() {
    let dir = folder();
    // A bank of petabytes.
    let large = ["--config", "run.toml", "--out", "a", "--set", "sgld.steps=4000000000000", "--set", "online.rounds=0"];
    for command in ["reproduce", "sample-posterior"] {
        let refused = apd(dir.path(), &[&[command], &large[..]].concat());
        fails(&refused, 1, &["a: ", "PB of disk", "for the bank", "--set sgld.thinning=20", "--force"]);
        assert!(!dir.path().join("a").exists());
    }
    let fits = apd(dir.path(), &["sample-posterior", "--config", "run.toml", "--out", "a", "--set", "sgld.steps=400"]);
    succeeds(&fits);
    assert!(stderr(&fits).contains("this run takes at most"), "{}", stderr(&fits));
    fails(&apd(dir.path(), &["reproduce", "--set", "sgld"]), 2, &["--set sgld", "KEY=VALUE"]);
    fails(&apd(dir.path(), &["reproduce", "--set", "seed.x=1"]), 2, &["seed"]);
    fails(&apd(dir.path(), &["reproduce", "--set", "sgld.no-such=1"]), 2, &["no-such"]);
    fails(
        &apd(dir.path(), &["reproduce", "--set", "seed=9223372036854775808"]),
        2,
        &["seed=9223372036854775808", "2^63"],
    );
}

#[test]
fn clocks_that_go_backwards_do_not_matter() {
    let dir = folder();
    let sample = ["sample-posterior", "--config", "run.toml", "--out", "bank"];
    succeeds(&apd(dir.path(), &sample));
    let bank = dir.path().join("bank");
    let whole = rows_on_disk(&bank);
    // The newest files are from tomorrow, the oldest from long ago.
    let now = std::time::SystemTime::now();
    for (i, entry) in fs::read_dir(&bank).unwrap().enumerate() {
        let day = std::time::Duration::from_secs(86_400);
        let time = if i % 2 == 0 { now + day } else { now - 10_000 * day };
        fs::File::options().append(true).open(entry.unwrap().path()).unwrap().set_modified(time).unwrap();
    }
    succeeds(&apd(dir.path(), &[&sample[..], &["--resume"]].concat()));
    succeeds(&apd(dir.path(), &["bank", "verify", "bank"]));
    assert!(rows_on_disk(&bank) == whole);
}

/// Rows as a safetensors file with a layout, its parameters in the order of `names`.
fn bank_with_layout(path: &std::path::Path, rows: &[Vec<f32>], layout: &str, weights: &[f64]) {
    let (n, d) = (rows.len(), rows[0].len());
    let layout = layout.replace('"', "\\\"");
    let (weight, end) = (8 * n, 8 * n + 4 * n * d);
    let header = format!(
        r#"{{"__metadata__":{{"apd.layout":"{layout}"}},"weight":{{"dtype":"F64","shape":[{n}],"data_offsets":[0,{weight}]}},"theta":{{"dtype":"F32","shape":[{n},{d}],"data_offsets":[{weight},{end}]}}}}"#
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    weights.iter().for_each(|weight| bytes.extend(weight.to_le_bytes()));
    rows.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Networks of 2 inputs, 100 hidden units and 3 classes.
#[test]
fn layout_and_weights_of_a_bank_count() {
    let dir = folder();
    let at = |path: &str| dir.path().join(path);
    let shapes = [
        ("layers.0.weight", vec![100, 2]),
        ("layers.0.bias", vec![100]),
        ("layers.1.weight", vec![3, 100]),
        ("layers.1.bias", vec![3]),
    ];
    let layout =
        |order: &[usize]| serde_json::to_string(&order.iter().map(|&i| &shapes[i]).collect::<Vec<_>>()).unwrap();
    let starts = [0, 200, 300, 600, 603];
    let row =
        |network: usize| (0..603).map(move |j| ((j * 7 + network * 13) % 11) as f32 / 10.0 - 0.5).collect::<Vec<_>>();
    let rows: Vec<Vec<f32>> = (0..4).map(row).collect();
    let reordered = |order: &[usize]| -> Vec<Vec<f32>> {
        rows.iter().map(|row| order.iter().flat_map(|&i| row[starts[i]..starts[i + 1]].to_vec()).collect()).collect()
    };
    let inputs = ndarray::array![[0.5_f32, -1.0], [1.0, 0.25]];
    ndarray_npy::write_npy(at("x.npy"), &inputs).unwrap();
    let arguments = |bank: &'static str| {
        ["predict", "--net", "fc1", "--classes", "3", "--inputs", "x.npy", "--bank", bank, "--out", "p.v1"]
    };
    let predict = |bank: &'static str| -> ndarray::Array2<f32> {
        succeeds(&apd(dir.path(), &[&arguments(bank)[..], &["--scores", "entropy"]].concat()));
        assert!(at("p.v1.scores.npy").exists());
        ndarray_npy::read_npy(at("p.v1")).unwrap()
    };
    let close = |a: &ndarray::Array2<f32>, b: &ndarray::Array2<f32>| (a - b).iter().all(|x| x.abs() < 1e-6);

    let equal = [1.0; 4];
    bank_with_layout(&at("own.safetensors"), &rows, &layout(&[0, 1, 2, 3]), &equal);
    bank_with_layout(&at("other.safetensors"), &reordered(&[3, 1, 0, 2]), &layout(&[3, 1, 0, 2]), &equal);
    let expected = predict("own.safetensors");
    assert!(close(&predict("other.safetensors"), &expected));
    let turned = layout(&[0, 1, 2, 3]).replace("[100,2]", "[2,100]");
    bank_with_layout(&at("turned.safetensors"), &rows, &turned, &equal);
    fails(
        &apd(dir.path(), &arguments("turned.safetensors")),
        1,
        &["turned.safetensors", "layers.0.weight", "[2, 100]"],
    );

    // All of the weight on one network.
    bank_with_layout(&at("one.safetensors"), &rows[2..3], &layout(&[0, 1, 2, 3]), &[1.0]);
    bank_with_layout(&at("weighted.safetensors"), &rows, &layout(&[0, 1, 2, 3]), &[0.0, 0.0, 5.0, 0.0]);
    assert!(close(&predict("weighted.safetensors"), &predict("one.safetensors")));
    let distill = ["distill", "--bank", "weighted.safetensors", "--out", "g.safetensors"];
    fails(&apd(dir.path(), &distill), 1, &["weighted.safetensors", "unequal weights"]);
    bank_with_layout(&at("bad.safetensors"), &rows, &layout(&[0, 1, 2, 3]), &[1.0, f64::NAN, 1.0, 1.0]);
    fails(&apd(dir.path(), &arguments("bad.safetensors")), 1, &["row 1", "weight is NaN"]);

    // Whose width is wrong, and what would fit.
    let mut five = arguments("own.safetensors");
    five[4] = "5";
    fails(&apd(dir.path(), &five), 1, &["own.safetensors: 603 parameters", "805", "--classes 3 fits"]);
}

#[test]
fn default_names_keep_the_dots_and_the_files_of_others() {
    let dir = folder();
    let rows = ndarray::Array2::<f32>::from_shape_fn((3, 5), |(i, j)| (i * 5 + j) as f32);
    for bank in ["bank-lr0.1", "bank-lr0.2"] {
        ndarray_npy::write_npy(dir.path().join(bank), &rows).unwrap();
        succeeds(&apd(dir.path(), &["bank", "export", bank]));
        assert!(dir.path().join(format!("{bank}.npy")).exists());
        fails(&apd(dir.path(), &["bank", "export", bank]), 1, &[".npy", "--out"]);
        let verified = apd(dir.path(), &["bank", "verify", bank]);
        succeeds(&verified);
        assert!(String::from_utf8_lossy(&verified.stdout).contains("no checksums"));
    }
}
