//! One test for every engine: against the derivative of the forward pass, in double precision.

use std::fmt;

use apd_seed::Seed;
use apd_tensor::{Tensor, grad};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::{Accumulate, Batch, Engine, Model, TensorLayout as _, Threads};

/// Numbers of rows: one, some that fill no vector, and more than that again after fewer.
const ROWS: [usize; 4] = [37, 1, 6, 23];
/// Largest error, relative to the norm of what is compared: a thousand roundings of single precision, which engines compute in. Sums of some
/// hundred terms make ten of them, a factor kept in half precision ten thousand.
const TOLERANCE: f64 = 1024.0 * f32::EPSILON as f64;
/// How far an engine's rounding may move a unit: some times what sums of a hundred terms make of it.
const ROUNDING: f32 = 32.0 * f32::EPSILON;
/// Batches of one size, until there is one at which the reference does not jump.
const BATCHES: usize = 4;
/// Directions in which a jump is looked for.
const DIRECTIONS: u64 = 8;

/// What an engine and the reference do not agree in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Discrepancy {
    /// The result that differs.
    pub result: &'static str,
    /// Where the work was done.
    pub threads: Threads,
    /// Rows of the batch.
    pub rows: usize,
    /// Norm of the difference, relative to that of the reference (plus 1); infinite where bits or counts differ.
    pub error: f64,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, threads, rows, error } = self;
        write!(f, "{result} of {rows} rows ({threads:?}): the engine is off by {error:.1e} of its size")
    }
}

impl std::error::Error for Discrepancy {}

