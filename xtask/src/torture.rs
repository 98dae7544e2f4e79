//! Kills the pipeline at random moments, resumes it, and compares what it ends with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::outcome::{clear, command, differences, outcome};

#[cfg(test)]
mod tests;

/// Between checkpoints, so that short stages are interrupted halfway too.
const CHECKPOINT_SECONDS: &str = "0.1";

/// A process lives for at most this share of the time that the whole run takes.
const LONGEST_LIFE: f64 = 0.4;

/// Most time between the end of a stage and a kill that waits for one.
const SOON: Duration = Duration::from_millis(300);

/// One kill in so many is a SIGTERM, which a run answers by stopping at the next step.
const POLITE: u64 = 8;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Kills, over as many runs as it takes
    #[arg(long, default_value_t = 100)]
    pub(crate) kills: u64,
    /// Another seed, other moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The program that the tests compile, instead of the release build
    #[arg(long)]
    pub(crate) debug: bool,
    /// Where the runs are kept
    #[arg(long, default_value = "target/torture", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

/// Kills until there were enough kills, and every killed run ended as the uninterrupted one did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let program = crate::experiment::apd(options.debug)?;
    clear(&options.out)?;
    let attempt = |name: &str, resume: bool| -> Result<(Child, PathBuf)> {
        let (mut command, log) = command(&program, &options.out, name)?;
        command.args(["--checkpoint-seconds", CHECKPOINT_SECONDS]).args(resume.then_some("--resume"));
        Ok((command.spawn().context("apd did not start")?, log))
    };

    let started = Instant::now();
    let (mut child, log) = attempt("whole", false)?;
    ensure!(child.wait()?.success(), "the uninterrupted run failed:\n{}", fs::read_to_string(log)?);
    let whole = started.elapsed();
    println!("uninterrupted: {:.1} s", whole.as_secs_f64());
    let expected = outcome(&options.out.join("whole"))?;

    let (mut random, mut kills, mut polite, mut runs) = (Random(options.seed), 0, 0, 0);
    let mut stages: BTreeMap<String, u64> = BTreeMap::new();
    while kills < options.kills {
        let folder = options.out.join("killed");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let (mut of_this_run, mut reached) = (0, "(start)".to_owned());
        loop {
            let (mut child, log) = attempt("killed", of_this_run > 0)?;
            // Every other life ends soon after a stage has, or short stages would hardly ever be hit.
            let longest = if of_this_run % 2 == 0 {
                whole.mul_f64(LONGEST_LIFE)
            } else {
                wait(&mut child, whole, || fs::read_to_string(&log).is_ok_and(|text| last_stage(&text).is_some()))?;
                SOON
            };
            if let Some(status) = wait(&mut child, longest.mul_f64(random.uniform()), || false)? {
                ensure!(status.success(), "after {kills} kills, a resumed run failed:\n{}", fs::read_to_string(log)?);
                break;
            }
            if cfg!(unix) && random.next().is_multiple_of(POLITE) {
                terminate(&mut child, &log)?;
                polite += 1;
            } else {
                child.kill()?;
                child.wait()?;
            }
            of_this_run += 1;
            reached = last_stage(&fs::read_to_string(log)?).unwrap_or(reached);
            *stages.entry(reached.clone()).or_default() += 1;
        }
        kills += of_this_run;
        runs += 1;
        let differences = differences(&expected, &outcome(&folder)?);
        ensure!(differences.is_empty(), "after {of_this_run} kills, other results: {}", differences.join(", "));
        println!("run {runs}: killed {of_this_run} times, identical ({kills} of {})", options.kills);
    }
    println!("\n{:<26} {:>5}", "killed after", "times");
    stages.iter().for_each(|(stage, times)| println!("{stage:<26} {times:>5}"));
    println!(
        "\n{kills} kills ({polite} by SIGTERM, the others by SIGKILL) in {runs} runs: {} files of each are those of the uninterrupted run, bit for bit",
        expected.len()
    );
    Ok(())
}

/// Waits for so long at most, or until something is so; how the process ended, if it did.
fn wait(child: &mut Child, life: Duration, so: impl Fn() -> bool) -> Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < life && !so() {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(child.try_wait()?)
}

/// Asks a process to stop: it has to say how to go on, unless it had not begun or was about to end.
fn terminate(child: &mut Child, log: &Path) -> Result<()> {
    // The shell's own: not every system has it as a program.
    let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status()?;
    let status = child.wait()?;
    let text = fs::read_to_string(log)?;
    // No code: it was killed before it could be asked.
    let polite = status.code().is_none_or(|code| code == 0 || (code == 1 && text.contains("--resume")));
    if asked.success() && !polite {
        bail!("stopped by SIGTERM without saying how to go on:\n{text}");
    }
    Ok(())
}

/// The last stage that a run has reported as done; one that goes on does not speak of those before.
fn last_stage(log: &str) -> Option<String> {
    let done = |line: &str| Some(line.split_once(" done in ")?.0.rsplit(", ").next()?.trim().to_owned());
    log.lines().rev().find_map(done)
}

/// SplitMix64: xtask depends on no crate of ours.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
