//! Whether a potential's gradient is that of its value.

use apd_seed::Normals;

use crate::{GradientError, Potential64, PotentialError};

/// Coordinates that are looked at, at most.
const COORDINATES: usize = 64;
/// Distances over which U is compared, in units of max(1, |θᵢ|): the longest is for functions of single precision.
const STEPS: [f64; 4] = [1e-6, 1e-5, 1e-3, 1e-2];
/// What the gradient may differ by, of the larger of both.
const TOLERANCE: f64 = 1e-3;
/// The same where a chain starts, by itself: single precision and the kinks of rectifiers must not stop anybody who has not asked.
const TOLERANCE_AT_STARTS: f64 = 0.05;

/// Compares the gradient at `position` with central differences of U, in each coordinate (or in 64 of them): a potential that forgets a term of its
/// gradient is otherwise sampled without a word, at a good acceptance.
///
/// |g − (U(θ + h·e) − U(θ − h·e))/(2h)| ≤ 10⁻³·max(|g|, |quotient|) + 10·(rounding of U)/h, for one h at least of 10⁻⁶ to 10⁻² times max(1, |θᵢ|).
///
/// [`sample`](crate::sample) runs a cheaper look at each start, of three gradients, and this where that finds something.
///
/// Costs eight gradients per coordinate, and one. Where every step ends at a wall there is no slope, and nothing to compare. **Where it fails**: at a kink of U the slope is none, and where U is rough below 10⁻⁶ it is another one.
///
/// **Errors**: [`GradientError`].
/// **Panics** if `position` does not have the potential's dimension.
///
/// ```
/// use apd_sgmcmc::{FromFn64, check_gradient};
///
/// let mut forgetful = FromFn64::new(2, |x: &[f64], gradient: &mut [f64]| {
///     gradient[0] = x[0]; // and gradient[1] = 4.0 * x[1]
///     0.5 * x[0] * x[0] + 2.0 * x[1] * x[1]
/// });
/// let error = check_gradient(&mut forgetful, &[1.0, 1.0]).unwrap_err();
/// assert!(error.to_string().contains("coordinate 1 of the gradient"));
/// ```
#[track_caller]
pub fn check_gradient<P: Potential64>(potential: &mut P, position: &[f64]) -> Result<(), GradientError> {
    assert_eq!(position.len(), potential.dim(), "coordinates of the position, and of the potential");
    check_coordinates(potential, position, TOLERANCE)
}

fn check_coordinates<P: Potential64>(potential: &mut P, position: &[f64], tolerance: f64) -> Result<(), GradientError> {
    let dim = position.len();
    let (mut gradient, mut unused) = (vec![0.0; dim], vec![0.0; dim]);
    let value = potential.gradient(position, &mut gradient)?;
    let looked_at = dim.min(COORDINATES);
    for coordinate in (0..looked_at).map(|i| (2 * i + 1) * dim / (2 * looked_at)) {
        let (given, x) = (gradient[coordinate], position[coordinate]);
        let mut nearest = None::<f64>;
        let mut is_met = false;
        for step in STEPS.map(|step| step * x.abs().max(1.0)) {
            let mut moved = position.to_vec();
            let mut at = |x: f64| {
                moved[coordinate] = x;
                match potential.gradient(&moved, &mut unused) {
                    Err(PotentialError::Recoverable(_)) => Ok(f64::INFINITY),
                    other => other,
                }
            };
            let slope = (at(x + step)? - at(x - step)?) / (2.0 * step);
            let rounding = 10.0 * f64::EPSILON * value.abs().max(1.0) / step;
            if !slope.is_finite() {
                continue;
            }
            let distance = (slope - given).abs();
            is_met |= distance <= tolerance * slope.abs().max(given.abs()) + rounding;
            if nearest.is_none_or(|nearest| distance < (nearest - given).abs()) {
                nearest = Some(slope);
            }
        }
        if let (false, Some(measured)) = (is_met, nearest) {
            return Err(GradientError::Differs { coordinate, given, measured });
        }
    }
    Ok(())
}

/// Looks along one random direction for what [`check_gradient`] looks for coordinate by coordinate, and asks that only if this finds something: three
/// gradients, where all is well. Finds what is more than 5 % of the gradient, in units in which each coordinate changes U by a nat.
///
/// Nothing is said where U or its gradient is not finite: that is the chain's to say.
pub(crate) fn check_direction<P: Potential64>(
    potential: &mut P,
    position: &[f64],
    direction: Normals,
) -> Result<(), GradientError> {
    let dim = position.len();
    let (mut gradient, mut unused, mut direction_of) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    let value = match potential.gradient(position, &mut gradient) {
        Ok(value) if value.is_finite() && gradient.iter().all(|g| g.is_finite()) => value,
        _ => return Ok(()),
    };
    direction.fill_f64(0, 0, &mut direction_of);
    for ((v, x), g) in direction_of.iter_mut().zip(position).zip(&gradient) {
        *v *= x.abs().max(1.0).min(1.0 / g.abs());
    }
    let terms = || gradient.iter().zip(&direction_of).map(|(g, v)| g * v);
    let (given, size) = (terms().sum::<f64>(), terms().map(|term| term * term).sum::<f64>().sqrt());
    let mut compared = false;
    for step in [1e-6, 1e-4, 1e-2, 1e-1] {
        let mut at = |step: f64| {
            let moved: Vec<f64> = position.iter().zip(&direction_of).map(|(x, v)| x + step * v).collect();
            potential.gradient(&moved, &mut unused)
        };
        let (Ok(above), Ok(below)) = (at(step), at(-step)) else { continue };
        let slope = (above - below) / (2.0 * step);
        if !slope.is_finite() {
            continue;
        }
        compared = true;
        let rounding = 10.0 * f64::EPSILON * value.abs().max(1.0) / step;
        if (slope - given).abs() <= TOLERANCE_AT_STARTS * size.max(slope.abs()) + rounding {
            return Ok(());
        }
    }
    if compared { check_coordinates(potential, position, TOLERANCE_AT_STARTS) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
