use super::*;
use crate::config::NetName;
use crate::tasks::TASKS;
use crate::testing::quick;

fn estimate(change: impl FnOnce(&mut Config)) -> ResourceEstimate {
    let mut config = quick(NetName::Fc1, &[]);
    change(&mut config);
    crate::estimate(&Experiment::in_memory(config).unwrap(), TASKS).unwrap()
}

#[test]
fn the_bank_is_counted_to_the_byte_and_its_flag_halves_it() {
    let bank = |thinning| estimate(|config| config.sgld.thinning = thinning).disk[0].clone();
    let part = bank(20);
    // 2 chains of 2000 rows of 7510 numbers.
    let rows = 2 * 2000 * (7510 * 4 + 24);
    assert!(part.bytes > rows && part.bytes < rows + 100_000, "{part:?}");
    assert_eq!(part.flag, "--set sgld.thinning=40");
    assert!(bank(40).bytes < part.bytes / 2 + 100_000);
}

#[test]
fn what_does_not_fit_is_refused_with_the_flag_that_helps() {
    let run = estimate(|config| {
        config.online.rounds = 0;
        config.distill.hidden = 10;
        config.tasks = vec!["classify".into()];
    });
    let (disk, memory, out) = (run.disk(), run.memory(), Path::new("out"));
    let said = run.compare(out, [Some(disk), Some(memory)], false).unwrap();
    assert_eq!(said, format!("at most {0} of {0} on disk and {1} of {1} in memory", Bytes(disk), Bytes(memory)));
    let error = run.compare(out, [Some(disk - 1), Some(memory)], false).unwrap_err().to_string();
    assert!(error.starts_with("out: the run takes up to") && error.contains("for the bank"), "{error}");
    assert!(error.contains("--set sgld.thinning=40 takes less, --force starts anyway"), "{error}");
    let error = run.compare(out, [Some(disk), Some(memory - 1)], false).unwrap_err().to_string();
    assert!(error.starts_with("the run takes up to") && error.contains("of memory"), "{error}");
    run.compare(out, [Some(0), Some(0)], true).unwrap();
    assert!(!run.compare(out, [None, None], false).unwrap().contains(" of "));
}

#[test]
fn this_machine_has_something_of_both() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), [0; 1234]).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(dir.path().join("folder/file"), [0; 66]).unwrap();
    assert_eq!((size(dir.path()), size(Path::new("is/not/there"))), (1300, 0));
    assert!(free_disk(&dir.path().join("not/yet/there")).unwrap() > 0);
    assert!(free_memory().unwrap() > 1 << 20);
}
