//! How tables are written down: delimiters, decimal commas, missing values.

use csv::ReaderBuilder;

/// Bytes that are looked at to recognize the dialect.
pub(super) const SNIFFED: usize = 64 << 10;
/// What stands for a missing value, in any case of letters.
const MISSING_WORDS: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "?"];

/// How a table is written down.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    /// What parts the fields of a row.
    pub(super) delimiter: u8,
    /// Whether numbers have a decimal comma.
    decimal_comma: bool,
}

impl Dialect {
    /// Recognizes the dialect of a file by its first bytes: of `,`, `;`, tab and `|`, the delimiter that parts most lines into as many fields as the
    /// first. Numbers have a decimal comma where the delimiter is another and no field has a decimal point.
    pub(super) fn of(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        // The last line may be cut.
        let whole =
            if head.len() == SNIFFED { text.rfind('\n').map_or(&text[..], |end| &text[..end]) } else { &text[..] };
        // Rows that have as many fields as the first line, and how many those are: a faulty row must not hide the delimiter of all others.
        let fields = |delimiter: u8| {
            let mut reader = ReaderBuilder::new();
            let reader = reader.has_headers(false).flexible(true).delimiter(delimiter).from_reader(whole.as_bytes());
            let counts: Vec<usize> = reader.into_records().take(100).map_while(Result::ok).map(|it| it.len()).collect();
            let first = counts.first().copied().unwrap_or(0);
            let alike = counts.iter().filter(|&&count| count == first).count();
            if first > 1 { (alike, first) } else { (0, 0) }
        };
        let candidates = [b',', b';', b'\t', b'|'];
        // The first of equals: `max_by_key` would give the last.
        let delimiter = candidates.into_iter().rev().max_by_key(|&candidate| fields(candidate)).unwrap_or(b',');
        let numbers = |separator: char| {
            let number = |field: &str| {
                let (whole, fraction) = field.trim().trim_start_matches(['-', '+']).split_once(separator)?;
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                (digits(whole) && digits(fraction)).then_some(())
            };
            whole.lines().flat_map(|line| line.split(delimiter as char)).filter(|field| number(field).is_some()).count()
        };
        Self { delimiter, decimal_comma: delimiter != b',' && numbers(',') > 0 && numbers('.') == 0 }
    }

    /// The number that a field says; `None` if it says none.
    pub(super) fn number(self, field: &str) -> Option<f64> {
        if self.decimal_comma && field.contains(',') {
            field.replace(',', ".").parse().ok()
        } else {
            field.parse().ok()
        }
    }
}

/// Whether a field says that its value is missing.
pub(super) fn is_missing(field: &str) -> bool {
    MISSING_WORDS.iter().any(|word| field.eq_ignore_ascii_case(word))
}
