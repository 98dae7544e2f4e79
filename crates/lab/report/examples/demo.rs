//! Writes a report with every kind of table and figure, from synthetic data: `cargo run -p apd-report --example demo [DIR]`.

use std::f64::consts::PI;
use std::path::PathBuf;

use apd_report::*;

const METHODS: [&str; 4] = ["sgd", "mc-dropout", "sgld", "apd"];

/// Numbers that look random enough for a picture: the fractional parts of multiples of the golden ratio, scrambled.
fn uniform(i: usize) -> f64 {
    ((i as f64 * 0.618_033_988_75 + (i as f64 * 12.9898).sin() * 43_758.545_3).fract() + 1.0).fract()
}

fn normal(i: usize) -> f64 {
    (-2.0 * uniform(2 * i).max(1e-9).ln()).sqrt() * (2.0 * PI * uniform(2 * i + 1)).cos()
}

fn scores(n: usize, seed: usize, center: f64, spread: f64, top: f64) -> Vec<f64> {
    (0..n).map(|i| top / (1.0 + (-(center + spread * normal(seed * 10_000 + i))).exp())).collect()
}

fn classification() -> Section {
    let columns = vec![
        Column::text("method"),
        Column::number("accuracy %", Format::Percent(2)).best(Best::Highest),
        Column::number("NLL (nats)", Format::Decimal(4)).best(Best::Lowest),
        Column::number("ECE", Format::Decimal(4)).best(Best::Lowest),
        Column::number("Brier", Format::Decimal(4)).best(Best::Lowest),
        Column::number("size", Format::Bytes).best(Best::Lowest),
    ];
    let mut table = Table::new("MNIST test images, 784-100-10.", columns)
        .note("Mean ± standard deviation over ten draws of 200 networks; single networks have no spread.");
    for (method, accuracy, nll, ece, brier, bytes) in [
        ("sgd", (0.9807, None), 0.0665, 0.0091, 0.0301, 318_040.0),
        ("mc-dropout", (0.9747, Some(0.0004)), 0.1189, 0.0481, 0.0432, 318_040.0),
        ("sgld", (0.9780, Some(0.0003)), 0.0856, 0.0230, 0.0352, 3_172_449_000.0),
        ("apd", (0.9776, Some(0.0008)), 0.0924, 0.0248, 0.0371, 32_122_040.0),
    ] {
        let spread = |value: f64, by: f64| accuracy.1.map_or(Cell::number(value), |_| Cell::spread(value, by));
        table.push(vec![
            Cell::text(method),
            accuracy.1.map_or(Cell::number(accuracy.0), |sd| Cell::spread(accuracy.0, sd)),
            spread(nll, nll * 0.01),
            spread(ece, ece * 0.03),
            spread(brier, 0.0002),
            Cell::number(bytes),
        ]);
    }
    let methods = METHODS.iter().enumerate().map(|(m, method)| MethodReliability {
        method: (*method).into(),
        bins: (0..15)
            .map(|b| {
                let confidence = (b as f64 + 0.55) / 15.0;
                let shift = [-0.07, 0.12, 0.03, 0.05][m] * (PI * confidence).sin() + 0.02 * normal(b + 40 * m);
                let count = if b < 2 { 0 } else { (9000.0 * 0.45f64.powf(14.0 - b as f64)) as u64 + 6 };
                ReliabilityBin { confidence, accuracy: (confidence + shift).clamp(0.0, 1.0), count }
            })
            .collect(),
    });
    let line = |from: f64, to: f64, rate: f64, noise: f64, seed: usize| -> Vec<(f64, f64)> {
        let value = |t: f64| to + (from - to) * (-t / rate).exp();
        (0..1000).map(|i| (i as f64 * 20.0, value(i as f64) * (1.0 + noise * normal(seed + i)))).collect()
    };
    let training = Curves {
        columns: 2,
        panels: vec![
            CurvePanel::new(
                "Losses",
                Axis::new("generator iteration"),
                Axis::new("loss, absolute value").log(),
                vec![
                    Series::new("Wasserstein estimate", line(30.0, 0.4, 90.0, 0.1, 1)),
                    Series::new("gradient penalty", line(2.0, 0.03, 60.0, 0.25, 5000)),
                ],
            ),
            CurvePanel::new(
                "Accuracy of generated networks",
                Axis::new("generator iteration"),
                Axis::new("validation accuracy %").percent(),
                vec![Series::new("apd", line(0.1, 0.975, 60.0, 0.003, 9000))],
            )
            .reference("sgld (the bank)", 0.978),
        ],
    };
    let image = |network: usize, unit: usize| -> Vec<f32> {
        let (cx, cy) = (14.0 + 5.0 * normal(unit), 14.0 + 5.0 * normal(unit + 50));
        let value = |i: usize| {
            let (x, y) = ((i % 28) as f64 - cx, (i / 28) as f64 - cy);
            let wave = (0.5 * x + 0.3 * y * normal(unit + 90)).sin() * (-(x * x + y * y) / 60.0).exp();
            (0.12 * wave + 0.02 * normal(network * 100_000 + unit * 1000 + i)) as f32
        };
        (0..784).map(value).collect()
    };
    let row = |title: &str, network: usize| ImageRow {
        title: title.into(),
        images: (0..20).map(|u| image(network, u)).collect(),
        labels: vec![],
    };
    let weights = ImageRows {
        height: 28,
        width: 28,
        rows: vec![row("sampled by SGLD", 1), row("drawn from the generator", 2)],
        limit: None,
        label: "weight".into(),
        colors: ColorMap::Diverging,
    };
    Section::new("Classification")
        .setting("MNIST, 50k/10k/10k, inputs in [−1, 1]; network 784-100-10 (`d = 79 510`). SGLD: 200 000 steps, batch 100, a sample every 20 steps after 500.")
        .text("APD was expected to keep SGLD's accuracy; it does, within 0.04 points.\n\nCalibration is where a distilled posterior can lose without showing it in accuracy, so look at NLL and ECE: both are within the spread.")
        .table(table)
        .figure(Figure::new("reliability", "Reliability on the test images. Bars and dots: accuracy of the predictions in each of 15 bins of confidence; whiskers: standard error; below: share of predictions in each bin (square-root scale).", ReliabilityDiagram { methods: methods.collect() }))
        .figure(Figure::new("gan-training", "Training of the generator.", training))
        .details(Section::new("What networks look like").figure(Figure::new("first-layer", "Incoming weights of the first 20 hidden units of one sampled and one generated network.", weights)))
}

