use super::*;

#[test]
fn a_color_comes_with_the_method_and_its_variants() {
    let palette = Palette::new([("apd", "", Color(1)), ("apd-online", "", Color(2)), ("sgld", "", Color(3))]);
    let color = |name: &str| palette.of(name).map(|color| color.0);
    assert_eq!(["apd", "APD, bald", "apd (x)", "apd-int8", "apd: x"].map(color), [Some(1); 5]);
    assert_eq!(["apd-online", "apd-online, bald"].map(color), [Some(2); 2]);
    assert_eq!(["apdx", "ap", "", "x apd", "äpd"].map(color), [None; 5]);
}
