//! The rows of one file: in a memory map where they can be used as they lie, else converted and in memory.

use std::collections::BTreeMap;

use apd_points::safetensors::Tensors;
use apd_points::{FormatError, Layout, RawArray, npy, state_dict};
use ndarray::Array2;

use super::RowMeta;
use crate::map::Map;
use crate::tensors::{self, Table};

/// Rows, and what is known of each.
#[derive(Debug)]
pub(super) enum Content {
    /// Rows as in our shards, and float32 matrices of others.
    Mapped(Map, Table),
    /// Rows that had to be converted.
    Owned(Array2<f32>, Vec<RowMeta>),
}

impl Content {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Mapped(_, table) => table.rows,
            Self::Owned(theta, _) => theta.nrows(),
        }
    }

    pub(super) fn dim(&self) -> usize {
        match self {
            Self::Mapped(_, table) => table.dim,
            Self::Owned(theta, _) => theta.ncols(),
        }
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        match self {
            Self::Mapped(map, table) => table.row(map.bytes(), row),
            Self::Owned(theta, _) => apd_points::Points::row(theta, row),
        }
    }

    /// The metadata of a row; `unknown` where the file does not say.
    pub(super) fn meta(&self, row: usize, unknown: RowMeta) -> RowMeta {
        let (map, table) = match self {
            Self::Mapped(map, table) => (map, table),
            Self::Owned(_, meta) => return meta.get(row).copied().unwrap_or(unknown),
        };
        let cell = |column: Option<usize>| column.map(|c| Table::cell(c, map.bytes(), row));
        // What is out of range here is reported by `verify`.
        let chain = cell(table.chain).map(|b| u32::try_from(i64::from_le_bytes(b)).unwrap_or(u32::MAX));
        RowMeta {
            chain: chain.unwrap_or(unknown.chain),
            step: cell(table.step).map_or(unknown.step, u64::from_le_bytes),
            weight: cell(table.weight).map_or(unknown.weight, f64::from_le_bytes),
            potential: cell(table.potential).map_or(unknown.potential, f64::from_le_bytes),
        }
    }

    /// Rows of tensors by name: `theta` (or the only matrix) with its columns, or the parameters of networks. They are converted.
    pub(super) fn of(tensors: &Tensors<'_>) -> Result<(Self, Layout), FormatError> {
        match tensors::theta(tensors) {
            Some((name, theta)) if name == "theta" || theta.shape.len() == 2 => {
                let theta = npy::matrix_f32(theta)?;
                let meta = columns(&tensors.arrays, theta.nrows())?;
                Ok((Self::Owned(theta, meta), Layout::default()))
            }
            _ if state_dict::stacked(&tensors.arrays).is_some() => {
                let (layout, points) = state_dict::points(&tensors.arrays)?;
                Ok((Self::Owned(points, Vec::new()), layout))
            }
            _ => {
                let (layout, theta) = state_dict::point(&tensors.arrays)?;
                let theta = Array2::from_shape_vec((1, theta.len()), theta).expect("one row");
                Ok((Self::Owned(theta, Vec::new()), layout))
            }
        }
    }
}

/// The metadata of the rows by the columns beside `theta`; none if there are no such columns.
fn columns(arrays: &BTreeMap<String, RawArray<'_>>, rows: usize) -> Result<Vec<RowMeta>, FormatError> {
    let column = |name: &str| match arrays.get(name) {
        None => Ok(None),
        Some(array) if array.shape == [rows] => Ok(Some(array.to_f64())),
        Some(array) => Err(FormatError::new(format!("`{name}` of shape [{rows}]"), format!("shape {:?}", array.shape))),
    };
    let (chain, step, weight, potential) = (column("chain")?, column("step")?, column("weight")?, column("potential")?);
    if [&chain, &step, &weight, &potential].iter().all(|column| column.is_none()) {
        return Ok(Vec::new());
    }
    let of = |column: &Option<Vec<f64>>, row: usize, unknown: f64| column.as_ref().map_or(unknown, |c| c[row]);
    let meta = |row| RowMeta {
        chain: of(&chain, row, 0.0) as u32,
        step: of(&step, row, row as f64) as u64,
        weight: of(&weight, row, 1.0),
        potential: of(&potential, row, f64::NAN),
    };
    Ok((0..rows).map(meta).collect())
}
