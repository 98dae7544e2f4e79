//! Observations: inputs and targets.

use std::ops::Range;
use std::sync::Arc;

use apd_tensor::Tensor;
use apd_tensor::kernel::{self, Aligned};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Zip, s};

/// Observations, shared between chains without a copy.
#[derive(Clone, Debug)]
pub struct Data {
    /// N × inputs.
    pub inputs: Arc<Array2<f32>>,
    /// N targets.
    pub targets: Targets,
}

/// What a network is to predict.
#[derive(Clone, Debug)]
pub enum Targets {
    /// A class per row.
    Classes(Arc<[u32]>),
    /// N × columns real values.
    Values(Arc<Array2<f32>>),
}

/// The targets of some rows.
#[derive(Clone, Copy, Debug)]
pub enum TargetRows<'a> {
    /// A class per row.
    Classes(&'a [u32]),
    /// Rows × columns real values.
    Values(ArrayView2<'a, f32>),
}

impl Data {
    /// Inputs with a class each.
    pub fn classes(inputs: impl Into<Arc<Array2<f32>>>, labels: impl Into<Arc<[u32]>>) -> Self {
        Self { inputs: inputs.into(), targets: Targets::Classes(labels.into()) }
    }

    /// Inputs with real values each.
    pub fn values(inputs: impl Into<Arc<Array2<f32>>>, values: impl Into<Arc<Array2<f32>>>) -> Self {
        Self { inputs: inputs.into(), targets: Targets::Values(values.into()) }
    }

    /// Number of observations N.
    pub fn len(&self) -> usize {
        self.inputs.nrows()
    }

    /// Whether there are no observations.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Targets {
    /// Those of all rows.
    pub fn rows(&self) -> TargetRows<'_> {
        match self {
            Self::Classes(labels) => TargetRows::Classes(labels),
            Self::Values(values) => TargetRows::Values(values.view()),
        }
    }
}

impl<'a> TargetRows<'a> {
    /// Number of rows.
    pub fn len(self) -> usize {
        match self {
            Self::Classes(labels) => labels.len(),
            Self::Values(values) => values.nrows(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Those of neighboring rows.
    pub fn slice(self, rows: Range<usize>) -> Self {
        match self {
            Self::Classes(labels) => Self::Classes(&labels[rows]),
            Self::Values(values) => Self::Values(values.slice_move(s![rows, ..])),
        }
    }

    /// The classes.
    ///
    /// **Panics** if they are real values, which a likelihood's check has excluded.
    #[track_caller]
    pub fn classes(self) -> &'a [u32] {
        match self {
            Self::Classes(labels) => labels,
            Self::Values(_) => panic!("the targets are real values, not classes"),
        }
    }

    /// The real values.
    ///
    /// **Panics** if they are classes, which a likelihood's check has excluded.
    #[track_caller]
    pub fn values(self) -> ArrayView2<'a, f32> {
        match self {
            Self::Values(values) => values,
            Self::Classes(_) => panic!("the targets are classes, not real values"),
        }
    }

    /// The real values in double precision. **Panics** as [`values`](Self::values).
    #[track_caller]
    pub fn tensor(self) -> Tensor<f64> {
        Tensor::constant(self.values().mapv(f64::from).into_dyn())
    }

    /// The sum of all values of `nll(f, y)` over outputs and targets, each output being replaced by the derivative that comes with it.
    ///
    /// **Panics** as [`values`](Self::values), or if the shapes differ.
    #[track_caller]
    pub fn fold(self, mut outputs: ArrayViewMut2<'_, f32>, mut nll: impl FnMut(f32, f32) -> (f32, f32)) -> f64 {
        let mut sum = 0.0;
        Zip::from(&mut outputs).and(self.values()).for_each(|f, &y| {
            let (value, slope) = nll(*f, y);
            sum += f64::from(value);
            *f = slope;
        });
        sum
    }
}

/// Rows of the data, copied beside each other for one minibatch; its buffers are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    inputs: Aligned<f32>,
    labels: Vec<u32>,
    values: Aligned<f32>,
}

impl Gathered {
    pub(crate) fn gather<'a>(&'a mut self, data: &Data, indices: &[u32]) -> (ArrayView2<'a, f32>, TargetRows<'a>) {
        gather(&data.inputs, indices, &mut self.inputs);
        let targets = match &data.targets {
            Targets::Classes(labels) => {
                self.labels.clear();
                self.labels.extend(indices.iter().map(|&i| labels[i as usize]));
                TargetRows::Classes(&self.labels)
            }
            Targets::Values(values) => {
                gather(values, indices, &mut self.values);
                TargetRows::Values(view(&self.values, values.ncols()))
            }
        };
        (view(&self.inputs, data.inputs.ncols()), targets)
    }
}

/// rows\[indices\], one after the other.
fn gather(rows: &Array2<f32>, indices: &[u32], out: &mut Aligned<f32>) {
    match rows.as_slice() {
        Some(all) => kernel::gather_rows(all, rows.ncols(), indices, out),
        None => {
            out.resize(indices.len() * rows.ncols(), 0.0);
            let gathered = indices.iter().flat_map(|&index| rows.row(index as usize));
            out.iter_mut().zip(gathered).for_each(|(to, &from)| *to = from);
        }
    }
}

fn view(data: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((data.len() / columns, columns), data).expect("whole rows were gathered")
}
