use std::sync::Arc;

use ndarray::{Array2, ArrayBase, ArrayView2, Data, Ix2, Zip};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use crate::crps::crps;
use crate::mixture::Mixture;
use crate::{Family, Real};

#[cfg(test)]
mod tests;

/// Networks whose laws are kept as they are; beyond, neighboring ones are merged in pairs.
const CAPACITY: usize = 256;

/// Streaming mixture of the predictions of many networks, each a law of every one of N × M numbers.
///
/// With laws p_s of mean μ_s and variance v_s, the prediction of a number is p̄ = (1/S) Σ_s p_s, and
///
/// Var p̄ = (1/S) Σ_s v_s + (1/S) Σ_s (μ_s − μ̄)²:
///
/// what the data leave open (aleatoric) and what the networks disagree about (epistemic). Mean and deviations are exact for any S.
/// Up to 256 networks the mixture is, too. Beyond, of every 256 laws the neighbors are merged into 128 of twice the weight that have
/// the same mean and variance: with many networks neighbors are close, and quantiles move by far less than a thousandth of the
/// deviation.
///
/// Memory: 16 bytes for each number and network up to 256, then 4 KiB for each number and doubling of the networks.
///
/// Each number is by itself: of several outputs these are the marginals. A NaN of a network makes that number's results NaN.
///
/// **Shapes**: results are N × M. **Units**: those of the numbers; nats.
///
/// ```
/// use apd_uncertainty::{Normal, NumberPredictive};
///
/// let mut predictive = NumberPredictive::new(1, 1, Normal); // one input, one output
/// for mean in [1.0, 3.0] {
///     predictive.add(|_, _| (mean, 0.5)); // mean and deviation of one network
/// }
/// assert_eq!(predictive.mean()[[0, 0]], 2.0);
/// assert_eq!(predictive.epistemic_deviation()[[0, 0]], 1.0);
/// assert_eq!(predictive.aleatoric_deviation()[[0, 0]], 0.5);
/// let (lower, upper) = predictive.interval(0.9);
/// assert!(lower[[0, 0]] < 1.0 && 3.0 < upper[[0, 0]]);
/// ```
#[derive(Clone, Debug)]
pub struct NumberPredictive {
    family: Arc<dyn Family>,
    networks: u64,
    mean: Array2<f64>,
    /// Σ (μ_s − μ̄)².
    squares: Array2<f64>,
    /// Σ v_s.
    variance: Array2<f64>,
    /// Number n's laws of weight 2^l are `levels[l][..][n]`.
    levels: Vec<Vec<Vec<Law>>>,
}

/// Location and scale.
type Law = (f64, f64);

impl NumberPredictive {
    /// No networks yet; `n` inputs, `m` numbers for each.
    pub fn new(n: usize, m: usize, family: impl Family + 'static) -> Self {
        let zeros = Array2::zeros((n, m));
        Self {
            family: Arc::new(family),
            networks: 0,
            mean: zeros.clone(),
            squares: zeros.clone(),
            variance: zeros,
            levels: Vec::new(),
        }
    }

    /// Adds one network: `law(i, j)` is (location, scale) of its law of number j of input i.
    pub fn add(&mut self, law: impl Fn(usize, usize) -> (f64, f64)) {
        self.networks += 1;
        let columns = self.mean.ncols();
        let laws: Vec<Law> = (0..self.mean.len()).map(|n| law(n / columns, n % columns)).collect();
        let moments = self.mean.iter_mut().zip(&mut self.squares).zip(&mut self.variance);
        for (((mean, squares), variance), &(location, scale)) in moments.zip(&laws) {
            // Welford: a difference of two sums of squares would cancel to nothing where the mean is large.
            let x = self.family.mean(location, scale);
            let before = x - *mean;
            *mean += before / self.networks as f64;
            *squares += before * (x - *mean);
            *variance += self.family.variance(location, scale);
        }
        self.keep(0, laws);
    }

    fn keep(&mut self, level: usize, laws: Vec<Law>) {
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        if self.levels[level].len() == CAPACITY {
            let full = std::mem::take(&mut self.levels[level]);
            let mut halved = vec![Vec::new(); CAPACITY / 2];
            for n in 0..laws.len() {
                let mut of_number: Vec<Law> = full.iter().map(|laws| laws[n]).collect();
                of_number.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                let (pairs, _) = of_number.as_chunks();
                halved.iter_mut().zip(pairs).for_each(|(laws, &pair)| laws.push(self.family.merge(pair)));
            }
            halved.into_iter().for_each(|laws| self.keep(level + 1, laws));
        }
        self.levels[level].push(laws);
    }

