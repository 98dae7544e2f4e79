use crate::{MetricError, Real};

#[cfg(test)]
mod tests;

/// Counts of values in equal-width bins on [`lower`, `upper`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub lower: f64,
    /// Upper edge of the last bin, which includes it.
    pub upper: f64,
    /// Values per bin.
    pub counts: Vec<u64>,
    /// Values under `lower`.
    pub below: u64,
    /// Values over `upper`.
    pub above: u64,
}

impl Histogram {
    /// Edges of the bins, one more than there are bins.
    pub fn edges(&self) -> Vec<f64> {
        let bins = self.counts.len();
        (0..=bins).map(|b| self.lower + (self.upper - self.lower) * (b as f64 / bins as f64)).collect()
    }

    /// Share of all values (also those outside) per bin and unit of width.
    pub fn density(&self) -> Vec<f64> {
        let total = self.counts.iter().sum::<u64>() + self.below + self.above;
        let width = (self.upper - self.lower) / self.counts.len() as f64;
        self.counts.iter().map(|&c| c as f64 / (total.max(1) as f64 * width)).collect()
    }
}

/// Counts `values` in `bins` equal-width bins on [`lower`, `upper`]; those outside are counted apart, never dropped.
///
/// **Errors** on a NaN. **Panics** if `bins` is 0 or the range is empty or not finite.
#[track_caller]
pub fn histogram(values: &[impl Real], lower: f64, upper: f64, bins: usize) -> Result<Histogram, MetricError> {
    assert!(bins > 0, "a histogram needs at least one bin");
    assert!(lower < upper && (upper - lower).is_finite(), "a histogram needs a finite range, not [{lower}, {upper}]");
    let mut out = Histogram { lower, upper, counts: vec![0; bins], below: 0, above: 0 };
    for (index, &x) in values.iter().enumerate() {
        let x: f64 = x.into();
        if x.is_nan() {
            return Err(MetricError::Nan { what: "values", index });
        } else if x < lower {
            out.below += 1;
        } else if x > upper {
            out.above += 1;
        } else {
            let b = ((x - lower) / (upper - lower) * bins as f64) as usize;
            out.counts[b.min(bins - 1)] += 1;
        }
    }
    Ok(out)
}
