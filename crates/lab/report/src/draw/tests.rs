use super::canvas::{NARROW, WIDE, escape, fit_text, num, text_width, wrap};
use super::curves::thin;
use super::palette::styles;
use super::scale::{Scale, linear_ticks};
use crate::*;

const STRANGE: [f64; 8] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e200, 1e-320, -0.0, -5.0];

/// One figure of each kind whose only values are these.
fn every_kind(values: &[f64]) -> Vec<FigureKind> {
    let pairs: Vec<(f64, f64)> = values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).collect();
    let series = Series { name: "apd".into(), points: pairs.clone(), band: pairs.clone() };
    let panel = |axis: Axis| {
        CurvePanel::new("t", axis.clone(), axis, vec![series.clone()])
            .reference("r", values.first().copied().unwrap_or(f64::NAN))
    };
    let bins = values.iter().map(|&v| ReliabilityBin { confidence: v, accuracy: v, count: 3 }).collect();
    let heat = HeatMap { title: "t".into(), note: "n".into(), width: values.len(), height: 1, values: values.to_vec() };
    let bars = |mark| Bars {
        y: Axis::new("y"),
        mark,
        groups: vec!["g".into(); values.len()],
        series: vec![BarSeries { name: "s".into(), values: pairs.clone() }],
    };
    vec![
        ReliabilityDiagram { methods: vec![MethodReliability { method: "apd".into(), bins }] }.into(),
        ScoreHistograms {
            columns: 0,
            panels: vec![ScorePanel { inside: values.to_vec(), outside: values.to_vec(), ..ScorePanel::default() }],
            ..ScoreHistograms::default()
        }
        .into(),
        RocCurves {
            panels: vec![RocPanel {
                title: "t".into(),
                curves: vec![RocCurve { name: "c".into(), points: pairs.clone(), auroc: f64::NAN }],
            }],
        }
        .into(),
        Curves {
            columns: 9,
            panels: vec![
                panel(Axis::new("a")),
                panel(Axis::new("a").log()),
                panel(Axis::new("a").percent().range(1.0, 0.0)),
            ],
        }
        .into(),
        ImageRows {
            height: 1,
            width: values.len(),
            rows: vec![ImageRow {
                title: "t".into(),
                images: vec![values.iter().map(|v| *v as f32).collect(), vec![0.0; 99]],
                labels: vec!["l".into()],
            }],
            ..ImageRows::default()
        }
        .into(),
        Heatmaps {
            maps: vec![heat],
            points: pairs.iter().map(|p| Marker::new(p.0, p.1, 200)).collect(),
            contours: values.to_vec(),
            classes: vec!["c".into()],
            ..Heatmaps::default()
        }
        .into(),
        bars(BarMark::Bar).into(),
        bars(BarMark::Dot).into(),
    ]
}

