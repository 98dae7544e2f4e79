//! Networks that are read once.

use apd_nn::{Interleaved, Model};
use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::likelihood::{Likelihood, Predictive};
use crate::predict::{PredictError, Row};

/// Networks of a posterior, drawn once and laid out for a few inputs at a time, as a server gets them ([`Interleaved`]).
///
/// Predictions are those of [`predict`](crate::predict()) to the bit where that makes the same networks one by one: a posterior that is no affine
/// subspace.
#[derive(Clone, Debug)]
pub struct PreparedNetworks {
    networks: Interleaved,
    /// φ of each network, networks × its length.
    phi: Array2<f32>,
    outputs: usize,
}

impl PreparedNetworks {
    /// So many networks; `None` if they are no perceptrons, or take more than `bytes` of memory.
    ///
    /// **Errors**: as [`predict`](crate::predict()).
    pub fn new(
        posterior: &dyn Posterior,
        model: &dyn Model,
        likelihood: &dyn Likelihood,
        networks: usize,
        seed: Seed,
        bytes: usize,
    ) -> Result<Option<Self>, PredictError> {
        let row = Row::new(model, likelihood);
        row.check(posterior.dim())?;
        if networks == 0 || posterior.available() == Some(0) {
            return Err(PredictError::Empty);
        }
        let Some(mlp) = model.as_mlp() else { return Ok(None) };
        if networks.checked_mul(4 * posterior.dim()).is_none_or(|needed| needed > bytes) {
            return Ok(None);
        }
        let points = posterior.draw(seed, networks);
        let rows: Vec<&[f32]> = points.outer_iter().map(|row| row.to_slice().expect("rows are contiguous")).collect();
        let mut phi = Array2::zeros((networks, likelihood.layout().len()));
        phi.outer_iter_mut().zip(&rows).for_each(|(mut phi, point)| {
            phi.iter_mut().zip(row.phi(point)).for_each(|(phi, &x)| *phi = x);
        });
        let rows: Vec<_> = rows.into_iter().map(|point| row.network(point)).collect();
        Ok(Some(Self { networks: Interleaved::new(&mlp, &rows), phi, outputs: model.outputs() }))
    }

    /// The averaged prediction for each input, on the calling thread.
    ///
    /// **Shapes**: inputs: N × inputs. **Panics** if the inputs have another number of columns than the networks take.
    #[track_caller]
    pub fn predict(&self, likelihood: &dyn Likelihood, inputs: ArrayView2<'_, f32>) -> Predictive {
        let (rows, networks, outputs) = (inputs.nrows(), self.networks.len(), self.outputs);
        let mut predictive = likelihood.predictive(rows, outputs);
        // networks × N × outputs: each network's predictions are one matrix.
        let mut all = vec![0.0; networks * rows * outputs];
        let mut one = vec![0.0; networks * outputs];
        for (row, x) in inputs.outer_iter().enumerate() {
            self.networks.outputs(&x.to_vec(), &mut one);
            let link = ArrayViewMut2::from_shape((networks, outputs), &mut one[..]).expect("as many as there are");
            likelihood.inverse_link(link);
            for (network, one) in one.chunks_exact(outputs).enumerate() {
                all[(network * rows + row) * outputs..][..outputs].copy_from_slice(one);
            }
        }
        let all = Array2::from_shape_vec((networks * rows, outputs), all).expect("as many as there are");
        for (network, phi) in self.phi.outer_iter().enumerate() {
            let predictions = all.slice(s![network * rows..(network + 1) * rows, ..]);
            likelihood.predict(phi.to_slice().expect("rows are contiguous"), predictions, &mut predictive);
        }
        predictive
    }
}

#[cfg(test)]
mod tests {
    use apd_nn::Network;
    use ndarray::ArrayViewMut2;

    use super::*;
    use crate::likelihood::{Gaussian, LearnedGaussian};
    use crate::{Categorical, predict};

    /// Networks and the likelihood's own numbers at random.
    struct Random(usize);

    impl Posterior for Random {
        fn dim(&self) -> usize {
            self.0
        }
        fn bytes(&self) -> usize {
            0
        }
        fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
            for (i, mut row) in out.outer_iter_mut().enumerate() {
                seed.normals().fill(first + i as u64, 0, row.as_slice_mut().expect("rows are contiguous"));
            }
        }
    }

    #[test]
    fn predictions_are_those_of_one_network_after_the_other() {
        let (seed, learned, known) = (Seed::root(1), LearnedGaussian::default(), Gaussian { sd: 0.5 });
        for (likelihood, outputs) in [(&Categorical as &dyn Likelihood, 3), (&learned, 1), (&known, 2)] {
            let network = Network::mlp(&[4, 5, outputs]);
            let posterior = Random(network.dim() + likelihood.layout().len());
            let mut inputs = Array2::zeros((3, 4));
            seed.normals().fill(9, 0, inputs.as_slice_mut().unwrap());
            let expected = predict(&posterior, &network, likelihood, inputs.view(), 40, seed).unwrap();
            let prepare = |bytes| PreparedNetworks::new(&posterior, &network, likelihood, 40, seed, bytes).unwrap();
            match (expected, prepare(1 << 20).unwrap().predict(likelihood, inputs.view())) {
                (Predictive::Classes(expected), Predictive::Classes(found)) => assert_eq!(expected, found),
                (Predictive::Numbers(expected), Predictive::Numbers(found)) => {
                    assert_eq!(expected.quantile(0.2), found.quantile(0.2));
                    assert_eq!(expected.deviation(), found.deviation());
                }
                _ => panic!("predictions of one kind"),
            }
            assert!(prepare(100).is_none(), "more memory than that");
        }
        let network = Network::mlp(&[4, 5, 3]);
        let prepare = |dim, count| PreparedNetworks::new(&Random(dim), &network, &Categorical, count, seed, 1 << 20);
        assert!(matches!(prepare(1, 1), Err(PredictError::Length { .. })));
        assert!(matches!(prepare(network.dim(), 0), Err(PredictError::Empty)));
    }
}
