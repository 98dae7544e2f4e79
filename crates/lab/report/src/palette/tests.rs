use super::*;

#[test]
fn a_color_comes_with_the_method_and_its_variants() {
    let palette = Palette::new(
        [("apd", "", 1), ("apd-online", "", 2), ("sgld", "", 3)]
            .map(|(name, what, color)| (name, what, Some(Color(color)))),
    );
    let color = |name: &str| palette.of(name).map(|color| color.0);
    assert_eq!(["apd", "APD, bald", "apd (x)", "apd-int8", "apd: x"].map(color), [Some(1); 5]);
    assert_eq!(["apd-online", "apd-online, bald"].map(color), [Some(2); 2]);
    assert_eq!(["apdx", "ap", "", "x apd", "äpd"].map(color), [None; 5]);
}

#[test]
fn a_method_without_a_color_is_given_one_that_stays_with_it() {
    let palette = Palette::new([("a", "", None), ("b", "", Some(Color(1))), ("c", "", None)]);
    assert_eq!(["a", "b", "c"].map(|name| palette.of(name)), [Some(CYCLE[0]), Some(Color(1)), Some(CYCLE[1])]);
}
