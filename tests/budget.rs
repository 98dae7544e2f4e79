//! What a run is said to take, beside what it takes.

use std::path::Path;
use std::time::Duration;

use apd_tasks::{
    Context, Control, Experiment, Laboratory, Progress, RunOptions, TASKS, configure, estimate, reproduce,
};
use apd_watch::Watch;

#[global_allocator]
static ALLOCATOR: Watch = Watch;

/// Networks of 190 000 parameters, so that they outweigh the program, and hardly any steps.
const SMALL: &str = r#"
net = "fc2"
tasks = ["classify", "ood", "fidelity", "curves", "gan-losses", "adversarial"]
[sgd]
steps = 200
validate-every = 100
[baselines]
swag-epochs = 4
swag-rank = 2
[sgld]
chains = 2
steps = 240
burn-in = 40
thinning = 2
training-steps = 20
batch = 100
[distill]
hidden = 20
iterations = 2
[online]
rounds = 2
iterations = 1
buffer = 150
[gan-losses]
seeds = 1
iterations = 2
hidden = 10
[subspace]
rank = 10
[evaluation]
networks = 20
draws = 2
ood-count = 60
[curves]
networks = [2, 20]
[fidelity]
draws = 2
networks = 20
gan-rank = 0
adversarial = []
sizes = [4.0]
[adversarial]
images = 10
networks = 4
draws = 1
steps = 2
epsilons = []
"#;

/// Saves at every step, so that there are two checkpoints of each kind, as in a long run.
struct Hasty;

impl Progress for Hasty {}

impl Control for Hasty {
    fn checkpoint_every(&self) -> Duration {
        Duration::ZERO
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().len() }
    };
    std::fs::read_dir(folder).unwrap().map(of).sum()
}

/// An estimate is of use if it is never exceeded, and not many times too large.
#[track_caller]
fn bounds(what: &str, said: u64, taken: u64) {
    println!("{what}: {:.1} MB said, {:.1} MB taken", said as f64 / 1e6, taken as f64 / 1e6);
    assert!(taken <= said, "{what}: {said} bytes said, {taken} taken");
    assert!(said <= 3 * taken, "{what}: {said} bytes said, {taken} taken");
}

/// One test: the allocator counts for the whole program.
#[test]
fn a_run_takes_no_more_than_it_says_and_not_much_less() {
    let config = configure(SMALL.parse().unwrap(), TASKS).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let budget = estimate(&Experiment::new(config.clone(), &dir.path().join("said"), false).unwrap(), TASKS).unwrap();
    let (out, before) = (dir.path().join("taken"), apd_watch::held());
    apd_watch::start();
    reproduce(Context::of(&Hasty), config, &Laboratory::default(), &out, RunOptions::default()).unwrap();
    bounds("memory", budget.memory(), (apd_watch::peak() - before) as u64);
    bounds("disk", budget.disk(), bytes_in(&out));
}
