//! The line protocol of `peer_protocol.py`, spoken by us.

use std::collections::BTreeMap;
use std::io::{BufRead, Result, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{Role, Runner, Work};

/// The only variant of every work of ours.
pub const VARIANT: &str = "apd";

/// Introduces us, then answers every line until the input ends.
pub fn serve(works: &[Work], input: impl BufRead, mut output: impl Write) -> Result<()> {
    writeln!(output, "{}", introduction(works))?;
    output.flush()?;
    let mut running = BTreeMap::new();
    for line in input.lines() {
        let reply = answer(works, &mut running, &line?).unwrap_or_else(|error| json!({ "error": error }));
        writeln!(output, "{reply}")?;
        output.flush()?;
    }
    Ok(())
}

fn introduction(works: &[Work]) -> Value {
    let by_name =
        |of: fn(&Work) -> Value| works.iter().map(|work| (work.name.clone(), of(work))).collect::<Map<_, _>>();
    json!({
        "peer": "apd",
        "versions": { "apd": env!("CARGO_PKG_VERSION") },
        "threads": rayon::current_num_threads(),
        "lanes": crate::peak::lanes(),
        "order": works.iter().map(|work| &work.name).collect::<Vec<_>>(),
        "works": by_name(|_| json!([VARIANT])),
        "about": by_name(about),
    })
}

fn about(work: &Work) -> Value {
    let Work { unit, flop, bytes, items, held, .. } = work;
    let role = match work.role {
        Role::Row => json!("row"),
        Role::Part => json!("part"),
        Role::Memory => json!("memory"),
        Role::Point { curve, at } => json!({ "curve": curve, "at": at }),
    };
    json!({ "unit": unit, "flop": flop, "bytes": bytes, "items": items, "held": held, "role": role })
}

type Running = BTreeMap<String, Box<dyn Runner>>;

fn answer(works: &[Work], running: &mut Running, line: &str) -> std::result::Result<Value, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (command, name) = match words[..] {
        [command, name, VARIANT, ..] => (command, name),
        _ => return Err(format!("not a request: {line}")),
    };
    let work = works.iter().find(|work| work.name == name).ok_or_else(|| format!("unknown work {name}"))?;
    if command == "drop" {
        running.remove(&work.name);
        return Ok(json!({}));
    }
    let runner = running.entry(work.name.clone()).or_insert_with(|| {
        let mut runner = (work.make)();
        runner.run(1);
        runner
    });
    match (command, words.get(3).and_then(|seconds| seconds.parse().ok())) {
        ("warm", _) => {
            timed(runner.as_mut(), 0.2);
            Ok(json!({}))
        }
        ("time", Some(seconds)) => {
            let (seconds, units) = timed(runner.as_mut(), seconds);
            Ok(json!({ "seconds": seconds, "units": units }))
        }
        _ => Err(format!("not a request: {line}")),
    }
}

/// Seconds per unit: as many units as fill the time, at least one.
fn timed(runner: &mut dyn Runner, seconds: f64) -> (f64, u64) {
    let (mut units, mut spent, mut batch) = (0_u64, Duration::ZERO, 1);
    while units == 0 || spent.as_secs_f64() < seconds {
        spent += runner.run(batch);
        units += batch;
        // The clock is looked at a few times in all, so that looking at it costs nothing.
        let each = (spent.as_secs_f64() / units as f64).max(1e-9);
        batch = ((0.25 * seconds).min(seconds - spent.as_secs_f64()) / each).max(1.0) as u64;
    }
    (spent.as_secs_f64() / units as f64, units)
}

#[cfg(test)]
mod tests;
