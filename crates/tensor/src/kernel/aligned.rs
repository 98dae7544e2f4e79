//! Buffers that begin where a cache line begins.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector there is.
const LINE: usize = 64;

/// A buffer whose first element begins a cache line.
///
/// A vector of 64 bytes that does not begin one lies in two lines, and is loaded as two: a tenth of a matrix product's time.
/// Rows are aligned with it where they are a multiple of [`lanes`](super::lanes) elements apart.
///
/// ```
/// use apd_tensor::kernel::Aligned;
///
/// let mut buffer = Aligned::new();
/// buffer.resize(100, 0.5_f32);
/// assert_eq!(buffer.len(), 100);
/// assert_eq!(buffer.as_ptr().align_offset(64), 0);
/// ```
#[derive(Debug, Default)]
pub struct Aligned<T> {
    /// Up to a line before the first element, the elements, and the remainder of that line after them.
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { storage: Vec::new(), start: 0, len: 0 }
    }

    /// Sets the number of elements. What an element holds afterwards is `value` or anything that was written before; memory that is
    /// there already is used.
    pub fn resize(&mut self, len: usize, value: T) {
        let room = len + LINE.div_ceil(size_of::<T>().max(1));
        if self.storage.len() < room {
            self.storage.resize(room, value);
            // No more than a line, except where the offset cannot be known, and then it does not matter.
            self.start = self.storage.as_ptr().align_offset(LINE).min(room - len);
        }
        self.len = len;
    }
}

impl<T: Copy> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        if let Some(&first) = self.storage.first() {
            copy.resize(self.len, first);
            copy.copy_from_slice(self);
        }
        copy
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_begin_a_line_whatever_their_number_was() {
        let mut buffer = Aligned::new();
        assert!(buffer.is_empty());
        for len in [1, 100, 7, 4096, 0, 5000, 10] {
            buffer.resize(len, 1.0_f64);
            assert_eq!((buffer.len(), buffer.as_ptr().align_offset(LINE)), (len, 0));
            buffer.fill(2.0);
            let copy = buffer.clone();
            assert_eq!((&*copy, copy.as_ptr().align_offset(LINE)), (&*buffer, 0));
        }
    }
}
