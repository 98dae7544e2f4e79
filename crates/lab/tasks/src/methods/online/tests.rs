use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::ThreadPoolBuilder;

use super::*;
use crate::config::{Config, NetName, OnlineConfig};
use crate::context::{Context, Control};
use crate::error::Error;
use crate::testing::with_sgld;

fn config(rounds: u64) -> Config {
    let mut config = with_sgld(NetName::Fc1);
    (config.sgld.chains, config.sgld.batch) = (2, 10);
    (config.sgld.burn_in, config.sgld.thinning, config.sgld.steps) = (60, 10, 60 + 100 * rounds);
    config.distill = apd_distill::Config { latent: 3, hidden: 4, batch: 5, critic_steps: 2, ..config.distill };
    config.online = OnlineConfig { rounds, iterations: 3, buffer: 30, infinite: true };
    config
}

/// The experiment and its bank in a folder of their own.
fn experiment(config: Config, dir: &Path) -> (Experiment, Bank) {
    let experiment = Experiment::new(config, dir, false).unwrap();
    crate::sample(Context::default(), &experiment, &experiment.folder.bank()).unwrap();
    let bank = Bank::open(experiment.folder.bank()).unwrap();
    (experiment, bank)
}

const GOING_ON: OnlineGan = OnlineGan { restarts: false };
const RESTARTING: OnlineGan = OnlineGan { restarts: true };

fn number(fitted: &Fitted, metric: &str) -> f64 {
    fitted.rows.iter().find(|row| row.metric == metric).unwrap().value
}

/// Asks to stop once it has been asked so often.
struct Impatient(AtomicU64);

impl crate::context::Progress for Impatient {}

impl Control for Impatient {
    fn stop_requested(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) > 5
    }
}

#[test]
fn an_interrupted_run_ends_with_the_bits_of_another_under_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let (experiment, bank) = experiment(config(4), dir.path());
    for method in [GOING_ON, RESTARTING] {
        let path = experiment.folder.checkpoint(method.name());
        let run = |threads: usize, patient: bool| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let attempts = if patient { 0 } else { usize::MAX };
                let mut stops = 0;
                for _ in 0..attempts {
                    match distill_online(Context::of(&Impatient(AtomicU64::new(0))), &experiment, &bank, method) {
                        Err(Error::Stopped) => stops += 1,
                        Err(error) => panic!("{error}"),
                        Ok(_) => break,
                    }
                }
                assert_eq!(stops > 1, !patient, "{stops} stops");
                let online = distill_online(Context::default(), &experiment, &bank, method).unwrap();
                checkpoint::remove(&path).unwrap();
                let drawn = number(&online, "samples_drawn");
                (online.posterior.draw(Seed::root(1), 3), online.history.unwrap().points, drawn)
            })
        };
        let whole = run(1, true);
        assert_eq!((whole.1.len(), whole.2), (4, 80.0), "{method:?}");
        assert!(whole == run(3, true), "{method:?}: other numbers under three threads");
        assert!(whole == run(2, false), "{method:?}: other numbers when interrupted");
    }
}

#[test]
fn the_buffer_does_not_grow_with_the_samples_that_pass_through_it() {
    let held = |rounds| {
        let dir = tempfile::tempdir().unwrap();
        let (experiment, bank) = experiment(config(rounds), dir.path());
        let online = distill_online(Context::default(), &experiment, &bank, GOING_ON).unwrap();
        let size = std::fs::metadata(experiment.folder.checkpoint("apd-online")).unwrap().len();
        (number(&online, "samples_drawn"), number(&online, "buffer_bytes"), size)
    };
    let ((few, small, short), (many, large, long)) = (held(2), held(8));
    assert_eq!((few, many), (40.0, 160.0));
    assert_eq!(small, large);
    // 30 in the buffer, 20 on their way.
    assert_eq!(small, 50.0 * 4.0 * 7510.0);
    // On disk, the evaluations alone are more.
    assert!(long - short < 6 * 100, "{long} bytes, {short} before");
}

#[test]
fn a_chain_that_diverges_is_dropped_and_the_others_fill_the_buffer() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(4);
    config.sgld.on_divergence = crate::config::OnDivergence::Drop;
    let (mut experiment, bank) = experiment(config, dir.path());
    let path = experiment.folder.checkpoint(GOING_ON.name());
    // One round, then the first chain is put where none comes back from.
    let doomed = |experiment: &Experiment| {
        let _ = distill_online(Context::of(&Impatient(AtomicU64::new(0))), experiment, &bank, GOING_ON);
        let mut saved: Saved = checkpoint::load(&path, KIND).unwrap().value;
        saved.3[0].chain.position.fill(1e15);
        checkpoint::save(&path, KIND, &saved).unwrap();
        saved.0
    };
    let round = doomed(&experiment);
    assert!((1..3).contains(&round), "{round}");
    let online = distill_online(Context::default(), &experiment, &bank, GOING_ON).unwrap();
    // Ten samples of each chain in a round; the last collected is that before the end.
    let drawn = number(&online, "samples_drawn");
    assert!((50.0..80.0).contains(&drawn), "{drawn}");
    let saved: Saved = checkpoint::load(&path, KIND).unwrap().value;
    assert_eq!(saved.3.iter().map(SupervisedChain::was_dropped).collect::<Vec<_>>(), [true, false]);

    checkpoint::remove(&path).unwrap();
    doomed(&experiment);
    experiment.config.sgld.on_divergence = crate::config::OnDivergence::Stop;
    let error = distill_online(Context::default(), &experiment, &bank, GOING_ON).err().unwrap().to_string();
    assert!(error.contains("chain 0 diverged"), "{error}");
}

/// The newest rows of the bank are what the buffer holds: the same chains, to the bit.
#[test]
fn chains_that_go_on_are_those_of_the_bank() {
    let dir = tempfile::tempdir().unwrap();
    let (experiment, bank) = experiment(config(3), dir.path());
    let buffer = |method: OnlineGan| {
        distill_online(Context::default(), &experiment, &bank, method).unwrap();
        let path = experiment.folder.checkpoint(method.name());
        let saved: Saved = checkpoint::load(path, KIND).unwrap().value;
        saved.4
    };
    let within = |buffer: &Buffer| {
        use apd_points::Points;
        (0..buffer.len()).filter(|&i| (0..bank.len()).any(|j| bank.row(j) == buffer.row(i))).count()
    };
    assert_eq!(within(&buffer(GOING_ON)), 30);
    // Restarted before the last round, whose ten samples of each chain are therefore others.
    assert_eq!(within(&buffer(RESTARTING)), 10);
}

#[test]
fn chains_make_as_many_steps_as_those_of_the_bank_that_a_goal_has_ended() {
    let mut config = config(4);
    config.sgld.until_ess = Some(1.0);
    let dir = tempfile::tempdir().unwrap();
    let (experiment, bank) = experiment(config, dir.path());
    let sgld = &experiment.config.sgld;
    assert!((bank.len() as u64) < sgld.chains as u64 * sgld.samples_per_chain(), "the goal is met early");
    let fitted = distill_online(Context::default(), &experiment, &bank, GOING_ON).unwrap();
    assert_eq!(number(&fitted, "samples_drawn") as usize, bank.len());
}