const SETS: [&str; 5] = ["notMNIST", "Omniglot", "CIFAR-10 gray", "Gaussian", "uniform"];

fn auroc(set: usize, score: usize, method: usize) -> f64 {
    0.99 - 0.12 * uniform(set * 31 + score * 7 + method * 3)
}

fn detection() -> Section {
    let mut columns = vec![Column::text("OOD set"), Column::text("score")];
    columns.extend(METHODS.map(|method| Column::number("AUROC %", Format::Percent(1)).heading(method)));
    let mut table = Table::new("AUROC in per cent, OOD positive, 2 000 against 2 000.", columns)
        .grouped()
        .best_in_row(Best::Highest);
    for (s, set) in SETS.iter().enumerate() {
        for (k, score) in ["maxprob", "entropy", "bald"].iter().enumerate() {
            let mut row = vec![Cell::text(set), Cell::text(score)];
            row.extend((0..4).map(|m| if k == 2 && m == 0 { Cell::Missing } else { Cell::number(auroc(s, k, m)) }));
            table.push(row);
        }
    }
    let panels = ["entropy", "BALD"].iter().enumerate().flat_map(|(k, score)| {
        METHODS.iter().enumerate().map(move |(m, method)| ScorePanel {
            title: (*method).into(),
            method: (*method).into(),
            note: format!("AUROC {:.1}", 100.0 * auroc(0, k + 1, m)),
            x_label: format!("{score} (nats)"),
            inside: if k == 1 && m == 0 { vec![] } else { scores(2000, m + 9 * k, -4.5, 1.6, 2.3) },
            outside: if k == 1 && m == 0 {
                vec![]
            } else {
                scores(2000, m + 9 * k + 5, -0.8 + 0.3 * m as f64, 1.4, 2.3)
            },
        })
    });
    let curve = |name: &str, m: usize, s: usize| {
        let area = auroc(s, 1, m);
        let power = 1.0 / area - 1.0;
        let mut points: Vec<_> = (0..=2000).map(|i| i as f64 / 2000.0).map(|x| (x, x.powf(power))).collect();
        points.iter_mut().for_each(|p| p.1 = (p.1 * 2000.0).round() / 2000.0);
        RocCurve { name: name.into(), points, auroc: area }
    };
    let roc = RocCurves {
        panels: (SETS.iter().enumerate())
            .map(|(s, set)| RocPanel {
                title: format!("{set} · entropy"),
                curves: METHODS.iter().enumerate().map(|(m, method)| curve(method, m, s)).collect(),
            })
            .collect(),
    };
    let dots = Bars {
        y: Axis::new("AUROC (entropy) %").percent(),
        mark: BarMark::Dot,
        groups: SETS.iter().map(|set| (*set).into()).collect(),
        series: METHODS
            .iter()
            .enumerate()
            .map(|(m, method)| BarSeries {
                name: (*method).into(),
                values: (0..5).map(|s| (auroc(s, 1, m), 0.004 + 0.003 * m as f64)).collect(),
            })
            .collect(),
    };
    Section::new("Anomaly detection")
        .setting("2 000 MNIST test images against 2 000 each of five other sets, brought to 28×28 in gray.")
        .text("Samples of a posterior disagree on what they have not seen, so BALD was expected to be the strongest score on structured sets.")
        .table(table)
        .figure(Figure::new("auroc", "AUROC by entropy, mean ± sd over ten draws.", dots))
        .figure(Figure::new("histograms", "Scores of test digits and of notMNIST letters, on a square-root scale so that thin tails show.", ScoreHistograms { inside: "in: MNIST test".into(), outside: "out: notMNIST".into(), columns: 4, panels: panels.collect() }))
        .figure(Figure::new("roc", "ROC curves by entropy.", roc))
}

