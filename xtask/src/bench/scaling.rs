//! What a work costs against its size, its parallelism, and the memory that it takes.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::bars;
use super::machine::{GIB, total_memory};
use super::peer::Peer;
use super::rounds::{Plan, median};
use super::table::milliseconds;

/// What is measured with one thread, two, four, … up to all of them.
const BY_THREADS: [&str; 3] = ["sgld-fc1", "wgan-critic-79510", "predict-s-100"];

pub(super) fn measure(plan: &Plan<'_>, ours: &mut Peer, program: &Path) -> Result<String> {
    Ok(format!("{}{}{}", curves(plan, ours)?, threads(plan, ours, program)?, memory(plan, ours, program)?))
}

/// Each point after the other; where a point needs more than half of the machine's memory it is left out, and said so.
fn curves(plan: &Plan<'_>, ours: &mut Peer) -> Result<String> {
    let points = plan.works(ours, |about| about["role"]["curve"].is_string());
    let mut curves: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    for work in points {
        let about = ours.introduction["about"][&work].clone();
        let name = about["role"]["curve"].as_str().unwrap_or("?").to_owned();
        match curves.last_mut() {
            Some((last, points)) if *last == name => points.push((work, about)),
            _ => curves.push((name, vec![(work, about)])),
        }
    }
    let mut text = String::new();
    for (name, points) in curves {
        let what = name.rsplit(' ').next().unwrap_or("");
        let _ = write!(text, "\n### {}\n\n| {what} | ms | GFLOP/s |\n|---|---|---|\n", capitalised(&name));
        let (mut measured, mut left_out) = (Vec::new(), Vec::new());
        for (work, about) in points {
            let number = |key: &str| about[key].as_f64().unwrap_or(0.0);
            let at = about["role"]["at"].as_f64().context("a point has a place")?;
            if total_memory().is_some_and(|total| number("held") > total / 2.0) {
                left_out.push(format!("{at} (would hold {:.1} GiB)", number("held") / GIB));
                continue;
            }
            let seconds = median(&plan.together(&mut [&mut *ours], &[(0, work.as_str())])?[0]);
            let _ = writeln!(text, "| {at} | {} | {:.1} |", milliseconds(seconds), number("flop") / seconds / 1e9);
            measured.push((at, seconds));
            eprintln!("  {work}: {:.4} ms", seconds * 1e3);
        }
        let _ = writeln!(text, "\n{}", exponents(&measured));
        if !left_out.is_empty() {
            let _ = writeln!(text, "Left out for want of memory: {}.", left_out.join(", "));
        }
    }
    Ok(text)
}

/// A process per number of threads, measured in alternation.
fn threads(plan: &Plan<'_>, ours: &Peer, program: &Path) -> Result<String> {
    let works = plan.works(ours, |about| !about["role"].is_null());
    let works: Vec<&str> = BY_THREADS.into_iter().filter(|work| works.iter().any(|it| it == work)).collect();
    if works.is_empty() {
        return Ok(String::new());
    }
    let all = ours.introduction["threads"].as_u64().unwrap_or(1);
    let counts: Vec<u64> = (0..).map(|i| 1_u64 << i).take_while(|&count| count < all).chain([all]).collect();
    let mut peers = Vec::new();
    for count in &counts {
        let mut command = Command::new(program);
        command.env("RAYON_NUM_THREADS", count.to_string());
        peers.push(Peer::start(command)?);
    }
    let mut columns = Vec::new();
    for work in &works {
        let runs: Vec<(usize, &str)> = (0..peers.len()).map(|peer| (peer, *work)).collect();
        let times = plan.together(&mut peers.iter_mut().collect::<Vec<_>>(), &runs)?;
        columns.push(times.iter().map(|times| median(times)).collect::<Vec<_>>());
        eprintln!("  {work}: threads");
    }
    let mut text = format!("\n### Against threads\n\n| threads | {}, ms |\n|---|", works.join(", ms | "));
    text.push_str(&"---|".repeat(works.len()));
    for (i, count) in counts.iter().enumerate() {
        let cells: Vec<String> = columns.iter().map(|column| milliseconds(column[i])).collect();
        let _ = write!(text, "\n| {count} | {} |", cells.join(" | "));
    }
    text.push_str("\n\n");
    for (work, column) in works.iter().zip(&columns) {
        let points: Vec<(f64, f64)> = counts.iter().map(|&count| count as f64).zip(column.iter().copied()).collect();
        let _ = writeln!(text, "- {work}: {}", exponents(&points));
    }
    Ok(text)
}

/// A fresh process per work, which does one unit and is asked for the most memory that it had.
fn memory(plan: &Plan<'_>, ours: &Peer, program: &Path) -> Result<String> {
    let holds = |about: &Value| about["held"].as_f64().is_some_and(|held| held > 0.0) && about["role"].is_string();
    let works = plan.works(ours, holds);
    if works.is_empty() {
        return Ok(String::new());
    }
    let mut text = String::from(
        "\n### Memory\n\nThe peak of a process that does only this (VmHWM), and the bytes that must be there: parameters, their Adam \
         moments and the bank; or networks, inputs and their mean.\n\n\
         | work | peak, GiB | at least, GiB | ratio | at most, GiB | |\n|---|---|---|---|---|---|\n",
    );
    for work in works {
        let mut peer = Peer::start(Command::new(program))?;
        peer.warm(&work, "apd")?;
        let held = ours.introduction["about"][&work]["held"].as_f64().unwrap_or(0.0);
        let Some(peak) = peer.peak_memory() else {
            return Ok("\n### Memory\n\nThis system does not tell how much memory a process had.\n".to_owned());
        };
        let bar = match bars::MEMORY {
            (name, bar) if name == work => format!("{:.1} | {}", bar / GIB, bars::verdict(peak <= bar)),
            _ => " | ".to_owned(),
        };
        let _ = writeln!(text, "| {work} | {:.2} | {:.2} | {:.2} | {bar} |", peak / GIB, held / GIB, peak / held);
        eprintln!("  {work}: {:.2} GiB", peak / GIB);
    }
    Ok(text)
}

fn exponents(points: &[(f64, f64)]) -> String {
    let Some(all) = exponent(points) else { return "Too few points for an exponent.".to_owned() };
    match exponent(&points[points.len() - 2..]) {
        Some(last) if points.len() > 2 => format!("Time grows as the power {all:.2} (the last two points: {last:.2})."),
        _ => format!("Time grows as the power {all:.2}."),
    }
}

/// The slope of log y against log x by least squares.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let (mean_x, mean_y) = logs.iter().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x / n, sy + y / n));
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_of_a_power_law_is_found() {
        let law = |x: f64| (x, 3.0 * x.powf(1.5));
        let slope = exponent(&[law(1.0), law(10.0), law(1000.0)]).expect("three points");
        assert!((slope - 1.5).abs() < 1e-12, "{slope}");
        assert_eq!(exponent(&[law(2.0)]), None);
        assert_eq!(exponent(&[]), None);
        // Least squares, by hand: slopes 1 and 0 over equal distances average to ½.
        let bent = exponent(&[(1.0, 1.0), (10.0, 10.0), (100.0, 10.0)]).expect("three points");
        assert!((bent - 0.5).abs() < 1e-12, "{bent}");
    }
}
