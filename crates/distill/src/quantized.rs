//! Matrices in fewer bits.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// The format in which the numbers of a matrix are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// 32 bits each, as they are.
    F32,
    /// 16 bits each: a relative error of at most 2⁻¹¹ from 6·10⁻⁵ to 65 504, to which larger numbers are clipped.
    F16,
    /// 8 bits each, with a scale per row, a hundred and twenty-seventh of its largest absolute value: an error of at most half the scale.
    #[default]
    Int8,
}

impl Format {
    /// The format of vectors beside a matrix of this format: a mean has no row to share a scale with.
    pub(crate) fn of_vectors(self) -> Self {
        if self == Self::Int8 { Self::F16 } else { self }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}

/// A row-major matrix in one of the formats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    pub(crate) numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Int8 { codes: Vec<i8>, scales: Vec<f32> },
}

impl Matrix {
    pub(crate) fn new(format: Format, matrix: ArrayView2<'_, f32>) -> Self {
        let numbers = match format {
            Format::F32 => Numbers::F32(matrix.iter().copied().collect()),
            Format::F16 => Numbers::F16(matrix.iter().map(|&x| f16::from_f32(x.clamp(-65_504.0, 65_504.0))).collect()),
            Format::Int8 => {
                let scale = |row: ndarray::ArrayView1<'_, f32>| row.iter().fold(0.0_f32, |m, x| m.max(x.abs())) / 127.0;
                let scales: Vec<f32> = matrix.outer_iter().map(scale).collect();
                let mut codes = Vec::with_capacity(matrix.len());
                for (row, &scale) in matrix.outer_iter().zip(&scales) {
                    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
                    codes.extend(row.iter().map(|&x| (x * inverse).round() as i8));
                }
                Numbers::Int8 { codes, scales }
            }
        };
        Self { rows: matrix.nrows(), columns: matrix.ncols(), numbers }
    }

    /// The same numbers, as nearly as `format` keeps them.
    pub(crate) fn in_format(&self, format: Format) -> Self {
        let mut numbers = Array2::zeros((self.rows, self.columns));
        for (i, mut row) in numbers.outer_iter_mut().enumerate() {
            self.read(i, 0..self.columns, row.as_slice_mut().expect("a row of a fresh array"));
        }
        Self::new(format, numbers.view())
    }

    /// What a file had; the caller has checked that there are as many.
    pub(crate) fn from_numbers(rows: usize, columns: usize, numbers: Numbers) -> Self {
        Self { rows, columns, numbers }
    }

    pub(crate) fn format(&self) -> Format {
        match self.numbers {
            Numbers::F32(_) => Format::F32,
            Numbers::F16(_) => Format::F16,
            Numbers::Int8 { .. } => Format::Int8,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn bytes(&self) -> usize {
        match &self.numbers {
            Numbers::F32(numbers) => size_of_val(&numbers[..]),
            Numbers::F16(numbers) => size_of_val(&numbers[..]),
            Numbers::Int8 { codes, scales } => size_of_val(&codes[..]) + size_of_val(&scales[..]),
        }
    }

    /// `out` ← the elements `columns` of row `row`.
    pub(crate) fn read(&self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        let at = row * self.columns + columns.start..row * self.columns + columns.end;
        match &self.numbers {
            Numbers::F32(numbers) => out.copy_from_slice(&numbers[at]),
            Numbers::F16(numbers) => numbers[at].convert_to_f32_slice(out),
            Numbers::Int8 { codes, scales } => {
                let scale = scales[row];
                out.iter_mut().zip(&codes[at]).for_each(|(out, &code)| *out = scale * f32::from(code));
            }
        }
    }

    /// All of row `row`.
    pub(crate) fn row(&self, row: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.columns];
        self.read(row, 0..self.columns, &mut out);
        out
    }
}

#[cfg(test)]
mod tests;
