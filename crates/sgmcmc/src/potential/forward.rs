//! Methods of a potential that wraps another one, and leaves them to it.

/// `forward!(self, self.potential; dim num_data)` writes these methods of [`Potential`](crate::Potential).
macro_rules! forward {
    ($self:ident, $inner:expr; $($method:ident)*) => {
        $($crate::potential::forward::forward!(@$method $self, $inner);)*
    };
    (@dim $self:ident, $inner:expr) => {
        fn dim(&$self) -> usize {
            $inner.dim()
        }
    };
    (@num_data $self:ident, $inner:expr) => {
        fn num_data(&$self) -> usize {
            $inner.num_data()
        }
    };
    (@gradient $self:ident, $inner:expr) => {
        fn gradient(
            &mut $self,
            position: &[f32],
            minibatch: $crate::Minibatch<'_>,
            gradient: &mut [f32],
        ) -> Result<f64, $crate::PotentialError> {
            $inner.gradient(position, minibatch, gradient)
        }
    };
    (@prior_precision $self:ident, $inner:expr) => {
        fn prior_precision(&$self) -> Option<f64> {
            $inner.prior_precision()
        }
    };
    (@curvature $self:ident, $inner:expr) => {
        fn curvature(
            &mut $self,
            position: &[f32],
            minibatch: $crate::Minibatch<'_>,
            diagonal: &mut [f32],
        ) -> Result<(), $crate::PotentialError> {
            $inner.curvature(position, minibatch, diagonal)
        }
    };
    (@refresh $self:ident, $inner:expr) => {
        fn refresh(&mut $self, step: u64, position: &[f32]) -> Result<(), $crate::PotentialError> {
            $inner.refresh(step, position)
        }
    };
    (@save $self:ident, $inner:expr) => {
        fn save(&$self) -> $crate::Buffers {
            $inner.save()
        }
    };
    (@restore $self:ident, $inner:expr) => {
        fn restore(&mut $self, buffers: &$crate::Buffers) -> Result<(), $crate::ChainError> {
            $inner.restore(buffers)
        }
    };
}

pub(crate) use forward;
