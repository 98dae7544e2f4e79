//! Inputs made to perturb: small changes that raise the loss as far as they can.

use apd_nn::Model;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::data::TargetRows;
use crate::input_gradient::{AveragedLoss, ROWS, check};
use crate::likelihood::Likelihood;

/// Gradient attacks within an L∞ ball: k steps of sign ascent on the loss of an averaged prediction,
///
/// xₜ₊₁ = clip(xₜ + a·sign ∇ₓℓ(xₜ, y)),
///
/// where ℓ(x, y) = −ln (1/S)·Σₛ pₛ(y|x), with any likelihood, is that of [`input_gradient`](crate::input_gradient()) and clip(·) the nearest point x′
/// with ‖x′ − x‖∞ ≤ ε that lies in the inputs' range. The targets are the true ones: the attack is untargeted and white-box on the
/// networks that it is given. Shown to other networks, its result is a transfer attack.
///
/// * [`Attack::fgsm`] is one step of a = ε, the fast gradient sign method. Reference: Goodfellow, Shlens & Szegedy, *Explaining and Harnessing
///   Adversarial Examples*, ICLR 2015, section 4.
/// * [`Attack::pgd`] is projected gradient descent. Reference: Madry, Makelov, Schmidt, Tsipras & Vladu, *Toward Deep Learning
///   Models Resistant to Adversarial Attacks*, ICLR 2018, section 2.1.
///
/// **Where it fails**: it follows gradients. A network whose gradient vanishes or perturbs (outputs saturated beyond single
/// precision, parts that are not differentiable) looks more robust than it is. That an attack finds nothing proves nothing.
///
/// ```
/// use apd_bnn::{Attack, TargetRows, likelihood::Categorical};
/// use apd_nn::Network;
/// use ndarray::array;
///
/// // Class 1 where x₀ > x₁, by a margin of 0.2.
/// let network = Network::mlp(&[2, 2]);
/// let theta = [-1.0_f32, 1.0, 1.0, -1.0, 0.0, 0.0];
/// let x = array![[0.6, 0.4]];
/// let perturbed = Attack::pgd(0.3, 0.02, 40).run(&network, &Categorical, &[theta], x.view(), TargetRows::Classes(&[1]));
/// assert_eq!(perturbed, array![[0.6 - 0.3, 0.4 + 0.3]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    /// Radius ε of the ball, in units of the inputs.
    pub epsilon: f32,
    /// Length a of a step.
    pub step: f32,
    /// Number of steps k.
    pub steps: usize,
    /// Starts at a point drawn evenly from the ball, from this seed's streams; `None` starts at the input itself.
    pub start: Option<Seed>,
    /// Least and largest value of an input.
    pub range: (f32, f32),
}

impl Attack {
    /// One step of ε: x + ε·sign ∇ₓℓ(x, y), for inputs in [−1, 1].
    pub fn fgsm(epsilon: f32) -> Self {
        Self::pgd(epsilon, epsilon, 1)
    }

    /// `steps` steps of `step` from the input itself, for inputs in [−1, 1].
    pub fn pgd(epsilon: f32, step: f32, steps: usize) -> Self {
        Self { epsilon, step, steps, start: None, range: (-1.0, 1.0) }
    }

    /// Starts at a random point of the ball: x + u, u uniform on [−ε, ε] in each element, a stream for each row.
    pub fn from_random_start(self, seed: Seed) -> Self {
        Self { start: Some(seed), ..self }
    }

    /// The adversarial examples of these inputs. A NaN stays where it is.
    ///
    /// What lies outside the range is first moved into it: all results lie in the range and, where the inputs did, in
    /// the ball, to rounding. Inputs in the range come back as they are if ε = 0. Blocks of rows run in parallel; the bits do not depend on the
    /// number of threads.
    ///
    /// **Shapes**: each point: θ, the likelihood's parameters, the network's buffers; inputs: N × inputs, N targets ↦ N × inputs.
    ///
    /// **Panics** if ε or the step is negative or not finite, the range is empty, there is no network, the shapes do not fit, or the
    /// likelihood cannot explain the targets.
    #[track_caller]
    pub fn run<R: AsRef<[f32]>>(
        &self,
        model: &dyn Model,
        likelihood: &dyn Likelihood,
        points: &[R],
        inputs: ArrayView2<'_, f32>,
        targets: TargetRows<'_>,
    ) -> Array2<f32> {
        let Self { epsilon, step, range: (low, high), .. } = *self;
        assert!(epsilon.is_finite() && epsilon >= 0.0, "ε = {epsilon} is no radius");
        assert!(step.is_finite() && step >= 0.0, "{step} is no length of a step");
        assert!(low <= high, "no input lies between {low} and {high}");
        let points = check(model, likelihood, points, &inputs, targets);
        let columns = inputs.ncols();
        let mut found = inputs.mapv(|x| x.clamp(low, high)).as_standard_layout().into_owned();
        let rows = found.as_slice_mut().expect("it is in row-major order");
        rows.par_chunks_mut(ROWS * columns).enumerate().for_each_init(
            || AveragedLoss::new(model, likelihood),
            |loss, (block, rows)| {
                let first = block * ROWS;
                let count = rows.len() / columns;
                let rows = ArrayViewMut2::from_shape((count, columns), rows).expect("whole rows");
                self.perturb(loss, &points, first, rows, targets.slice(first..first + count));
            },
        );
        found
    }

    /// Replaces the rows of one block, the first of which is row `first` of all.
    fn perturb(
        &self,
        loss: &mut AveragedLoss<'_>,
        points: &[&[f32]],
        first: usize,
        mut rows: ArrayViewMut2<'_, f32>,
        targets: TargetRows<'_>,
    ) {
        let original = rows.to_owned();
        let clip = |moved: f32, x: f32| {
            let (low, high) = self.range;
            // There is no ball around a NaN.
            if x.is_nan() { x } else { moved.clamp(x - self.epsilon, x + self.epsilon).clamp(low, high) }
        };
        if let Some(seed) = self.start {
            for (n, (mut row, original)) in rows.axis_iter_mut(Axis(0)).zip(original.rows()).enumerate() {
                let mut stream = seed.index((first + n) as u64).stream();
                row.zip_mut_with(&original, |moved, &x| {
                    *moved = clip(x + self.epsilon * (2.0 * stream.uniform_f32() - 1.0), x);
                });
            }
        }
        let (mut losses, mut gradient) = (vec![0.0; targets.len()], Array2::zeros(original.dim()));
        for _ in 0..self.steps {
            loss.gradient(points, rows.view(), targets, &mut losses, gradient.view_mut());
            let steps = rows.iter_mut().zip(&original).zip(&gradient);
            steps.for_each(|((moved, &x), &slope)| *moved = clip(*moved + self.step * sign(slope), x));
        }
    }
}

/// −1, 0 or 1: where the loss is flat there is nowhere to go. (`f32::signum` has no 0.)
fn sign(slope: f32) -> f32 {
    f32::from(i8::from(slope > 0.0) - i8::from(slope < 0.0))
}

#[cfg(test)]
mod tests;