/// Whether a model's [`engine`](Model::engine) computes what its [`forward64`](Model::forward64) defines.
///
/// The parameters are near an initialization, inputs are normal, and the loss is Σ wₙₖ·zₙₖ + zₙₖ²/2. Compared are
/// [`gradient`](Engine::gradient) with and without dropout (and how far the masks moved the stream), onto zero, onto what the buffer holds and part by part;
/// [`input_gradient`](Engine::input_gradient) and [`evaluate`](Engine::evaluate), with the buffers of the first batch where the model has any;
/// all of it for batches of several sizes over the same engine. The bits have to be the same on rayon's threads and on the calling one.
/// Where the engine is off at a batch and the derivative jumps within rounding of the parameters (a rectifier at 0, two maxima of a pool), both may be right,
/// and another batch is tried, three times: an engine that is wrong is wrong in all of them.
///
/// **Errors**: the first result that is off by more than 1024 roundings of single precision (10⁻⁴ of its norm), or whose bits depend on threads.
///
/// **Panics** if forward pass or engine do, or the model has no parameters at all.
pub fn check(model: &dyn Model) -> Result<(), Discrepancy> {
    let seed = Seed::root(20);
    let mut theta = vec![0.0; model.dim()];
    seed.normals().fill(0, 0, &mut theta);
    let start = model.initialize(seed.child("initial"));
    theta.iter_mut().zip(&start).for_each(|(theta, &start)| *theta = start + 0.1 * *theta);
    let mut engines = [Threads::Serial, Threads::Rayon].map(|threads| (threads, model.engine(threads)));
    let mut row = Vec::new();
    for (index, rows) in ROWS.into_iter().enumerate() {
        for batch in 0..BATCHES {
            let seed = seed.index((batch * ROWS.len() + index) as u64);
            let x = normals(rows, model.inputs(), seed.child("x"));
            if row.is_empty() {
                // Once, with the most rows: a variance of few numbers is near 0, and then it amplifies rounding.
                row = [&theta[..], &model.calibrate(&theta, x.view())].concat();
            }
            let weights = normals(rows, model.outputs(), seed.child("weights"));
            let case = Case { model, row: &row, x, weights, seed };
            match case.check(&mut engines) {
                // Other bits and what is not a number are wrong anywhere.
                Err(found) if found.error.is_finite() && batch + 1 < BATCHES && case.jumps() => {}
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The same results by automatic differentiation in double precision.
struct Reference {
    /// Loss, gradient and the stream's position afterwards, without dropout (where the network has any) and with.
    gradients: Vec<(bool, f64, Vec<f64>, u64)>,
    outputs: Vec<f64>,
    input_gradient: Vec<f64>,
}

/// A batch of inputs.
#[derive(Clone)]
struct Case<'a> {
    model: &'a dyn Model,
    /// Parameters, then buffers.
    row: &'a [f32],
    x: Array2<f32>,
    /// The loss is Σ w·z + z²/2.
    weights: Array2<f32>,
    seed: Seed,
}

impl Case<'_> {
    fn check(&self, engines: &mut [(Threads, Box<dyn Engine>); 2]) -> Result<(), Discrepancy> {
        let reference = self.reference();
        let [serial, rayon] =
            engines.each_mut().map(|(threads, engine)| self.compare(&reference, *threads, engine.as_mut()));
        if serial? != rayon? {
            return Err(self.discrepancy("bits", Threads::Rayon, f64::INFINITY));
        }
        Ok(())
    }

    /// Whether the reference's gradients are others within the rounding of an engine.
    fn jumps(&self) -> bool {
        let here = self.reference();
        (0..DIRECTIONS).any(|direction| {
            let mut row = vec![0.0; self.row.len()];
            self.seed.child("jumps").index(direction).normals().fill(0, 0, &mut row);
            row.iter_mut().zip(self.row).for_each(|(z, &w)| *z = w + ROUNDING * *z);
            let near = Case { row: &row, ..self.clone() }.reference();
            let gradients = here.gradients.iter().zip(&near.gradients).map(|(here, near)| (&here.2, &near.2));
            gradients
                .chain([(&here.input_gradient, &near.input_gradient)])
                .any(|(here, near)| relative_error(near, here) > TOLERANCE)
        })
    }

    fn theta(&self) -> &[f32] {
        &self.row[..self.model.dim()]
    }

    /// All results in bits, if they are near the reference.
    fn compare(
        &self,
        reference: &Reference,
        threads: Threads,
        engine: &mut dyn Engine,
    ) -> Result<Vec<u32>, Discrepancy> {
        let mut bits = Vec::new();
        let mut near = |result, found: &[f32], expected: &[f64]| {
            bits.extend(found.iter().map(|x| x.to_bits()));
            match relative_error(&double(found), expected) {
                error if error <= TOLERANCE => Ok(()),
                error => Err(self.discrepancy(result, threads, error)),
            }
        };
        for &(dropout, loss, ref expected, words) in &reference.gradients {
            let mut stream = self.seed.stream();
            for (accumulate, result) in TARGETS {
                stream.seek(0);
                let mut found: Vec<f32> =
                    self.theta().iter().map(|t| if accumulate.beta == 0.0 { f32::NAN } else { 3.0 - t }).collect();
                let begin = |t: f32| if accumulate.beta == 0.0 { 0.0 } else { accumulate.beta * f64::from(3.0 - t) };
                let expected: Vec<f64> =
                    self.theta().iter().zip(expected).map(|(&t, g)| begin(t) + accumulate.scale * g).collect();
                let batch = Batch { x: self.x.view(), dropout: dropout.then_some(&mut stream) };
                let found_loss =
                    engine.gradient(self.theta(), batch, &mut |z| self.loss(z), &mut { accumulate }, &mut found);
                near(result, &found, &expected)?;
                near("loss", &[found_loss as f32], &[loss])?;
            }
            if stream.position() != words {
                return Err(self.discrepancy("words that dropout takes", threads, f64::INFINITY));
            }
        }
        let found = engine.evaluate(self.row, self.x.view());
        near("outputs", found.as_slice().expect("a new array is in row-major order"), &reference.outputs)?;
        let mut gradient = Array2::from_elem(self.x.dim(), 0.5);
        let mut loss = |z: ArrayViewMut2<'_, f32>, mut so_far: ArrayViewMut2<'_, f32>| {
            so_far *= 2.0;
            self.loss(z);
        };
        engine.input_gradient(self.row, self.x.view(), &mut loss, gradient.view_mut());
        let expected: Vec<f64> = reference.input_gradient.iter().map(|g| 1.0 + g).collect();
        near("gradient with respect to inputs", gradient.as_slice().expect("row-major"), &expected)?;
        Ok(bits)
    }

    /// Σ w·z + z²/2; leaves w + z in place of z.
    fn loss(&self, mut outputs: ArrayViewMut2<'_, f32>) -> f64 {
        let mut sum = 0.0;
        outputs.zip_mut_with(&self.weights, |z, &w| {
            sum += f64::from(*z) * (f64::from(w) + 0.5 * f64::from(*z));
            *z += w;
        });
        sum
    }

    fn reference_loss(&self, outputs: &Tensor<f64>) -> Tensor<f64> {
        outputs.mul(&tensor(self.weights.view())).add(&outputs.square().scale(0.5)).sum()
    }

    fn reference(&self) -> Reference {
        let layout = self.model.layout();
        let gradient = |dropout: bool| {
            let params: Vec<_> = layout.tensors(&double(self.theta())).into_iter().map(Tensor::into_variable).collect();
            let mut stream = self.seed.stream();
            let outputs = self.model.forward64(&params, &tensor(self.x.view()), dropout.then_some(&mut stream));
            let loss = self.reference_loss(&outputs);
            let gradient = grad(&loss, &params.iter().collect::<Vec<_>>());
            (dropout, loss.item(), layout.flatten(&gradient), stream.position())
        };
        // Without dropout in the network there must be no difference.
        let gradients =
            if self.model.dropout() > 0.0 { vec![gradient(false), gradient(true)] } else { vec![gradient(true)] };
        let params = self.model.row_layout().tensors(&double(self.row));
        let x = tensor(self.x.view()).into_variable();
        let outputs = self.model.forward64(&params, &x, None);
        let input_gradient = grad(&self.reference_loss(&outputs), &[&x])[0].as_slice().to_vec();
        Reference { gradients, outputs: outputs.as_slice().to_vec(), input_gradient }
    }

    fn discrepancy(&self, result: &'static str, threads: Threads, error: f64) -> Discrepancy {
        Discrepancy { result, threads, rows: self.x.nrows(), error }
    }
}

/// Gradients added to nothing, to what is there, and to a part of it.
const TARGETS: [(Accumulate, &str); 3] = [
    (Accumulate::overwrite(1.0), "gradient"),
    (Accumulate::add(-2.5), "gradient, added to another"),
    (Accumulate { scale: 30.0, beta: 0.5 }, "gradient, added to a share of another"),
];

fn normals(rows: usize, columns: usize, seed: Seed) -> Array2<f32> {
    let mut array = Array2::zeros((rows, columns));
    seed.normals().fill(0, 0, array.as_slice_mut().expect("a new array is in row-major order"));
    array
}

fn double(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

fn tensor(numbers: ArrayView2<'_, f32>) -> Tensor<f64> {
    Tensor::constant(numbers.mapv(f64::from).into_dyn())
}

/// ‖found − expected‖ / (1 + ‖expected‖), or infinity if there is anything that is not a number.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    let norm = |squares: &mut dyn Iterator<Item = f64>| squares.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    let error = difference / (1.0 + norm(&mut expected.iter().copied()));
    if error.is_finite() && found.len() == expected.len() { error } else { f64::INFINITY }
}

#[cfg(test)]
mod tests;
