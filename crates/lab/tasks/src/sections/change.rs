//! What distillation changed: distilled − sgld and apd − sgld, and whether that is more than drawing networks anew would.

use apd_report::{Best, Cell, Column, Format, Select, Verdict};

use crate::methods;

/// A difference of two means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// The distilled posterior.
    method: &'static str,
    /// Its mean − sgld's.
    pub(crate) value: f64,
    /// Its standard error √(sd²/n + sd²/n); unknown after a single draw.
    pub(crate) error: Option<f64>,
}

/// The distilled posteriors.
pub(crate) const DISTILLED: [&str; 2] = [methods::DISTILLED, "apd"];

/// Standard errors beyond which a difference is called one.
const ERRORS: f64 = 2.0;

/// What the note below a table of changes should say.
pub(crate) const NOTE: &str = "A distilled posterior − sgld, ± its standard error over draws of networks; ▼ it is worse by more than two of them, ▲ better. That \
     error says what drawing anew would change; of other test images, and of other chains, it knows nothing.";

impl Change {
    /// Of the two rows among these that are left when `method` and sgld are picked.
    pub(crate) fn of(method: &'static str, select: &Select<'_>) -> Option<Self> {
        let row = |method: &str| select.clone().method(method).row();
        let (ours, sgld) = (row(method)?, row("sgld")?);
        let square = |row: &apd_report::Row| Some(row.sd?.powi(2) / row.n? as f64);
        let error = square(ours).zip(square(sgld)).map(|(a, b)| (a + b).sqrt());
        Some(Self { method, value: ours.value - sgld.value, error })
    }

    /// Of every distilled posterior that there is.
    pub(crate) fn all(select: &Select<'_>) -> Vec<Self> {
        DISTILLED.into_iter().filter_map(|method| Self::of(method, select)).collect()
    }

    /// Whether it is more than drawing anew explains; unknown after a single draw.
    fn is_clear(self) -> Option<bool> {
        Some(self.value.abs() > ERRORS * self.error?)
    }

    /// Whether the distilled one is worse, so far as that is clear.
    fn is_loss(self, best: Best) -> Option<bool> {
        let worse = if best == Best::Lowest { self.value > 0.0 } else { self.value < 0.0 };
        Some(self.is_clear()? && worse)
    }

    /// As a cell of a table: the difference, its error, and a mark where it is clear. Words, so that it is no candidate for the
    /// best number of its row.
    pub(crate) fn cell(change: Option<Self>, best: Best, format: Format) -> Cell {
        let Some(Self { value, error, .. }) = change else { return Cell::Missing };
        let mark = match change.and_then(|change| Some((change.is_clear()?, change.is_loss(best)?))) {
            Some((true, true)) => " ▼",
            Some((true, false)) => " ▲",
            _ => "",
        };
        let sign = if value > 0.0 && format.number(value) != format.number(0.0) { "+" } else { "" };
        let error = error.map_or(String::new(), |error| format!(" ± {}", format.number(error)));
        Cell::Text(format!("{sign}{}{error}{mark}", format.number(value)))
    }

    /// How far, whichever way.
    fn size(self, format: Format) -> String {
        let points = if matches!(format, Format::Percent(_)) { " points" } else { "" };
        let error = self.error.map_or(String::new(), |error| format!(" ± {}", format.number(error)));
        format!("{}{error}{points}", format.number(self.value.abs()))
    }

    /// A cell for each distilled posterior: of the changes among these rows.
    pub(crate) fn cells(select: &Select<'_>, best: Best, format: Format) -> [Cell; 2] {
        DISTILLED.map(|method| Self::cell(Self::of(method, select), best, format))
    }

    /// The columns of such cells.
    pub(crate) fn columns(format: Format) -> [Column; 2] {
        DISTILLED.map(|method| Column::number(&format!("{method} − sgld"), format))
    }
}

/// Whether each distilled posterior kept what sgld has in all of these comparisons: whether no clear loss is larger than `limit`.
pub(crate) fn kept(what: &str, changes: &[(String, Change)], best: Best, format: Format, limit: f64) -> Vec<Verdict> {
    let of = |method: &'static str| {
        let changes: Vec<_> = changes.iter().filter(|(_, change)| change.method == method).collect();
        kept_by(method, what, &changes, best, format, limit)
    };
    DISTILLED.into_iter().filter_map(of).collect()
}

fn kept_by(
    method: &str,
    what: &str,
    changes: &[&(String, Change)],
    best: Best,
    format: Format,
    limit: f64,
) -> Option<Verdict> {
    let loss = |change: &Change| if best == Best::Lowest { change.value } else { -change.value };
    let (place, worst) = changes.iter().max_by(|a, b| loss(&a.1).total_cmp(&loss(&b.1)))?;
    let count = |clear: &dyn Fn(&Change) -> bool| changes.iter().filter(|(_, change)| clear(change)).count();
    let worse = count(&|change| change.is_loss(best) == Some(true));
    let better = count(&|change| change.is_clear() == Some(true) && change.is_loss(best) == Some(false));
    let known = changes.iter().any(|(_, change)| change.error.is_some());
    let lost = changes.iter().any(|(_, change)| change.is_loss(best) == Some(true) && loss(change) > limit);
    let compared = changes.len();
    let counted = match (known, worse, better) {
        (true, ..) if compared == 1 => {
            let direction = if loss(worst) > 0.0 { "worse" } else { "better" };
            let found = format!("{} {direction} (limit {}).", worst.size(format), format.number(limit));
            return Some(Verdict::new(&format!("Does {method} keep sgld's {what}?"), !lost, &found));
        }
        (false, ..) => "a single draw, so that no difference is clear".to_owned(),
        (_, 0, 0) => format!("no different beyond two standard errors in any of {compared} comparisons"),
        _ => format!("of {compared} comparisons {worse} are worse and {better} better, beyond two standard errors"),
    };
    let largest = match loss(worst) > 0.0 {
        true => format!("; the largest loss is {} ({place}), the limit {}", worst.size(format), format.number(limit)),
        false => String::new(),
    };
    let question = format!("Does {method} keep sgld's {what}?");
    Some(Verdict::new(&question, known.then_some(!lost), &format!("{counted}{largest}.")))
}

#[cfg(test)]
mod tests;