fn toy() -> Section {
    let n = 80;
    let place = |i: usize| -5.0 + 10.0 * (i as f64 + 0.5) / n as f64;
    let map = |title: &str, sharp: f64, bend: f64| HeatMap {
        title: title.into(),
        note: "200 networks".into(),
        width: n,
        height: n,
        values: (0..n * n)
            .map(|k| {
                let (x, y) = (place(k % n), place(k / n));
                let distance = 1.0 + bend * (x - y).abs();
                1.0 / (1.0 + (-(sharp * (x + y) / distance)).exp())
            })
            .collect(),
    };
    let blob = |class: u8| {
        let center = if class == 0 { -2.0 } else { 2.0 };
        (0..10).map(move |i| {
            let at = 100 * usize::from(class) + 2 * i;
            Marker::new(center + 0.55 * normal(at), center + 0.55 * normal(at + 1), class)
        })
    };
    let maps = Heatmaps {
        maps: vec![
            map("point estimate", 4.0, 0.0),
            map("mc-dropout", 2.0, 0.1),
            map("sgld", 1.2, 0.35),
            map("apd", 1.25, 0.32),
        ],
        x_range: (-5.0, 5.0),
        y_range: (-5.0, 5.0),
        x_label: "x₁".into(),
        y_label: "x₂".into(),
        value_label: "p(y = 1)".into(),
        value_range: Some((0.0, 1.0)),
        colors: ColorMap::Diverging,
        contours: vec![0.1, 0.5, 0.9],
        points: blob(0).chain(blob(1)).collect(),
        classes: vec!["class 0".into(), "class 1".into()],
    };
    let curve = |name: &str, rate: f64| Series {
        name: name.into(),
        points: (0..=25).map(|i| (20.0 + 20.0 * f64::from(i), 0.97 - 0.55 * (-f64::from(i) / rate).exp())).collect(),
        band: (0..=25).map(|i| 0.97 - 0.55 * (-f64::from(i) / rate).exp()).map(|y| (y - 0.02, y + 0.02)).collect(),
    };
    let active = Curves::single(
        "labels acquired",
        "test accuracy",
        vec![curve("sgld", 5.0), curve("apd", 5.6), curve("sgd", 8.0)],
    );
    let names = [
        "held-out rows",
        "100 rows of the bank",
        "10 rows of the bank",
        "diagonal Gaussian",
        "5 principal directions",
        "20 principal directions",
        "generator",
    ];
    let baselines = Bars {
        y: Axis::new("total variation"),
        mark: BarMark::Bar,
        groups: names.map(String::from).to_vec(),
        series: ["digits", "notMNIST", "uniform"]
            .iter()
            .enumerate()
            .map(|(s, name)| BarSeries {
                name: (*name).into(),
                values: (0..7)
                    .map(|g| (0.02 + 0.2 * uniform(3 * g + s), if g == 2 { f64::NAN } else { 0.01 }))
                    .collect(),
            })
            .collect(),
    };
    Section::new("Toy problem & other kinds of figures")
        .setting("Two blobs with 10 points each; net 2-10-10-2.")
        .text("Away from the data the posterior should be unsure; a point estimate is not.")
        .figure(Figure::new("toy", "Predictive probability of class 1, with contours at 0.1, 0.5 and 0.9.", maps))
        .figure(Figure::new("active", "Active learning.", active))
        .figure(Figure::new("fidelity", "Total variation to the posterior mean, by baseline.", baselines))
        .figure(Figure::new("nothing", "A figure whose data has not been measured.", RocCurves::default()))
}

