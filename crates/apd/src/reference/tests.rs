use apd_seed::Seed;
use ndarray::{Array2, array};

use super::*;

/// Rows (x, x + noise): each column is standard, and both go together.
fn correlated(n: usize, seed: u64) -> Array2<f32> {
    let mut values = Array2::<f32>::zeros((n, 2));
    Seed::root(seed).normals().fill(0, 0, values.as_slice_mut().expect("a fresh array"));
    for mut row in values.rows_mut() {
        row[1] = row[0] + 0.1 * row[1];
    }
    values
}

#[test]
fn rows_that_do_not_go_together_are_strange_though_each_of_their_numbers_is_usual() {
    let reference = Reference::new(correlated(1_000, 1).view(), correlated(300, 2).view());
    let found = reference.strangeness(array![[1.0, -1.0], [0.0, 0.0], [30.0, 30.0], [0.5, 0.5]].view());
    assert_eq!((found[0], found[2]), (1.0, 1.0));
    assert!(found[1] < 0.9 && found[3] < 0.9, "{found:?}");
}

/// α < 10⁻⁶: the mean of 1 000 shares that are uniform but for the reference's own 300 rows has a standard deviation of .02.
#[test]
fn new_rows_of_the_same_law_are_as_strange_as_held_out_ones() {
    let reference = Reference::new(correlated(1_000, 1).view(), correlated(300, 2).view());
    let found = reference.strangeness(correlated(1_000, 3).view());
    let mean = found.iter().sum::<f64>() / 1_000.0;
    assert!((mean - 0.5).abs() < 0.1, "{mean}");
}

#[test]
fn whitening_removes_correlations() {
    let rows = correlated(5_000, 4);
    let reference = Reference::new(rows.view(), rows.view());
    let white: Vec<Vec<f32>> = rows.outer_iter().map(|row| reference.whiten(row.iter())).collect();
    let moment = |a: usize, b: usize| white.iter().map(|row| f64::from(row[a] * row[b])).sum::<f64>() / 5_000.0;
    assert!((moment(0, 0) - 1.0).abs() < 0.03 && moment(0, 1).abs() < 0.2, "{} {}", moment(0, 0), moment(0, 1));
}

#[test]
fn degenerate_rows_are_no_trouble() {
    for rows in [Array2::<f32>::zeros((5, 3)), Array2::zeros((1, 3)), Array2::from_elem((4, 200), 2.0)] {
        let reference = Reference::new(rows.view(), rows.view());
        assert!(reference.is_valid(rows.ncols()));
        assert!(reference.strangeness(rows.view()).iter().all(|&x| x == 0.0));
        assert!(!reference.is_valid(7));
    }
}

#[test]
fn what_is_written_is_read() {
    let reference = Reference::new(correlated(100, 1).view(), correlated(30, 2).view());
    let text = serde_json::to_string(&reference).expect("JSON");
    let read: Reference = serde_json::from_str(&text).expect("read");
    assert_eq!(serde_json::to_string(&read).expect("written"), text);
    assert!(
        serde_json::from_str::<Reference>(&text.replacen("\"rows\":\"", "\"rows\":\"AAAA", 1)).is_err(),
        "three bytes more"
    );
    assert!(serde_json::from_str::<Reference>(&text.replacen("\"rows\":\"", "\"rows\":\"!", 1)).is_err());
}
