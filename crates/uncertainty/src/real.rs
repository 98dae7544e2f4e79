/// A number that metrics take: `f32`, `f64`, or any other that `f64` holds exactly; they compute in `f64`.
pub trait Real: Copy + PartialOrd + Into<f64> {}

impl<T: Copy + PartialOrd + Into<f64>> Real for T {}
