use super::*;

#[test]
fn rows_and_border_cover_the_image() {
    for (height, width, channels, border) in
        [(3, 4, 2, [1, 1]), (1, 1, 1, [2, 3]), (5, 2, 3, [0, 1]), (2, 3, 1, [1, 0]), (4, 4, 2, [0, 0])]
    {
        let frame = Frame { height, width, channels, border };
        let mut image = vec![1.0_f32; frame.len()];
        frame.clear_border(&mut image);
        let kept: Vec<usize> = (0..image.len()).filter(|&i| image[i] == 1.0).collect();
        let rows: Vec<usize> = (0..height).flat_map(|y| frame.row(y)).collect();
        assert_eq!(kept, rows);
        assert_eq!(rows.len(), frame.pixels());
    }
}

/// Zeros all around: above, below, left and right of every row, as far as the border goes.
#[test]
fn the_border_is_as_wide_as_it_says() {
    let frame = Frame { height: 3, width: 2, channels: 2, border: [2, 1] };
    let mut image = vec![f64::NAN; frame.len()];
    frame.clear_border(&mut image);
    for y in 0..3 {
        let row = frame.row(y);
        let zeros = |range: Range<usize>| image[range].iter().all(|&x| x == 0.0);
        assert!(zeros(row.start - 2..row.start) && zeros(row.end..row.end + 2));
    }
    let (first, last) = (frame.row(0).start, frame.row(2).end);
    assert_eq!(first, 2 * frame.stride() + 2);
    assert_eq!(frame.len(), last + 2 + 2 * frame.stride());
}
