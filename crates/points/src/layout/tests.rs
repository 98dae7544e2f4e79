use super::*;

#[test]
fn entries_are_found_by_name() {
    let layout = Layout::new([("a".to_owned(), vec![2, 3]), ("b".to_owned(), vec![]), ("c".to_owned(), vec![0])]);
    assert_eq!(layout.get("b").map(Entry::range), Some(6..7));
    assert!(layout.get("c").is_some_and(Entry::is_empty));
    assert_eq!(layout.get("d"), None);
    assert_eq!(layout.len(), 7);
}

#[test]
#[should_panic(expected = "θ has 3 elements where the layout has 6")]
fn a_theta_of_another_length_panics() {
    let _ = Layout::new([("a".to_owned(), vec![2, 3])]).views(&[0.0_f32; 3]);
}
