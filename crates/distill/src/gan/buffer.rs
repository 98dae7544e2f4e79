//! A bounded buffer of points.

use serde::{Deserialize, Serialize};

use apd_points::Points;

/// The newest points of a stream, at most so many of them: what online distillation learns from while samplers go on.
///
/// Its memory is that of [`bytes`](Self::bytes), however many points have passed through it. A trainer reads it as any other
/// [`Points`](apd_points::Points); [`Trainer::change_rows`](crate::Trainer::change_rows) lets new points in.
///
/// ```
/// use apd_distill::Buffer;
/// use apd_points::Points;
///
/// let mut buffer = Buffer::new(2, 3);
/// for i in 0..5 {
///     buffer.push(&[i as f32, 0.0]);
/// }
/// let mut held: Vec<f32> = (0..buffer.len()).map(|i| buffer.row(i)[0]).collect();
/// held.sort_by(f32::total_cmp);
/// assert_eq!(held, [2.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Buffer {
    dim: usize,
    capacity: usize,
    points: Vec<f32>,
    /// Where the next point goes once the buffer is full: the place of the oldest.
    oldest: usize,
}

/// A buffer as it is read, before its parts are known to fit together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    dim: usize,
    capacity: usize,
    points: Vec<f32>,
    oldest: usize,
}

impl TryFrom<Stored> for Buffer {
    type Error = String;

    fn try_from(Stored { dim, capacity, points, oldest }: Stored) -> Result<Self, String> {
        let whole = dim > 0 && points.len() % dim == 0 && points.len() / dim <= capacity;
        if !whole || oldest >= capacity.max(1) {
            let held = points.len();
            return Err(format!(
                "a buffer of {capacity} points of dimension {dim} with {held} numbers, the oldest {oldest}"
            ));
        }
        Ok(Self { dim, capacity, points, oldest })
    }
}

impl Buffer {
    /// An empty buffer for `capacity` points of dimension `dim`.
    ///
    /// **Panics** if either is 0.
    #[track_caller]
    pub fn new(dim: usize, capacity: usize) -> Self {
        assert!(dim > 0 && capacity > 0, "a buffer of {capacity} points of dimension {dim}");
        Self { dim, capacity, points: Vec::new(), oldest: 0 }
    }

    /// Takes a point in; the oldest leaves if there is no room.
    ///
    /// **Panics** if the point has another dimension.
    #[track_caller]
    pub fn push(&mut self, point: &[f32]) {
        assert!(point.len() == self.dim, "a point of dimension {} for a buffer of {}", point.len(), self.dim);
        if self.len() < self.capacity {
            self.points.reserve_exact((self.capacity - self.len()) * self.dim);
            self.points.extend_from_slice(point);
        } else {
            self.points[self.oldest * self.dim..][..self.dim].copy_from_slice(point);
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    /// Points that it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of a full buffer.
    pub fn bytes(&self) -> usize {
        size_of::<f32>() * self.capacity * self.dim
    }
}

impl Points for Buffer {
    fn len(&self) -> usize {
        self.points.len() / self.dim
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.points[i * self.dim..(i + 1) * self.dim]
    }
}

#[cfg(test)]
mod tests;
