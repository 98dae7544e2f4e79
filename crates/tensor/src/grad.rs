//! The backward pass.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{Scalar, Tensor};

/// Gradients ∂y/∂x of a one-element `y`, as constants.
///
/// Element i has the shape of `xs[i]`; it is 0 where `y` does not depend on `xs[i]`. An `x` may be a variable or any
/// intermediate value that depends on one; what lies behind it is not differentiated.
///
/// **Panics** when `y` does not have exactly one element.
#[track_caller]
pub fn grad<T: Scalar>(y: &Tensor<T>, xs: &[&Tensor<T>]) -> Vec<Tensor<T>> {
    backward(y, xs, Mode::Plain)
}

/// Gradients as [`grad`] gives them, whose computation is recorded, so that they can be differentiated again.
///
/// **Panics** when `y` does not have exactly one element.
#[track_caller]
pub fn grad_graph<T: Scalar>(y: &Tensor<T>, xs: &[&Tensor<T>]) -> Vec<Tensor<T>> {
    backward(y, xs, Mode::Recorded)
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Plain,
    Recorded,
}

#[track_caller]
fn backward<T: Scalar>(y: &Tensor<T>, xs: &[&Tensor<T>], mode: Mode) -> Vec<Tensor<T>> {
    assert!(y.len() == 1, "grad: y must have one element, not shape {:?}", y.shape());
    let order = reverse_order(y, xs);
    let mut gradients: HashMap<Key, Tensor<T>> = HashMap::from([(key(y), Tensor::ones(y.shape()))]);
    let wanted: HashSet<Key> = xs.iter().map(|x| key(x)).collect();
    for Step { tensor, through } in order.into_iter().rev() {
        // What is wanted stays; what is only passed through is freed as soon as it is used.
        let at = key(&tensor);
        let gradient = if wanted.contains(&at) { gradients.get(&at).cloned() } else { gradients.remove(&at) };
        let (Some(gradient), Some(record)) = (gradient, &tensor.node.record) else { continue };
        let plain: Vec<Tensor<T>>;
        let detached;
        let (inputs, value) = match mode {
            Mode::Recorded => (&record.inputs[..], &tensor),
            Mode::Plain => {
                plain = record.inputs.iter().map(Tensor::detach).collect();
                detached = tensor.detach();
                (&plain[..], &detached)
            }
        };
        for ((input, rule), through) in record.inputs.iter().zip(&record.rules).zip(&through) {
            if *through {
                let part = rule(inputs, value, &gradient);
                debug_assert_eq!(part.shape(), input.shape(), "a gradient has the shape of its input");
                match gradients.get_mut(&key(input)) {
                    Some(sum) => *sum = sum.add(&part),
                    None => {
                        gradients.insert(key(input), part);
                    }
                }
            }
        }
    }
    xs.iter().map(|x| gradients.get(&key(x)).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()))).collect()
}

type Key = usize;

fn key<T: Scalar>(tensor: &Tensor<T>) -> Key {
    Arc::as_ptr(&tensor.node) as usize
}

struct Step<T: Scalar> {
    tensor: Tensor<T>,
    /// Which inputs lead on to one of the wanted tensors.
    through: Vec<bool>,
}

/// The nodes between `xs` and `y`, inputs before outputs. The order follows from the graph's structure alone (not from
/// addresses or times of creation), and with it the order in which gradients are added up.
fn reverse_order<T: Scalar>(y: &Tensor<T>, xs: &[&Tensor<T>]) -> Vec<Step<T>> {
    let wanted: HashSet<Key> = xs.iter().map(|x| key(x)).collect();
    // Finished nodes, and whether one of `xs` can be reached from them (or is one).
    let mut leads: HashMap<Key, bool> = HashMap::new();
    let mut order = Vec::new();
    let mut stack = vec![(y.clone(), 0)];
    while let Some((tensor, next)) = stack.pop() {
        let inputs = tensor.node.record.as_ref().map_or(&[][..], |record| &record.inputs[..]);
        if let Some(input) = inputs.get(next) {
            let input = input.clone();
            stack.push((tensor, next + 1));
            if input.is_recorded() && !leads.contains_key(&key(&input)) {
                stack.push((input, 0));
            }
        } else {
            let through: Vec<bool> =
                inputs.iter().map(|input| leads.get(&key(input)).copied().unwrap_or(false)).collect();
            let leading = through.contains(&true);
            leads.insert(key(&tensor), leading || wanted.contains(&key(&tensor)));
            if leading {
                order.push(Step { tensor, through });
            }
        }
    }
    order
}

#[cfg(test)]
mod tests;
