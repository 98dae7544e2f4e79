//! Banks that others wrote: what NumPy, pandas and PyTorch save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apd_points::safetensors::{self, Tensors};
use apd_points::{FormatError, GZIP_MAGIC, Layout, npy, read_file, state_dict};
use ndarray::Array2;

use super::content::Content;
use super::{Bank, Kind, LAYOUT_KEY, Shard};
use crate::manifest::pairs;
use crate::map::Map;
use crate::tensors::Table;
use crate::{Error, Header};

const EXPECTED: &str = "a folder, a .npy, .npz or .safetensors file";
/// Most bytes that a compressed file may become.
const MAX_BYTES: u64 = 64 << 30;

/// The rows of a file, the layout that its tensors give them, and the metadata.
type Opened = (Content, Layout, BTreeMap<String, String>);

/// Opens one file, compressed or not.
pub(super) fn open_file(path: &Path) -> Result<Bank, Error> {
    let map = Map::open(path, EXPECTED)?;
    let bytes = map.bytes().len() as u64;
    let (kind, opened) = if map.bytes().starts_with(GZIP_MAGIC) {
        let inside = read_file(path, MAX_BYTES)?;
        let kind = kind(path, &inside)?;
        (kind, read(kind, &inside))
    } else {
        let kind = kind(path, map.bytes())?;
        let opened = match mapped(kind, map.bytes()) {
            Some(table) => {
                let metadata = table.metadata.clone();
                Ok((Content::Mapped(map, table), Layout::default(), metadata))
            }
            None => read(kind, map.bytes()),
        };
        (kind, opened)
    };
    let (content, layout, metadata) = opened.map_err(Error::of(path))?;
    bank(path, kind, content, layout, metadata, bytes)
}

/// Opens a folder of files that hold the `state_dict` of one network each, in the order of their names.
pub(super) fn open_state_dicts(folder: &Path, mut files: Vec<PathBuf>) -> Result<Bank, Error> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.sort_by(|a, b| state_dict::natural_order(&name(a), &name(b)));
    let (mut layout, mut numbers, mut bytes) = (None, Vec::new(), 0);
    for path in &files {
        let map = Map::open(path, "a state_dict")?;
        bytes += map.bytes().len() as u64;
        let point = safetensors::parse(map.bytes()).and_then(|tensors| state_dict::point(&tensors.arrays));
        let (own, theta) = point.map_err(Error::of(path))?;
        own.places_of(layout.get_or_insert_with(|| own.clone())).map_err(Error::of(path))?;
        numbers.extend(theta);
    }
    let layout = layout.unwrap_or_default();
    let theta = Array2::from_shape_vec((files.len(), layout.len()), numbers).expect("files of one layout");
    bank(folder, Kind::StateDicts, Content::Owned(theta, Vec::new()), layout, BTreeMap::new(), bytes)
}

/// The kind of a file by its content: names are given by people.
fn kind(path: &Path, bytes: &[u8]) -> Result<Kind, Error> {
    let is = |ending: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    match bytes {
        _ if bytes.starts_with(npy::MAGIC) => Ok(Kind::Npy),
        _ if bytes.starts_with(npy::NPZ_MAGIC) => Ok(Kind::Npz),
        [_, _, _, _, _, _, _, _, b'{', ..] => Ok(Kind::Safetensors),
        _ if is("npy") => Ok(Kind::Npy),
        _ if is("safetensors") => Ok(Kind::Safetensors),
        _ => Err(Error::format(path, EXPECTED, "another kind of file")),
    }
}

/// The place of the rows, if they can be used as they are.
fn mapped(kind: Kind, bytes: &[u8]) -> Option<Table> {
    // What is unpacked from an archive lies elsewhere.
    if kind == Kind::Npz {
        return None;
    }
    let mut members = Vec::new();
    Table::of(bytes, &tensors(kind, bytes, &mut members).ok()?).ok()
}

fn read(kind: Kind, bytes: &[u8]) -> Result<Opened, FormatError> {
    let mut members = Vec::new();
    let tensors = tensors(kind, bytes, &mut members)?;
    let (content, layout) = Content::of(&tensors)?;
    Ok((content, layout, tensors.metadata))
}

/// The arrays of a file by name; an archive is unpacked into `members`.
fn tensors<'a>(
    kind: Kind,
    bytes: &'a [u8],
    members: &'a mut Vec<(String, Vec<u8>)>,
) -> Result<Tensors<'a>, FormatError> {
    let arrays = match kind {
        Kind::Npy => {
            let array = npy::parse(bytes)?;
            // Of other files any shape is that of a parameter; here a matrix is asked for.
            BTreeMap::from([("theta".to_owned(), array)])
        }
        Kind::Npz => {
            *members = npy::members(bytes)?;
            let array = |(name, bytes): &'a (String, Vec<u8>)| Ok((name.clone(), npy::parse(bytes)?));
            members.iter().map(array).collect::<Result<_, FormatError>>()?
        }
        Kind::Safetensors | Kind::StateDicts | Kind::Folder => return safetensors::parse(bytes),
    };
    Ok(Tensors { arrays, metadata: BTreeMap::new(), data: &[] })
}

fn bank(
    path: &Path,
    kind: Kind,
    content: Content,
    layout: Layout,
    metadata: BTreeMap<String, String>,
    bytes: u64,
) -> Result<Bank, Error> {
    let (rows, dim) = (content.rows(), content.dim());
    // Rows without numbers take no bytes: a file of a hundred bytes could claim 2^60 of them.
    if dim == 0 && rows > 0 {
        return Err(Error::format(path, "rows of at least one number", format!("{rows}×0")));
    }
    let mut header = Header { layout, metadata, ..Header::new(dim) };
    if let Some(layout) = header.metadata.remove(LAYOUT_KEY) {
        header.layout = pairs::from_json(&layout)
            .map_err(|e| Error::format(path, format!("a layout in {LAYOUT_KEY}"), e.to_string()))?;
    }
    header.check(path)?;
    let shard = Shard { path: path.to_owned(), chain: 0, content, bytes, crc32: None };
    let bank = Bank::new(path, kind, header, vec![shard]);
    bank.check_weights()?;
    Ok(bank)
}
