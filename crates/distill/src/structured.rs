//! WGAN-GP updates that never form a B × d array.
//!
//! The critic's first layer W₁ and the generator's last one (W_g, b_g) are linear in R^d, so d enters an update through four
//! small products only, with X the batch and V = W₁ᵀ:
//!
//! A = X·V (B × h), G = W_gᵀ·V (h × h), K = Vᵀ·V (h × h), w = Vᵀ·b_g (h).
//!
//! With H the generator's last hidden layer, the pre-activations of the points are A, of the generated ones F = H·G + 1wᵀ, of
//! the interpolates A + e∘(F − A), and if δ is the derivative of the critic there, the squared gradient norms are the diagonal of
//! δ·K·δᵀ. The loss is a function of (A, G, K, w) and small parameters, differentiated on matrices of B or h rows
//! (the module `small`); the large gradients are products again (the module `tile`):
//!
//! ∂V = Xᵀ·∂A + W_g·∂G + b_g·∂wᵀ + V·(∂K + ∂Kᵀ), ∂W_g = V·∂Gᵀ, ∂b_g = V·∂w.
//!
//! Coordinates are cut into tiles. Once a tile's gradient is formed and applied, the tile is still in the cache: that is when
//! its share of A, G, K, w for the *next* update is added up, so that each update reads the parameters from memory once.

mod small;
mod tile;

use std::sync::Mutex;

use rayon::prelude::*;

use crate::Rows;
use crate::batch::{Batch, Points};
use crate::kernel::Element;
use crate::loss::CriticLoss;
use crate::model::{Critic, GeneratorNet, Rule, Widths};
use tile::{Partial, Scratch};

/// Coordinates per tile: six blocks of tile × h numbers share the second-level cache.
const TILE: usize = 192;

/// Partial sums of the small products: a fixed number, so that sums do not depend on the number of threads.
const PARTS: usize = 64;

/// The engine: buffers, and the small products if they are up to date.
pub(crate) struct Structured<T> {
    widths: Widths,
    batch: usize,
    /// Coordinates per part.
    part: usize,
    partials: Vec<T>,
    scratch: Mutex<Vec<Scratch<T>>>,
    products: Option<(u64, Products<T>)>,
}

/// A, G, K, w of the module's documentation, row-major.
pub(crate) struct Products<T> {
    real: Vec<T>,
    cross: Vec<T>,
    gram: Vec<T>,
    shift: Vec<T>,
}

impl<T: Element> Structured<T> {
    pub(crate) fn new(widths: Widths, batch: usize) -> Self {
        let tiles = widths.dim.div_ceil(TILE);
        let part = tiles.div_ceil(PARTS) * TILE;
        let parts = widths.dim.div_ceil(part);
        let partials = vec![T::zero(); parts * Partial::<T>::len(widths, batch)];
        Self { widths, batch, part, partials, scratch: Mutex::default(), products: None }
    }

    /// One critic update, number `number` from 0, after which A is that of the points `next`. Leaves the parameters as they were
    /// if the loss is not finite.
    pub(crate) fn critic_step<R: Rows>(
        &mut self,
        critic: &mut Critic<T>,
        generator: &GeneratorNet<T>,
        points: &Points<'_, R>,
        batch: &Batch,
        next: &[u32],
        penalty: f64,
        rule: &impl Rule<T>,
        number: u64,
    ) -> CriticLoss {
        let products = self.products(critic, generator, points, &batch.rows, number);
        let (losses, gradient) = small::critic(self.widths, critic, generator, batch, &products, penalty);
        if !losses.loss.is_finite() {
            self.products = Some((number, products));
            return losses;
        }
        let t = number + 1;
        let head = &mut critic.head;
        rule.apply(t, &mut head.value, &gradient.head, &mut head.first, &mut head.second);

        let (widths, part) = (self.widths, self.part);
        let block = part * widths.hidden;
        let scratch = &self.scratch;
        let first = &mut critic.first;
        self.partials
            .par_chunks_mut(Partial::<T>::len(widths, self.batch))
            .zip(first.value.par_chunks_mut(block))
            .zip(first.first.par_chunks_mut(block).zip(first.second.par_chunks_mut(block)))
            .zip(generator.weight.value.par_chunks(block).zip(generator.bias.value.par_chunks(part)))
            .enumerate()
            .for_each(|(i, (((partial, value), (first, second)), (weight, bias)))| {
                let mut partial = Partial::new(partial, widths, self.batch);
                Scratch::with(scratch, widths, self.batch, |scratch| {
                    for (columns, rows) in tile::tiles(i * part, bias.len(), widths.hidden) {
                        let local = columns.start - i * part..columns.end - i * part;
                        let (value, weight, bias) = (&mut value[rows.clone()], &weight[rows.clone()], &bias[local]);
                        points.gather(&batch.rows, columns.clone(), scratch.points(columns.len()));
                        let slope = scratch.critic_gradient(&gradient, value, weight, bias);
                        rule.apply(t, value, slope, &mut first[rows.clone()], &mut second[rows]);
                        points.gather(next, columns.clone(), scratch.points(columns.len()));
                        partial.add_points(scratch.points(columns.len()), value);
                        partial.add_cross(weight, bias, value);
                        partial.add_gram(value);
                    }
                });
            });
        self.products = Some((number + 1, self.reduce()));
        losses
    }

