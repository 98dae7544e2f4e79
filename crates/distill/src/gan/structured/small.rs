//! Losses and derivatives on matrices of B or h rows, by hand: in buffers that are used again, without a tape.
//!
//! ReLU's derivative is constant between kinks, so that the critic's slope at an interpolate, δ₁ = ((w₄∘m₃)·W₃ ∘ m₂)·W₂ ∘ m₁ with
//! masks m, is the backward pass of the score itself: the interpolates go through the critic as further rows of the batch, with
//! derivative 1 of their score. The penalty's derivative in δ₁, E₁, then travels *forward* through the masked layers,
//!
//! E₂ = (E₁·W₂ᵀ) ∘ m₂, E₃ = (E₂·W₃ᵀ) ∘ m₃,
//!
//! and ∂W₂ = δ₂ᵀE₁, ∂W₃ = δ₃ᵀE₂, ∂w₄ = ΣE₃: the same products as those of the scores, in which the activations of the interpolates
//! are replaced by E. So the whole double backward is one forward pass more, and biases, points and generated points do not feel it.

use super::dense::{
    add_product, backward, bias_gradient, dot, forward, gate, product, relu, transpose, weight_gradient,
};
use super::products::{CriticGradient, GeneratorGradient, Products};
use crate::gan::batch::Batch;
use crate::gan::loss::{CriticLoss, EPSILON, Objective};
use crate::gan::model::{Critic, GeneratorNet, Widths, total};
use crate::kernel::{Element, Left};

/// Buffers, and the gradients that the last calls left.
pub(super) struct Small<T> {
    widths: Widths,
    batch: usize,
    objective: Objective,
    /// Latent vectors and the trunk's three layers, B rows each.
    trunk: [Vec<T>; 4],
    /// The critic's hidden layers: B rows of points, B of generated ones, and B of interpolates where there is a penalty.
    layers: [Vec<T>; 3],
    /// Derivatives before these layers' ReLUs (and before the trunk's, in a generator update).
    slopes: [Vec<T>; 3],
    /// Scores, then the loss's derivatives in them.
    scores: Vec<T>,
    /// B × h.
    spare: Vec<T>,
    /// A transposed weight.
    transposed: Vec<T>,
    pub(super) critic: CriticGradient<T>,
    pub(super) generator: GeneratorGradient<T>,
}

impl<T: Element> Small<T> {
    pub(super) fn new(widths: Widths, batch: usize, objective: Objective) -> Self {
        let (h, z) = (widths.hidden, widths.latent);
        let zeros = |len| vec![T::zero(); len];
        let rows = if objective.penalty.is_some() { 3 * batch } else { 2 * batch };
        Self {
            widths,
            batch,
            objective,
            trunk: [z, h, h, h].map(|width| zeros(batch * width)),
            layers: [rows * h; 3].map(zeros),
            slopes: [rows * h; 3].map(zeros),
            scores: zeros(rows),
            spare: zeros(batch * h),
            transposed: zeros(h * h.max(z)),
            critic: CriticGradient {
                real: zeros(batch * h),
                gram: zeros(if objective.penalty.is_some() { h * h } else { 0 }),
                cross: zeros(h * h),
                shift: zeros(h),
                head: zeros(total(&widths.head())),
            },
            generator: GeneratorGradient { cross: zeros(h * h), shift: zeros(h), trunk: zeros(total(&widths.trunk())) },
        }
    }

    /// The critic's loss, and its derivatives into `self.critic`.
    pub(super) fn critic(
        &mut self,
        critic: &Critic<T>,
        generator: &GeneratorNet<T>,
        batch: &Batch,
        products: &Products<'_, T>,
    ) -> CriticLoss {
        let (h, size) = (self.widths.hidden, self.batch);
        let block = size * h;
        self.trunk(generator, batch);
        let (real, rest) = self.layers[0].split_at_mut(block);
        let (fake, between) = rest.split_at_mut(block);
        real.copy_from_slice(products.real);
        generated(&self.trunk[3], products, fake);
        for (i, between) in between.chunks_exact_mut(h).enumerate() {
            let (row, mix) = (i * h..(i + 1) * h, T::from_f32(batch.mix[i]));
            for ((x, &real), &fake) in between.iter_mut().zip(&real[row.clone()]).zip(&fake[row]) {
                *x = real + mix * (fake - real);
            }
        }

        self.score(critic, self.scores.len());
        let mut report = self.judge();
        self.slope(critic, self.scores.len());
        if let Some(weight) = self.objective.penalty {
            report.penalty = self.penalty(critic, weight, products.gram);
            report.loss += weight * report.penalty;
        }

        let Self { widths, layers, slopes, scores, critic: gradient, .. } = self;
        let [bias1, weight2, bias2, weight3, bias3, weight4, bias4] =
            split_mut(&mut gradient.head, widths.head_lengths());
        bias_gradient(&slopes[0][..2 * block], bias1);
        weight_gradient(&slopes[1], h, &layers[0], weight2);
        bias_gradient(&slopes[1][..2 * block], bias2);
        weight_gradient(&slopes[2], h, &layers[1], weight3);
        bias_gradient(&slopes[2][..2 * block], bias3);
        weight_gradient(scores, 1, &layers[2], weight4);
        bias_gradient(&scores[..2 * size], bias4);
        let (real, fake) = slopes[0][..2 * block].split_at(block);
        gradient.real.copy_from_slice(real);
        weight_gradient(&self.trunk[3], h, fake, &mut gradient.cross);
        bias_gradient(fake, &mut gradient.shift);
        report
    }

