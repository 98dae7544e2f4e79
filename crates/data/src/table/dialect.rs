//! How tables are written down: delimiters, decimal commas, missing values.

use std::path::Path;
use std::sync::Arc;

use csv::ReaderBuilder;

use crate::Error;

/// Bytes that are looked at to recognize the dialect.
pub(super) const SNIFFED: usize = 64 << 10;
/// What stands for a missing value unless told otherwise.
const MISSING_WORDS: [&str; 6] = ["na", "n/a", "nan", "null", "none", "?"];

/// How a table of text is written down, as far as it is told; what is not is recognized.
///
/// ```
/// use apd_data::{Dialect, TableSource};
///
/// # let file = tempfile::NamedTempFile::new()?;
/// # std::fs::write(file.path(), "x;y\n1,5;-999\n")?;
/// # let path = file.path().to_str().unwrap();
/// let dialect = Dialect { missing: Some(vec!["-999".to_owned()]), ..Dialect::default() };
/// let table = TableSource::open_as(path, dialect)?.read()?;
/// assert!(table.column("y").unwrap().values.is_missing(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// What parts the fields of a row, a byte of ASCII.
    pub delimiter: Option<u8>,
    /// Whether numbers have a decimal comma; then none has a point.
    pub decimal_comma: Option<bool>,
    /// What stands for a missing value, in any case of letters; an empty field always does. By default NA, N/A, NaN, null, None and ?.
    pub missing: Option<Vec<String>>,
}

/// How a table is written down.
#[derive(Clone)]
pub(super) struct Known {
    /// What parts the fields of a row.
    pub(super) delimiter: u8,
    /// Whether numbers have a decimal comma.
    decimal_comma: bool,
    /// What stands for a missing value.
    missing: Arc<[String]>,
}

impl Dialect {
    /// Recognizes what is not told by the first bytes of a file: of `,`, `;`, tab and `|`, the delimiter that parts most lines into as many
    /// fields as the first. Numbers have a decimal comma where the delimiter is another and no field has a decimal point.
    ///
    /// **Errors**: a delimiter that was told and does not part the first line, where another does.
    pub(super) fn recognize(&self, path: &Path, head: &[u8]) -> Result<Known, Error> {
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
        let recognized = candidates.into_iter().rev().max_by_key(|&candidate| fields(candidate)).unwrap_or(b',');
        let delimiter = self.delimiter.unwrap_or(recognized);
        let parts = fields(recognized).1;
        if fields(delimiter).1 < 2 && parts > 1 {
            let found = format!("one, where {} parts it into {parts}", shown(recognized));
            return Err(Error::mismatch(path, "first line", format!("fields parted by {}", shown(delimiter)), found));
        }
        let numbers = |separator: char| {
            let number = |field: &str| {
                let (whole, fraction) = field.trim().trim_start_matches(['-', '+']).split_once(separator)?;
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                (digits(whole) && digits(fraction)).then_some(())
            };
            whole.lines().flat_map(|line| line.split(delimiter as char)).filter(|field| number(field).is_some()).count()
        };
        let comma = || delimiter != b',' && numbers(',') > 0 && numbers('.') == 0;
        let missing = match &self.missing {
            Some(words) => words.iter().map(|word| word.trim().to_owned()).collect(),
            None => MISSING_WORDS.map(str::to_owned).into(),
        };
        Ok(Known { delimiter, decimal_comma: self.decimal_comma.unwrap_or_else(comma), missing })
    }
}

/// A delimiter in words.
fn shown(delimiter: u8) -> String {
    if delimiter == b'\t' { "a tab".to_owned() } else { format!("`{}`", delimiter as char) }
}

impl Known {
    /// As values are written that were none of text: an empty field is missing, and nothing else.
    pub(super) fn plain() -> Self {
        Self { delimiter: b',', decimal_comma: false, missing: Arc::new([]) }
    }

    /// The number that a field says; `None` if it says none.
    pub(super) fn number(&self, field: &str) -> Option<f64> {
        match self.decimal_comma {
            // A point would part thousands, or be a mistake: 1.234 is not to be guessed at.
            true if field.contains('.') => None,
            true => field.replace(',', ".").parse().ok(),
            false => field.parse().ok(),
        }
    }

    /// Whether a field says that its value is missing.
    pub(super) fn is_missing(&self, field: &str) -> bool {
        field.is_empty() || self.missing.iter().any(|word| field.eq_ignore_ascii_case(word))
    }
}
