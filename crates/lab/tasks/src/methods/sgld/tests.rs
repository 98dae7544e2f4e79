use super::*;

#[test]
fn rows_at_equal_distances_end_with_the_last() {
    let rows = Array2::from_shape_fn((10, 2), |(i, _)| i as f32);
    assert_eq!(spread_out(&rows, 4).column(0).to_vec(), [1.0, 4.0, 6.0, 9.0]);
    assert_eq!(spread_out(&rows, 10), rows);
    assert_eq!(spread_out(&rows, 20), rows);
    assert_eq!(spread_out(&rows, 1).column(0).to_vec(), [9.0]);
}
