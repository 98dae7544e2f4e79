//! Where the time goes: each part of a work, alone, in alternation with the whole.

use std::fmt::Write;

use anyhow::Result;

use super::peer::Peer;
use super::rounds::{Plan, median};
use super::table::milliseconds;

/// A whole (its name has no `/`) and its parts (below it by name), with the seconds of each.
struct Times(Vec<(String, Vec<f64>)>);

pub(super) fn measure(plan: &Plan<'_>, ours: &mut Peer) -> Result<String> {
    let mut text = String::from(
        "Each part alone and warm, in alternation with the whole, on the threads that the whole has. The rest is what is left: \
         smaller parts, synchronization, and waiting for memory; it is negative where the whole does two parts in one pass.\n",
    );
    let parts = plan.works(ours, |about| about["role"] == "part");
    let mut wholes: Vec<&str> = parts.iter().filter_map(|part| Some(part.split_once('/')?.0)).collect();
    wholes.dedup();
    for whole in wholes {
        let below = parts.iter().map(String::as_str).filter(|part| is_below(part, whole));
        let works: Vec<&str> = std::iter::once(whole).chain(below).collect();
        let runs: Vec<(usize, &str)> = works.iter().map(|work| (0, *work)).collect();
        let times = plan.together(&mut [&mut *ours], &runs)?;
        let times = Times(works.iter().map(|work| work.to_string()).zip(times).collect());
        let _ = write!(text, "\n| {whole} | ms | % of the whole |\n|---|---|---|\n");
        text.push_str(&times.rows(whole, 0));
        eprintln!("  {whole}");
    }
    Ok(text)
}

fn is_below(part: &str, whole: &str) -> bool {
    part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/'))
}

impl Times {
    /// The work, its parts with theirs, and what is left of it.
    fn rows(&self, work: &str, depth: usize) -> String {
        let seconds = self.seconds(work);
        let label = work.rsplit('/').next().unwrap_or(work);
        let mut text = self.row(label, depth, &seconds);
        let direct = |name: &&str| is_below(name, work) && !name[work.len() + 1..].contains('/');
        let parts: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).filter(direct).collect();
        let mut rest = seconds;
        for part in &parts {
            text.push_str(&self.rows(part, depth + 1));
            rest.iter_mut().zip(self.seconds(part)).for_each(|(rest, part)| *rest -= part);
        }
        if !parts.is_empty() {
            text.push_str(&self.row("rest", depth + 1, &rest));
        }
        text
    }

    fn seconds(&self, work: &str) -> Vec<f64> {
        self.0.iter().find(|(name, _)| name == work).map(|(_, seconds)| seconds.clone()).unwrap_or_default()
    }

    fn row(&self, label: &str, depth: usize, seconds: &[f64]) -> String {
        let shares: Vec<f64> = seconds.iter().zip(&self.0[0].1).map(|(part, whole)| 100.0 * part / whole).collect();
        let ms = median(seconds);
        let sign = if ms < 0.0 { "−" } else { "" };
        format!("| {}{label} | {sign}{} | {:.0} % |\n", "— ".repeat(depth), milliseconds(ms.abs()), median(&shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_rests_add_up_level_by_level() {
        let times = |name: &str, ms: f64| (name.to_owned(), vec![ms * 1e-3; 3]);
        let all = [("w", 10.0), ("w/a", 6.0), ("w/a/x", 5.0), ("w/b", 5.0), ("w2/c", 1.0)];
        let text = Times(all.map(|(name, ms)| times(name, ms)).into()).rows("w", 0);
        let expected = "| w | 10.0 | 100 % |\n| — a | 6.00 | 60 % |\n| — — x | 5.00 | 50 % |\n| — — rest | 1.00 | 10 % |\n\
                        | — b | 5.00 | 50 % |\n| — rest | −1.00 | -10 % |\n";
        assert_eq!(text, expected);
    }
}
