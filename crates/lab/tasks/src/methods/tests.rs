use super::*;

#[test]
fn each_method_has_a_color_of_its_own() {
    let colors: Vec<_> = METHODS.iter().map(|method| method.color().expect("a color").0).collect();
    let distinct: std::collections::BTreeSet<_> = colors.iter().collect();
    assert_eq!(distinct.len(), METHODS.len(), "{colors:?}");
}
