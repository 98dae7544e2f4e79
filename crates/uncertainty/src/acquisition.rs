use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis};

use crate::class_predictive::entropy;
use crate::{MetricError, Real, checks};

#[cfg(test)]
mod tests;

/// Expected predictive information gain of the label of each input of a pool, about the labels of inputs that predictions are wanted for.
///
/// EPIG(x) = (1/M) Σ_m I(y; y*_m), in [0, ln K] nats, with p(y, y*_m) = (1/S) Σ_s p_s(y | x)·p_s(y* | x*_m): the mean over the targets x*_m of
/// how much the label y of x would tell about the label y* there. BALD asks what y would tell about the network instead, and so likes odd
/// inputs that no target resembles.
///
/// **Shapes**: `pool` is S×N×K, `targets` S×M×K, softmax rows of the same S networks in the same order; the result has N scores.
///
/// **Cost**: S·N·M·K² multiplications and N·M·K² logarithms.
///
/// **Errors**: no networks, no targets, a row that is no distribution. **Panics** where the numbers of networks differ.
///
/// **Where it fails**: few networks agree by chance, which counts as information: about (K − 1)²/(2S) nats where they are confident and
/// independent (Miller's bias).
///
/// Reference: Bickford Smith, Kirsch, Farquhar, Gal, Foster & Rainforth, *Prediction-oriented Bayesian active learning*, AISTATS 2023, section 4.
#[track_caller]
pub fn epig(pool: ArrayView3<'_, impl Real>, targets: ArrayView3<'_, impl Real>) -> Result<Vec<f64>, MetricError> {
    let (s, m, k) = targets.dim();
    assert_eq!(pool.dim().0, s, "pool and targets must be predicted by the same networks");
    check("predictions of the pool", &pool)?;
    check("predictions of the targets", &targets)?;
    if m == 0 {
        return Err(MetricError::Empty { what: "targets" });
    }
    let targets = Array2::from_shape_fn((s, m * k), |(s, j)| targets[[s, j / k, j % k]].into());
    let over_networks = |p: &Array2<f64>| p.mean_axis(Axis(0)).expect("there are networks");
    let of_targets = entropy(over_networks(&targets).iter()) / m as f64;
    let score = |i: usize| {
        let p = pool.index_axis(Axis(1), i).mapv(|x| x.into());
        // K×(M·K): every label of x with every label of every target.
        let joint = p.t().dot(&targets) / s as f64;
        let x = entropy(over_networks(&p).iter()) + of_targets - entropy(joint.iter()) / m as f64;
        x.max(0.0)
    };
    Ok((0..pool.dim().1).map(score).collect())
}

/// The batch of `count` inputs of a pool whose labels tell most about the network, found greedily: each input, in the order of the choice, with
/// what its label adds, in nats.
///
/// An input adds I(y; s | y₁ … y_b) = H\[y | y₁ … y_b\] − (1/S) Σ_s H\[p_s(y | x)\] to a batch x₁ … x_b, s being the network. The sum over the batch
/// is I(y₁ … y_b; s), at most ln S; the first input is the one of the largest BALD, and a copy of an input that is in the batch adds only what
/// its label's noise has left. By submodularity the greedy batch has at least 1 − 1/e of the most that any batch of its size has.
///
/// The expectation over y₁ … y_b is a sum over all configurations of labels while at most `configurations` of them have a probability; then over
/// so many, drawn by systematic resampling each time that an input is added, with one number of `uniform` in [0, 1). The estimate is unbiased,
/// and all inputs are compared on the same configurations.
///
/// **Shapes**: `pool` is S×N×K, softmax rows of S networks.
///
/// **Cost**: per input of the batch S·K·`configurations` multiplications for each input that is looked at: all N for the first, then those
/// whose gain was large enough one step before, since gains shrink as the batch grows (Minoux 1978).
///
/// **Errors**: no networks, a row that is no distribution. **Panics** if `configurations` is 0.
///
/// **Where it fails**: S networks are told apart by ln S nats. Once the batch has them, all others add nothing and the rest of it is
/// arbitrary: with five networks and confident predictions after two or three inputs. Drawn configurations make gains, and the bounds that
/// spare inputs a look, noisy by about 1/√`configurations`.
///
/// Reference: Kirsch, van Amersfoort & Gal, *BatchBALD: efficient and diverse batch acquisition for deep Bayesian active learning*, NeurIPS 2019,
/// section 3; they draw configurations anew from each network instead.
#[track_caller]
pub fn batch_bald(
    pool: ArrayView3<'_, impl Real>,
    count: usize,
    configurations: usize,
    mut uniform: impl FnMut() -> f64,
) -> Result<Vec<(usize, f64)>, MetricError> {
    assert!(configurations > 0, "an expectation needs at least one configuration");
    check("predictions of the pool", &pool)?;
    let (s, n, _) = pool.dim();
    let of = |i: usize| pool.index_axis(Axis(1), i).mapv(|x| x.into());
    let noise: Vec<f64> = (0..n).map(|i| entropy(of(i).iter()) / s as f64).collect();
    let mut labels = Configurations::none(s);
    let (mut bounds, mut rest) = (vec![f64::INFINITY; n], (0..n).collect::<Vec<_>>());
    let mut batch = Vec::with_capacity(count.min(n));
    while batch.len() < count && !rest.is_empty() {
        // Stable: of equal bounds the first in the pool.
        rest.sort_by(|&a, &b| bounds[b].total_cmp(&bounds[a]));
        let mut best: Option<(usize, f64)> = None;
        for (place, &i) in rest.iter().enumerate() {
            if best.is_some_and(|(_, gain)| bounds[i] <= gain) {
                break;
            }
            bounds[i] = labels.conditional_entropy(&of(i)) - noise[i];
            if best.is_none_or(|(_, gain)| bounds[i] > gain) {
                best = Some((place, bounds[i]));
            }
        }
        let (place, gain) = best.expect("the rest is not empty");
        let chosen = rest.remove(place);
        batch.push((chosen, gain.max(0.0)));
        labels = labels.extended(&of(chosen), configurations, &mut uniform);
    }
    Ok(batch)
}

