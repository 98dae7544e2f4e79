//! The exact law of the simulator with a discretized sampler: θ and the data stay jointly Gaussian.
//!
//! Given a division of the data into minibatches, a round is linear in w = (s, c, θ₀, e): the sampler's state s = (θ, u), the center
//! c of a control variate, θ₀ from which the data y = Xθ₀ + e/√β were drawn, and their noise e. All have mean 0, so that E wwᵀ is
//! the law. The minibatches' randomness enters by the mean over all divisions of the data.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, s};

use crate::affine::{Affine, Moments, Setting};
use crate::model::{Model, Response};
use crate::transition::Estimator;

/// A simulator of θ and data, as far as its law depends on it.
pub(super) struct Simulator<'a> {
    pub(super) model: &'a Model,
    /// The law of an update.
    pub(super) affine: fn(Setting<'_>) -> Affine,
    pub(super) epsilon: f64,
    /// B; a divisor of N, or N.
    pub(super) batch: usize,
    pub(super) estimator: Estimator,
    /// Updates per round: no more than an epoch has, or any number of full batches.
    pub(super) updates: u64,
}

/// w ← map·w + N(0, noise).
struct Linear {
    map: Array2<f64>,
    noise: Array2<f64>,
}

impl Simulator<'_> {
    /// β.
    fn precision(&self) -> f64 {
        match self.model.response {
            Response::Gaussian { precision } => precision,
            Response::Bernoulli => panic!("no simulator of labels is linear"),
        }
    }

    /// x_n as a row each.
    fn covariates(&self) -> Array2<f64> {
        let (n, p) = (self.model.num_data(), self.model.dim());
        Array2::from_shape_fn((n, p), |(n, i)| self.model.covariates[n][i])
    }

    /// Components of s, of θ, and of w.
    fn sizes(&self) -> (usize, usize, usize) {
        let p = self.model.dim();
        let states = self.update(1, &Array2::eye(p), &Array1::zeros(p)).states();
        (states, p, states + 2 * p + self.model.num_data())
    }

    /// Update number `k` of a round with the estimate Hθ − b.
    fn update(&self, k: u64, h: &Array2<f64>, b: &Array1<f64>) -> Affine {
        (self.affine)(Setting { epsilon: self.epsilon, temperature: 1.0, samples: true, first: k == 0, h, b })
    }

    /// Update number `k` of a round, with the given minibatch.
    fn step(&self, k: u64, minibatch: &[usize]) -> Linear {
        let (states, p, size) = self.sizes();
        let (x, beta, n) = (self.covariates(), self.precision(), self.model.num_data());
        let curvature = |terms: &[usize]| {
            let x = x.select(ndarray::Axis(0), terms);
            n as f64 / terms.len() as f64 * beta * x.t().dot(&x)
        };
        let all: Vec<usize> = (0..n).collect();
        let h = curvature(minibatch) + self.model.tau * Array2::<f64>::eye(p);

        // The estimate is Hθ − b with b linear in w.
        let mut b = Array2::zeros((p, size));
        let (center, origin, noise) = (states, states + p, states + 2 * p);
        let seen = match self.estimator {
            Estimator::Plain => minibatch,
            // ∇U(c) + H(θ − c): the minibatch's responses cancel, those of ∇U(c) stay.
            Estimator::ControlVariate | Estimator::Svrg(_) => {
                b.slice_mut(s![.., center..origin]).assign(&(curvature(minibatch) - curvature(&all)));
                &all
            }
        };
        b.slice_mut(s![.., origin..noise]).assign(&curvature(seen));
        for &term in seen {
            let weight = n as f64 / seen.len() as f64 * beta.sqrt();
            b.slice_mut(s![.., noise + term]).assign(&(weight * &x.row(term)));
        }

        // The update's matrices, by what it does to certain states.
        let zero = Array1::zeros(p);
        let unit = |i: usize, n: usize| Array1::from_shape_fn(n, |j| f64::from(u8::from(i == j)));
        let after = |state: &Array1<f64>, b: &Array1<f64>| {
            let moments = self.update(k, &h, b).apply(&Moments::at(&state.to_vec(), states));
            Array1::from_shape_fn(states, |i| moments.mean(i))
        };
        let mut map = Array2::eye(size);
        for j in 0..states {
            map.slice_mut(s![..states, j]).assign(&after(&unit(j, states), &zero));
        }
        for j in 0..p {
            let response = after(&Array1::zeros(states), &unit(j, p));
            for i in 0..states {
                map.slice_mut(s![i, ..]).scaled_add(response[i], &b.row(j));
            }
        }
        let rest = self.update(k, &h, &zero).apply(&Moments::at(&vec![0.0; states], states));
        let mut noise = Array2::zeros((size, size));
        for (i, j) in (0..states).flat_map(|i| (0..states).map(move |j| (i, j))) {
            noise[[i, j]] = rest.covariance(i, j);
        }

        let refreshed = match self.estimator {
            Estimator::Plain => false,
            Estimator::ControlVariate => k == 0,
            Estimator::Svrg(every) => k.is_multiple_of(every),
        };
        if refreshed {
            // c ← θ before the update.
            let mut copy = Array2::eye(size);
            for i in 0..p {
                copy[[center + i, center + i]] = 0.0;
                copy[[center + i, i]] = 1.0;
            }
            map = map.dot(&copy);
        }
        Linear { map, noise }
    }

    /// A round for each division of the data.
    fn rounds(&self) -> Vec<Linear> {
        let (_, _, size) = self.sizes();
        let (terms, batch) = (self.model.num_data(), self.batch.min(self.model.num_data()));
        // Many divisions, few different updates.
        let mut steps = BTreeMap::new();
        let round = |division: Vec<Vec<usize>>| {
            let mut round = Linear { map: Array2::eye(size), noise: Array2::zeros((size, size)) };
            for k in 0..self.updates {
                let minibatch = if batch == terms { &division[0] } else { &division[k as usize] };
                let step = steps.entry((k, minibatch.clone())).or_insert_with(|| self.step(k, minibatch));
                round.map = step.map.dot(&round.map);
                round.noise = step.map.dot(&round.noise).dot(&step.map.t()) + &step.noise;
            }
            round
        };
        divisions((0..terms).collect(), batch).into_iter().map(round).collect()
    }

    /// E vvᵀ after so many rounds minus E vvᵀ of the model, for v = (θ, Xᵀy/N) with the y that the last round saw.
    pub(super) fn bias(&self, rounds: u64) -> Array2<f64> {
        let (states, p, size) = self.sizes();
        let (x, n) = (self.covariates(), self.model.num_data());
        let (origin, noise) = (states + p, states + 2 * p);
        let mut v = Array2::zeros((2 * p, size));
        for i in 0..p {
            v[[i, i]] = 1.0;
        }
        v.slice_mut(s![p.., origin..noise]).assign(&(x.t().dot(&x) / n as f64));
        v.slice_mut(s![p.., noise..]).assign(&(&x.t() / (n as f64 * self.precision().sqrt())));

        // θ₀ = θ with the given second moments, u = 0, e ~ N(0, I).
        let start = |theta: &Array2<f64>| {
            let mut law = Array2::zeros((size, size));
            for (a, b) in [(0, 0), (0, origin), (origin, 0), (origin, origin)] {
                law.slice_mut(s![a..a + p, b..b + p]).assign(theta);
            }
            law.slice_mut(s![noise.., noise..]).assign(&Array2::eye(n));
            law
        };
        let prior = Array2::<f64>::eye(p) / self.model.tau;
        let (maps, mut theta, mut law) = (self.rounds(), prior.clone(), start(&prior));
        let exact = v.dot(&law).dot(&v.t());
        for _ in 0..rounds {
            let before = start(&theta);
            law = Array2::zeros((size, size));
            for Linear { map, noise } in &maps {
                law += &((map.dot(&before).dot(&map.t()) + noise) / maps.len() as f64);
            }
            theta = law.slice(s![..p, ..p]).to_owned();
        }
        v.dot(&law).dot(&v.t()) - exact
    }
}

/// All the ways to divide `items` into minibatches of `batch` in a row, each as likely; the remainder is left out.
fn divisions(items: Vec<usize>, batch: usize) -> Vec<Vec<Vec<usize>>> {
    if items.len() < batch {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for chosen in (0..1_u32 << items.len()).filter(|chosen| chosen.count_ones() as usize == batch) {
        let (minibatch, rest): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(|&i| chosen & (1 << i) != 0);
        for later in divisions(rest.iter().map(|&i| items[i]).collect(), batch) {
            all.push(std::iter::once(minibatch.iter().map(|&i| items[i]).collect()).chain(later).collect());
        }
    }
    all
}

#[cfg(test)]
mod tests;
