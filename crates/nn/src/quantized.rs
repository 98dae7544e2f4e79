//! Perceptrons in 8-bit numbers.

use apd_tensor::kernel::int8::{COLUMNS, Quad, ROWS, product};
use apd_tensor::kernel::{Aligned, transpose};
use ndarray::ArrayView2;
use pulp::{Arch, NullaryFnOnce};

use crate::feature_major::{FeatureMajor, affine};
use crate::{Linear, Mlp};

/// Added to a number between −2²² and 2²², it leaves the nearest integer in the lowest bits.
const NEAREST: f32 = 12_582_912.0;

/// A perceptron whose hidden layers multiply 8-bit numbers.
///
/// Weights of one unit are w ≈ s·q with q in −127, …, 127, and the numbers of one row before a layer are x ≈ l + t·p with p in 0, …, 255 and
/// l the least of them, so that
///
/// Σ w·x + b ≈ s·t·Σ q·p + l·Σ w + b.
///
/// Σ q·p is exact in 32 bits. Σ w is that of the weights as they were: what lies at the least number, the background of an image or a unit that a
/// rectifier has set to 0, is not rounded at all, nor are pixels of 8 bits. Biases and activations are in single precision, and the last layer is:
/// it is small, and most of the error would be its own. In the first layer what rounding leaves of a weight is added to the next one of the unit:
/// neighboring inputs are alike, so that their errors cancel (half the error of 784-100-10 on MNIST; behind it there are no neighbors).
///
/// The bits of a row depend on that row alone, and are the same on every processor.
///
/// **Where it fails**: inputs that are no multiples of one step, plus a constant, are rounded in the same way for all networks, which no average
/// over networks makes good.
///
/// ```
/// use apd_nn::{Activation, Mlp, Quantized, QuantizedInputs, QuantizedScratch};
/// use ndarray::array;
///
/// let mlp = Mlp { widths: vec![2, 1, 1], activation: Activation::Relu, dropout: 0.0 };
/// let network = Quantized::new(&mlp, &[1.0, -1.0, 0.5, 2.0, 0.0]); // 2·max(0, x₁ − x₂ + ½)
/// let (mut x, mut logits) = (QuantizedInputs::default(), [0.0; 2]);
/// x.fill(array![[3.0, 1.0], [1.0, 3.0]].view());
/// network.logits(&x, &mut logits, &mut QuantizedScratch::default());
/// assert!((logits[0] - 5.0).abs() < 1e-5 && logits[1] == 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Quantized {
    mlp: Mlp,
    hidden: Vec<Layer>,
    /// Weight and bias of the last layer.
    last: Vec<f32>,
}

/// One hidden layer.
#[derive(Clone, Debug)]
struct Layer {
    /// Blocks of [`ROWS`] units × quads of inputs.
    weight: Vec<[Quad<i8>; ROWS]>,
    /// s, Σ w and b of each unit.
    units: Vec<[f32; 3]>,
}

/// Rows of numbers before a layer, in 8 bits.
#[derive(Clone, Debug, Default)]
struct Units {
    /// Panels of [`COLUMNS`] rows × quads of numbers.
    numbers: Aligned<[Quad<u8>; COLUMNS]>,
    /// l and t of each panel's rows.
    least: Vec<[f32; COLUMNS]>,
    step: Vec<[f32; COLUMNS]>,
}

/// The inputs of a few rows, in 8 bits; they serve any number of networks.
#[derive(Clone, Debug, Default)]
pub struct QuantizedInputs {
    /// As they were, for a network without a hidden layer.
    exact: FeatureMajor,
    units: Units,
    steps: Vec<f32>,
}

/// Buffers of [`Quantized::logits`], kept between calls so that only the first one allocates.
#[derive(Clone, Debug, Default)]
pub struct QuantizedScratch {
    sums: Aligned<i32>,
    activations: Aligned<f32>,
    units: Units,
    logits: Aligned<f32>,
}

impl Mlp {
    /// Whether every sum of a [`Quantized`] one is sure to fit 32 bits: hidden layers have at most 65 792 inputs each.
    pub fn fits_int8(&self) -> bool {
        self.widths[..self.widths.len() - 2].iter().all(|&inputs| inputs.div_ceil(4) <= apd_tensor::kernel::int8::MOST)
    }
}

