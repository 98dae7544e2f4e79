//! Matrices in fewer bits.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use ndarray::{Array2, ArrayView2, Axis};
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
    /// 6 bits each, with a scale for every 64 of a row's, a thirty-first of their largest absolute value, in 16 bits: an error of at most half
    /// the scale. Of rows of a bank a quarter more than of 8 bits fit into as many bytes.
    Int6,
}

/// Numbers that share a scale in 6 bits.
const GROUP: usize = 64;
/// The largest code in 6 bits.
const LARGEST: f32 = 31.0;

impl Format {
    /// The format of vectors beside a matrix of this format: a mean has no row to share a scale with.
    pub(crate) fn of_vectors(self) -> Self {
        if matches!(self, Self::Int8 | Self::Int6) { Self::F16 } else { self }
    }

    /// Bytes of a row of `columns` numbers, with its scales.
    pub fn row_bytes(self, columns: usize) -> usize {
        match self {
            Self::F32 => 4 * columns,
            Self::F16 => 2 * columns,
            Self::Int8 => columns + 4,
            Self::Int6 => packed(columns) + 2 * groups(columns),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Int6 => "int6",
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
    Int8 {
        codes: Vec<i8>,
        scales: Vec<f32>,
    },
    /// Of each row: four codes, 32 more than they mean, in three bytes, the first in the lowest bits; and the scales of its groups.
    Int6 {
        codes: Vec<u8>,
        scales: Vec<bf16>,
    },
}

/// Bytes of a row of codes of 6 bits.
pub(crate) fn packed(columns: usize) -> usize {
    3 * columns.div_ceil(4)
}

/// Scales of a row of codes of 6 bits.
pub(crate) fn groups(columns: usize) -> usize {
    columns.div_ceil(GROUP)
}

/// The least scale in 16 bits that reaches as far as `largest` does: of the range of `f32`, since what is below or above it would be lost.
fn scale_for(largest: f32) -> bf16 {
    let scale = bf16::from_f32(largest / LARGEST);
    let reaches = scale.to_f32() * LARGEST >= largest;
    if reaches { scale } else { bf16::from_bits(scale.to_bits() + 1) }
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
            Format::Int6 => {
                let columns = matrix.ncols();
                let mut codes = vec![0; matrix.nrows() * packed(columns)];
                let mut scales = Vec::with_capacity(matrix.nrows() * groups(columns));
                for (i, row) in matrix.outer_iter().enumerate() {
                    let codes = &mut codes[i * packed(columns)..(i + 1) * packed(columns)];
                    for (group, numbers) in row.axis_chunks_iter(Axis(0), GROUP).enumerate() {
                        let scale = scale_for(numbers.iter().fold(0.0_f32, |most, x| most.max(x.abs())));
                        let inverse = if scale > bf16::ZERO { scale.to_f32().recip() } else { 0.0 };
                        for (j, &x) in numbers.iter().enumerate() {
                            let (at, code) = (group * GROUP + j, ((x * inverse).round() + 32.0) as u32);
                            let bits = (code << (6 * (at % 4))).to_le_bytes();
                            codes[3 * (at / 4)..][..3].iter_mut().zip(bits).for_each(|(to, bits)| *to |= bits);
                        }
                        scales.push(scale);
                    }
                }
                Numbers::Int6 { codes, scales }
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
            Numbers::Int6 { .. } => Format::Int6,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows * self.format().row_bytes(self.columns)
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
            Numbers::Int6 { codes, scales } => {
                let codes = &codes[row * packed(self.columns)..(row + 1) * packed(self.columns)];
                let scales = &scales[row * groups(self.columns)..(row + 1) * groups(self.columns)];
                for (out, at) in out.iter_mut().zip(columns) {
                    let four = &codes[3 * (at / 4)..][..3];
                    let bits = u32::from_le_bytes([four[0], four[1], four[2], 0]) >> (6 * (at % 4)) & 63;
                    *out = scales[at / GROUP].to_f32() * (bits as f32 - 32.0);
                }
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
