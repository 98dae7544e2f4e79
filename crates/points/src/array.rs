//! Arrays of numbers as files hold them: whatever their type, order and endianness.

use std::cell::Cell;

use half::{bf16, f16};
use ndarray::{ArrayView, IxDyn, ShapeBuilder};

use crate::FormatError;

#[cfg(test)]
mod tests;

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

impl Dtype {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// An array as it lies in a file: its readers look at type and shape, and then take the numbers in the form that they want.
#[derive(Clone, Debug, PartialEq)]
pub struct RawArray<'a> {
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its bytes: as many as type and shape say.
    pub data: &'a [u8],
    /// Whether the first axis varies fastest, instead of the last.
    pub fortran_order: bool,
    /// Whether the most significant byte of a number comes first.
    pub big_endian: bool,
}

impl RawArray<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len() / self.dtype.size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Whether the bytes are row-major, little-endian float32: a reader may use them where they lie.
    pub fn is_plain_f32(&self) -> bool {
        // The order of a vector's elements is the same either way.
        let row_major = !self.fortran_order || self.shape.iter().filter(|axis| **axis > 1).count() < 2;
        self.dtype == Dtype::F32 && row_major && !self.big_endian
    }

    /// The numbers in row-major order. Integers of more than 53 bits are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        self.decode(f64::from, |x| x)
    }

    /// The numbers in row-major order, rounded to float32.
    ///
    /// **Errors**: a finite number that float32 cannot hold, which would become infinite.
    pub fn to_f32(&self) -> Result<Vec<f32>, FormatError> {
        let beyond = Cell::new(None);
        let numbers = self.decode(
            |x| x,
            |x| {
                let rounded = x as f32;
                if rounded.is_infinite() && x.is_finite() {
                    beyond.set(Some(x));
                }
                rounded
            },
        );
        match beyond.get() {
            None => Ok(numbers),
            Some(x) => Err(FormatError::new("numbers that float32 can hold", format!("{x:e}"))),
        }
    }

    fn decode<T: Copy>(&self, f32: impl Fn(f32) -> T, f64: impl Fn(f64) -> T) -> Vec<T> {
        let numbers = match self.dtype {
            Dtype::F32 => self.each(|b| f32(f32::from_le_bytes(b))),
            Dtype::F16 => self.each(|b| f32(f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => self.each(|b| f32(bf16::from_le_bytes(b).to_f32())),
            Dtype::F64 => self.each(|b| f64(f64::from_le_bytes(b))),
            Dtype::Bool => self.each(|[b]| f32(f32::from(b != 0))),
            Dtype::U8 => self.each(|[b]| f32(b.into())),
            Dtype::I8 => self.each(|b| f32(i8::from_le_bytes(b).into())),
            Dtype::U16 => self.each(|b| f32(u16::from_le_bytes(b).into())),
            Dtype::I16 => self.each(|b| f32(i16::from_le_bytes(b).into())),
            Dtype::U32 => self.each(|b| f64(u32::from_le_bytes(b).into())),
            Dtype::I32 => self.each(|b| f64(i32::from_le_bytes(b).into())),
            Dtype::U64 => self.each(|b| f64(u64::from_le_bytes(b) as f64)),
            Dtype::I64 => self.each(|b| f64(i64::from_le_bytes(b) as f64)),
        };
        if !self.fortran_order {
            return numbers;
        }
        let columns_first = ArrayView::from_shape(IxDyn(&self.shape).f(), &numbers).expect("as many as the shape says");
        columns_first.iter().copied().collect()
    }

    fn each<const W: usize, T>(&self, number: impl Fn([u8; W]) -> T) -> Vec<T> {
        let chunks = self.data.as_chunks().0.iter();
        if self.big_endian {
            let swapped = |mut bytes: [u8; W]| {
                bytes.reverse();
                bytes
            };
            chunks.map(|bytes| number(swapped(*bytes))).collect()
        } else {
            chunks.map(|bytes| number(*bytes)).collect()
        }
    }
}

/// Bytes of an array of this shape, if memory can count them.
pub(crate) fn byte_length(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    // An axis of length 0 lets the others be absurd.
    let countable = shape.iter().filter(|axis| **axis > 0).try_fold(dtype.size(), |n, axis| n.checked_mul(*axis));
    let bytes = shape.iter().try_fold(dtype.size(), |n, axis| n.checked_mul(*axis));
    countable.filter(|n| isize::try_from(*n).is_ok()).and(bytes)
}