/// Configurations y₁ … y_b of the labels of a batch, C of them, and what each says of the network.
struct Configurations {
    /// p(y₁ … y_b), of sum 1 over the configurations.
    weights: Array1<f64>,
    /// p(s | y₁ … y_b), C×S.
    networks: Array2<f64>,
}

impl Configurations {
    /// The only one of no labels.
    fn none(s: usize) -> Self {
        Self { weights: Array1::ones(1), networks: Array2::from_elem((1, s), 1.0 / s as f64) }
    }

    /// H\[y | y₁ … y_b\] of an input's label.
    ///
    /// **Shapes** `p`: S×K.
    fn conditional_entropy(&self, p: &Array2<f64>) -> f64 {
        let of_label = self.networks.dot(p);
        self.weights.iter().zip(of_label.outer_iter()).map(|(weight, row)| weight * entropy(row.iter())).sum()
    }

    /// The configurations with one label more: all of those that have a probability, or `most` of them where there are more.
    fn extended(&self, p: &Array2<f64>, most: usize, uniform: &mut impl FnMut() -> f64) -> Self {
        let (of_label, k) = (self.networks.dot(p), p.ncols());
        let joint = &of_label * &self.weights.view().insert_axis(Axis(1));
        let joint: Vec<f64> = joint.into_iter().collect();
        let kept: Vec<(usize, f64)> = match joint.iter().filter(|&&weight| weight > 0.0).count() > most {
            true => resampled(&joint, most, uniform()),
            false => joint.iter().copied().enumerate().filter(|&(_, weight)| weight > 0.0).collect(),
        };
        let networks = |(row, s): (usize, usize)| {
            let (y, label) = (kept[row].0 / k, kept[row].0 % k);
            self.networks[[y, s]] * p[[s, label]] / of_label[[y, label]]
        };
        Self {
            networks: Array2::from_shape_fn((kept.len(), p.nrows()), networks),
            weights: kept.iter().map(|&(_, weight)| weight).collect(),
        }
    }
}

/// Systematic resampling: the places that `count` equal steps through the weights meet, from `start` of a step on, each with the share of the
/// steps that met it. Over a uniform start a place's share is on average its weight's.
fn resampled(weights: &[f64], count: usize, start: f64) -> Vec<(usize, f64)> {
    let step = weights.iter().sum::<f64>() / count as f64;
    let (mut kept, mut sum, mut met) = (Vec::with_capacity(count), 0.0, 0);
    for (place, weight) in weights.iter().enumerate() {
        sum += weight;
        let before = met;
        while met < count && (met as f64 + start) * step < sum {
            met += 1;
        }
        if met > before {
            kept.push((place, (met - before) as f64 / count as f64));
        }
    }
    kept
}

/// **Errors** on no networks, and the first input with a row that is no distribution.
fn check(what: &'static str, p: &ArrayView3<'_, impl Real>) -> Result<(), MetricError> {
    if p.dim().0 == 0 {
        return Err(MetricError::Empty { what: "networks" });
    }
    p.outer_iter().try_for_each(|network: ArrayView2<'_, _>| checks::probabilities(what, &network))
}
