//! The page of an evaluation: the answer first, then tables and figures.

use anyhow::Result;
use apd::data::{Table as Rows, Values};
use apd::uncertainty::ReliabilityBin as Bin;
use apd::{Answers, Evaluation, Metrics, Outcomes, TableModel, Verdict};
use apd_report::{
    Axis, Cell, Column, CurvePanel, Curves, Figure, Format, MethodReliability, ReliabilityBin, ReliabilityDiagram,
    Report, Results, Row, Section, Series, Table,
};

/// Rows of the lists.
const LISTED: usize = 10;
/// Points of a curve that many rows make.
const POINTS: usize = 200;

/// A few words for a row: those of its first columns.
fn label(table: &Rows, row: usize) -> String {
    let cell = |values: &Values| match values {
        Values::Numbers(numbers) => format!("{:.4}", numbers[row]),
        Values::Categories { codes, levels } => levels.get(codes[row] as usize).cloned().unwrap_or_default(),
        Values::Text(text) => text[row].clone(),
    };
    let cells = table.columns().iter().take(4).map(|column| format!("{} {}", column.name, cell(&column.values)));
    cells.collect::<Vec<_>>().join(", ")
}

/// The numbers as rows of results.
pub(crate) fn results(model: &TableModel, evaluation: &Evaluation, data: &str) -> Result<Results> {
    let provenance = model.provenance();
    let mut results = Results::new(&provenance.program, serde_json::to_value(&provenance.settings)?);
    for (metric, value) in numbers(&evaluation.metrics)? {
        results.insert(Row::new("evaluate", data, "table", "apd", &metric, value));
    }
    Ok(results)
}

/// The metrics by name.
fn numbers(metrics: &Metrics) -> Result<Vec<(String, f64)>> {
    let serde_json::Value::Object(fields) = serde_json::to_value(metrics)? else { return Ok(Vec::new()) };
    Ok(fields.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect())
}

pub(crate) fn report(
    model: &TableModel,
    evaluation: &Evaluation,
    verdicts: &[Verdict],
    data: &str,
    table: &Rows,
) -> Result<Report> {
    let unmet = verdicts.iter().filter(|verdict| !verdict.met).count();
    let answer = match unmet {
        0 => "All that was asked of the model is met.".to_owned(),
        1 => "One thing that was asked of the model is NOT met.".to_owned(),
        unmet => format!("{unmet} things that were asked of the model are NOT met."),
    };
    let wanted = match &evaluation.metrics {
        Metrics::Classes(_) => ["accuracy", "nll", "ece", "brier", "aurc"],
        Metrics::Numbers(_) => ["rmse", "nll", "crps", "coverage_90", "mean_width_90"],
    };
    let setting = format!(
        "{} rows of {data}, `{}` is predicted by {} networks.",
        evaluation.rows.len(),
        model.target(),
        model.networks()
    );
    let mut first = Section::new("Is the model to be believed here?").text(&setting).figure(calibration(evaluation)?);
    let numbers = numbers(&evaluation.metrics)?;
    for name in wanted {
        if let Some((_, value)) = numbers.iter().find(|(other, _)| other == name) {
            first = first.number(&Format::Significant(4).number(*value), name, "");
        }
    }
    for verdict in verdicts {
        first = first.verdict(apd_report::Verdict::new(verdict.concern.question(), verdict.met, &verdict.found));
    }
    let mut second = Section::new("Which rows")
        .text("Where the model is least sure, and where rows are least like those that it was fitted to.");
    let (uncertainty, loss) = evaluation.uncertainty_and_loss();
    let least_sure = list("The ten rows that it is least sure of.", evaluation, &uncertainty, table);
    let strangest = list("The ten rows that are strangest.", evaluation, &evaluation.predictions.ood, table);
    second = second.table(least_sure).table(strangest).figure(risk(evaluation)?);
    if let Outcomes::Numbers(_) = evaluation.outcomes {
        second = second.figure(residuals(&uncertainty, &loss));
    }
    Ok(Report::new(&format!("{} on {data}", model.target()), &answer).section(first).section(second))
}

