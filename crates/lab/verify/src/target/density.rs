//! Densities in one and two dimensions, most of them not Gaussian, with expectations in closed form.

use apd_sgmcmc::{Minibatch, Potential, PotentialError};

/// A density ∝ exp(−U) on R^d, and expectations under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Density {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// d.
    pub(crate) dim: usize,
    /// Writes ∇U, and returns U.
    pub(crate) gradient: fn(x: &[f64], gradient: &mut [f64]) -> f64,
    /// What is known of it.
    pub(crate) statistics: &'static [Statistic],
}

/// A function, and its expectation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistic {
    pub(crate) name: &'static str,
    pub(crate) of: fn(x: &[f64]) -> f64,
    pub(crate) expectation: f64,
    /// Its standard deviation, to four digits.
    pub(crate) deviation: f64,
}

const fn statistic(name: &'static str, of: fn(&[f64]) -> f64, expectation: f64, deviation: f64) -> Statistic {
    Statistic { name, of, expectation, deviation }
}

/// The Euler–Mascheroni constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// U = eˣ − x, the logarithm of an exponential variable: a steep wall on the right, an exponential tail on the left.
pub(crate) const LOG_EXPONENTIAL: Density = Density {
    name: "log-exponential",
    dim: 1,
    gradient: |x, g| {
        let e = x[0].exp();
        g[0] = e - 1.0;
        e - x[0]
    },
    statistics: &[
        statistic("x", |x| x[0], -GAMMA, 1.2825),
        statistic("(x + γ)²", |x| (x[0] + GAMMA).powi(2), std::f64::consts::PI * std::f64::consts::PI / 6.0, 3.4504),
    ],
};

/// U = x²/2 + x⁴/4: lighter tails than the normal law. Its moments are from the quadrature in the tests.
pub(crate) const QUARTIC: Density = Density {
    name: "quartic",
    dim: 1,
    gradient: |x, g| {
        let square = x[0] * x[0];
        g[0] = x[0] + x[0] * square;
        0.5 * square + 0.25 * square * square
    },
    statistics: &[
        statistic("x", |x| x[0], 0.0, 0.684),
        statistic("x²", |x| x[0].powi(2), 0.467_919_916_973_663_9, 0.5596),
        statistic("x⁴", |x| x[0].powi(4), 1.0 - 0.467_919_916_973_663_9, 1.227),
    ],
};

/// x ~ N(0, 1), y given x ~ N((x² − 1)/2, 1): a bent Gaussian.
pub(crate) const BANANA: Density = Density {
    name: "banana",
    dim: 2,
    gradient: |x, g| {
        let bend = x[1] - 0.5 * (x[0] * x[0] - 1.0);
        g[0] = x[0] - bend * x[0];
        g[1] = bend;
        0.5 * x[0] * x[0] + 0.5 * bend * bend
    },
    statistics: &[
        statistic("x", |x| x[0], 0.0, 1.0),
        statistic("y", |x| x[1], 0.0, 1.2247),
        statistic("x²", |x| x[0].powi(2), 1.0, std::f64::consts::SQRT_2),
        statistic("y²", |x| x[1].powi(2), 1.5, 2.7386),
        statistic("x²y", |x| x[0].powi(2) * x[1], 1.0, 4.6368),
    ],
};

/// Independent normals with standard deviations 1 and 0.01.
pub(crate) const SCALES: Density = Density {
    name: "badly scaled Gaussian",
    dim: 2,
    gradient: |x, g| {
        (g[0], g[1]) = (x[0], 1e4 * x[1]);
        0.5 * (x[0] * g[0] + x[1] * g[1])
    },
    statistics: &[
        statistic("x", |x| x[0], 0.0, 1.0),
        statistic("y", |x| x[1], 0.0, 0.01),
        statistic("x²", |x| x[0].powi(2), 1.0, std::f64::consts::SQRT_2),
        statistic("y²", |x| x[1].powi(2), 1e-4, 1.4142e-4),
        statistic("xy", |x| x[0] * x[1], 0.0, 0.01),
    ],
};