    /// S, the networks added so far.
    pub fn networks(&self) -> u64 {
        self.networks
    }

    /// N, the inputs.
    pub fn len(&self) -> usize {
        self.mean.nrows()
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// M, the numbers of an input.
    pub fn outputs(&self) -> usize {
        self.mean.ncols()
    }

    /// μ̄.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn mean(&self) -> Array2<f64> {
        self.divisor();
        self.mean.clone()
    }

    /// √Var p̄, what a new observation deviates by.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn deviation(&self) -> Array2<f64> {
        let s = self.divisor();
        Zip::from(&self.variance).and(&self.squares).map_collect(|v, q| ((v + q) / s).sqrt())
    }

    /// √((1/S) Σ_s v_s), the noise that more data would not remove.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn aleatoric_deviation(&self) -> Array2<f64> {
        let s = self.divisor();
        self.variance.mapv(|v| (v / s).sqrt())
    }

    /// √((1/S) Σ_s (μ_s − μ̄)²), the disagreement of the networks.
    ///
    /// **Panics** if no network was added.
    #[track_caller]
    pub fn epistemic_deviation(&self) -> Array2<f64> {
        let s = self.divisor();
        self.squares.mapv(|q| (q / s).sqrt())
    }

    /// The least y with P(Y ≤ y) ≥ p.
    ///
    /// **Panics** if `p` is not strictly between 0 and 1, or no network was added.
    #[track_caller]
    pub fn quantile(&self, p: f64) -> Array2<f64> {
        assert!(p > 0.0 && p < 1.0, "a quantile's probability is between 0 and 1, not {p}");
        self.each(|mixture, _| mixture.quantile(p), &self.mean)
    }

    /// As [`quantile`](Self::quantile), with a probability for each number: draws, where they are uniform between 0 and 1.
    ///
    /// **Shapes** `p`: N × M. **Panics** on another shape or a probability that is not strictly between 0 and 1, or if no network was added.
    #[track_caller]
    pub fn quantiles(&self, p: ArrayView2<'_, f64>) -> Array2<f64> {
        assert!(p.iter().all(|&p| p > 0.0 && p < 1.0), "probabilities are between 0 and 1");
        self.each(|mixture, p| mixture.quantile(p), &p)
    }

    /// Lower and upper end of the central interval that holds `mass` of the probability: .9 is from the 5 % to the 95 % quantile.
    ///
    /// **Panics** if `mass` is not strictly between 0 and 1, or no network was added.
    #[track_caller]
    pub fn interval(&self, mass: f64) -> (Array2<f64>, Array2<f64>) {
        (self.quantile(0.5 - 0.5 * mass), self.quantile(0.5 + 0.5 * mass))
    }

    /// ln p̄(y) of these values.
    ///
    /// **Shapes** `y`: N × M. **Panics** on another shape, or if no network was added.
    #[track_caller]
    pub fn ln_density(&self, y: ArrayView2<'_, impl Real>) -> Array2<f64> {
        self.each(|mixture, y| mixture.ln_density(y), &y)
    }

    /// The continuous ranked probability score ∫ (P(Y ≤ z) − 1\[y ≤ z\])² dz of these values: the absolute error of a law, 0 at best.
    ///
    /// By quadrature, to about 10⁻⁹ of the value; for discrete laws the sum over the integers.
    ///
    /// **Shapes** `y`: N × M. **Panics** on another shape, or if no network was added.
    ///
    /// Reference: Gneiting & Raftery, *Strictly proper scoring rules, prediction, and estimation*, JASA 102 (2007), eq. 20.
    #[track_caller]
    pub fn crps(&self, y: ArrayView2<'_, impl Real>) -> Array2<f64> {
        self.each(crps, &y)
    }

    /// The probability integral transform P(Y ≤ y) of these values, uniform on [0, 1] where the predictions are right; for
    /// discrete laws P(Y < y) + ½ P(Y = y).
    ///
    /// **Shapes** `y`: N × M. **Panics** on another shape, or if no network was added.
    #[track_caller]
    pub fn pit(&self, y: ArrayView2<'_, impl Real>) -> Array2<f64> {
        self.each(
            |mixture, y| match mixture.family.is_discrete() {
                true => 0.5 * (mixture.cdf(y) + mixture.cdf(y.ceil() - 1.0)),
                false => mixture.cdf(y),
            },
            &y,
        )
    }

    /// The prediction of scale\[j\]·Y + shift\[j\] in place of Y, for numbers that were standardized.
    ///
    /// **Panics** if there is not one scale and shift for each of the M numbers, a scale is not positive, or the family is discrete.
    #[track_caller]
    pub fn affine(mut self, scale: &[f64], shift: &[f64]) -> Self {
        let m = self.outputs();
        assert!(scale.len() == m && shift.len() == m, "a scale and a shift for each of {m} numbers");
        assert!(scale.iter().all(|&x| x > 0.0), "scales are positive");
        assert!(!self.family.is_discrete(), "counts have no other unit");
        for (j, (&scale, &shift)) in scale.iter().zip(shift).enumerate() {
            self.mean.column_mut(j).mapv_inplace(|x| scale * x + shift);
            self.squares.column_mut(j).mapv_inplace(|x| scale * scale * x);
            self.variance.column_mut(j).mapv_inplace(|x| scale * scale * x);
        }
        for (n, law) in self.levels.iter_mut().flatten().flat_map(|laws| laws.iter_mut().enumerate()) {
            let j = n % m;
            *law = (scale[j] * law.0 + shift[j], scale[j] * law.1);
        }
        self
    }

    /// The prediction of about + factor·(Y − about) in place of Y: wider about these values, or narrower.
    ///
    /// **Shapes** `about`: N × M. **Panics** on another shape, a factor that is not positive, or if the family is discrete.
    #[track_caller]
    pub fn stretch(mut self, about: ArrayView2<'_, f64>, factor: f64) -> Self {
        assert!(factor > 0.0, "a factor is positive, not {factor}");
        assert!(!self.family.is_discrete(), "counts have no other unit");
        assert_eq!(about.dim(), self.mean.dim(), "values must have the shape the predictions were made with");
        let stretched = |x: f64, about: f64| about + factor * (x - about);
        Zip::from(&mut self.mean).and(about).for_each(|x, &about| *x = stretched(*x, about));
        self.squares.mapv_inplace(|x| factor * factor * x);
        self.variance.mapv_inplace(|x| factor * factor * x);
        for laws in self.levels.iter_mut().flatten() {
            laws.iter_mut().zip(about).for_each(|(law, &about)| *law = (stretched(law.0, about), factor * law.1));
        }
        self
    }

    /// The prediction with another family's laws of the same locations and scales.
    ///
    /// **Panics** if one of the families is discrete, or has no variance.
    #[track_caller]
    pub fn with_family(mut self, family: impl Family + 'static) -> Self {
        assert!(!(self.family.is_discrete() || family.is_discrete()), "counts have no scale");
        let factor = family.variance(0.0, 1.0) / self.family.variance(0.0, 1.0);
        assert!(factor.is_finite(), "both families have a variance");
        self.variance.mapv_inplace(|x| factor * x);
        self.family = Arc::new(family);
        self
    }

    /// `f` of every number's mixture, and of the number at its place in `y`, on all threads.
    #[track_caller]
    fn each<S: Data<Elem: Real>>(
        &self,
        f: impl Fn(&Mixture<'_>, f64) -> f64 + Sync,
        y: &ArrayBase<S, Ix2>,
    ) -> Array2<f64> {
        let total = self.divisor();
        assert_eq!(y.dim(), self.mean.dim(), "values must have the shape the predictions were made with");
        let of_number = |laws: &mut Vec<(f64, f64, f64)>, (n, y): (usize, f64)| {
            laws.clear();
            for (level, networks) in self.levels.iter().enumerate() {
                let weight = (1_u64 << level) as f64 / total;
                laws.extend(networks.iter().map(|laws| (weight, laws[n].0, laws[n].1)));
            }
            // Searches and quadratures presume a distribution function.
            let is_law =
                |&(_, location, scale): &(f64, f64, f64)| location.is_finite() && scale.is_finite() && scale >= 0.0;
            if !laws.iter().all(is_law) || y.is_nan() {
                return f64::NAN;
            }
            let mixture = Mixture { family: &*self.family, laws: std::mem::take(laws) };
            let value = f(&mixture, y);
            *laws = mixture.laws;
            value
        };
        let y: Vec<(usize, f64)> = y.iter().map(|&y| y.into()).enumerate().collect();
        #[cfg(feature = "rayon")]
        let values = y.into_par_iter().with_min_len(16).map_init(Vec::new, of_number).collect();
        #[cfg(not(feature = "rayon"))]
        let values = y.into_iter().map(|y| of_number(&mut Vec::new(), y)).collect();
        Array2::from_shape_vec(self.mean.dim(), values).expect("one value for each number")
    }

    #[track_caller]
    fn divisor(&self) -> f64 {
        assert!(self.networks > 0, "no network was added: the predictive distribution is undefined");
        self.networks as f64
    }
}