    /// The generator's loss, and its derivatives into `self.generator`.
    pub(super) fn generator(
        &mut self,
        critic: &Critic<T>,
        generator: &GeneratorNet<T>,
        batch: &Batch,
        products: &Products<'_, T>,
    ) -> f64 {
        let (h, size) = (self.widths.hidden, self.batch);
        let block = size * h;
        self.trunk(generator, batch);
        generated(&self.trunk[3], products, &mut self.layers[0][..block]);
        self.score(critic, size);
        let mut sum = 0.0;
        let share = T::one() / T::from_f64(size as f64);
        for score in &mut self.scores[..size] {
            let (value, slope) = self.objective.loss.term(*score, true);
            sum += value.as_f64();
            *score = slope * share;
        }
        self.slope(critic, size);

        let [_, _, weight2, _, weight3, _] = split(&generator.trunk.value, self.widths.trunk_lengths());
        let Self { widths, trunk, slopes, spare, transposed, generator: gradient, .. } = self;
        let [first, second, third] = slopes.each_mut().map(|slopes| &mut slopes[..block]);
        weight_gradient(first, h, &trunk[3], &mut gradient.cross);
        bias_gradient(first, &mut gradient.shift);
        // ∂H = ∂F·Gᵀ, and back through the trunk.
        let turned = &mut transposed[..h * h];
        transpose(products.cross, h, turned);
        backward(first, turned, h, &trunk[3], spare);
        backward(spare, weight3, h, &trunk[2], third);
        backward(third, weight2, h, &trunk[1], second);
        let [to_weight1, to_bias1, to_weight2, to_bias2, to_weight3, to_bias3] =
            split_mut(&mut gradient.trunk, widths.trunk_lengths());
        for (slope, x, weight, bias) in [
            (&spare[..], &trunk[2], to_weight3, to_bias3),
            (&*third, &trunk[1], to_weight2, to_bias2),
            (&*second, &trunk[0], to_weight1, to_bias1),
        ] {
            weight_gradient(slope, h, x, weight);
            bias_gradient(slope, bias);
        }
        sum / size as f64
    }

    /// H and the layers before it.
    fn trunk(&mut self, generator: &GeneratorNet<T>, batch: &Batch) {
        let h = self.widths.hidden;
        self.trunk[0].iter_mut().zip(&batch.latent).for_each(|(to, &x)| *to = T::from_f32(x));
        let [weight1, bias1, weight2, bias2, weight3, bias3] =
            split(&generator.trunk.value, self.widths.trunk_lengths());
        for (i, weight, bias) in [(0, weight1, bias1), (1, weight2, bias2), (2, weight3, bias3)] {
            let (before, after) = self.trunk.split_at_mut(i + 1);
            let transposed = &mut self.transposed[..weight.len()];
            transpose(weight, weight.len() / h, transposed);
            forward(&before[i], transposed, bias, &mut after[0]);
        }
    }

    /// Scores of the first `rows` rows, whose pre-activations without bias are in `layers[0]`; fills the layers.
    fn score(&mut self, critic: &Critic<T>, rows: usize) {
        let h = self.widths.hidden;
        let [bias1, weight2, bias2, weight3, bias3, weight4, bias4] =
            split(&critic.head.value, self.widths.head_lengths());
        let [first, second, third] = self.layers.each_mut().map(|layer| &mut layer[..rows * h]);
        for row in first.chunks_exact_mut(h) {
            row.iter_mut().zip(bias1).for_each(|(x, &bias)| *x += bias);
        }
        relu(first);
        let transposed = &mut self.transposed[..h * h];
        transpose(weight2, h, transposed);
        forward(first, transposed, bias2, second);
        transpose(weight3, h, transposed);
        forward(second, transposed, bias3, third);
        for (score, row) in self.scores[..rows].iter_mut().zip(third.chunks_exact(h)) {
            *score = bias4[0] + dot(row, weight4);
        }
    }

