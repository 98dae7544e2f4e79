//! From values to pixels, and where the ticks go.

use crate::format::thousands;
use crate::{Axis, AxisScale};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    Log,
    /// Shares of a histogram: the square root shows a long thin tail beside a spike, and still starts at zero.
    SquareRoot,
}

#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// A placed axis: `at` maps a value to a pixel.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    kind: Kind,
    lo: f64,
    hi: f64,
    from: f64,
    to: f64,
    pub(crate) ticks: Vec<Tick>,
}

/// Beyond this, differences of two values overflow; no experiment gets there except by a bug.
const HUGE: f64 = 1e150;

/// Below this, a logarithmic axis takes a number for zero: quotients of its ends stay finite.
const TINY: f64 = 1e-150;

fn usable(value: f64) -> bool {
    value.is_finite() && value.abs() < HUGE
}

impl Scale {
    /// Fits an axis to its data. `None` where no value can be shown.
    pub(crate) fn fit(axis: &Axis, values: impl Iterator<Item = f64>, ticks: usize) -> Option<Self> {
        let log = axis.scale == AxisScale::Log;
        let valid = |v: f64| usable(v) && (!log || v > TINY);
        let extent = values.filter(|&v| valid(v)).fold(None, |extent, v| match extent {
            None => Some((v, v)),
            Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
        })?;
        let fixed = axis.range.filter(|&(lo, hi)| valid(lo) && valid(hi) && lo < hi);
        let (lo, hi) = match fixed {
            Some(range) => range,
            None if log => pad_log(extent),
            None => pad_linear(extent),
        };
        let kind = if log { Kind::Log } else { Kind::Linear };
        let ticks =
            if log { log_ticks(lo, hi, ticks, axis.percent) } else { linear_ticks(lo, hi, ticks, axis.percent) };
        Some(Self { kind, lo, hi, from: 0.0, to: 1.0, ticks })
    }

    /// From zero to at least `hi` with square-root spacing, in per cent.
    pub(crate) fn square_root(hi: f64, length: f64) -> Self {
        let hi = if usable(hi) && hi > 0.0 { hi } else { 1.0 };
        let mut scale = Self { kind: Kind::SquareRoot, lo: 0.0, hi, from: 0.0, to: length, ticks: vec![] };
        for value in [0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0] {
            let room = scale.ticks.last().is_none_or(|last| scale.place(value) - scale.place(last.value) >= 15.0);
            if value <= hi && room {
                let label = format!("{:.0}", value * 100.0);
                scale.ticks.push(Tick { value, label });
            }
        }
        scale
    }

    /// For an axis without values, such as that of named groups.
    pub(crate) fn empty() -> Self {
        Self { kind: Kind::Linear, lo: 0.0, hi: 1.0, from: 0.0, to: 1.0, ticks: vec![] }
    }

    pub(crate) fn without_ticks(mut self) -> Self {
        self.ticks.clear();
        self
    }

    pub(crate) fn placed(mut self, from: f64, to: f64) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// The pixel of a value; `None` where it cannot be shown at all. Values outside are placed outside, within reason.
    pub(crate) fn at(&self, value: f64) -> Option<f64> {
        let shown = usable(value)
            && (self.kind != Kind::Log || value > TINY)
            && (self.kind != Kind::SquareRoot || value >= 0.0);
        shown.then(|| self.place(value))
    }

    fn place(&self, value: f64) -> f64 {
        let spaced = |v: f64| match self.kind {
            Kind::Linear => v,
            Kind::Log => v.ln(),
            Kind::SquareRoot => v.sqrt(),
        };
        let fraction = (spaced(value) - spaced(self.lo)) / (spaced(self.hi) - spaced(self.lo));
        self.from + fraction.clamp(-50.0, 50.0) * (self.to - self.from)
    }

    pub(crate) fn range(&self) -> (f64, f64) {
        (self.lo, self.hi)
    }
}

fn pad_linear((lo, hi): (f64, f64)) -> (f64, f64) {
    let size = lo.abs().max(hi.abs());
    let span = hi - lo;
    if span <= size * 1e-9 {
        let pad = if size == 0.0 { 0.5 } else { size * 0.1 };
        return (lo - pad, hi + pad);
    }
    // Data that starts at zero, or stays near it, keeps its axis there: a margin below zero would suggest values.
    let low = if lo >= 0.0 && lo <= span * 0.04 { 0.0 } else { lo - span * 0.04 };
    (low, hi + span * 0.04)
}

