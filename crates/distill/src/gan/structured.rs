//! Updates that never form a B × d array.
//!
//! The critic's first layer W₁ and the generator's last one (W_g, b_g) are linear in R^d, so d enters an update through four
//! small products only, with X the batch and V = W₁ᵀ:
//!
//! A = X·V (B × h), G = W_gᵀ·V (h × h), K = Vᵀ·V (h × h), w = Vᵀ·b_g (h).
//!
//! H is the generator's last hidden layer: the pre-activations of the points are A, of the generated ones F = H·G + 1wᵀ, of
//! the interpolates A + e∘(F − A), and if δ is the derivative of the critic there, the squared gradient norms are the diagonal of
//! δ·K·δᵀ. So each loss is a function of (A, G, K, w) and small parameters, differentiated on matrices of B or h rows
//! (the module `small`), and K is needed by the gradient penalty alone. The large gradients are products again (the module `tile`):
//!
//! ∂V = Xᵀ·∂A + W_g·∂G + b_g·∂wᵀ + V·(∂K + ∂Kᵀ), ∂W_g = V·∂Gᵀ, ∂b_g = V·∂w.
//!
//! Coordinates are cut into tiles. Once a tile's gradient is formed and applied, the tile is still in the cache: that is when
//! its share of A, G, K, w for the *next* update is added up, so that each update reads the parameters from memory once.
//!
//! All buffers are made once: an update allocates nothing.

mod dense;
mod products;
mod small;
mod tile;

use std::sync::Mutex;

use rayon::iter::Either;
use rayon::prelude::*;

use crate::gan::batch::{Batch, StandardizedPoints};
use crate::gan::loss::{CriticLoss, Objective};
use crate::gan::model::{Critic, GeneratorNet, Widths};
use crate::gan::optimizer::Rule;
use crate::kernel::Element;
use apd_points::Points;
use products::Shapes;
use small::Small;
use tile::{Partial, Scratch};

/// Coordinates per tile: six blocks of tile × h numbers share the second-level cache.
const TILE: usize = 192;

/// Partial sums of the small products: a fixed number, so that sums do not depend on the number of threads.
const PARTS: usize = 64;

/// The engine: buffers, and the small products if they are up to date.
pub(crate) struct Structured<T> {
    shapes: Shapes,
    /// Number of parts, and coordinates in each.
    parts: usize,
    part: usize,
    partials: Vec<T>,
    scratch: Mutex<Vec<Scratch<T>>>,
    /// A, K, G, w.
    sums: Vec<T>,
    /// The critic update that `sums` are for.
    current: Option<u64>,
    small: Small<T>,
}

impl<T: Element> Structured<T> {
    pub(crate) fn new(widths: Widths, batch: usize, objective: Objective) -> Self {
        let tiles = widths.dim.div_ceil(TILE);
        let part = tiles.div_ceil(PARTS) * TILE;
        let parts = widths.dim.div_ceil(part);
        let shapes = Shapes { hidden: widths.hidden, batch, gram: objective.penalty.is_some() };
        Self {
            shapes,
            parts,
            part,
            partials: vec![T::zero(); parts * shapes.len()],
            scratch: Mutex::default(),
            sums: vec![T::zero(); shapes.len()],
            current: None,
            small: Small::new(widths, batch, objective),
        }
    }

    /// Forgets what is known of the points: they have changed.
    pub(crate) fn forget(&mut self) {
        self.current = None;
    }

