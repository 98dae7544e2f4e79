//! Rows that stand for all.

/// At most `most` of `rows` rows, at equal distances.
pub(crate) fn evenly(rows: usize, most: usize) -> Vec<usize> {
    let count = rows.min(most);
    (0..count).map(|i| i * rows / count).collect()
}
