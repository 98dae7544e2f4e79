use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_value_is_counted_once(x in prop::collection::vec(-2f64..3.0, 0..60), bins in 1usize..9) {
        let h = histogram(&x, 0.0, 1.0, bins).unwrap();
        prop_assert_eq!(h.counts.iter().sum::<u64>() + h.below + h.above, x.len() as u64);
        let edges = h.edges();
        prop_assert_eq!((edges.len(), edges[0], edges[bins]), (bins + 1, 0.0, 1.0));
    }
}

#[test]
fn by_hand() {
    let h = histogram(&[-1.0, 0.0, 0.5, 1.0, 2.0, f64::INFINITY], 0.0, 1.0, 2).unwrap();
    assert_eq!((h.counts.as_slice(), h.below, h.above), ([1, 2].as_slice(), 1, 2));
    let density: f64 = h.density().iter().map(|d| d * 0.5).sum();
    assert!((density - 0.5).abs() < 1e-15);
}

#[test]
fn a_nan_is_an_error_value() {
    assert_eq!(histogram(&[0.0, f64::NAN], 0.0, 1.0, 2), Err(MetricError::Nan { what: "values", index: 1 }));
}
