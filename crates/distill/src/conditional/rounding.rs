//! What means and directions lose in fewer bits.

use crate::Pca;
use crate::pca::varies;
use crate::quantized::Matrix;

/// Whether means and directions, in fewer bits than the `exact` ones, still hold the points: rounding comes to at most half of the variance of each
/// coordinate of all points, or to a thousandth of the value where there is none.
pub(super) fn holds(kept: &[Matrix; 2], exact: &[Matrix; 2], chains: &[Pca]) -> bool {
    let (dim, n) = (chains[0].mean.len(), chains.iter().map(|chain| chain.coefficients.nrows() as f64).sum::<f64>());
    let square = |x: f32| f64::from(x).powi(2);
    let (mut errors, mut means, mut squares) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    let rank = kept[1].rows() / chains.len();
    for (c, chain) in chains.iter().enumerate() {
        let share = chain.coefficients.nrows() as f64 / n;
        let mut add = |part: usize, row: usize, variance: f64| {
            let off =
                kept[part].row(row).into_iter().zip(exact[part].row(row)).map(|(kept, exact)| square(kept - exact));
            errors.iter_mut().zip(off).for_each(|(error, off)| *error += share * variance * off);
        };
        add(0, c, 1.0);
        chain.variances().take(rank).enumerate().for_each(|(k, variance)| add(1, c * rank + k, variance));
        for (j, (&mean, &sd)) in chain.mean.iter().zip(&chain.sd).enumerate() {
            means[j] += share * f64::from(mean);
            squares[j] += share * square(sd);
        }
    }
    for chain in chains {
        let share = chain.coefficients.nrows() as f64 / n;
        let off = chain.mean.iter().zip(&means).map(|(&of_chain, mean)| (f64::from(of_chain) - mean).powi(2));
        squares.iter_mut().zip(off).for_each(|(square, off)| *square += share * off);
    }
    errors.iter().zip(means.iter().zip(&squares)).all(|(&error, (&mean, &variance))| {
        let varies = varies(mean as f32, variance.sqrt() as f32);
        error <= if varies { 0.5 * variance } else { (1e-3 * mean).powi(2) }
    })
}