/// Every number in every attribute is finite, tags are balanced, markup characters are escaped.
#[track_caller]
fn check(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    for bad in ["NaN", "inf", "=\"-\""] {
        assert!(!svg.contains(bad), "{bad} in {svg}");
    }
    let mut open = vec![];
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("tags are closed");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// As it is drawn for a screen, once it is known that it can be drawn for a phone.
#[track_caller]
fn svg(kind: FigureKind) -> String {
    let figure = Figure::new("id", "caption", kind);
    check(&figure.narrow_svg(&Palette::default()));
    figure.svg(&Palette::default())
}

#[test]
fn empty_figures_say_so() {
    for kind in every_kind(&[]).into_iter().chain([
        ReliabilityDiagram::default().into(),
        ScoreHistograms::default().into(),
        RocCurves::default().into(),
        Curves::default().into(),
        ImageRows::default().into(),
        Heatmaps::default().into(),
        Bars::default().into(),
    ]) {
        let svg = svg(kind.clone());
        check(&svg);
        assert!(svg.contains("no data"), "{kind:?}");
    }
}

#[test]
fn figures_of_nothing_finite_say_so() {
    for kind in every_kind(&[f64::NAN, f64::NAN]).into_iter().chain(every_kind(&[f64::INFINITY])) {
        let svg = svg(kind.clone());
        check(&svg);
        assert!(svg.contains("no data"), "{kind:?}");
    }
}

#[test]
fn a_single_value_is_drawn() {
    for value in [0.0, 0.5, 1.0, 1e-12, 1e12] {
        for kind in every_kind(&[value]) {
            let inside_unit = (0.0..=1.0).contains(&value);
            let needs_unit = matches!(kind, FigureKind::Reliability(_) | FigureKind::Roc(_));
            let svg = svg(kind.clone());
            check(&svg);
            // A logarithmic panel has nothing to show at zero.
            let partly = matches!(kind, FigureKind::Curves(_)) && value == 0.0;
            assert_eq!(svg.contains("no data"), (needs_unit && !inside_unit) || partly, "{value} {kind:?}");
        }
    }
}

#[test]
fn strange_values_do_no_harm() {
    let mixed: Vec<f64> = STRANGE.into_iter().chain([0.25, 0.75]).collect();
    for kind in every_kind(&mixed).into_iter().chain(every_kind(&STRANGE)) {
        check(&svg(kind));
    }
    for pair in [[f64::MAX, f64::MIN], [1e16, 1e16 + 2.0], [5e-324, 1e-300], [-1e149, 1e149], [1e9, 1e9 + 1e-6]] {
        for kind in every_kind(&pair) {
            check(&svg(kind));
        }
    }
}

#[test]
fn sizes_that_disagree_do_no_harm() {
    let heat = |width, height| HeatMap { width, height, values: vec![0.5; 6], ..HeatMap::default() };
    let maps = vec![heat(2, 3), heat(3, 3), heat(0, 6), heat(usize::MAX, 2)];
    let svg_text = svg(Heatmaps { maps, ..Heatmaps::default() }.into());
    check(&svg_text);
    assert_eq!(svg_text.matches("no data").count(), 3);
    let images = vec![vec![1.0; 4], vec![1.0; 3], vec![]];
    let rows = vec![ImageRow { images, ..ImageRow::default() }, ImageRow::default()];
    for (width, height) in [(2, 2), (0, 0), (usize::MAX, usize::MAX)] {
        check(&svg(ImageRows { width, height, rows: rows.clone(), ..ImageRows::default() }.into()));
    }
    let series = vec![BarSeries { name: "s".into(), values: vec![(1.0, 0.1); 9] }, BarSeries::default()];
    check(&svg(Bars {
        groups: vec!["a very long name of a group, longer than its slot".into(); 7],
        series,
        ..Bars::default()
    }
    .into()));
}

#[test]
fn names_are_escaped() {
    let evil = "</svg><script>\"&'\u{1}";
    let curves =
        Curves::single(evil, evil, vec![Series::new(evil, vec![(0.0, 1.0), (1.0, 2.0)]), Series::new(evil, vec![])]);
    let svg = Figure::new(evil, evil, curves).svg(&Palette::default());
    check(&svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{1}'));
}

#[test]
fn text_is_inside_the_picture() {
    let long =
        "a name that is a good deal longer than anybody would want it to be in a figure, and then some more of it";
    let points = vec![(0.0, 1e-7), (1e7, 12_345.0)];
    let panel = || {
        CurvePanel::new(
            long,
            Axis::new(long),
            Axis::new(long),
            vec![Series::new(long, points.clone()), Series::new(long, points.clone())],
        )
    };
    let kinds: Vec<FigureKind> = vec![
        Curves { columns: 3, panels: vec![panel(), panel().reference(long, 3.0), panel()] }.into(),
        RocCurves {
            panels: vec![
                RocPanel {
                    title: long.into(),
                    curves: vec![RocCurve { name: long.into(), points: vec![(0.0, 0.0), (1.0, 1.0)], auroc: 0.5 }]
                };
                3
            ],
        }
        .into(),
        Bars {
            groups: vec![long.into(); 9],
            series: vec![BarSeries { name: long.into(), values: vec![(0.5, 0.1); 9] }],
            ..Bars::default()
        }
        .into(),
    ];
    let drawn = |kind: &FigureKind| {
        let figure = Figure::new("id", "caption", kind.clone());
        [(figure.svg(&Palette::default()), WIDE), (figure.narrow_svg(&Palette::default()), NARROW)]
    };
    for (svg, canvas) in kinds.iter().flat_map(drawn) {
        for line in svg.lines().filter(|line| line.starts_with("<text") && !line.contains("rotate")) {
            let attribute =
                |name: &str| line.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
            let number = |name: &str| attribute(name).unwrap().parse::<f64>().unwrap();
            let text = line.split_once('>').unwrap().1.trim_end_matches("</text>");
            let width = text_width(text, number("font-size"));
            let left = match attribute("text-anchor") {
                None => number("x"),
                Some("middle") => number("x") - width / 2.0,
                _ => number("x") - width,
            };
            assert!(left >= -1.0 && left + width <= canvas + 1.0, "{left} {width} {line}");
        }
    }
}

#[test]
fn methods_keep_their_colors() {
    let palette = Palette::new([("sgld", "", Some(Color(1))), ("apd", "", Some(Color(2)))]);
    let styles = |names: &[&str]| styles(&palette, names.iter().copied());
    let color = |names: &[&str]| styles(names).iter().map(|s| s.color).collect::<Vec<_>>();
    assert_eq!(color(&["sgld", "apd"]), color(&["SGLD, bald", "apd (online)"]));
    let mixed = color(&["x", "sgld", "y", "apd", "z"]);
    for (i, a) in mixed.iter().enumerate() {
        assert!(!mixed[..i].contains(a), "{mixed:?}");
    }
    let twice = styles(&["apd, entropy", "apd, bald"]);
    assert_eq!(twice[0].color, twice[1].color);
    assert_ne!(twice[0].dash, twice[1].dash);
}

#[test]
fn ticks_are_round_numbers() {
    let labels = |lo: f64, hi: f64, n: usize, percent: bool| {
        linear_ticks(lo, hi, n, percent).into_iter().map(|t| t.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(0.0, 1.0, 4, true), ["0", "25", "50", "75", "100"]);
    assert_eq!(labels(0.0, 1.0, 4, false), ["0", "0.5", "1.0"]);
    assert_eq!(labels(0.0, 200_000.0, 4, false), ["0", "50k", "100k", "150k", "200k"]);
    assert_eq!(labels(-5.0, 5.0, 4, false), ["−5", "0", "5"]);
    assert_eq!(labels(0.951, 0.978, 3, true), ["96", "97"]);
    let log = Scale::fit(&Axis::new("").log(), [1e-4, 30.0].into_iter(), 8).unwrap();
    let labels: Vec<_> = log.ticks.iter().map(|tick| tick.label.as_str()).collect();
    assert_eq!(labels, ["10⁻⁴", "0.001", "0.01", "0.1", "1", "10"]);
}

#[test]
fn scales_map_ends_to_ends() {
    let scale = Scale::fit(&Axis::new("").range(2.0, 4.0), [3.0].into_iter(), 4).unwrap().placed(100.0, 0.0);
    assert_eq!((scale.at(2.0), scale.at(3.0), scale.at(4.0)), (Some(100.0), Some(50.0), Some(0.0)));
    assert_eq!(scale.at(f64::NAN), None);
    let log = Scale::fit(&Axis::new("").log().range(1.0, 100.0), [10.0].into_iter(), 4).unwrap().placed(0.0, 2.0);
    assert!((log.at(10.0).unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(log.at(0.0), None);
}

#[test]
fn thinning_keeps_what_can_be_seen() {
    let mut pixels: Vec<_> = (0..100_000).map(|i| (f64::from(i) * 0.005, 100.0)).collect();
    pixels[54_321].1 = 3.0;
    let kept = thin(&pixels);
    assert!((4..8).contains(&kept.len()), "{kept:?}");
    assert!(kept.contains(&pixels[54_321]));
    assert_eq!((kept.first(), kept.last()), (pixels.first(), pixels.last()));
    assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[test]
fn thinning_follows_the_curve_within_a_fraction_of_a_pixel() {
    let height = |x: f64| 100.0 + 50.0 * (x / 30.0).sin();
    let pixels: Vec<_> = (0..10_000).map(|i| f64::from(i) * 0.02).map(|x| (x, height(x))).collect();
    let kept = thin(&pixels);
    assert!(kept.len() < 60, "{}", kept.len());
    for pair in kept.windows(2) {
        let middle = ((pair[0].0 + pair[1].0) / 2.0, (pair[0].1 + pair[1].1) / 2.0);
        assert!((height(middle.0) - middle.1).abs() < 0.7, "{pair:?}");
    }
}

#[test]
fn calibration_error_is_the_weighted_gap() {
    let bin = |confidence, accuracy, count| ReliabilityBin { confidence, accuracy, count };
    let bins = vec![bin(0.25, 0.5, 10), bin(f64::NAN, f64::NAN, 0), bin(0.9, 0.8, 30)];
    let svg = svg(ReliabilityDiagram { methods: vec![MethodReliability { method: "m".into(), bins }] }.into());
    // (10·0.25 + 30·0.1)/40
    assert!(svg.contains("ECE 0.1375"), "{svg}");
}

#[test]
fn small_pieces() {
    assert_eq!([num(1.0), num(-0.001), num(1.234_5), num(100.0)], ["1", "0", "1.23", "100"]);
    assert_eq!(escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
    assert_eq!(fit_text("short", 12.0, 100.0), "short");
    assert!(fit_text("much too long for it", 12.0, 60.0).ends_with('…'));
    assert_eq!(fit_text("x", 12.0, 0.0), "");
    assert_eq!(wrap("one two  three", 12.0, 50.0), ["one two", "three"]);
    assert!(wrap("", 12.0, 50.0).is_empty());
}
