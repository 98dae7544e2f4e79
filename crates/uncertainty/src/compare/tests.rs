use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;

fn rows() -> impl Strategy<Value = [Array2<f64>; 2]> {
    (1usize..6, 1usize..5).prop_flat_map(|(n, k)| {
        prop::collection::vec(0.01f64..1.0, 2 * n * k).prop_map(move |x| {
            [0, 1].map(|half| {
                let mut p = Array2::from_shape_fn((n, k), |(i, j)| x[(half * n + i) * k + j]);
                for mut row in p.outer_iter_mut() {
                    let sum = row.sum();
                    row /= sum;
                }
                p
            })
        })
    })
}

proptest! {
    #[test]
    fn both_are_symmetric_and_bounded([p, q] in rows()) {
        let (a, tv) = (agreement(p.view(), q.view()).unwrap(), total_variation(p.view(), q.view()).unwrap());
        prop_assert_eq!(a, agreement(q.view(), p.view()).unwrap());
        prop_assert_eq!(tv, total_variation(q.view(), p.view()).unwrap());
        prop_assert!((0.0..=1.0).contains(&a) && (0.0..=1.0 + 1e-12).contains(&tv));
        prop_assert_eq!(agreement(p.view(), p.view()), Ok(1.0));
        prop_assert_eq!(total_variation(p.view(), p.view()), Ok(0.0));
    }
}

#[test]
fn by_hand() {
    let p = array![[1.0, 0.0], [0.6, 0.4]];
    let q = array![[0.0, 1.0], [0.8, 0.2]];
    assert_eq!(agreement(p.view(), q.view()), Ok(0.5));
    assert!((total_variation(p.view(), q.view()).unwrap() - 0.6).abs() < 1e-15);
}

#[test]
fn errors_are_values() {
    let empty = Array2::<f64>::zeros((0, 2));
    assert_eq!(agreement(empty.view(), empty.view()), Err(MetricError::Empty { what: "predictions" }));
    let (p, q) = (array![[0.5, 0.5]], array![[0.5, f64::NAN]]);
    assert_eq!(total_variation(p.view(), q.view()), Err(MetricError::Nan { what: "second predictions", index: 0 }));
}

#[test]
#[should_panic(expected = "same shape")]
fn other_shapes_panic() {
    let _ = agreement(array![[0.5, 0.5]].view(), array![[1.0]].view());
}
