//! Tables by name: embedded ones, text, Parquet, arrays.

use std::path::Path;

use apd_points::FormatError;
use ndarray::Array2;

use super::csv::Text;
use super::file::TableFile;
use super::records::RecordBlocks;
use super::{Column, CsvWriter, Dialect, ImageShape, Table, TableSchema, Values, Wanted, embedded, folder};
use crate::{Error, all_digits, digest};

/// A table that can be read, as often as need be.
///
/// ```
/// use apd_data::TableSource;
///
/// let penguins = TableSource::open("penguins")?; // or a path
/// assert_eq!(penguins.read()?.len(), 344);
/// # Ok::<(), apd_data::Error>(())
/// ```
#[derive(Clone)]
pub struct TableSource(Kind);

#[derive(Clone)]
enum Kind {
    File(TableFile),
    Arrays { table: Table, sha256: String },
}

impl TableSource {
    /// The names of the embedded tables.
    pub const EMBEDDED: [&str; 3] = ["penguins", "yacht", "digits"];

    /// An embedded table by its name, a `.npz` archive of NumPy with `X` (n × columns, or images: n × height × width, perhaps × channels) and
    /// perhaps `y` (n), a Parquet file, or a text file of any name with delimiters; or a folder with images (PNG, JPEG) of one size in a folder for
    /// each class.
    ///
    /// The columns of `X` are called x0, x1, …, that of `y` is called y; pixels are p0, p1, … wherever they come from, row by row. What the digits show is digit; a folder of images has image (the path) and class.
    ///
    /// **Errors**: a file that is not there; arrays that cannot be read.
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::open_as(name, Dialect::default())
    }

    /// As [`open`](Self::open), of text that is written down as told.
    ///
    /// **Errors**: as [`open`](Self::open); a dialect for what is no text file.
    pub fn open_as(name: &str, dialect: Dialect) -> Result<Self, Error> {
        let path = Path::new(name);
        let source = Self(match name {
            "penguins" | "yacht" => Kind::File(embedded::source(name)),
            "digits" => {
                let digits = all_digits();
                let labels = digits.labels.iter().map(|&label| f64::from(label)).collect();
                let target = Column { name: "digit".to_owned(), values: Values::Numbers(labels) };
                let pixels = digits.images.pixels.mapv(f64::from);
                let shape = ImageShape { height: digits.images.height, width: digits.images.width, channels: 1 };
                arrays(path, Table::new(columns("p", &pixels).chain([target]).collect())?.of_images(shape))?
            }
            _ if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz")) => npz(path)?,
            _ if path.is_dir() => arrays(path, folder::read(path)?)?,
            _ if !path.exists() => {
                let expected = format!("a file, or one of {}", Self::EMBEDDED.join(", "));
                return Err(Error::mismatch(path, "data", expected, "nothing of this name"));
            }
            _ => match TableFile::parquet(path) {
                Some(parquet) => Kind::File(parquet),
                None => return Ok(Self(Kind::File(TableFile::Text(Text::file(path, dialect))))),
            },
        });
        if dialect != Dialect::default() {
            let (expected, found) = ("a text file, of which a delimiter or missing values can be told", "another kind");
            return Err(Error::mismatch(path, "data", expected, found));
        }
        Ok(source)
    }

    /// Text with delimiters that is in memory; `name` is what errors call it.
    ///
    /// ```
    /// use apd_data::{Dialect, TableSource};
    ///
    /// let table = TableSource::of_text("body", b"a;b\n1,5;x\n".to_vec(), Dialect::default()).read()?;
    /// assert_eq!((table.len(), table.columns().len()), (1, 2));
    /// # Ok::<(), apd_data::Error>(())
    /// ```
    pub fn of_text(name: &str, text: Vec<u8>, dialect: Dialect) -> Self {
        Self(Kind::File(TableFile::Text(Text::held(name.to_owned(), text, dialect))))
    }

    /// All of it.
    ///
    /// **Errors**: as [`read_csv`](crate::read_csv).
    pub fn read(self) -> Result<Table, Error> {
        match self.0 {
            Kind::File(source) => source.read(),
            Kind::Arrays { table, .. } => Ok(table),
        }
    }

    /// Block by block, as a schema has it: columns in any order, numbers where it wants them, everything else as text.
    ///
    /// **Errors**: as [`read_csv`](crate::read_csv), here or in a block.
    pub fn blocks(&self, schema: &TableSchema, wanted: Wanted) -> Result<TableBlocks, Error> {
        Ok(TableBlocks(match &self.0 {
            Kind::File(source) => Blocks::Records(Box::new(source.blocks(schema, wanted)?)),
            Kind::Arrays { table, .. } => Blocks::Arrays(Some(table.clone())),
        }))
    }

    /// SHA-256 of its bytes, in hexadecimal digits.
    ///
    /// **Errors**: a file that cannot be read.
    pub fn sha256(&self) -> Result<String, Error> {
        match &self.0 {
            Kind::File(source) => source.sha256(),
            Kind::Arrays { sha256, .. } => Ok(sha256.clone()),
        }
    }
}

