//! Clouds of points.

use ndarray::Array2;

/// Points of R^d, one per row: a posterior bank, an array, a memory map.
///
/// Points are read in parallel and repeatedly: a minibatch of them per step, and all of them once when they are
/// standardized.
pub trait Points: Sync {
    /// Number of points.
    fn len(&self) -> usize;

    /// Dimension d of each point.
    fn dim(&self) -> usize;

    /// Point `i`: d numbers. **Panics** when `i` is not below [`len`](Self::len).
    fn row(&self, i: usize) -> &[f32];

    /// The chain that point `i` comes from. Those of one chain are in the order of its steps, at equal distances; without such knowledge all
    /// points are one chain.
    fn chain(&self, i: usize) -> u32 {
        let _ = i;
        0
    }

    /// Whether there are no points.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// **Panics** in [`row`](Points::row) when the array is not in standard (row-major) layout.
impl Points for Array2<f32> {
    fn len(&self) -> usize {
        self.nrows()
    }

    fn dim(&self) -> usize {
        self.ncols()
    }

    fn row(&self, i: usize) -> &[f32] {
        let (points, dim) = (self.as_slice().expect("an array of points is in standard layout"), self.ncols());
        &points[i * dim..(i + 1) * dim]
    }
}

impl<R: Points + ?Sized> Points for &R {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn row(&self, i: usize) -> &[f32] {
        (**self).row(i)
    }

    fn chain(&self, i: usize) -> u32 {
        (**self).chain(i)
    }
}

impl<R: Points + ?Sized + Send> Points for std::sync::Arc<R> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn row(&self, i: usize) -> &[f32] {
        (**self).row(i)
    }

    fn chain(&self, i: usize) -> u32 {
        (**self).chain(i)
    }
}