    /// One generator update, number `number` from 0; returns its loss. `next` are the points of critic update `critic_number`,
    /// the one that comes next. Leaves the parameters as they were if the loss is not finite.
    pub(crate) fn generator_step<R: Rows>(
        &mut self,
        critic: &Critic<T>,
        generator: &mut GeneratorNet<T>,
        points: &Points<'_, R>,
        batch: &Batch,
        (critic_number, next): (u64, &[u32]),
        rule: &impl Rule<T>,
        number: u64,
    ) -> f64 {
        let products = self.products(critic, generator, points, next, critic_number);
        let (loss, gradient) = small::generator(self.widths, critic, generator, batch, &products);
        if !loss.is_finite() {
            self.products = Some((critic_number, products));
            return loss;
        }
        let t = number + 1;
        let trunk = &mut generator.trunk;
        rule.apply(t, &mut trunk.value, &gradient.trunk, &mut trunk.first, &mut trunk.second);

        let (widths, part) = (self.widths, self.part);
        let block = part * widths.hidden;
        let scratch = &self.scratch;
        let (weight, bias) = (&mut generator.weight, &mut generator.bias);
        self.partials
            .par_chunks_mut(Partial::<T>::len(widths, self.batch))
            .zip(critic.first.value.par_chunks(block))
            .zip(weight.value.par_chunks_mut(block))
            .zip(weight.first.par_chunks_mut(block).zip(weight.second.par_chunks_mut(block)))
            .zip(bias.value.par_chunks_mut(part))
            .zip(bias.first.par_chunks_mut(part).zip(bias.second.par_chunks_mut(part)))
            .for_each(|(((((partial, value), weight), weight_moments), bias), bias_moments)| {
                let mut partial = Partial::new(partial, widths, self.batch);
                Scratch::with(scratch, widths, self.batch, |scratch| {
                    for (columns, rows) in tile::tiles(0, bias.len(), widths.hidden) {
                        let value = &value[rows.clone()];
                        let (weight, bias) = (&mut weight[rows.clone()], &mut bias[columns.clone()]);
                        let (weight_slope, bias_slope) = scratch.generator_gradient(&gradient, value);
                        let (first, second) = (&mut weight_moments.0[rows.clone()], &mut weight_moments.1[rows]);
                        rule.apply(t, weight, weight_slope, first, second);
                        let (first, second) = (&mut bias_moments.0[columns.clone()], &mut bias_moments.1[columns]);
                        rule.apply(t, bias, bias_slope, first, second);
                        partial.add_cross(weight, bias, value);
                    }
                });
            });
        let changed = self.reduce();
        // The critic has not changed: A and K hold.
        self.products = Some((critic_number, Products { cross: changed.cross, shift: changed.shift, ..products }));
        loss
    }

    /// The products for critic update `number`, which sees the points `rows`: those left by the step before, or computed.
    fn products<R: Rows>(
        &mut self,
        critic: &Critic<T>,
        generator: &GeneratorNet<T>,
        points: &Points<'_, R>,
        rows: &[u32],
        number: u64,
    ) -> Products<T> {
        if let Some((of, products)) = self.products.take()
            && of == number
        {
            return products;
        }
        let (widths, part) = (self.widths, self.part);
        let block = part * widths.hidden;
        let scratch = &self.scratch;
        self.partials
            .par_chunks_mut(Partial::<T>::len(widths, self.batch))
            .zip(critic.first.value.par_chunks(block))
            .zip(generator.weight.value.par_chunks(block).zip(generator.bias.value.par_chunks(part)))
            .enumerate()
            .for_each(|(i, ((partial, value), (weight, bias)))| {
                let mut partial = Partial::new(partial, widths, self.batch);
                Scratch::with(scratch, widths, self.batch, |scratch| {
                    for (columns, block) in tile::tiles(i * part, bias.len(), widths.hidden) {
                        let local = columns.start - i * part..columns.end - i * part;
                        let (value, weight) = (&value[block.clone()], &weight[block]);
                        points.gather(rows, columns.clone(), scratch.points(columns.len()));
                        partial.add_points(scratch.points(columns.len()), value);
                        partial.add_cross(weight, &bias[local], value);
                        partial.add_gram(value);
                    }
                });
            });
        self.reduce()
    }

    /// The partial sums, added up in the order of the parts.
    fn reduce(&self) -> Products<T> {
        const CHUNK: usize = 2048;
        let len = Partial::<T>::len(self.widths, self.batch);
        let mut sum = vec![T::zero(); len];
        sum.par_chunks_mut(CHUNK).enumerate().for_each(|(i, sum)| {
            for partial in self.partials.chunks_exact(len) {
                sum.iter_mut().zip(&partial[i * CHUNK..]).for_each(|(sum, &x)| *sum += x);
            }
        });
        Partial::<T>::split(&sum, self.widths, self.batch)
    }
}

#[cfg(test)]
mod tests;