impl Quantized {
    /// Rounds these weights. **Shapes**: θ: d.
    ///
    /// **Panics** if θ has another length, or the sums [need not fit](Mlp::fits_int8).
    #[track_caller]
    pub fn new(mlp: &Mlp, theta: &[f32]) -> Self {
        let linears = mlp.linears();
        let (last, hidden) = linears.split_last().expect("a network has a layer");
        assert_eq!(theta.len(), last.bias.end, "elements of θ");
        assert!(mlp.fits_int8(), "sums of so many inputs may exceed 32 bits");
        let hidden = hidden.iter().map(|linear| Layer::new(linear, theta)).collect();
        Self { mlp: mlp.clone(), hidden, last: theta[last.weight.start..].to_vec() }
    }

    /// The logits of some rows without dropout, on the calling thread.
    ///
    /// **Shapes**: x: inputs, logits: rows × outputs, row-major. **Panics** if the shapes do not fit.
    #[track_caller]
    pub fn logits(&self, x: &QuantizedInputs, logits: &mut [f32], scratch: &mut QuantizedScratch) {
        let (rows, stride, outputs) = (x.exact.rows, x.exact.stride, self.mlp.widths[self.mlp.widths.len() - 1]);
        assert_eq!(x.exact.units.len(), self.mlp.widths[0] * stride, "elements of the inputs");
        assert_eq!(logits.len(), rows * outputs, "logits, one for each row and output");
        let QuantizedScratch { sums, activations, units, logits: last } = scratch;
        for (l, layer) in self.hidden.iter().enumerate() {
            if l > 0 {
                units.fill(activations, stride, &[]);
            }
            layer.forward(if l == 0 { &x.units } else { units }, stride, sums, activations);
            self.mlp.activation.map(activations);
        }
        last.resize(outputs * stride, 0.0);
        let (weight, bias) = self.last.split_at(self.last.len() - outputs);
        affine(weight, bias, if self.hidden.is_empty() { &x.exact.units } else { activations }, stride, last);
        transpose([outputs, rows], last, stride, logits, outputs);
    }
}

impl Layer {
    fn new(linear: &Linear, theta: &[f32]) -> Self {
        let (weight, bias) = (&theta[linear.weight.clone()], &theta[linear.bias.clone()]);
        let (first, quads) = (linear.weight.start == 0, linear.inputs.div_ceil(4));
        let mut numbers = vec![[[0; 4]; ROWS]; linear.outputs.div_ceil(ROWS) * quads];
        let unit = |(i, (row, &bias)): (usize, (&[f32], &f32))| {
            let most = row.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
            let (sum, inverse) =
                (row.iter().map(|&w| f64::from(w)).sum::<f64>(), if most > 0.0 { 127.0 / most } else { 0.0 });
            let numbers = &mut numbers[i / ROWS * quads..][..quads];
            let mut rest = 0.0;
            for (quad, weights) in numbers.iter_mut().zip(row.chunks(4)) {
                for (q, w) in quad[i % ROWS].iter_mut().zip(weights) {
                    // Whatever it is for what is not a number: the sum is none then, and shows.
                    let exact = (w * inverse + rest).min(127.0);
                    let near = exact + NEAREST;
                    *q = near.to_bits() as i8;
                    rest = if first { exact - (near - NEAREST) } else { 0.0 };
                }
            }
            [most / 127.0, sum as f32, bias]
        };
        let units = weight.chunks_exact(linear.inputs).zip(bias).enumerate().map(unit).collect();
        Self { weight: numbers, units }
    }

    /// out ← s·t·Σ q·p + l·Σ w + b, units × stride.
    fn forward(&self, x: &Units, stride: usize, sums: &mut Aligned<i32>, out: &mut Aligned<f32>) {
        let (blocks, panels) = (self.units.len().div_ceil(ROWS), x.least.len());
        sums.resize(blocks * ROWS * stride, 0);
        out.resize(self.units.len() * stride, 0.0);
        product([blocks, panels, self.weight.len() / blocks], &self.weight, &x.numbers, sums);
        Arch::new().dispatch(Scale { units: &self.units, x, sums, out });
    }
}

struct Scale<'a> {
    units: &'a [[f32; 3]],
    x: &'a Units,
    sums: &'a [i32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { units, x, sums, out } = self;
        let (sums, out) = (sums.as_chunks::<COLUMNS>().0, out.as_chunks_mut::<COLUMNS>().0);
        let panels = x.least.len().max(1);
        let rows = sums.chunks_exact(panels).zip(out.chunks_exact_mut(panels));
        for (&[scale, sum, bias], (sums, out)) in units.iter().zip(rows) {
            for panel in 0..panels {
                let (sums, out, least, step) = (&sums[panel], &mut out[panel], &x.least[panel], &x.step[panel]);
                for j in 0..COLUMNS {
                    out[j] = (sums[j] as f32).mul_add(scale * step[j], sum.mul_add(least[j], bias));
                }
            }
        }
    }
}

