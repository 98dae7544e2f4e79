//! Kernels on their own: Gaussian noise, and the products that the works above are made of.

use std::hint::black_box;

use apd_seed::Seed;
use apd_tensor::kernel;
use ndarray::{Array2, ArrayView2};

use super::{PLAIN, Runner, Work};

const NORMALS: usize = 1 << 16;

macro_rules! product {
    ($m:literal, $k:literal, $n:literal) => {
        Work {
            name: concat!("gemm-", $m, "x", $k, "x", $n),
            unit: "product",
            flop: 2.0 * $m as f64 * $k as f64 * $n as f64,
            make: || product($m, $k, $n, false),
            ..PLAIN
        }
    };
    ($m:literal, $k:literal, $n:literal, transposed) => {
        Work {
            name: concat!("gemm-", $m, "x", $k, "x", $n, "-tn"),
            unit: "product AᵀB",
            flop: 2.0 * $m as f64 * $k as f64 * $n as f64,
            make: || product($m, $k, $n, true),
            ..PLAIN
        }
    };
}

pub(super) fn works() -> Vec<Work> {
    vec![
        Work { name: "normals", unit: "65 536 normals, one thread", items: NORMALS as f64, make: normals, ..PLAIN },
        product!(100, 784, 100),
        product!(784, 100, 100, transposed),
        product!(100, 400, 400),
        product!(100, 79510, 100),
        product!(79510, 100, 100, transposed),
        product!(100, 100, 79510),
        product!(10000, 784, 100),
        product!(10000, 784, 400),
        product!(2048, 2048, 2048),
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

fn product(m: usize, k: usize, n: usize, transposed: bool) -> Box<dyn Runner> {
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
