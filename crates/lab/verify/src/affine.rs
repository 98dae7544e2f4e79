//! The exact law of a sampler whose update is affine in its state: one update of position and momentum as a matrix.
//!
//! Where the gradient estimate is ∇Û(θ) = Hθ − b, an update of most samplers is s ← M·s + m + N(0, Q) with s = (θ, u). With a
//! constant in front, s̃ = (1, s), the shift joins the matrix and *all* moments up to the second are one matrix E s̃s̃ᵀ.

use ndarray::{Array1, Array2, s};

/// E s̃s̃ᵀ for a state s̃ = (1, s): the first and second moments of s at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Moments(Array2<f64>);

impl Moments {
    /// Those of a state that is certain: all zero.
    pub fn at_rest(states: usize) -> Self {
        let mut moments = Array2::zeros((states + 1, states + 1));
        moments[[0, 0]] = 1.0;
        Self(moments)
    }

    /// Those of a state that is `position` for certain, with momenta of 0.
    ///
    /// **Panics** if `position` has more coordinates than the state.
    #[track_caller]
    pub fn at(position: &[f64], states: usize) -> Self {
        assert!(position.len() <= states, "{} coordinates in a state of {states}", position.len());
        let state = |i: usize| if i == 0 { 1.0 } else { position.get(i - 1).copied().unwrap_or(0.0) };
        Self(Array2::from_shape_fn((states + 1, states + 1), |(i, j)| state(i) * state(j)))
    }

    /// E sᵢ.
    pub fn mean(&self, i: usize) -> f64 {
        self.0[[0, i + 1]]
    }

    /// E sᵢsⱼ.
    pub fn product(&self, i: usize, j: usize) -> f64 {
        self.0[[i + 1, j + 1]]
    }

    /// Cov(sᵢ, sⱼ).
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        self.product(i, j) - self.mean(i) * self.mean(j)
    }

    /// Components of the state.
    pub fn states(&self) -> usize {
        self.0.nrows() - 1
    }

    /// `weight` of the law.
    pub(crate) fn part(&self, weight: f64) -> Self {
        Self(weight * &self.0)
    }

    /// Adds another part of the law.
    pub(crate) fn add(&mut self, part: &Self) {
        self.0 += &part.0;
    }

    /// How far these are from `settled`: the greatest difference of a mean or a covariance, in units of the deviations of
    /// `settled`.
    pub(crate) fn distance(&self, settled: &Self) -> f64 {
        // Something that does not move, such as a momentum without persistence or noise, must be there to the bit.
        let deviation = |i: usize| settled.covariance(i, i).max(f64::MIN_POSITIVE).sqrt();
        let mut differences = Vec::new();
        for i in 0..self.states() {
            differences.push((self.mean(i) - settled.mean(i)).abs() / deviation(i));
            for j in 0..=i {
                let difference = (self.covariance(i, j) - settled.covariance(i, j)).abs();
                differences.push(difference / (deviation(i) * deviation(j)));
            }
        }
        // Moments that overflowed are at no distance from each other, but not settled either.
        if differences.iter().any(|d| d.is_nan()) { f64::NAN } else { differences.into_iter().fold(0.0, f64::max) }
    }
}

/// An update s ← M·s + m + N(0, Q).
#[derive(Clone, PartialEq, Debug)]
pub struct Affine {
    /// M and m: of s̃ = (1, s).
    map: Array2<f64>,
    /// Q: of s̃, so that the first row and column are 0.
    noise: Array2<f64>,
}

impl Affine {
    /// The update with the given M, m and Q; the state starts with the position.
    ///
    /// **Panics** unless they have the shapes n × n, n and n × n.
    #[track_caller]
    pub fn new(matrix: &Array2<f64>, shift: &Array1<f64>, noise: &Array2<f64>) -> Self {
        let n = shift.len();
        assert_eq!((matrix.dim(), noise.dim()), ((n, n), (n, n)), "shapes of M and Q for a shift of {n}");
        let (mut map, mut added) = (Array2::zeros((n + 1, n + 1)), Array2::zeros((n + 1, n + 1)));
        map[[0, 0]] = 1.0;
        map.slice_mut(s![1.., 0]).assign(shift);
        map.slice_mut(s![1.., 1..]).assign(matrix);
        added.slice_mut(s![1.., 1..]).assign(noise);
        Self { map, noise: added }
    }

    /// Components of the state.
    pub fn states(&self) -> usize {
        self.map.nrows() - 1
    }

    /// The moments after the update, given those before; linear, so that parts of a law may be moved one by one.
    pub fn apply(&self, before: &Moments) -> Moments {
        let mut after = self.map.dot(&before.0).dot(&self.map.t());
        after.scaled_add(before.0[[0, 0]], &self.noise);
        Moments(after)
    }

    /// E sᵢ(t)·sⱼ(t+1) with the moments at time t.
    pub fn lagged(&self, before: &Moments, i: usize, j: usize) -> f64 {
        self.map.row(j + 1).dot(&before.0.column(i + 1))
    }