/// A table read block by block: for text and Parquet, memory does not grow with the file.
pub struct TableBlocks(Blocks);

enum Blocks {
    Records(Box<RecordBlocks>),
    Arrays(Option<Table>),
}

impl TableBlocks {
    /// The next rows, `None` at the end.
    ///
    /// **Errors**: as [`read_csv`](crate::read_csv).
    pub fn next_block(&mut self) -> Result<Option<Table>, Error> {
        match &mut self.0 {
            Blocks::Records(blocks) => blocks.next_block(),
            Blocks::Arrays(table) => Ok(table.take()),
        }
    }
}

fn columns(prefix: &str, matrix: &Array2<f64>) -> impl Iterator<Item = Column> {
    let name = move |i| format!("{prefix}{i}");
    matrix
        .columns()
        .into_iter()
        .enumerate()
        .map(move |(i, column)| Column { name: name(i), values: Values::Numbers(column.to_vec()) })
}

/// A table in memory. Its digest is that of its text.
fn arrays(path: &Path, table: Table) -> Result<Kind, Error> {
    let io = |cause| Error::io(path, cause);
    let mut writer = CsvWriter::new(digest::Digest::default());
    writer.write(&table).map_err(io)?;
    let sha256 = writer.finish().map_err(io)?.finish();
    Ok(Kind::Arrays { table, sha256 })
}

/// `X` and, if it is there, `y`.
fn npz(path: &Path) -> Result<Kind, Error> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let sha256 = digest::sha256(&bytes[..]).map_err(|e| Error::io(path, e))?;
    let members = apd_points::npy::members(&bytes).map_err(FormatError::of(path))?;
    drop(bytes);
    let array = |name: &str| {
        let found = members.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, member)| matrix(path, name, member)).transpose()
    };
    let (inputs, image) = array("X")?.ok_or_else(|| {
        let names = members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        Error::mismatch(path, "arrays", "`X`, and `y` for the target", names)
    })?;
    let mut all: Vec<Column> = columns(if image.is_some() { "p" } else { "x" }, &inputs).collect();
    match array("y")? {
        Some((y, _)) if y.ncols() == 1 => {
            all.push(Column { name: "y".to_owned(), values: Values::Numbers(y.into_raw_vec_and_offset().0) });
        }
        Some((y, _)) => return Err(Error::mismatch(path, "columns of `y`", 1, y.ncols())),
        None => {}
    }
    let table = Table::new(all)?;
    Ok(Kind::Arrays { table: image.into_iter().fold(table, Table::of_images), sha256 })
}

/// A member as rows × numbers, and the shape of each row's image if it is one.
fn matrix(path: &Path, name: &str, member: &[u8]) -> Result<(Array2<f64>, Option<ImageShape>), Error> {
    let array = apd_points::npy::parse(member).map_err(FormatError::of(path))?;
    let image = |height, width, channels| Some(ImageShape { height, width, channels });
    let (rows, image) = match array.shape[..] {
        [rows] | [rows, _] if rows > 0 => (rows, None),
        [rows, height, width] if rows > 0 => (rows, image(height, width, 1)),
        [rows, height, width, channels @ (1 | 3)] if rows > 0 => (rows, image(height, width, channels)),
        // Of no rows there could be any number of columns.
        _ => {
            let expected = "rows × columns, or images: rows × height × width, or rows × height × width × 1 or 3 colors";
            return Err(Error::mismatch(path, "shape of an array", expected, format!("{:?} of `{name}`", array.shape)));
        }
    };
    let width = array.shape[1..].iter().product();
    Ok((Array2::from_shape_vec((rows, width), array.to_f64()).expect("as many as the shape says"), image))
}
