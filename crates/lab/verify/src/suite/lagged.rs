//! A negative control: gradients that are old.

use apd_sgmcmc::{Potential, WithGradient};

/// A potential that returns the gradient of `lag` calls ago; until there is one, the present one.
pub(super) fn lagged(potential: impl Potential, lag: usize) -> impl Potential {
    // The last gradients, the oldest at `next`.
    let (mut past, mut next) = (Vec::new(), 0);
    WithGradient::new(potential, move |potential, position, minibatch, gradient| {
        let value = potential.gradient(position, minibatch, gradient)?;
        if past.len() < lag {
            past.push(gradient.to_vec());
        } else if lag > 0 {
            past[next].swap_with_slice(gradient);
            next = (next + 1) % lag;
        }
        Ok(value)
    })
}