    /// One critic update, number `number` from 0, after which A is that of the points `next`. Leaves the parameters as they were
    /// if the loss is not finite.
    pub(crate) fn critic_step<R: Points>(
        &mut self,
        critic: &mut Critic<T>,
        generator: &GeneratorNet<T>,
        points: &StandardizedPoints<'_, R>,
        batch: &Batch,
        next: &[u32],
        rule: &impl Rule<T>,
        number: u64,
    ) -> CriticLoss {
        // The loss and its derivatives in A, K, G, w: B or h rows, nothing of length d.
        self.prepare(critic, generator, points, &batch.rows, number);
        let losses = self.small.critic(critic, generator, batch, &self.shapes.split(&self.sums));
        if !losses.loss.is_finite() {
            return losses;
        }
        // The small parameters first. Optimizers count from 1.
        let t = number + 1;
        let gradient = &self.small.critic;
        let head = &mut critic.head;
        rule.apply(t, &mut head.value, &gradient.head, &mut head.first, &mut head.second);

        // Then V, part by part in parallel and tile by tile within a part. Each part owns its share of the sums, so no two tasks write
        // the same number, and which thread takes which part does not matter.
        let (shapes, part, parts) = (self.shapes, self.part, self.parts);
        let block = part * shapes.hidden;
        let scratch = &self.scratch;
        let first = &mut critic.first;
        self.partials
            .par_chunks_mut(shapes.len())
            .zip(first.value.par_chunks_mut(block))
            .zip(moments(&mut first.first, block, parts).zip(first.second.par_chunks_mut(block)))
            .zip(generator.weight.value.par_chunks(block).zip(generator.bias.value.par_chunks(part)))
            .enumerate()
            .for_each(|(i, (((partial, value), (first, second)), (weight, bias)))| {
                let end = i * part + bias.len();
                let mut partial = Partial::new(partial, shapes);
                Scratch::with(scratch, shapes, |scratch| {
                    for (columns, rows) in tile::tiles(i * part, bias.len(), shapes.hidden) {
                        // `columns` are coordinates of R^d, `local` the same within this part, `rows` their elements in V and W_g.
                        let local = columns.start - i * part..columns.end - i * part;
                        let (value, weight, bias) = (&mut value[rows.clone()], &weight[rows.clone()], &bias[local]);
                        points.gather(&batch.rows, columns.clone(), scratch.points(columns.len()));
                        // Minibatches lie all over the bank: each is on its way while the products before it are made.
                        let soon = &mut points.prefetch(next, columns.clone());
                        let slope = scratch.critic_gradient(gradient, value, weight, bias, soon);
                        // Empty for RMSProp, which has no first moment.
                        let first = first.get_mut(rows.clone()).unwrap_or_default();
                        rule.apply(t, value, slope, first, &mut second[rows]);
                        // The tile is updated and still in the cache: its share of the next update's A, G, K and w.
                        points.gather(next, columns.clone(), scratch.points(columns.len()));
                        let ahead = columns.end..(columns.end + TILE).min(end);
                        let soon = &mut points.prefetch(&batch.rows, ahead);
                        partial.add_points(scratch.points(columns.len()), value, soon);
                        partial.add_cross(weight, bias, value, soon);
                        partial.add_gram(value);
                    }
                });
            });
        self.reduce(0);
        self.current = Some(number + 1);
        losses
    }

