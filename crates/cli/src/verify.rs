//! `apd verify-samplers`: the samplers' test suite, as a table.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use apd_tasks::Progress;
use apd_verify::{ALPHA, CHECKS, Expect, Half, LEVEL, Outcome, run, suite};

use crate::arguments::VerifySamplers;
use crate::progress::Terminal;
use crate::usage::Usage;

pub(crate) fn verify(arguments: &VerifySamplers) -> Result<()> {
    let mut tests = suite(if arguments.quick { Half::Quick } else { Half::Full });
    if !arguments.only.is_empty() {
        let wanted = |name: &str| arguments.only.iter().any(|text| name.to_lowercase().contains(&text.to_lowercase()));
        tests.retain(|test| wanted(test.family) || wanted(&test.sampler));
    }
    if tests.is_empty() {
        return Err(Usage("no family and no sampler has a name like that".into()).into());
    }
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global()
            .context("the threads did not start")?;
    }
    let terminal = Terminal::new();
    let done = AtomicU64::new(0);
    terminal.begin("verify", tests.len() as u64, 0);
    let outcomes = run(&tests, |outcome| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if !outcome.passed() {
            terminal.note(&line(outcome));
        }
        terminal.advance(done, Some(format!("{} · {} · {}", outcome.family, outcome.sampler, outcome.case)));
    });
    terminal.end();
    print!("{}", table(&outcomes));
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    ensure!(failed == 0, "{failed} of {} tests did not come to what they must", outcomes.len());
    Ok(())
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<12} {:<24} {:<52} {:>6}  {:<20} {:>8}  {:>6}  verdict\n",
        "family", "sampler", "case", "checks", "statistic", "p", "s"
    );
    for outcome in outcomes {
        text.push_str(&line(outcome));
        text.push('\n');
    }
    let (accept, reject): (Vec<&Outcome>, Vec<&Outcome>) =
        outcomes.iter().partition(|outcome| outcome.expect == Expect::Accept);
    let checks: usize = accept.iter().map(|outcome| outcome.trial.checks).sum();
    let passed = |outcomes: &[&Outcome]| outcomes.iter().filter(|outcome| outcome.passed()).count();
    let _ = writeln!(
        text,
        "\n{} of {} tests of samplers accepted; {} of {} negative controls rejected.\n\
         A check is rejected where p ≤ {LEVEL:.0e}: {checks} checks of samplers (at most {CHECKS}), family-wise α = {ALPHA}.",
        passed(&accept),
        accept.len(),
        passed(&reject),
        reject.len()
    );
    text
}

fn line(outcome: &Outcome) -> String {
    let (statistic, p, what) = match &outcome.trial.worst {
        Some(worst) => (worst.statistic.as_str(), format!("{:.1e}", worst.p), worst.what.as_str()),
        None => ("", String::new(), "nothing was checked"),
    };
    let verdict = match (outcome.expect, outcome.passed()) {
        (Expect::Accept, true) => "ok".to_owned(),
        (Expect::Reject, true) => "control: rejected".to_owned(),
        (Expect::Accept, false) => format!("REJECTED: {what}"),
        (Expect::Reject, false) => "control: NOT REJECTED".to_owned(),
    };
    let Outcome { family, sampler, case, trial, time, .. } = outcome;
    format!(
        "{family:<12} {sampler:<24} {case:<52} {:>6}  {statistic:<20} {p:>8}  {:>6.1}  {verdict}",
        trial.checks,
        time.as_secs_f64()
    )
}