fn main() -> Result<(), Error> {
    let out = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/apd-report-demo"), PathBuf::from);
    let mut results = Results::new(
        env!("CARGO_PKG_VERSION"),
        serde_json::json!({"dataset": "mnist", "net": "fc1", "seed": 1, "sgld": {"steps": 200_000}}),
    );
    results.insert(Row::new("classify", "mnist", "fc1", "apd", "accuracy", 0.9776).spread(0.0008, 10));
    results.time("sgld", 243.0, Some(200_000));
    results.time("distill", 1660.0, Some(2000));
    results.time("evaluate", 12.4, None);
    let short = Section::new("In short")
        .number("97.8 %", "of the test images right", "sgd 98.1 %")
        .number("32 MB", "in the file", "the bank 3.2 GB")
        .verdict(Verdict::new("Is the posterior right?", true, "R̂ is 1.004 (limit 1.01)."))
        .verdict(Verdict::new("Does it help?", false, "its NLL is 0.092 nats, that of one network 0.067 (limit)."))
        .verdict(Verdict::new("Does it last?", None, "nobody has tried."));
    let meanings = ["One network", "One network with holes", "Samples of the posterior", "The samples, distilled"];
    let colors = [0x00CC_79A7, 0x0000_9E73, 0x0000_72B2, 0x00D5_5E00].map(Color).map(Some);
    let methods = (0..4).map(|m| (METHODS[m], meanings[m], colors[m]));
    let report = Report::new(
        "Adversarial distillation of a posterior: demonstration with synthetic data",
        "Every number on this page is made up. It shows each kind of table and figure that a report can hold.",
    )
    .palette(Palette::new(methods))
    .section(short)
    .section(classification())
    .section(detection())
    .section(toy());
    for path in render(&report, &results, &out)? {
        println!("{}", path.display());
    }
    Ok(())
}
