//! Kernels on their own: Gaussian noise, and the products that the works above are made of.

use std::hint::black_box;

use apd_seed::Seed;
use apd_tensor::kernel;
use ndarray::{Array2, ArrayView2};

use crate::work::{Runner, Work};

const NORMALS: usize = 1 << 16;

pub(super) fn works() -> Vec<Work> {
    let row = |[m, k, n]: [usize; 3], transposed| Work {
        name: format!("gemm-{m}x{k}x{n}{}", if transposed { "-tn" } else { "" }),
        unit: if transposed { "product AᵀB" } else { "product" },
        flop: 2.0 * (m * k * n) as f64,
        make: Box::new(move || product([m, k, n], transposed)),
        ..Work::default()
    };
    vec![
        Work {
            name: "normals".into(),
            unit: "65 536 normals, one thread",
            items: NORMALS as f64,
            make: Box::new(normals),
            ..Work::default()
        },
        row([100, 784, 100], false),
        row([784, 100, 100], true),
        row([100, 400, 400], false),
        row([100, 79_510, 100], false),
        row([79_510, 100, 100], true),
        row([100, 100, 79_510], false),
        row([10_000, 784, 100], false),
        row([10_000, 784, 400], false),
        row([2048, 2048, 2048], false),
    ]
}

fn normals() -> Box<dyn Runner> {
    let normals = Seed::root(1).normals();
    let mut out = vec![0.0; NORMALS];
    let mut step = 0;
    Box::new(move || {
        normals.fill(step, 0, &mut out);
        black_box(&mut out);
        step += 1;
    })
}

fn product([m, k, n]: [usize; 3], transposed: bool) -> Box<dyn Runner> {
    let random = |rows, columns, index| {
        let mut matrix = Array2::zeros((rows, columns));
        Seed::root(1).normals().fill(index, 0, matrix.as_slice_mut().expect("standard layout"));
        matrix
    };
    let a = if transposed { random(k, m, 0) } else { random(m, k, 0) };
    let b = random(k, n, 1);
    let mut c = Array2::zeros((m, n));
    Box::new(move || {
        let a: ArrayView2<'_, f32> = if transposed { a.t() } else { a.view() };
        kernel::gemm(1.0, a, b.view(), 0.0, c.view_mut());
        black_box(&mut c);
    })
}
