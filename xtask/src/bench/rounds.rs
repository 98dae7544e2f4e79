//! What is measured in which order: always in alternation, because a machine's speed drifts.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::peer::Peer;

/// Our only variant of every work.
const OURS: &str = "apd";

/// Threads of the side that has just been measured spin for a moment before they sleep.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Plan<'a> {
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) only: &'a [String],
}

/// What limits a rate, and the work of ours that measures it.
pub(super) const LIMITS: [(&str, &str); 2] = [("flop", "peak-fma"), ("bytes", "peak-memory-read")];

/// One work of ours, in seconds per unit, and its rate as a fraction of each limit that applies.
pub(super) struct Alone {
    pub(super) work: String,
    pub(super) about: Value,
    pub(super) seconds: f64,
    pub(super) of_peak: [Option<f64>; LIMITS.len()],
}

impl Alone {
    /// Per second, of what its description counts under `what`.
    pub(super) fn rate(&self, what: &str) -> f64 {
        per_second(&self.about, what, self.seconds)
    }
}

fn per_second(about: &Value, what: &str, seconds: f64) -> f64 {
    about[what].as_f64().unwrap_or(0.0) / seconds
}

/// What was measured beside one peer.
pub(super) struct Side {
    pub(super) peer: String,
    pub(super) versions: String,
    pub(super) pairs: Vec<Pair>,
}

/// One work, ours against one variant of a peer's: seconds per unit of each, round by round, or why there are none.
pub(super) struct Pair {
    pub(super) work: String,
    pub(super) unit: String,
    pub(super) variant: String,
    pub(super) times: Result<Vec<[f64; 2]>, String>,
}

impl Pair {
    /// Median seconds per unit of ours (0) or theirs (1), and how many times as long theirs take.
    pub(super) fn seconds(&self, side: usize) -> Option<f64> {
        let times = self.times.as_ref().ok()?;
        Some(median(&times.iter().map(|it| it[side]).collect::<Vec<_>>()))
    }

    pub(super) fn ratio(&self) -> Option<f64> {
        self.times.as_ref().ok().map(|times| ratio(times))
    }
}

impl Plan<'_> {
    pub(super) fn at_most(&self, rounds: usize, seconds: f64) -> Self {
        Self { rounds: self.rounds.min(rounds), seconds: self.seconds.min(seconds), only: self.only }
    }

    /// Works of ours for which `wanted` says so of what they are about, in the order we list them.
    pub(super) fn works(&self, ours: &Peer, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let all = ours.introduction["order"].as_array().into_iter().flatten().filter_map(|it| it.as_str());
        let chosen = |name: &&str| self.only.is_empty() || self.only.iter().any(|text| name.contains(text.as_str()));
        // Without the peaks no rate means anything.
        let named = all.filter(|name| is_peak(name) || chosen(name));
        named.filter(|name| wanted(&ours.introduction["about"][name])).map(str::to_owned).collect()
    }

    /// The table's rows.
    fn rows(&self, ours: &Peer) -> Vec<String> {
        self.works(ours, |about| about["role"] == "row")
    }

    /// Seconds per unit, round by round, of works of ours in alternation with each other: each a peer's number and a work.
    pub(super) fn together(&self, peers: &mut [&mut Peer], runs: &[(usize, &str)]) -> Result<Vec<Vec<f64>>> {
        for &(peer, work) in runs {
            peers[peer].warm(work, OURS)?;
        }
        let mut times = vec![Vec::new(); runs.len()];
        for _ in 0..self.rounds {
            for (times, &(peer, work)) in times.iter_mut().zip(runs) {
                times.push(peers[peer].time(work, OURS, self.seconds)?);
            }
        }
        for &(peer, work) in runs {
            peers[peer].discard(work, OURS)?;
        }
        Ok(times)
    }

    /// Each work of ours in alternation with what limits it, so that both see the same machine.
    pub(super) fn alone(&self, ours: &mut Peer) -> Result<Vec<Alone>> {
        let works = self.rows(ours);
        if works.iter().all(|work| is_peak(work)) && !self.only.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for work in works {
            let about = ours.introduction["about"][&work].clone();
            let mut times = Vec::new();
            let mut fractions: [Vec<f64>; LIMITS.len()] = Default::default();
            ours.warm(&work, OURS)?;
            for _ in 0..self.rounds {
                let seconds = ours.time(&work, OURS, self.seconds)?;
                times.push(seconds);
                for (fractions, (what, peak)) in fractions.iter_mut().zip(LIMITS) {
                    let rate = per_second(&about, what, seconds);
                    if rate > 0.0 && !is_peak(&work) {
                        let limit = ours.introduction["about"][peak].clone();
                        let seconds = ours.time(peak, OURS, self.seconds / 8.0)?;
                        fractions.push(rate / per_second(&limit, what, seconds));
                    }
                }
            }
            if !LIMITS.iter().any(|(_, peak)| *peak == work) {
                ours.discard(&work, OURS)?;
            }
            let seconds = median(&times);
            eprintln!("  {work}: {:.4} ms", seconds * 1e3);
            let of_peak = fractions.map(|it| (!it.is_empty()).then(|| median(&it)));
            all.push(Alone { work, about, seconds, of_peak });
        }
        for (_, peak) in LIMITS {
            ours.discard(peak, OURS)?;
        }
        Ok(all)
    }

    /// Ours, theirs, ours, theirs, … for each variant of each work that both know; both warm, one measured at a time.
    pub(super) fn alternate(&self, ours: &mut Peer, theirs: &mut Peer) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for work in self.rows(ours) {
            let variants = theirs.variants(&work);
            if variants.is_empty() {
                continue;
            }
            ours.warm(&work, OURS)?;
            for variant in variants {
                let times = self.pair(ours, theirs, &work, &variant);
                match &times {
                    Ok(times) => {
                        eprintln!("  {work}: {} {variant} takes {:.2} times as long", theirs.name(), ratio(times));
                    }
                    Err(error) => {
                        eprintln!("  {work}: {error:#}");
                    }
                }
                let unit = ours.introduction["about"][&work]["unit"].as_str().unwrap_or("?").to_owned();
                let times = times.map_err(|error| format!("{error:#}"));
                pairs.push(Pair { work: work.clone(), unit, variant, times });
            }
            ours.discard(&work, OURS)?;
        }
        Ok(pairs)
    }

    fn pair(&self, ours: &mut Peer, theirs: &mut Peer, work: &str, variant: &str) -> Result<Vec<[f64; 2]>> {
        theirs.warm(work, variant)?;
        let mut times = Vec::new();
        for _ in 0..self.rounds {
            sleep(PAUSE);
            let our_time = ours.time(work, OURS, self.seconds)?;
            sleep(PAUSE);
            times.push([our_time, theirs.time(work, variant, self.seconds)?]);
        }
        theirs.discard(work, variant)?;
        Ok(times)
    }
}

fn is_peak(work: &str) -> bool {
    work.starts_with("peak-")
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// How many times as long they take: the median over rounds of the ratio within a round.
pub(super) fn ratio(times: &[[f64; 2]]) -> f64 {
    median(&times.iter().map(|[ours, theirs]| theirs / ours).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn a_drift_of_the_machine_does_not_change_the_ratio() {
        assert_eq!(ratio(&[[1.0, 2.0], [2.0, 4.0], [10.0, 20.0], [1.0, 90.0], [1.0, 0.1]]), 2.0);
    }
}