/// Two standard normals with correlation 0.95.
pub(crate) const CORRELATED: Density = Density {
    name: "correlated Gaussian",
    dim: 2,
    gradient: |x, g| {
        let factor = 1.0 / (1.0 - 0.95 * 0.95);
        (g[0], g[1]) = (factor * (x[0] - 0.95 * x[1]), factor * (x[1] - 0.95 * x[0]));
        0.5 * (x[0] * g[0] + x[1] * g[1])
    },
    statistics: &[
        statistic("x", |x| x[0], 0.0, 1.0),
        statistic("y", |x| x[1], 0.0, 1.0),
        statistic("x²", |x| x[0].powi(2), 1.0, std::f64::consts::SQRT_2),
        statistic("y²", |x| x[1].powi(2), 1.0, std::f64::consts::SQRT_2),
        statistic("xy", |x| x[0] * x[1], 0.95, 1.3793),
    ],
};

/// v ~ N(0, σ²), x given v ~ N(0, eᵛ), with σ² = 1/4: mild enough for a step size that is the same everywhere.
pub(crate) const FUNNEL: Density = Density {
    name: "mild funnel",
    dim: 2,
    gradient: |x, g| funnel(x, g, 0.25),
    statistics: &[
        statistic("v", |x| x[0], 0.0, 0.5),
        statistic("v²", |x| x[0].powi(2), 0.25, 0.35355),
        statistic("x", |x| x[1], 0.0, 1.0645),
        // exp(σ²/2)
        statistic("x²", |x| x[1].powi(2), 1.133_148_453_066_826_3, 1.9137),
        statistic("x²v", |x| x[1].powi(2) * x[0], 0.25 * 1.133_148_453_066_826_3, 1.5469),
    ],
};

/// As [`FUNNEL`], with σ = 1: curvatures e⁻³ to e³ within three standard deviations.
pub(crate) const DEEP_FUNNEL: Density = Density {
    name: "funnel",
    dim: 2,
    gradient: |x, g| funnel(x, g, 1.0),
    statistics: &[
        statistic("v", |x| x[0], 0.0, 1.0),
        statistic("v²", |x| x[0].powi(2), 1.0, std::f64::consts::SQRT_2),
        statistic("x", |x| x[1], 0.0, 1.284),
        statistic("x² ≤ 1", |x| f64::from(u8::from(x[1].powi(2) <= 1.0)), 0.675_113_616_623_205_9, 0.46833),
    ],
};

/// As [`FUNNEL`], with σ = 3, the one in the books: no step size fits it.
pub(crate) const NEALS_FUNNEL: Density = Density {
    name: "Neal's funnel",
    dim: 2,
    gradient: |x, g| funnel(x, g, 9.0),
    statistics: &[statistic("v", |x| x[0], 0.0, 3.0), statistic("v²", |x| x[0].powi(2), 9.0, 12.728)],
};

fn funnel(x: &[f64], g: &mut [f64], variance: f64) -> f64 {
    let (v, x) = (x[0], x[1]);
    let precision = (-v).exp();
    g[0] = v / variance + 0.5 - 0.5 * x * x * precision;
    g[1] = x * precision;
    0.5 * v * v / variance + 0.5 * v + 0.5 * x * x * precision
}

/// 0.3·N(−1.2, 0.6²) + 0.7·N(1.2, 0.6²): two modes, a barrier of less than a nat seen from the left.
pub(crate) const TWO_MODES: Density = Density {
    name: "two modes",
    dim: 1,
    gradient: |x, g| mixture(x, g, 1.2),
    statistics: &[
        // 0.7 − 0.4·Φ(−2)
        statistic("x > 0", |x| f64::from(u8::from(x[0] > 0.0)), 0.690_899_947_220_728_3, 0.46212),
        statistic("x", |x| x[0], 0.48, 1.2528),
        statistic("x²", |x| x[0].powi(2), 1.8, 1.5274),
    ],
};

