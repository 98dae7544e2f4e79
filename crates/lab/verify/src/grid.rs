//! The exact law of a chain on the line, by propagating its density on a grid.
//!
//! An update that adds a normal number, x ← N(m(x), s(x)²), takes a density p to p′(y) = ∫ p(x)·φ((y − m(x))/s(x))/s(x) dx. Smooth and
//! vanishing at the ends, such integrals are what the trapezoidal rule is exact for: for steps below half of s its error is below
//! 10⁻⁸, that of chopping the line off where nothing ever comes is as small. This is the law of the *discretized* chain: there is
//! no bias to bound.

/// Evenly spaced points of the line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Grid {
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) spacing: f64,
}

impl Grid {
    fn len(&self) -> usize {
        ((self.most - self.least) / self.spacing).round() as usize + 1
    }

    fn point(&self, i: usize) -> f64 {
        self.least + i as f64 * self.spacing
    }

    /// All mass at the point nearest to `start`.
    pub(crate) fn at(&self, start: f64) -> Vec<f64> {
        let mut law = vec![0.0; self.len()];
        law[((start - self.least) / self.spacing).round() as usize] = 1.0;
        law
    }

    /// E f(x) under the law that gives the points these masses.
    ///
    /// **Panics** if mass has got lost at the ends.
    pub(crate) fn expectation(&self, law: &[f64], f: impl Fn(f64) -> f64) -> f64 {
        let total: f64 = law.iter().sum();
        assert!((total - 1.0).abs() < 1e-7, "{total} of the mass is left: the grid is too narrow or too coarse");
        law.iter().enumerate().map(|(i, mass)| mass * f(self.point(i))).sum()
    }
}

/// One update x ← N(m(x), s(x)²) as a matrix: where each point's mass goes.
pub(crate) struct Kernel {
    /// For each point, the first that its mass goes to, and how much goes there, to the next, ….
    rows: Vec<(usize, Vec<f64>)>,
}

impl Kernel {
    /// The update (m, s) = `update`(x).
    pub(crate) fn new(grid: &Grid, update: impl Fn(f64) -> (f64, f64)) -> Self {
        let row = |i: usize| {
            let (mean, deviation) = update(grid.point(i));
            let index = |y: f64| ((y - grid.least) / grid.spacing).clamp(0.0, grid.len() as f64 - 1.0);
            // Beyond 9 deviations there are 10⁻¹⁹ of the mass.
            let (from, to) = (index(mean - 9.0 * deviation).ceil(), index(mean + 9.0 * deviation).floor());
            let factor = grid.spacing / (deviation * (2.0 * std::f64::consts::PI).sqrt());
            let mass = |j: usize| {
                let z = (grid.point(j) - mean) / deviation;
                factor * (-0.5 * z * z).exp()
            };
            (from as usize, (from as usize..=to as usize).map(mass).collect())
        };
        Self { rows: (0..grid.len()).map(row).collect() }
    }

    /// The law after an update.
    pub(crate) fn after(&self, law: &[f64]) -> Vec<f64> {
        let mut next = vec![0.0; law.len()];
        for (&mass, (from, row)) in law.iter().zip(&self.rows) {
            for (next, part) in next[*from..].iter_mut().zip(row) {
                *next += mass * part;
            }
        }
        next
    }

    /// The law that updates from `law` tend to.
    pub(crate) fn stationary(&self, mut law: Vec<f64>) -> Vec<f64> {
        // The chains here forget in some hundreds of updates at most: little is to come after a change of 10⁻¹².
        for _ in 0..20_000 {
            let next = self.after(&law);
            let change: f64 = next.iter().zip(&law).map(|(a, b)| (a - b).abs()).sum();
            law = next;
            if change < 1e-12 {
                return law;
            }
        }
        panic!("no stationary law was reached")
    }
}

#[cfg(test)]
mod tests;
