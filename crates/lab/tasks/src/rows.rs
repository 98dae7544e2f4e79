//! Rows of results, with the columns that all rows of one task share filled in.

use apd_points::Posterior;
use apd_report::Row;

use crate::config::Config;
use crate::distill::{EVALUATION_ROWS, History};

/// Collects the rows of one task.
pub(crate) struct Rows<'a> {
    config: &'a Config,
    task: &'static str,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(config: &'a Config, task: &'static str) -> Self {
        Rows { config, task, rows: Vec::new() }
    }

    /// Adds a value that is about the whole task; returns the row for further columns.
    pub(crate) fn push(&mut self, method: &str, metric: &str, (value, sd): (f64, Option<f64>), n: usize) -> &mut Row {
        let (dataset, net) = (self.config.dataset.name(), self.config.net.name());
        let row = Row::new(self.task, dataset, net, method, metric, value);
        self.rows.push(Row { sd, n: Some(n as u64), ..row });
        self.rows.last_mut().expect("just pushed")
    }

    pub(crate) fn finish(self) -> Vec<Row> {
        self.rows
    }
}

/// What a distilled posterior takes, in bytes and beside one network.
pub(crate) fn push_bytes(rows: &mut Rows<'_>, method: &str, posterior: &dyn Posterior) {
    let bytes = posterior.bytes() as f64;
    rows.push(method, "bytes", (bytes, None), 1);
    rows.push(method, "bytes_in_networks", (bytes / (4.0 * posterior.dim() as f64), None), 1);
}

/// The total variance of a generator's networks beside that of the bank's, where its training ended.
pub(crate) fn push_spread(rows: &mut Rows<'_>, method: &str, history: &History) {
    if let Some(last) = history.points.last() {
        rows.push(method, "variance_ratio", (last.variance_ratio, None), EVALUATION_ROWS);
    }
}

/// The middle value, of an even number the larger of the middle two: that of one of them. **Panics** where there are none.
pub(crate) fn upper_median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