    /// The loss of the scores alone; puts its derivatives in their place, and 1 for the interpolates.
    fn judge(&mut self) -> CriticLoss {
        let size = self.batch;
        let share = T::one() / T::from_f64(size as f64);
        let (points, between) = self.scores.split_at_mut(2 * size);
        between.fill(T::one());
        let (mut sum, mut difference) = (0.0, 0.0);
        for (i, score) in points.iter_mut().enumerate() {
            let real = i < size;
            difference += if real { score.as_f64() } else { -score.as_f64() };
            let (value, slope) = self.objective.loss.term(*score, real);
            sum += value.as_f64();
            *score = slope * share;
        }
        CriticLoss { loss: sum / size as f64, wasserstein: difference / size as f64, penalty: 0.0 }
    }

    /// Derivatives before every ReLU of the first `rows` rows, from those in their scores.
    fn slope(&mut self, critic: &Critic<T>, rows: usize) {
        let h = self.widths.hidden;
        let [_, weight2, _, weight3, _, weight4, _] = split(&critic.head.value, self.widths.head_lengths());
        let [first, second, third] = self.slopes.each_mut().map(|slopes| &mut slopes[..rows * h]);
        product([rows, h, 1], Left::rows(&self.scores[..rows], 1), weight4, third);
        gate(&self.layers[2], third);
        backward(third, weight3, h, &self.layers[1], second);
        backward(second, weight2, h, &self.layers[0], first);
    }

    /// mean (√(δ₁Kδ₁ᵀ + ε) − 1)² over the interpolates; λ times its derivatives go into ∂K, and as E into their layers.
    fn penalty(&mut self, critic: &Critic<T>, weight: f64, gram: &[T]) -> f64 {
        let (h, size) = (self.widths.hidden, self.batch);
        let rows = 2 * size * h;
        let [_, weight2, _, weight3, ..] = split(&critic.head.value, self.widths.head_lengths());
        let Self { layers, slopes, spare, transposed, critic: gradient, .. } = self;
        let [first, second, third] = layers.each_mut().map(|layer| &mut layer[rows..]);
        let slope = &slopes[0][rows..];
        product([size, h, h], Left::rows(slope, h), gram, spare);
        let mut sum = 0.0;
        for (i, first) in first.chunks_exact_mut(h).enumerate() {
            let (slope, product) = (&slope[i * h..(i + 1) * h], &mut spare[i * h..(i + 1) * h]);
            // K is a Gram matrix, but rounding can take a norm near 0 below it.
            let squared = dot(slope, product);
            let flat = squared <= T::zero();
            let norm = (if flat { T::zero() } else { squared } + T::from_f64(EPSILON)).sqrt();
            let miss = norm - T::one();
            sum += miss.as_f64().powi(2);
            // Twice the derivative in the squared norm.
            let factor = if flat { T::zero() } else { T::from_f64(2.0 * weight / size as f64) * miss / norm };
            product.iter_mut().for_each(|x| *x *= factor);
            replace(first, product);
            product.iter_mut().zip(slope).for_each(|(x, &slope)| *x = factor * slope);
        }
        gradient.gram.fill(T::zero());
        add_product([h, h, size], Left::transposed(slope, h), spare, &mut gradient.gram);
        let transposed = &mut transposed[..h * h];
        let mut onward = |weight: &[T], before: &[T], after: &mut [T]| {
            transpose(weight, h, transposed);
            product([size, h, h], Left::rows(before, h), transposed, spare);
            replace(after, spare);
        };
        onward(weight2, first, second);
        onward(weight3, second, third);
        sum / size as f64
    }
}

/// F = H·G + 1wᵀ.
fn generated<T: Element>(hidden: &[T], products: &Products<'_, T>, out: &mut [T]) {
    let h = products.shift.len();
    out.chunks_exact_mut(h).for_each(|row| row.copy_from_slice(products.shift));
    add_product([out.len() / h, h, h], Left::rows(hidden, h), products.cross, out);
}

/// Where an activation is positive, its tangent takes its place.
fn replace<T: Element>(activations: &mut [T], tangents: &[T]) {
    activations.iter_mut().zip(tangents).for_each(|(x, &tangent)| {
        *x = if *x <= T::zero() { T::zero() } else { tangent };
    });
}

/// Consecutive parts of a flat block.
fn split<T, const N: usize>(mut flat: &[T], lengths: [usize; N]) -> [&[T]; N] {
    lengths.map(|length| {
        let (part, rest) = flat.split_at(length);
        flat = rest;
        part
    })
}

fn split_mut<T, const N: usize>(mut flat: &mut [T], lengths: [usize; N]) -> [&mut [T]; N] {
    lengths.map(|length| {
        let (part, rest) = std::mem::take(&mut flat).split_at_mut(length);
        flat = rest;
        part
    })
}

#[cfg(test)]
mod tests;
