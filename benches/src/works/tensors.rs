//! Tensors on their own: functions element by element, attention, and what a recorded operation costs beside its arithmetic.

use std::hint::black_box;

use apd_seed::Seed;
use apd_tensor::{Tensor, grad};

use crate::work::Work;

const ELEMENTS: usize = 1 << 16;
// Heads, positions, and the width of a head.
const HEADS: usize = 32;
const LENGTH: usize = 64;
const WIDTH: usize = 32;
const SCALARS: usize = 1_000;

pub(super) fn works() -> Vec<Work> {
    let function = |name: &str, f: fn(&Tensor) -> Tensor| Work {
        name: name.into(),
        unit: "65 536 numbers, one thread",
        items: ELEMENTS as f64,
        make: Box::new(move || {
            let x = normal(&[ELEMENTS], 0).scale(3.0);
            Box::new(move || drop(black_box(f(&x))))
        }),
        ..Work::default()
    };
    let row = |name: &str, unit, run: fn()| Work {
        name: name.into(),
        unit,
        make: Box::new(move || Box::new(run)),
        ..Work::default()
    };
    vec![
        function("exp", Tensor::exp),
        function("tanh", Tensor::tanh),
        function("sigmoid", Tensor::sigmoid),
        function("gelu", Tensor::gelu),
        attention("attention-32x64x32", false),
        attention("attention-32x64x32-gradient", true),
        row("scalar-ops", "1000 recorded operations on a number", || drop(black_box(scalars().1))),
        row("scalar-ops-gradient", "1000 operations on a number, and their gradient", || {
            let (x, y) = scalars();
            black_box(grad(&y, &[&x]));
        }),
    ]
}

/// softmax(Q·Kᵀ/√width)·V of all heads, recorded; with its gradient for Q, K and V.
fn attention(name: &str, gradient: bool) -> Work {
    // Two products forward, and two for each of them back.
    let flop = (if gradient { 6 } else { 2 } * 2 * HEADS * LENGTH * LENGTH * WIDTH) as f64;
    let make = move || -> Box<dyn crate::Runner> {
        let [q, k, v] = [0, 1, 2].map(|row| normal(&[HEADS, LENGTH, WIDTH], row).into_variable());
        Box::new(move || {
            let heads = q.matmul_nt(&k).scale((WIDTH as f32).sqrt().recip()).softmax().matmul(&v);
            black_box(if gradient { grad(&heads.square().sum(), &[&q, &k, &v]) } else { vec![heads] });
        })
    };
    Work { name: name.into(), unit: "attention of 32 heads", flop, make: Box::new(make), ..Work::default() }
}

/// A number, and what some operations make of it.
fn scalars() -> (Tensor, Tensor) {
    let x = Tensor::scalar(0.5).into_variable();
    let y = (0..SCALARS / 2).fold(x.clone(), |y, _| &(&y * &x) + &x);
    (x, y)
}

fn normal(shape: &[usize], row: u64) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Seed::root(1).normals().fill(row, 0, &mut values);
    Tensor::from_vec(shape, values)
}
