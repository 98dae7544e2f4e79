use ndarray::{Array2, s};

use super::{log_softmax_rows, softmax_rows};
use crate::check::numbers;

fn matrix(rows: usize, width: usize) -> Array2<f32> {
    let x = numbers(rows * width, 3, -8.0, 8.0).into_iter().map(|x| x as f32).collect();
    Array2::from_shape_vec((rows, width), x).unwrap()
}

#[test]
fn rows_against_the_definition() {
    for (rows, width) in [(0, 3), (3, 0), (1, 1), (5, 10), (2, 5000), (30_000, 10)] {
        let x = matrix(rows, width);
        let (mut p, mut log_p) = (x.clone(), x.clone());
        softmax_rows(p.view_mut());
        log_softmax_rows(log_p.view_mut());
        for ((x, p), log_p) in x.rows().into_iter().zip(p.rows()).zip(log_p.rows()) {
            let sum: f64 = x.iter().map(|&x| f64::from(x).exp()).sum();
            for k in 0..width {
                let exact = f64::from(x[k]).exp() / sum;
                assert!((f64::from(p[k]) / exact - 1.0).abs() < 3e-6);
                assert!((f64::from(log_p[k]) - exact.ln()).abs() < 3e-6 * (1.0 - exact.ln()));
            }
        }
    }
}

#[test]
fn any_strides() {
    let x = matrix(6, 8);
    let mut every_second = x.clone();
    softmax_rows(every_second.slice_mut(s![..;2, 1..7]).reversed_axes());
    let mut copy = x.slice(s![..;2, 1..7]).t().as_standard_layout().into_owned();
    softmax_rows(copy.view_mut());
    assert_eq!(every_second.slice(s![..;2, 1..7]).t(), copy);
    assert_eq!(every_second.slice(s![1..;2, ..]), x.slice(s![1..;2, ..]), "the rest is untouched");
}

#[test]
fn what_is_not_a_number_shows() {
    let mut x = ndarray::arr2(&[[f32::NAN, 0.0], [f32::NEG_INFINITY, 0.0]]);
    softmax_rows(x.view_mut());
    assert!(x.row(0).iter().all(|x| x.is_nan()));
    assert_eq!(x.row(1).to_vec(), [0.0, 1.0]);
}
