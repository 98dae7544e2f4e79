//! What distillation changed: apd − sgld, and whether that is more than drawing networks anew would.

use apd_report::{Best, Cell, Column, Format, Select};

/// A difference of two means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// apd − sgld.
    pub(crate) value: f64,
    /// Its standard error √(sd²/n + sd²/n); unknown after a single draw.
    pub(crate) error: Option<f64>,
}

/// Standard errors beyond which a difference is called one.
const ERRORS: f64 = 2.0;

/// What the note below a table of changes should say.
pub(crate) const NOTE: &str = "apd − sgld ± its standard error over draws of networks; ▼ apd is worse by more than two of them, ▲ better. That \
     error says what drawing anew would change; of other test images, and of other chains, it knows nothing.";

impl Change {
    /// Of the two rows among these that are left when each method is picked.
    pub(crate) fn of(select: &Select<'_>) -> Option<Self> {
        let row = |method: &str| select.clone().method(method).row();
        let (apd, sgld) = (row("apd")?, row("sgld")?);
        let square = |row: &apd_report::Row| Some(row.sd?.powi(2) / row.n? as f64);
        let error = square(apd).zip(square(sgld)).map(|(a, b)| (a + b).sqrt());
        Some(Self { value: apd.value - sgld.value, error })
    }

    /// Whether it is more than drawing anew explains; unknown after a single draw.
    fn is_clear(self) -> Option<bool> {
        Some(self.value.abs() > ERRORS * self.error?)
    }

    /// Whether apd is worse, so far as that is clear.
    fn is_loss(self, best: Best) -> Option<bool> {
        let worse = if best == Best::Lowest { self.value > 0.0 } else { self.value < 0.0 };
        Some(self.is_clear()? && worse)
    }

    /// As a cell of a table: the difference, its error, and a mark where it is clear. Words, so that it is no candidate for the
    /// best number of its row.
    pub(crate) fn cell(change: Option<Self>, best: Best, format: Format) -> Cell {
        let Some(Self { value, error }) = change else { return Cell::Missing };
        let mark = match change.and_then(|change| Some((change.is_clear()?, change.is_loss(best)?))) {
            Some((true, true)) => " ▼",
            Some((true, false)) => " ▲",
            _ => "",
        };
        let sign = if value > 0.0 && format.number(value) != format.number(0.0) { "+" } else { "" };
        let error = error.map_or(String::new(), |error| format!(" ± {}", format.number(error)));
        Cell::Text(format!("{sign}{}{error}{mark}", format.number(value)))
    }

    /// As a clause: which way, how far, and whether that is clear.
    pub(crate) fn words(self, what: &str, best: Best, format: Format) -> String {
        let size = self.size(format);
        let direction = if self.value < 0.0 { "lower" } else { "higher" };
        match self.is_loss(best) {
            Some(true) => format!("{what} {size} {direction}, a loss"),
            Some(false) if self.is_clear() == Some(true) => format!("{what} {size} {direction}, a gain"),
            Some(false) => format!("{what} no different beyond the error ({size} {direction})"),
            None => format!("{what} {size} {direction} (a single draw: no error)"),
        }
    }

    /// How far, whichever way.
    fn size(self, format: Format) -> String {
        let points = if matches!(format, Format::Percent(_)) { " points" } else { "" };
        let error = self.error.map_or(String::new(), |error| format!(" ± {}", format.number(error)));
        format!("{}{error}{points}", format.number(self.value.abs()))
    }

    /// The column of such cells.
    pub(crate) fn column(format: Format) -> Column {
        Column::number("apd − sgld", format)
    }
}

/// In words, whether apd lost anything against sgld in a table of these changes: how often, and by how much at most.
pub(crate) fn verdict(what: &str, changes: &[(String, Change)], best: Best, format: Format) -> String {
    let loss = |change: &Change| match best {
        Best::Lowest => change.value,
        Best::Highest | Best::NearestOne => -change.value,
    };
    let Some((place, worst)) = changes.iter().max_by(|a, b| loss(&a.1).total_cmp(&loss(&b.1))) else {
        return String::new();
    };
    let count = |clear: &dyn Fn(&Change) -> bool| changes.iter().filter(|(_, change)| clear(change)).count();
    let worse = count(&|change| loss(change) > 0.0 && change.is_clear() != Some(false));
    let better = count(&|change| loss(change) < 0.0 && change.is_clear() != Some(false));
    let known = changes.iter().any(|(_, change)| change.error.is_some());
    let beyond = if known {
        ", by more than two standard errors of the difference"
    } else {
        " (a single draw: no standard error)"
    };
    let compared = changes.len();
    let summary = match (worse, better) {
        (0, 0) => format!("apd's {what} cannot be told from sgld's in any of {compared} comparisons"),
        _ => format!(
            "of {compared} comparisons of {what}, apd is worse than sgld in {worse} and better in {better}{beyond}"
        ),
    };
    match loss(worst) > 0.0 {
        true => format!("Against sgld: {summary}; its largest loss is {} ({place}).", worst.size(format)),
        false => format!("Against sgld: {summary}; nowhere is its mean worse than sgld's."),
    }
}

#[cfg(test)]
mod tests;
