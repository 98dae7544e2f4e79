//! What was asked for, and whether it is met.

use std::fmt::Write;

use super::rounds::{Alone, Pair, Side};
use super::table::milliseconds;

/// Whose time ours is compared with: the fastest of these.
#[derive(Clone, Copy)]
enum Against {
    Anybody,
    PyTorch(&'static [&'static str]),
}

const EAGER: Against = Against::PyTorch(&["eager", "eager-flat"]);
const COMPILED: Against = Against::PyTorch(&["compile", "compile-whole-step", "compile-channels-last"]);

/// How many times as long the other side must take at least.
const BARS: &[(&str, Against, f64)] = &[
    ("sgld-fc1", EAGER, 3.0),
    ("sgld-fc1", Against::Anybody, 2.0),
    ("sgld-fc2", Against::Anybody, 2.0),
    ("wgan-critic-79510", COMPILED, 3.0),
    ("wgan-generator-79510", COMPILED, 3.0),
    ("wgan-critic-478410", COMPILED, 3.0),
    ("wgan-generator-478410", COMPILED, 3.0),
    ("predict-fc1-200", Against::Anybody, 1.3),
    ("predict-fc2-100", Against::Anybody, 1.2),
    ("predict-shared-fc1-1000", Against::Anybody, 3.0),
    ("draw-fc1-200", Against::Anybody, 2.0),
    ("mlp-16x4-full", Against::Anybody, 3.0),
    ("cnn-small-step", Against::Anybody, 1.0),
    ("cnn-large-step", Against::Anybody, 1.0),
];

/// Normals per second and thread.
const NORMALS: f64 = 1e9;

/// Bytes that a process may have held at most, by the work that it did.
pub(super) const MEMORY: (&str, f64) = ("wgan-iteration-478410", 1.6 * super::machine::GIB);

/// How many times as long the whole job must take in PyTorch's eager mode.
const JOB_BAR: f64 = 4.0;

/// The units of each work in `reproduce --dataset mnist --net fc1 --profile paper`, as far as the reference does it too.
const JOB: &[(&str, f64, &str)] = &[
    ("training-fc1", 200_000.0, "SGD, SGD with dropout and SGLD: 200 000 steps each"),
    ("wgan-critic-79510", 5.0 * 2_000.0, "GAN: 2000 iterations of 5 critic updates"),
    ("wgan-generator-79510", 2_000.0, "GAN: 2000 generator updates"),
    // Three methods with 200 networks each; 10 draws on 10 000 images, and 6 sets of 2000 images at 4 intensities.
    ("predict-fc1-200", 3.0 * (10.0 + 6.0 * 4.0 * 0.2), "evaluation of three methods"),
];

impl Against {
    fn counts(self, side: &Side, pair: &Pair) -> bool {
        match self {
            Self::Anybody => true,
            Self::PyTorch(variants) => side.peer == "PyTorch" && variants.contains(&pair.variant.as_str()),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Anybody => "all peers".to_owned(),
            Self::PyTorch(variants) => format!("PyTorch {}", variants[0]),
        }
    }

    /// The fastest in this work, by the ratio within rounds.
    fn fastest<'a>(self, sides: &'a [Side], work: &str) -> Option<(&'a Side, &'a Pair, f64)> {
        let pairs = sides.iter().flat_map(|side| side.pairs.iter().map(move |pair| (side, pair)));
        pairs
            .filter(|(side, pair)| pair.work == work && self.counts(side, pair))
            .filter_map(|(side, pair)| Some((side, pair, pair.ratio()?)))
            .min_by(|a, b| a.2.total_cmp(&b.2))
    }
}

pub(super) fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}

/// One line for each thing that was asked for and measured.
pub(super) fn summary(alone: &[Alone], sides: &[Side]) -> String {
    let mut text = String::from(
        "| work | apd, ms | the best of | which | its ms | ratio | at least | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for &(work, against, bar) in BARS {
        let Some((side, pair, ratio)) = against.fastest(sides, work) else { continue };
        let [ours, theirs] = [0, 1].map(|side| milliseconds(pair.seconds(side).unwrap_or(f64::NAN)));
        let _ = writeln!(
            text,
            "| {work} | {ours} | {} | {} {} | {theirs} | {ratio:.2}× | {bar}× | {} |",
            against.name(),
            side.peer,
            pair.variant,
            verdict(ratio >= bar),
        );
    }
    if let Some(normals) = alone.iter().find(|it| it.work == "normals") {
        let rate = normals.rate("items");
        let _ = writeln!(
            text,
            "\nNormals on one thread: {:.0} million a second, at least {:.0}: {}.",
            rate / 1e6,
            NORMALS / 1e6,
            verdict(rate >= NORMALS),
        );
    }
    text
}

