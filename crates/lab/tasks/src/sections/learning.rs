//! Curves of generators as they learn.

use apd_report::{Axis, CurvePanel, Series};

use crate::distill::{History, Point};

/// A line for each history, by its method's name.
pub(crate) fn lines(histories: &[(&str, &History)], of: fn(&Point) -> f64) -> Vec<Series> {
    let line = |(name, history): &(&str, &History)| {
        Series::new(name, history.points.iter().map(|point| (point.iteration as f64, of(point))).collect())
    };
    histories.iter().map(line).collect()
}

/// Validation accuracy and spread against the iterations, whose axis is `x`, beside those of the bank.
pub(crate) fn quality(histories: &[(&str, &History)], x: &Axis) -> [CurvePanel; 2] {
    let bank_accuracy = histories.first().map_or(f64::NAN, |(_, history)| history.bank_accuracy);
    let panel = |title, y, of| CurvePanel::new(title, x.clone(), y, lines(histories, of));
    [
        panel("Validation accuracy", Axis::new("accuracy %").percent(), |p| p.accuracy)
            .reference("sgld", bank_accuracy),
        panel("Spread of the generated networks", Axis::new("total variance / bank's").log(), |p| p.variance_ratio)
            .reference("sgld", 1.0),
    ]
}