impl Units {
    /// Rounds numbers that lie unit by unit, units × stride, in so many steps from each row's least to its greatest: 255 where it is not said.
    fn fill(&mut self, units: &[f32], stride: usize, steps: &[f32]) {
        let panels = stride / COLUMNS;
        let quads = units.len().checked_div(stride).unwrap_or(0).div_ceil(4);
        self.numbers.resize(panels * quads, [[0; 4]; COLUMNS]);
        self.least.resize(panels, [0.0; COLUMNS]);
        self.step.resize(panels, [0.0; COLUMNS]);
        Arch::new().dispatch(Round { units, steps, panels, to: self });
    }
}

struct Round<'a> {
    units: &'a [f32],
    steps: &'a [f32],
    panels: usize,
    to: &'a mut Units,
}

impl NullaryFnOnce for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { units, steps, panels, to } = self;
        let Units { numbers, least, step } = to;
        let units = units.as_chunks::<COLUMNS>().0;
        for panel in 0..panels {
            let column = || units[panel..].iter().step_by(panels);
            let (mut low, mut high, mut check) =
                ([f32::INFINITY; COLUMNS], [f32::NEG_INFINITY; COLUMNS], [0.0; COLUMNS]);
            for unit in column() {
                for j in 0..COLUMNS {
                    low[j] = if unit[j] < low[j] { unit[j] } else { low[j] };
                    high[j] = if unit[j] > high[j] { unit[j] } else { high[j] };
                    // Not a number if one of them is none, or infinite: a diverged network shows.
                    check[j] += 0.0 * unit[j];
                }
            }
            let mut inverse = [0.0; COLUMNS];
            for j in 0..COLUMNS {
                let (steps, range) = (steps.get(panel * COLUMNS + j).copied().unwrap_or(255.0), high[j] - low[j]);
                inverse[j] = if range > 0.0 { steps / range } else { 0.0 };
                (least[panel][j], step[panel][j]) = (low[j], range / steps + check[j]);
            }
            let quads = numbers.len() / panels;
            let mut column = column();
            for quad in &mut numbers[panel * quads..][..quads] {
                let mut bits = [0_u32; COLUMNS];
                for (byte, unit) in column.by_ref().take(4).enumerate() {
                    for j in 0..COLUMNS {
                        let number = (unit[j] - low[j]).mul_add(inverse[j], NEAREST).to_bits() & 255;
                        bits[j] |= number << (8 * byte);
                    }
                }
                for j in 0..COLUMNS {
                    quad[j] = bits[j].to_le_bytes();
                }
            }
        }
    }
}

impl QuantizedInputs {
    /// Takes these inputs in place of what it holds. **Shapes**: x: N × inputs.
    pub fn fill(&mut self, x: ArrayView2<'_, f32>) {
        let Self { exact, units, steps } = self;
        let x = x.as_standard_layout();
        exact.fill_padded(x.view(), x.nrows().next_multiple_of(COLUMNS));
        steps.clear();
        steps.extend(x.outer_iter().map(|row| equal_steps(row.to_slice().expect("standard layout"))));
        units.fill(&exact.units, exact.stride, steps);
    }
}

/// So many equal steps from the least to the greatest of these numbers that each lies at the end of one, and 255 if there are none: pixels of 8
/// bits that do not reach from the darkest to the brightest are exact, too.
fn equal_steps(row: &[f32]) -> f32 {
    let (low, high) = row.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let at_ends = |steps: &f32| {
        let inverse = steps / (high - low);
        // A few at a time, without a branch for each.
        row.chunks(32).all(|numbers| {
            let is_end = |x: &f32| {
                let number = (x - low) * inverse;
                (number - (number + NEAREST - NEAREST)).abs() < 1e-3
            };
            numbers.iter().fold(true, |all, x| all & is_end(x))
        })
    };
    // Fewer than 128 steps are as many times two or more.
    (128..=255_u8).rev().map(f32::from).find(at_ends).unwrap_or(255.0)
}

#[cfg(test)]
mod tests;
