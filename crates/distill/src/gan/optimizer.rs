//! The update rules of parameters.

use apd_nn::optim::{Adam, RmsProp};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::kernel::Element;

/// The rule by which both networks follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Adam, with means of gradients and of their squares.
    Adam(Adam),
    /// RMSProp, with means of squared gradients alone: a third less memory.
    RmsProp(RmsProp),
}

impl Optimizer {
    /// Whether it keeps a mean of gradients.
    pub(crate) fn has_first_moments(self) -> bool {
        matches!(self, Self::Adam(_))
    }

    /// **Errors**: names the first number outside its range.
    pub(crate) fn validate(self) -> Result<(), Error> {
        let positive = |name, x: f64| (name, x, x > 0.0 && x.is_finite(), "finite, above 0");
        let decay = |name, x: f64| (name, x, (0.0..1.0).contains(&x), "from 0 to below 1");
        let checks = match self {
            Self::Adam(Adam { lr, beta1, beta2, eps }) => vec![
                positive("optimizer.adam.lr", lr),
                decay("optimizer.adam.beta1", beta1),
                decay("optimizer.adam.beta2", beta2),
                positive("optimizer.adam.eps", eps),
            ],
            Self::RmsProp(RmsProp { lr, alpha, eps }) => vec![
                positive("optimizer.rms-prop.lr", lr),
                decay("optimizer.rms-prop.alpha", alpha),
                positive("optimizer.rms-prop.eps", eps),
            ],
        };
        match checks.into_iter().find(|check| !check.2) {
            Some((name, value, _, expected)) => Err(Error::Config { name, value: value.to_string(), expected }),
            None => Ok(()),
        }
    }
}

/// An elementwise update.
pub(crate) trait Rule<T>: Sync {
    /// Update number `t` (from 1) of some parameters with this gradient and these moments: slices of one length, but that
    /// `first` is empty where the rule has no first moments.
    fn apply(&self, t: u64, value: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]);
}

impl<T: Element> Rule<T> for Optimizer {
    fn apply(&self, t: u64, value: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]) {
        match self {
            Self::Adam(adam) => adam.apply(t, value, gradient, first, second),
            Self::RmsProp(rms_prop) => rms_prop.apply(value, gradient, second),
        }
    }
}

/// A rule after which no parameter is further from 0 than the bound, if there is one.
#[derive(Clone, Copy)]
pub(crate) struct Clipped<R> {
    pub(crate) rule: R,
    pub(crate) bound: Option<f64>,
}

impl<T: Element, R: Rule<T>> Rule<T> for Clipped<R> {
    fn apply(&self, t: u64, value: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]) {
        self.rule.apply(t, value, gradient, first, second);
        if let Some(bound) = self.bound.map(T::from_f64) {
            value.iter_mut().for_each(|x| *x = if *x > bound { bound } else { x.max(-bound) });
        }
    }
}