/// Reliability of probabilities, or coverage of intervals beside what it should be.
fn calibration(evaluation: &Evaluation) -> Result<Figure> {
    if let Outcomes::Numbers(_) = evaluation.outcomes {
        let found = Series::new("found", evaluation.coverage());
        let right = Series::new("as it should be", vec![(0.0, 0.0), (1.0, 1.0)]);
        let panel = CurvePanel::new(
            "Coverage",
            Axis::new("coverage asked for %").percent().range(0.0, 1.0),
            Axis::new("rows in their interval %").percent().range(0.0, 1.0),
            vec![found, right],
        );
        let caption = "Share of the rows in their interval, beside the share that was asked for: above the diagonal intervals are too wide, below too narrow.";
        return Ok(Figure::new("coverage", caption, Curves { columns: 1, panels: vec![panel] }));
    }
    let bin =
        |bin: &Bin| ReliabilityBin { confidence: bin.confidence, accuracy: bin.accuracy, count: bin.count as u64 };
    let bins = evaluation.reliability()?.iter().map(bin).collect();
    let caption = "Accuracy of the predictions in each of 15 bins of the probability that they were made with; below: share of the rows in each bin (square-root scale).";
    Ok(Figure::new(
        "reliability",
        caption,
        ReliabilityDiagram { methods: vec![MethodReliability { method: "apd".into(), bins }] },
    ))
}

fn risk(evaluation: &Evaluation) -> Result<Figure> {
    let points = evaluation.risk_coverage()?;
    let every = points.len().div_ceil(POINTS);
    let points =
        points.iter().skip(points.len() % every).step_by(every).map(|point| (point.coverage, point.risk)).collect();
    let loss = match evaluation.outcomes {
        Outcomes::Classes(_) => Axis::new("of them wrong %").percent(),
        Outcomes::Numbers(_) => Axis::new("their mean absolute error"),
    };
    let panel = CurvePanel::new(
        "Answering only the surest",
        Axis::new("rows answered %").percent(),
        loss,
        vec![Series::new("apd", points)],
    );
    let caption = "What is lost when only the rows that the model is surest of are answered: a curve that rises to the right knows where it errs.";
    Ok(Figure::new("risk-coverage", caption, Curves { columns: 1, panels: vec![panel] }))
}

/// Root mean square error of rows of like predicted deviation.
fn residuals(deviation: &[f64], error: &[f64]) -> Figure {
    const GROUPS: usize = 10;
    let mut order: Vec<usize> = (0..deviation.len()).collect();
    order.sort_by(|&a, &b| deviation[a].total_cmp(&deviation[b]));
    let root_mean_square =
        |rows: &[usize], of: &[f64]| (rows.iter().map(|&row| of[row].powi(2)).sum::<f64>() / rows.len() as f64).sqrt();
    let groups = order.chunks(order.len().div_ceil(GROUPS).max(1));
    let points: Vec<(f64, f64)> =
        groups.map(|rows| (root_mean_square(rows, deviation), root_mean_square(rows, error))).collect();
    let largest = points.iter().fold(0.0_f64, |largest, &(x, y)| largest.max(x).max(y));
    let panel = CurvePanel::new(
        "Errors and deviations",
        Axis::new("predicted standard deviation"),
        Axis::new("root mean square error"),
        vec![
            Series::new("found, in tenths of the rows", points),
            Series::new("as it should be", vec![(0.0, 0.0), (largest, largest)]),
        ],
    );
    Figure::new(
        "residuals",
        "Errors of rows of like predicted deviation: on the diagonal deviations are right.",
        Curves { columns: 1, panels: vec![panel] },
    )
}

/// The rows of the largest `score`.
fn list(caption: &str, evaluation: &Evaluation, score: &[f64], rows: &Rows) -> Table {
    let columns = vec![
        Column::number("row", Format::Integer),
        Column::text("begins with"),
        Column::text("predicted"),
        Column::text("was"),
        Column::number("strangeness", Format::Significant(3)),
    ];
    let mut table = Table::new(caption, columns)
        .note("Rows are counted from 1; strangeness is the share of held-out training rows that are less strange.");
    let classes = match &evaluation.predictions.answers {
        answers @ Answers::Classes { .. } => answers.classes(),
        Answers::Numbers { .. } => Vec::new(),
    };
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
    for row in order.into_iter().take(LISTED) {
        let (predicted, was) = match (&evaluation.predictions.answers, &evaluation.outcomes) {
            (Answers::Classes { names, p, .. }, Outcomes::Classes(labels)) => {
                let class = classes[row] as usize;
                (format!("{} ({:.1} %)", names[class], 100.0 * p[[row, class]]), names[labels[row] as usize].clone())
            }
            (Answers::Numbers { mean, sd, .. }, Outcomes::Numbers(y)) => {
                (format!("{:.4} ± {:.4}", mean[row], sd[row]), format!("{:.4}", y[row]))
            }
            _ => Default::default(),
        };
        table.push(vec![
            Cell::number((evaluation.rows[row] + 1) as f64),
            Cell::text(&label(rows, evaluation.rows[row])),
            Cell::text(&predicted),
            Cell::text(&was),
            Cell::number(evaluation.predictions.ood[row]),
        ]);
    }
    table
}
