//! Networks in 8-bit numbers.

use apd_nn::{Model, Quantized, QuantizedInputs, QuantizedScratch};
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::likelihood::Likelihood;
use crate::networks::{Pool, ROWS, for_each, group, matrix_mut, on_chunks, wave};

/// Perceptrons whose weights are rounded to 8 bits once, for any number of predictions ([`Quantized`]): a quarter of the memory, and with AVX-512
/// VNNI about a third of the time of single precision.
///
/// ```
/// use apd_bnn::{Categorical, QuantizedNetworks, predict_networks};
/// use apd_nn::{Model, Network};
/// use apd_seed::Seed;
/// use ndarray::Array2;
///
/// let network = Network::mlp(&[64, 30, 10]);
/// let bank: Vec<_> = (0..20).map(|i| network.initialize(Seed::root(i))).collect();
/// let images = Array2::from_shape_fn((5, 64), |(i, j)| ((i * 31 + j * 7) % 256) as f32 / 255.0);
/// let [mut exact, mut rounded] = [0, 1].map(|_| Array2::<f32>::zeros((5, 10)));
/// predict_networks(&network, &Categorical, &bank, images.view(), |_, p| exact += &p);
/// let quantized = QuantizedNetworks::new(&network, &bank).expect("a perceptron");
/// quantized.predict(&Categorical, images.view(), |_, p| rounded += &p);
/// assert!((exact - rounded).iter().all(|difference| difference.abs() / 20.0 < 1e-3));
/// ```
#[derive(Clone, Debug)]
pub struct QuantizedNetworks {
    networks: Vec<Quantized>,
    inputs: usize,
    outputs: usize,
}

impl QuantizedNetworks {
    /// These networks; `None` if they are no perceptrons, or of more than 65 792 inputs ([`Mlp::fits_int8`](apd_nn::Mlp::fits_int8)).
    ///
    /// **Shapes**: each row is θ. **Panics** if one has another length than the network's.
    #[track_caller]
    pub fn new<R: AsRef<[f32]> + Sync>(model: &dyn Model, rows: &[R]) -> Option<Self> {
        let mlp = model.as_mlp().filter(|mlp| mlp.fits_int8())?;
        let networks = rows.par_iter().map(|theta| Quantized::new(&mlp, theta.as_ref())).collect();
        Some(Self { networks, inputs: model.inputs(), outputs: model.outputs() })
    }

    /// Networks.
    pub fn len(&self) -> usize {
        self.networks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Predictions as [`predict_networks`](crate::predict_networks) gives them: `visit(s, p)` for s = 0, 1, … in order.
    ///
    /// The bits are the same on every processor and with any number of threads, and a row's depend on that row alone.
    ///
    /// Averages p̄ differ from those in single precision, on MNIST's 10 000 test images, |Δp̄| over images and classes:
    ///
    /// | networks sampled | mean | 99 % below | most |
    /// |---|---|---|---|
    /// | 200 of 784-100-10 | 1.1·10⁻⁵ | 2.5·10⁻⁴ | 1.2·10⁻³ |
    /// | 100 of 784-400-400-10 | 4.6·10⁻⁵ | 10⁻³ | 4.8·10⁻³ |
    ///
    /// **Shapes**: inputs: N × inputs, p: N × outputs. **Panics** if the inputs have another number of columns than the networks take.
    ///
    /// **Where it fails**: an average of few networks is off by more, as 1/√networks; inputs of more than 8 bits are rounded alike for all
    /// networks, which no average makes good.
    #[track_caller]
    pub fn predict(
        &self,
        likelihood: &dyn Likelihood,
        inputs: ArrayView2<'_, f32>,
        mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
    ) {
        assert_eq!(inputs.ncols(), self.inputs, "elements of an input row");
        let (outputs, n) = (self.outputs, inputs.nrows());
        let wave = wave(outputs * n, 0);
        let pool = Pool::default();
        let mut predictions = Vec::new();
        for (w, networks) in self.networks.chunks(wave).enumerate() {
            predictions.resize(networks.len() * n * outputs, 0.0);
            on_chunks(&mut predictions, [n, outputs], [group(n, wave), ROWS], |those, rows, out| {
                pool.with(|(x, scratch): &mut (QuantizedInputs, QuantizedScratch)| {
                    x.fill(inputs.slice_axis(Axis(0), rows.clone().into()));
                    for (network, out) in networks[those].iter().zip(out) {
                        network.logits(x, out, scratch);
                        likelihood.inverse_link(matrix_mut(out, rows.len(), outputs));
                    }
                });
            });
            for_each(&predictions, networks.len(), n, outputs, |s, p| visit(w * wave + s, p));
        }
    }
}

#[cfg(test)]
mod tests;
