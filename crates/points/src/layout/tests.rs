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

fn layout(parameters: &[(&str, &[usize])]) -> Layout {
    Layout::new(parameters.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())))
}

#[test]
fn parameters_are_found_in_another_order_by_name_and_under_other_names_by_shape() {
    let wanted = layout(&[("w", &[2, 3]), ("b", &[2]), ("v", &[1, 2])]);
    let places = |found: &[(&str, &[usize])]| layout(found).places_of(&wanted);
    assert_eq!(wanted.places_of(&wanted).unwrap(), [0..6, 6..8, 8..10]);
    assert_eq!(places(&[("v", &[1, 2]), ("b", &[2]), ("w", &[2, 3])]).unwrap(), [4..10, 2..4, 0..2]);
    assert_eq!(places(&[("fc1.w", &[2, 3]), ("fc1.b", &[2]), ("fc2.w", &[1, 2])]).unwrap(), [0..6, 6..8, 8..10]);
    for (found, message) in [
        (&[("w", [3, 2].as_slice()), ("b", &[2]), ("v", &[1, 2])][..], "parameter `w` [2, 3], found `w` [3, 2]"),
        (&[("x", [3, 2].as_slice()), ("y", &[2]), ("z", &[1, 2])], "parameter `w` [2, 3], found `x` [3, 2]"),
        (&[("w", [2, 3].as_slice()), ("b", &[2]), ("u", &[1, 2])], "parameter `v` [1, 2], found none"),
        (&[("w", [2, 3].as_slice()), ("b", &[2]), ("v", &[1, 2]), ("u", &[1])], "parameter none, found `u` [1]"),
        (&[("theta", [10].as_slice())], "parameter `w` [2, 3], found `theta` [10]"),
    ] {
        let problem = places(found).unwrap_err().to_string();
        assert!(problem.contains(message), "{problem}");
    }
}

#[test]
fn a_layout_that_overflows_is_an_error() {
    for shape in [vec![usize::MAX, 2], vec![usize::MAX / 2]] {
        assert!(Layout::checked([("w".to_owned(), shape)]).is_err());
    }
    assert_eq!(Layout::checked([("w".to_owned(), vec![0, 7])]).unwrap().len(), 0);
}