fn pad_log((lo, hi): (f64, f64)) -> (f64, f64) {
    if hi / lo < 1.05 {
        return (lo / 2.0, hi * 2.0);
    }
    let margin = (hi.ln() - lo.ln()) * 0.04;
    (lo * (-margin).exp(), hi * margin.exp())
}

pub(crate) fn linear_ticks(lo: f64, hi: f64, wanted: usize, percent: bool) -> Vec<Tick> {
    let raw = (hi - lo) / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    // Quarters read well as 25 or 250, but 2.5 and 0.25 only add digits.
    let whole = |step: f64| (step * if percent { 100.0 } else { 1.0 }) % 1.0 < 1e-9;
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .iter()
        .map(|m| (m, m * power))
        .find(|(m, step)| *step >= raw * 0.999 && (**m != 2.5 || whole(*step)))
        .map_or(raw, |(_, step)| step);
    let (first, last) = ((lo / step - 1e-6).ceil(), (hi / step + 1e-6).floor());
    if !first.is_finite() || !last.is_finite() || last - first > 50.0 {
        return vec![];
    }
    (0..=(last - first) as i64)
        .map(|i| {
            let value = (first + i as f64) * step;
            Tick { value, label: tick_label(value, step, lo.abs().max(hi.abs()), percent) }
        })
        .collect()
}

fn tick_label(value: f64, step: f64, largest: f64, percent: bool) -> String {
    let factor = if percent { 100.0 } else { 1.0 };
    let (value, step, largest) = (value * factor, step * factor, largest * factor);
    let (divisor, unit) = match largest {
        l if !(1e-4..1e10).contains(&l) => return exponent(value),
        l if l >= 2e6 && step >= 1e4 => (1e6, "M"),
        l if l >= 1e4 && step >= 100.0 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let (value, step) = (value / divisor, step / divisor);
    if value.abs() < step * 1e-6 {
        return "0".into();
    }
    let decimals = (0..8).find(|&d| {
        let shifted = step * 10f64.powi(d);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    let decimals = decimals.unwrap_or(8) as usize;
    let text = if decimals == 0 { thousands(value) } else { format!("{value:.decimals$}") };
    text.replacen('-', "−", 1) + unit
}

fn exponent(value: f64) -> String {
    if value == 0.0 { "0".into() } else { format!("{value:.1e}").replace(".0e", "e").replace('-', "−") }
}

fn log_ticks(lo: f64, hi: f64, wanted: usize, percent: bool) -> Vec<Tick> {
    let (first, last) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let decades = (hi / lo).log10();
    let digits: &[f64] = match decades {
        d if d < 1.1 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        d if d < 2.5 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let stride = (decades / wanted.max(1) as f64).ceil().max(1.0) as i32;
    let mut ticks = vec![];
    for power in (first..=last).filter(|power| power.rem_euclid(stride) == 0) {
        for digit in digits {
            let value = digit * 10f64.powi(power);
            if (lo * (1.0 - 1e-9)..=hi * (1.0 + 1e-9)).contains(&value) {
                ticks.push(Tick { value, label: log_label(value, *digit, power, percent) });
            }
        }
    }
    // A range narrower than its digits (say 40 to 45) still deserves two labels.
    if ticks.len() < 2 && hi / lo < 10.0 { linear_ticks(lo, hi, wanted, percent) } else { ticks }
}

fn log_label(value: f64, digit: f64, power: i32, percent: bool) -> String {
    let (value, power) = if percent { (value * 100.0, power + 2) } else { (value, power) };
    if (-3..=3).contains(&power) {
        return format!("{value:.*}", (-power).max(0) as usize);
    }
    let superscript: String = power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => char::from_u32('⁰' as u32 + (c as u32 - '0' as u32)).unwrap_or(c),
        })
        .collect();
    if digit == 1.0 { format!("10{superscript}") } else { format!("{digit:.0}·10{superscript}") }
}
