use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How the numbers of a table column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// A fraction as per cent with so many decimals, without the sign (it belongs into the heading).
    Percent(u8),
    /// So many decimals.
    Decimal(u8),
    /// So many significant digits, with an exponent where the number is very large or small.
    Significant(u8),
    /// A whole number, thousands set apart.
    Integer,
    /// Bytes in kB, MB, … (powers of 1000).
    Bytes,
    /// Seconds below two minutes, then minutes, then hours.
    Duration,
}

/// Which end of a column is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Best {
    /// Accuracy, AUROC, …
    Highest,
    /// NLL, ECE, …
    Lowest,
    /// Ratios that should be one (variance ratio).
    NearestOne,
}

impl Format {
    /// The text of a number; a dash where it is not finite.
    pub fn number(self, value: f64) -> String {
        if !value.is_finite() {
            return "–".into();
        }
        let text = match self {
            Self::Percent(decimals) => format!("{:.*}", decimals.into(), value * 100.0),
            Self::Decimal(decimals) => format!("{:.*}", decimals.into(), value),
            Self::Significant(digits) => significant(value, digits.max(1).into()),
            Self::Integer => thousands(value),
            Self::Bytes => bytes(value),
            Self::Duration => duration(value),
        };
        let negative_zero = text.starts_with('-') && !text.contains(|c: char| ('1'..='9').contains(&c));
        let text = if negative_zero { text[1..].to_string() } else { text };
        text.replacen('-', "−", usize::from(text.starts_with('-')))
    }
}

fn significant(value: f64, digits: usize) -> String {
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if (-4..7).contains(&magnitude) {
        let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
        if decimals == 0 { thousands(value) } else { format!("{value:.decimals$}") }
    } else {
        format!("{value:.*e}", digits - 1)
    }
}

/// Rounds to a whole number and puts a narrow no-break space between thousands.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value.is_sign_negative() { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn bytes(value: f64) -> String {
    let mut scaled = value;
    for unit in ["B", "kB", "MB", "GB"] {
        if scaled.abs() < 999.5 {
            let decimals = usize::from(unit != "B" && scaled.abs() < 99.95);
            return format!("{scaled:.decimals$}\u{a0}{unit}");
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.1}\u{a0}TB")
}

fn duration(seconds: f64) -> String {
    match seconds.abs() {
        s if s < 0.9995 => format!("{:.0}\u{a0}ms", seconds * 1e3),
        s if s < 9.95 => format!("{seconds:.1}\u{a0}s"),
        s if s < 119.5 => format!("{seconds:.0}\u{a0}s"),
        s if s < 7170.0 => format!("{:.1}\u{a0}min", seconds / 60.0),
        _ => format!("{:.1}\u{a0}h", seconds / 3600.0),
    }
}
