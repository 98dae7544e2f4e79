//! Tables in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::machine;
use super::peer::Peer;
use super::rounds::{Alone, Pair, Plan, Side, ratio};

pub(super) fn preamble(root: &Path, plan: &Plan<'_>, ours: &Peer) -> String {
    let mut text = String::new();
    for line in machine::describe(root) {
        let _ = writeln!(text, "- {line}");
    }
    let [threads, lanes] = ["threads", "lanes"].map(|what| &ours.introduction[what]);
    let _ = writeln!(text, "- Ours: {}, f32, {threads} threads, vectors of {lanes}", ours.versions());
    let _ = writeln!(text, "- Each measurement lasts {} s; medians of {} rounds", plan.seconds, plan.rounds);
    text
}

/// Time, rate and fraction of the peak measured beside it, work by work.
pub(super) fn ours(all: &[Alone]) -> String {
    let mut text = String::from(
        "| work | unit | ms | GFLOP/s | of peak | GB/s | of peak | M numbers/s |\n|---|---|---|---|---|---|---|---|\n",
    );
    for it in all {
        let rate = |what, scale: f64| match it.rate(what) / scale {
            0.0 => String::new(),
            rate => format!("{rate:.1}"),
        };
        let [flop, bytes] =
            it.of_peak.map(|fraction| fraction.map_or(String::new(), |it| format!("{:.0} %", 100.0 * it)));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {flop} | {} | {bytes} | {} |",
            it.work,
            it.about["unit"].as_str().unwrap_or(""),
            milliseconds(it.seconds),
            rate("flop", 1e9),
            rate("bytes", 1e9),
            rate("items", 1e6),
        );
    }
    text
}

/// Each variant of each peer's beside ours; the fastest of each work, over all peers, in bold.
pub(super) fn side_by_side(sides: &[Side]) -> String {
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for pair in sides.iter().flat_map(|side| &side.pairs) {
        if let Some(ratio) = pair.ratio() {
            let entry = best.entry(&pair.work).or_insert(f64::INFINITY);
            *entry = entry.min(ratio);
        }
    }
    let mut text = String::new();
    for Side { peer, versions, pairs } in sides {
        let _ = writeln!(text, "## Against {peer}\n\n{versions}\n");
        let _ = writeln!(
            text,
            "| work | per unit of | apd, ms | {peer} as | {peer}, ms | ratio (least to most in a round) |\n|---|---|---|---|---|---|"
        );
        for pair in pairs {
            let _ = writeln!(text, "{}", row(pair, best.get(pair.work.as_str())));
        }
        text.push('\n');
    }
    text
}

fn row(pair: &Pair, best: Option<&f64>) -> String {
    let Pair { work, unit, variant, times } = pair;
    let times = match times {
        Ok(times) => times,
        Err(error) => return format!("| {work} | {unit} | | {variant} | | failed: {} |", error.replace('|', "/")),
    };
    let [ours, theirs] = [0, 1].map(|side| milliseconds(pair.seconds(side).unwrap_or(f64::NAN)));
    let ratios = times.iter().map(|[ours, theirs]| theirs / ours);
    let (least, most) = (ratios.clone().fold(f64::INFINITY, f64::min), ratios.fold(0.0, f64::max));
    let middle = ratio(times);
    let bold = if best == Some(&middle) { "**" } else { "" };
    format!("| {work} | {unit} | {ours} | {variant} | {theirs} | {bold}{middle:.2}×{bold} ({least:.2} to {most:.2}) |")
}

pub(super) fn milliseconds(seconds: f64) -> String {
    let ms = seconds * 1e3;
    match ms {
        _ if ms >= 100.0 => format!("{ms:.0}"),
        _ if ms >= 10.0 => format!("{ms:.1}"),
        _ if ms >= 1.0 => format!("{ms:.2}"),
        _ => format!("{ms:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rates_follow_from_what_a_unit_counts() {
        let about = json!({ "unit": "u", "flop": 1e9, "bytes": 2e9, "items": 0.0 });
        let work = Alone { work: "step".to_owned(), about, seconds: 0.01, of_peak: [Some(0.25), None] };
        let text = ours(&[work]);
        assert!(text.contains("| step | u | 10.0 | 100.0 | 25 % | 200.0 |  |  |"), "{text}");
    }

    #[test]
    fn the_fastest_of_all_peers_is_bold() {
        let pair = |variant: &str, times| Pair { work: "w".into(), unit: "u".into(), variant: variant.into(), times };
        let side = |peer: &str, pairs| Side { peer: peer.into(), versions: format!("{peer} 1"), pairs };
        let text = side_by_side(&[
            side(
                "P",
                vec![
                    pair("slow", Ok(vec![[1e-3, 3e-3]; 3])),
                    pair("fast", Ok(vec![[1e-3, 2e-3], [2e-3, 5e-3], [1e-3, 1e-3]])),
                    pair("broken", Err("no | compiler".into())),
                ],
            ),
            side("Q", vec![pair("other", Ok(vec![[1e-3, 2.5e-3]]))]),
        ]);
        assert!(text.contains("| w | u | 1.00 | slow | 3.00 | 3.00× (3.00 to 3.00) |"), "{text}");
        assert!(text.contains("| 1.00 | fast | 2.00 | **2.00×** (1.00 to 2.50) |"), "{text}");
        assert!(text.contains("| 1.00 | other | 2.50 | 2.50× (2.50 to 2.50) |"), "{text}");
        assert!(text.contains("| broken | | failed: no / compiler |"), "{text}");
    }
}
