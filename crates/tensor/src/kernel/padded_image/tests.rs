use super::*;

#[test]
fn rows_and_padding_cover_the_image() {
    for (height, width, channels, padding) in
        [(3, 4, 2, [1, 1]), (1, 1, 1, [2, 3]), (5, 2, 3, [0, 1]), (2, 3, 1, [1, 0]), (4, 4, 2, [0, 0])]
    {
        let padded = PaddedImage { height, width, channels, padding };
        let mut image = vec![1.0_f32; padded.len()];
        padded.clear_padding(&mut image);
        let kept: Vec<usize> = (0..image.len()).filter(|&i| image[i] == 1.0).collect();
        let rows: Vec<usize> = (0..height).flat_map(|y| padded.row(y)).collect();
        assert_eq!(kept, rows);
        assert_eq!(rows.len(), padded.pixels());
    }
}

/// Zeros all around: above, below, left and right of every row, as far as the padding goes.
#[test]
fn the_padding_is_as_wide_as_it_says() {
    let padded = PaddedImage { height: 3, width: 2, channels: 2, padding: [2, 1] };
    let mut image = vec![f64::NAN; padded.len()];
    padded.clear_padding(&mut image);
    for y in 0..3 {
        let row = padded.row(y);
        let zeros = |range: Range<usize>| image[range].iter().all(|&x| x == 0.0);
        assert!(zeros(row.start - 2..row.start) && zeros(row.end..row.end + 2));
    }
    let (first, last) = (padded.row(0).start, padded.row(2).end);
    assert_eq!(first, 2 * padded.stride() + 2);
    assert_eq!(padded.len(), last + 2 + 2 * padded.stride());
}