    /// This update, and then `next`, as one.
    pub fn then(&self, next: &Self) -> Self {
        let noise = next.map.dot(&self.noise).dot(&next.map.t()) + &next.noise;
        Self { map: next.map.dot(&self.map), noise }
    }

    /// The moments that the update leaves as they are.
    ///
    /// **Panics** if it has none: the update is unstable.
    #[track_caller]
    pub fn stationary(&self) -> Moments {
        self.settle(0.0).0
    }

    /// Updates from the state 0 until the moments are within `tolerance` of the stationary ones, in units of their
    /// deviations; rounded up to a power of two.
    ///
    /// **Panics** if the update is unstable.
    #[track_caller]
    pub fn settling(&self, tolerance: f64) -> u64 {
        self.settle(tolerance).1
    }

    /// By doubling: 2ᵏ updates as one, until twice as many make no difference.
    #[track_caller]
    fn settle(&self, tolerance: f64) -> (Moments, u64) {
        let mut updates = self.clone();
        let mut history = vec![self.apply(&Moments::at_rest(self.states()))];
        loop {
            updates = updates.then(&updates);
            let moments = updates.apply(&Moments::at_rest(self.states()));
            let still = moments.distance(history.last().expect("the first"));
            history.push(moments);
            if still < 1e-11 {
                break;
            }
            assert!(history.len() < 40 && still.is_finite(), "the update is unstable: {self:?}");
        }
        let settled = history.last().expect("the last").clone();
        let first = history.iter().position(|moments| moments.distance(&settled) <= tolerance);
        (settled, 1 << first.expect("the last is at no distance from itself"))
    }
}

/// A quadratic gradient estimate ∇Û(θ) = Hθ − b, and how the update uses it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// ε.
    pub epsilon: f64,
    /// T.
    pub temperature: f64,
    /// Whether the update adds noise; without, it explores.
    pub samples: bool,
    /// Whether it is the first: BAOAB then has no half kick of an update before to catch up on.
    pub first: bool,
    /// H, symmetric.
    pub h: &'a Array2<f64>,
    /// b.
    pub b: &'a Array1<f64>,
}

impl Setting<'_> {
    fn noise(&self, variance: f64) -> f64 {
        if self.samples { variance } else { 0.0 }
    }
}

/// θ ← θ − (ε/2)·(Hθ − b) + N(0, T·ε·I).
pub fn sgld(setting: Setting<'_>) -> Affine {
    preconditioned(setting, &Array1::ones(setting.b.len()))
}

/// θ ← θ − (ε/2)·G·(Hθ − b) + N(0, T·ε·G) with a constant diagonal G.
pub fn preconditioned(setting: Setting<'_>, metric: &Array1<f64>) -> Affine {
    let Setting { epsilon, temperature, h, b, .. } = setting;
    let metric = Array2::from_diag(metric);
    let matrix = Array2::eye(b.len()) - 0.5 * epsilon * metric.dot(h);
    Affine::new(&matrix, &(0.5 * epsilon * metric.dot(b)), &(setting.noise(temperature * epsilon) * &metric))
}

/// u ← (1 − α)·u − (ε/2)·(Hθ − b) + N(0, `variance`·I), θ ← θ + u.
///
/// SGHMC has the variance T·ε·α − (ε/2)²·V.
pub fn underdamped(setting: Setting<'_>, friction: f64, variance: f64) -> Affine {
    kick(setting, 0.5 * setting.epsilon, 1.0 - friction, variance).then(&drift(setting.b.len(), 1.0))
}

/// u ← u − ε·(Hθ − b), θ ← θ + u/2, u ← (1 − α)·u + N(0, T·ε·(1 − (1 − α)²)·I), θ ← θ + u/2.
pub fn baoab(setting: Setting<'_>, friction: f64) -> Affine {
    noisy_baoab(setting, friction, 0.0)
}

/// BAOAB where the gradients' coordinates have noise of variance `noise`, independent from update to update.
pub fn noisy_baoab(setting: Setting<'_>, friction: f64, noise: f64) -> Affine {
    let (keep, half) = (1.0 - friction, drift(setting.b.len(), 0.5));
    let variance = setting.temperature * setting.epsilon * (1.0 - keep * keep);
    let step = if setting.first { 0.5 * setting.epsilon } else { setting.epsilon };
    kick(setting, step, 1.0, step * step * noise).then(&half).then(&kick(setting, 0.0, keep, variance)).then(&half)
}

/// SGNHT with so many coordinates that its thermostat stands still: friction α where the mean of E u² is T·ε/(2 − α).
///
/// The noise has the variance T·ε·a. With d coordinates α fluctuates by O(1/√d), which changes the moments by O(1/d).
///
/// **Panics** where no friction up to 1 does it.
#[track_caller]
pub fn thermostatted(setting: Setting<'_>, diffusion: f64) -> Affine {
    let n = setting.b.len();
    let law = |friction| underdamped(setting, friction, setting.temperature * setting.epsilon * diffusion);
    let excess = |friction: f64| {
        let moments = law(friction).stationary();
        let mean = (n..2 * n).map(|i| moments.product(i, i)).sum::<f64>() / n as f64;
        mean - setting.temperature * setting.epsilon / (2.0 - friction)
    };
    // More friction, less momentum; by bisection.
    let (mut low, mut high) = (1e-3 * diffusion, 1.0_f64.max(diffusion));
    assert!(excess(low) > 0.0 && excess(high) < 0.0, "no friction gives E u² = T·ε/(2 − α)");
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    law(low)
}