/// What the whole job takes on each side, added up from what its works take; or which of them were not measured.
pub(super) fn job(sides: &[Side]) -> String {
    let eager = Against::PyTorch(&["eager"]);
    let missing: Vec<&str> =
        JOB.iter().map(|(work, ..)| *work).filter(|work| eager.fastest(sides, work).is_none()).collect();
    if !missing.is_empty() {
        return format!("Not added up: {} not measured against PyTorch's eager mode.\n", missing.join(", "));
    }
    let mut text = String::from(
        "Seconds = Σ units × seconds per unit, for the part of `reproduce --dataset mnist --net fc1 --profile paper` that the \
         reference does too (its baselines beyond MC-dropout, diagnostics and the report are left out on both sides).\n\n\
         | | work | units | apd, s | PyTorch eager, s | apd, s beside the best peer | the best peer, s | which |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut totals = [0.0; 4];
    for &(work, units, what) in JOB {
        let fastest = [eager, Against::Anybody].map(|against| against.fastest(sides, work).expect("none is missing"));
        let [reference, best] =
            fastest.map(|(_, pair, _)| [0, 1].map(|side| units * pair.seconds(side).unwrap_or(f64::NAN)));
        let seconds = [reference[0], reference[1], best[0], best[1]];
        totals.iter_mut().zip(seconds).for_each(|(total, seconds)| *total += seconds);
        let [a, b, c, d] = seconds;
        let (side, pair, _) = fastest[1];
        let _ = writeln!(
            text,
            "| {what} | {work} | {units:.1} | {a:.1} | {b:.1} | {c:.1} | {d:.1} | {} {} |",
            side.peer, pair.variant
        );
    }
    let [a, b, c, d] = totals;
    let _ = writeln!(text, "| **all** | | | **{a:.0}** | **{b:.0}** | **{c:.0}** | **{d:.0}** | |");
    let _ = writeln!(
        text,
        "\nPyTorch's eager mode takes {:.2} times as long, at least {JOB_BAR}: {}. The best peer of each work takes {:.2} times as long.",
        b / a,
        verdict(b / a >= JOB_BAR),
        d / c,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(peer: &str, pairs: &[(&str, &str, f64, f64)]) -> Side {
        let pair = |&(work, variant, ours, theirs): &(&str, &str, f64, f64)| Pair {
            work: work.into(),
            unit: "u".into(),
            variant: variant.into(),
            times: Ok(vec![[ours, theirs]; 3]),
        };
        Side { peer: peer.into(), versions: String::new(), pairs: pairs.iter().map(pair).collect() }
    }

    #[test]
    fn a_bar_is_held_against_the_fastest_of_those_it_names() {
        let sides = [
            side("PyTorch", &[("sgld-fc1", "eager", 1e-3, 4e-3), ("sgld-fc1", "compile", 1e-3, 2.5e-3)]),
            side("JAX", &[("sgld-fc1", "eager", 1e-3, 1.9e-3)]),
        ];
        let text = summary(&[], &sides);
        assert!(text.contains("| PyTorch eager | PyTorch eager | 4.00 | 4.00× | 3× | met |"), "{text}");
        assert!(text.contains("| all peers | JAX eager | 1.90 | 1.90× | 2× | **missed** |"), "{text}");
        assert!(!text.contains("sgld-fc2"), "{text}");
    }

    #[test]
    fn the_job_is_the_sum_of_its_works_or_says_what_is_missing() {
        let pairs: Vec<_> = JOB.iter().map(|(work, units, _)| (*work, "eager", 1.0 / units, 5.0 / units)).collect();
        let text = job(&[side("PyTorch", &pairs)]);
        assert!(text.contains("| **all** | | | **4** | **20** | **4** | **20** | |"), "{text}");
        assert!(text.contains("takes 5.00 times as long, at least 4: met"), "{text}");
        let text = job(&[side("PyTorch", &pairs[1..])]);
        assert!(text.starts_with("Not added up: training-fc1 not measured"), "{text}");
    }
}
