//! The backward pass.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
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
    let Paths { nodes, inputs, places } = Paths::between(xs, y);
    let places: Vec<_> = xs.iter().map(|x| places.get(&key(x)).copied().flatten()).collect();
    let mut wanted = vec![false; nodes.len()];
    places.iter().flatten().for_each(|&at| wanted[at] = true);
    let mut gradients = vec![None; nodes.len()];
    if let Some(last) = gradients.last_mut() {
        *last = Some(Tensor::ones(y.shape()));
    }
    let mut unread = &inputs[..];
    let mut plain = Vec::new();
    for (at, tensor) in nodes.iter().enumerate().rev() {
        let Some(record) = &tensor.record else { continue };
        let (before, inputs) = unread.split_at(unread.len() - record.inputs.len());
        unread = before;
        // What is wanted stays; what is only passed through is freed as soon as it is used.
        let gradient = if wanted[at] { gradients[at].clone() } else { gradients[at].take() };
        let Some(gradient) = gradient else { continue };
        let detached;
        let (arguments, value) = match mode {
            Mode::Recorded => (&record.inputs, *tensor),
            Mode::Plain => {
                plain.clear();
                plain.extend(record.inputs.iter().map(Tensor::detach));
                detached = tensor.detach();
                (&plain, &detached)
            }
        };
        for (i, (rule, input)) in record.rules.iter().zip(inputs).enumerate() {
            let &Some(input) = input else { continue };
            let part = rule(arguments, value, &gradient);
            let (found, shape) = (part.shape(), arguments[i].shape());
            assert!(found == shape, "grad: the rule of input {i} gives shape {found:?}, the input has shape {shape:?}");
            gradients[input] = Some(match gradients[input].take() {
                Some(sum) => sum.add(&part),
                None => part,
            });
        }
    }
    let gradient = |(x, place): (&&Tensor<T>, Option<usize>)| match place {
        Some(at) => gradients[at].clone().expect("what leads on has a gradient"),
        None => Tensor::zeros(x.shape()),
    };
    xs.iter().zip(places).map(gradient).collect()
}

type Key = usize;

/// Tells variables and what depends on them apart.
fn key<T: Scalar>(tensor: &Tensor<T>) -> Key {
    tensor.record.as_ref().map_or(tensor.value() as *const _ as Key, |record| Arc::as_ptr(record) as Key)
}

/// The tensors that lead from `xs` to `y`.
struct Paths<'a, T: Scalar> {
    /// Inputs before outputs, `y` last. The order follows from the graph's structure alone (not from addresses or times of creation),
    /// and with it the order in which gradients are added up.
    nodes: Vec<&'a Tensor<T>>,
    /// The places among `nodes` of the inputs of each of them, one after another; none for an input that leads from none of `xs`.
    inputs: Vec<Option<usize>>,
    /// The place of what was visited.
    places: HashMap<Key, Option<usize>, BuildHasherDefault<AddressHasher>>,
}

impl<'a, T: Scalar> Paths<'a, T> {
    fn between(xs: &[&Tensor<T>], y: &'a Tensor<T>) -> Self {
        let wanted: HashSet<Key, BuildHasherDefault<AddressHasher>> = xs.iter().map(|x| key(x)).collect();
        let mut paths = Paths { nodes: Vec::new(), inputs: Vec::new(), places: HashMap::default() };
        let mut stack = vec![(y, 0)];
        while let Some((tensor, next)) = stack.pop() {
            let inputs = tensor.record.as_ref().map_or(&[][..], |record| &record.inputs[..]);
            if let Some(input) = inputs.get(next) {
                stack.push((tensor, next + 1));
                if input.is_recorded() && !paths.places.contains_key(&key(input)) {
                    stack.push((input, 0));
                }
                continue;
            }
            let start = paths.inputs.len();
            paths.inputs.extend(inputs.iter().map(|input| paths.places.get(&key(input)).copied().flatten()));
            let leads = wanted.contains(&key(tensor)) || paths.inputs[start..].iter().any(Option::is_some);
            paths.places.insert(key(tensor), leads.then_some(paths.nodes.len()));
            if leads {
                paths.nodes.push(tensor);
            } else {
                paths.inputs.truncate(start);
            }
        }
        paths
    }
}

/// One multiplication instead of a hash that withstands hostile keys: nobody chooses addresses, and no order follows from them.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers");
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

#[cfg(test)]
mod tests;