/// MCLMC with so many coordinates that lengths and angles stand still, in u = √(T·ε·d)·n; see [`isokinetic_blocks`].
pub fn isokinetic(setting: Setting<'_>, friction: f64) -> Affine {
    isokinetic_blocks(&[(setting, 0.0)], friction).remove(0)
}

/// The laws of MCLMC for blocks of coordinates that share a direction, as many of each: their potentials, and the variance of the noise in
/// the gradients of their coordinates, independent from update to update.
///
/// A turn is n ← (n + e·(sinh δ + a·(cosh δ − 1)))/S with e = −∇Û/|∇Û|, δ = √(ε/T)·√(mean of ∇Û²), a = e·n and S = cosh δ + a·sinh δ. With many
/// coordinates δ and a are as their means, and the turn is u ← A·u − B·ε·∇Û with A = 1/S and B = A·(sinh δ + a·(cosh δ − 1))/δ. The law
/// determines δ and a, and these A and B, which determine the law: a fixed point, by iteration. With d coordinates δ and a fluctuate by
/// O(1/√d), which changes the moments by O(1/d).
///
/// **Panics** if the iteration finds none.
#[track_caller]
pub fn isokinetic_blocks(blocks: &[(Setting<'_>, f64)], friction: f64) -> Vec<Affine> {
    let (Setting { epsilon, temperature, .. }, _) = blocks[0];
    let keep = 1.0 - friction;
    let laws = |a: f64, b: f64| -> Vec<Affine> {
        let law = |&(setting, noise): &(Setting<'_>, f64)| {
            let half = drift(setting.b.len(), 0.5);
            let turn = kick(setting, b * epsilon, a, (b * epsilon).powi(2) * noise);
            let variance = temperature * epsilon * (1.0 - keep * keep);
            turn.then(&half).then(&kick(setting, 0.0, keep, variance)).then(&half)
        };
        blocks.iter().map(law).collect()
    };
    let (mut a, mut b) = (1.0, 1.0);
    for _ in 0..500 {
        // Means over all coordinates of ∇Û² and ∇Û·u.
        let (mut square, mut product, mut count) = (0.0, 0.0, 0.0);
        for (law, &(setting, noise)) in laws(a, b).iter().zip(blocks) {
            let (moments, n) = (law.stationary(), setting.b.len());
            // ∇U = Hθ − b, as a function of (1, θ, u).
            let slope = |i: usize| -> Vec<f64> {
                [-setting.b[i]].into_iter().chain(setting.h.row(i).iter().copied()).chain(vec![0.0; n]).collect()
            };
            for i in 0..n {
                let slope = Array1::from(slope(i));
                let along = moments.0.dot(&slope);
                square += slope.dot(&along) + noise;
                product += along[1 + n + i];
                count += 1.0;
            }
        }
        let (square, product) = (square / count, product / count);
        let delta = (epsilon / temperature * square).sqrt();
        let along = -product / (square * temperature * epsilon).sqrt();
        let next = 1.0 / (delta.cosh() + along * delta.sinh());
        let push = next * (delta.sinh() + along * (delta.cosh() - 1.0)) / delta;
        let still = (next - a).abs().max((push - b).abs());
        (a, b) = (next, push);
        if still < 1e-12 {
            return laws(a, b);
        }
    }
    panic!("no turn keeps its own law: A = {a}, B = {b}")
}

/// u ← `keep`·u − `step`·(Hθ − b) + N(0, `variance`·I).
fn kick(setting: Setting<'_>, step: f64, keep: f64, variance: f64) -> Affine {
    let Setting { h, b, .. } = setting;
    let n = b.len();
    let (mut matrix, mut shift, mut noise) = (Array2::eye(2 * n), Array1::zeros(2 * n), Array2::zeros((2 * n, 2 * n)));
    matrix.slice_mut(s![n.., ..n]).assign(&(-step * h));
    matrix.slice_mut(s![n.., n..]).diag_mut().fill(keep);
    shift.slice_mut(s![n..]).assign(&(step * b));
    noise.slice_mut(s![n.., n..]).diag_mut().fill(setting.noise(variance));
    Affine::new(&matrix, &shift, &noise)
}

/// θ ← θ + `part`·u.
fn drift(n: usize, part: f64) -> Affine {
    let mut matrix = Array2::eye(2 * n);
    matrix.slice_mut(s![..n, n..]).diag_mut().fill(part);
    Affine::new(&matrix, &Array1::zeros(2 * n), &Array2::zeros((2 * n, 2 * n)))
}

#[cfg(test)]
mod tests;
