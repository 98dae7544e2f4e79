//! How the metrics of the results are written in tables.

use apd_report::{Best, Column, Format};

/// A column of one metric, with its heading, its format and its good end; a metric that is not listed keeps its name and gets four digits.
pub(crate) fn column(metric: &str) -> Column {
    use Best::{Highest, Lowest, NearestOne};
    let (heading, format, best) = match metric {
        "accuracy" => ("accuracy %", Format::Percent(2), Some(Highest)),
        "agreement" => ("agreement %", Format::Percent(2), Some(Highest)),
        "nll" => ("NLL (nats)", Format::Decimal(4), Some(Lowest)),
        "brier" => ("Brier", Format::Decimal(4), Some(Lowest)),
        "ece" => ("ECE", Format::Decimal(4), Some(Lowest)),
        "tv" => ("TV", Format::Decimal(4), Some(Lowest)),
        "auroc" => ("AUROC %", Format::Percent(1), Some(Highest)),
        "aupr_out" => ("AUPR out %", Format::Percent(1), Some(Highest)),
        "aupr_in" => ("AUPR in %", Format::Percent(1), Some(Highest)),
        "fpr95" => ("FPR95 %", Format::Percent(1), Some(Lowest)),
        "variance_ratio" => ("variance ratio", Format::Decimal(2), Some(NearestOne)),
        "seconds" => ("time", Format::Duration, Some(Lowest)),
        _ if metric.starts_with("bytes") => ("size", Format::Bytes, Some(Lowest)),
        _ => (metric, Format::Significant(4), None),
    };
    Column { best, ..Column::number(heading, format) }
}