/// As [`TWO_MODES`], at ±3: a barrier of more than 10 nats, which a chain with small steps does not cross.
pub(crate) const FAR_MODES: Density = Density {
    name: "two far modes",
    dim: 1,
    gradient: |x, g| mixture(x, g, 3.0),
    statistics: &[
        // 0.7 − 0.4·Φ(−5)
        statistic("x > 0", |x| f64::from(u8::from(x[0] > 0.0)), 0.699_999_885_339_371_2, 0.45826),
        statistic("x", |x| x[0], 1.2, 2.8142),
        statistic("x²", |x| x[0].powi(2), 9.36, 3.6358),
    ],
};

fn mixture(x: &[f64], g: &mut [f64], mode: f64) -> f64 {
    let precision = 1.0 / 0.36;
    let [left, right] = [0.5 * precision * (x[0] + mode).powi(2), 0.5 * precision * (x[0] - mode).powi(2)];
    let least = left.min(right);
    let [left, right] = [0.3 * (least - left).exp(), 0.7 * (least - right).exp()];
    g[0] = precision * (x[0] - mode * (right - left) / (left + right));
    least - (left + right).ln()
}

/// Independent replicates of one density in one position, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    pub(crate) density: Density,
    pub(crate) blocks: usize,
}

impl Copies {
    /// Calls `visit` with each block of a position, in double precision.
    fn each(&self, position: &[f32], mut visit: impl FnMut(&[f64])) {
        let mut x = [0.0; 2];
        let x = &mut x[..self.density.dim];
        for block in position.chunks_exact(self.density.dim) {
            x.iter_mut().zip(block).for_each(|(x, &block)| *x = f64::from(block));
            visit(x);
        }
    }

    /// Averages the density's statistics over the blocks of a position.
    pub(crate) fn average(&self, position: &[f32], values: &mut [f64]) {
        values.fill(0.0);
        self.each(position, |x| {
            for (value, statistic) in values.iter_mut().zip(self.density.statistics) {
                *value += (statistic.of)(x) / self.blocks as f64;
            }
        });
    }
}

impl Potential for Copies {
    fn dim(&self) -> usize {
        self.density.dim * self.blocks
    }

    fn num_data(&self) -> usize {
        1
    }

    fn gradient(&mut self, position: &[f32], _: Minibatch<'_>, gradient: &mut [f32]) -> Result<f64, PotentialError> {
        let (mut g, mut value) = ([0.0; 2], 0.0);
        let mut blocks = gradient.chunks_exact_mut(self.density.dim);
        self.each(position, |x| {
            value += (self.density.gradient)(x, &mut g);
            let block = blocks.next().expect("as many blocks in the gradient");
            block.iter_mut().zip(&g).for_each(|(block, &g)| *block = g as f32);
        });
        Ok(value)
    }

    /// Central differences of all blocks at once, in double precision.
    fn curvature(&mut self, position: &[f32], _: Minibatch<'_>, diagonal: &mut [f32]) -> Result<(), PotentialError> {
        const STEP: f64 = 1e-4;
        let dim = self.density.dim;
        let mut blocks = diagonal.chunks_exact_mut(dim);
        self.each(position, |x| {
            let block = blocks.next().expect("as many blocks in the diagonal");
            for i in 0..dim {
                let slope = |step: f64| {
                    let (mut moved, mut g) = ([0.0; 2], [0.0; 2]);
                    moved[..dim].copy_from_slice(x);
                    moved[i] += step;
                    (self.density.gradient)(&moved[..dim], &mut g);
                    g[i]
                };
                block[i] = ((slope(STEP) - slope(-STEP)) / (2.0 * STEP)) as f32;
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
