use super::*;

fn filled(points: usize) -> Buffer {
    let mut buffer = Buffer::new(3, 4);
    (0..points).for_each(|i| buffer.push(&[i as f32; 3]));
    buffer
}

#[test]
fn the_newest_points_stay_and_memory_does_not_grow() {
    for points in 0..20 {
        let buffer = filled(points);
        let mut held: Vec<usize> = (0..buffer.len()).map(|i| buffer.row(i)[2] as usize).collect();
        held.sort_unstable();
        assert_eq!(held, (points.saturating_sub(4)..points).collect::<Vec<_>>());
        assert_eq!(buffer.bytes(), 4 * 3 * 4);
        assert!(buffer.points.capacity() <= 3 * 4, "{} numbers are held", buffer.points.capacity());
    }
}

#[test]
fn a_stored_buffer_goes_on_as_it_was() {
    let (mut here, text) = (filled(6), serde_json::to_string(&filled(6)).unwrap());
    let mut there: Buffer = serde_json::from_str(&text).unwrap();
    for buffer in [&mut here, &mut there] {
        buffer.push(&[9.0; 3]);
    }
    assert_eq!(here, there);
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    for text in [
        r#"{"dim":0,"capacity":4,"points":[],"oldest":0}"#,
        r#"{"dim":3,"capacity":4,"points":[1,2],"oldest":0}"#,
        r#"{"dim":1,"capacity":2,"points":[1,2,3],"oldest":0}"#,
        r#"{"dim":1,"capacity":2,"points":[1,2],"oldest":2}"#,
    ] {
        assert!(serde_json::from_str::<Buffer>(text).is_err(), "{text}");
    }
}