    /// One generator update, number `number` from 0; returns its loss. `next` are the points of critic update `critic_number`,
    /// the one that comes next. Leaves the parameters as they were if the loss is not finite.
    pub(crate) fn generator_step<R: Points>(
        &mut self,
        critic: &Critic<T>,
        generator: &mut GeneratorNet<T>,
        points: &StandardizedPoints<'_, R>,
        batch: &Batch,
        (critic_number, next): (u64, &[u32]),
        rule: &impl Rule<T>,
        number: u64,
    ) -> f64 {
        self.prepare(critic, generator, points, next, critic_number);
        let loss = self.small.generator(critic, generator, batch, &self.shapes.split(&self.sums));
        if !loss.is_finite() {
            return loss;
        }
        // As in a critic update: the trunk first, then W_g and b_g by parts and tiles.
        let t = number + 1;
        let gradient = &self.small.generator;
        let trunk = &mut generator.trunk;
        rule.apply(t, &mut trunk.value, &gradient.trunk, &mut trunk.first, &mut trunk.second);

        let (shapes, part, parts) = (self.shapes, self.part, self.parts);
        let block = part * shapes.hidden;
        let scratch = &self.scratch;
        let (weight, bias) = (&mut generator.weight, &mut generator.bias);
        self.partials
            .par_chunks_mut(shapes.len())
            .zip(critic.first.value.par_chunks(block))
            .zip(weight.value.par_chunks_mut(block))
            .zip(moments(&mut weight.first, block, parts).zip(weight.second.par_chunks_mut(block)))
            .zip(bias.value.par_chunks_mut(part))
            .zip(moments(&mut bias.first, part, parts).zip(bias.second.par_chunks_mut(part)))
            .for_each(|(((((partial, value), weight), weight_moments), bias), bias_moments)| {
                let mut partial = Partial::new(partial, shapes);
                Scratch::with(scratch, shapes, |scratch| {
                    // No points are gathered, so that coordinates count from this part's first one.
                    for (columns, rows) in tile::tiles(0, bias.len(), shapes.hidden) {
                        let value = &value[rows.clone()];
                        let (weight, bias) = (&mut weight[rows.clone()], &mut bias[columns.clone()]);
                        let (weight_slope, bias_slope) = scratch.generator_gradient(gradient, value);
                        let first = weight_moments.0.get_mut(rows.clone()).unwrap_or_default();
                        rule.apply(t, weight, weight_slope, first, &mut weight_moments.1[rows]);
                        let first = bias_moments.0.get_mut(columns.clone()).unwrap_or_default();
                        rule.apply(t, bias, bias_slope, first, &mut bias_moments.1[columns]);
                        partial.add_cross(weight, bias, value, &mut || ());
                    }
                });
            });
        // The critic has not changed: A and K hold.
        self.reduce(shapes.critic_part());
        loss
    }

    /// Sums the products for critic update `number`, which sees the points `rows`, unless the step before has left them.
    fn prepare<R: Points>(
        &mut self,
        critic: &Critic<T>,
        generator: &GeneratorNet<T>,
        points: &StandardizedPoints<'_, R>,
        rows: &[u32],
        number: u64,
    ) {
        // The step before has left them, except at the start, in a resumed run, and when the points have changed.
        if self.current == Some(number) {
            return;
        }
        let (shapes, part) = (self.shapes, self.part);
        let block = part * shapes.hidden;
        let scratch = &self.scratch;
        self.partials
            .par_chunks_mut(shapes.len())
            .zip(critic.first.value.par_chunks(block))
            .zip(generator.weight.value.par_chunks(block).zip(generator.bias.value.par_chunks(part)))
            .enumerate()
            .for_each(|(i, ((partial, value), (weight, bias)))| {
                let mut partial = Partial::new(partial, shapes);
                Scratch::with(scratch, shapes, |scratch| {
                    for (columns, block) in tile::tiles(i * part, bias.len(), shapes.hidden) {
                        let local = columns.start - i * part..columns.end - i * part;
                        let (value, weight) = (&value[block.clone()], &weight[block]);
                        points.gather(rows, columns.clone(), scratch.points(columns.len()));
                        partial.add_points(scratch.points(columns.len()), value, &mut || ());
                        partial.add_cross(weight, &bias[local], value, &mut || ());
                        partial.add_gram(value);
                    }
                });
            });
        self.reduce(0);
        self.current = Some(number);
    }

    /// The partial sums from element `from` on, added up in the order of the parts.
    fn reduce(&mut self, from: usize) {
        const CHUNK: usize = 2048;
        let Self { partials, sums, shapes, .. } = self;
        sums[from..].par_chunks_mut(CHUNK).enumerate().for_each(|(i, sums)| {
            sums.fill(T::zero());
            for partial in partials.chunks_exact(shapes.len()) {
                sums.iter_mut().zip(&partial[from + i * CHUNK..]).for_each(|(sum, &x)| *sum += x);
            }
        });
        if from == 0 {
            shapes.mirror_gram(sums);
        }
    }
}

/// Moments part by part; nothing in each part where the optimizer has none.
fn moments<T: Send>(moments: &mut [T], part: usize, parts: usize) -> impl IndexedParallelIterator<Item = &mut [T]> {
    match moments.is_empty() {
        true => Either::Left((0..parts).into_par_iter().map(|_| <&mut [T]>::default())),
        false => Either::Right(moments.par_chunks_mut(part)),
    }
}

#[cfg(test)]
mod tests;
