use std::collections::BTreeSet;

use super::*;
use crate::work::Role;

#[test]
fn names_are_used_once_and_every_part_has_its_whole() {
    let works = works();
    let names: BTreeSet<&str> = works.iter().map(|work| work.name.as_str()).collect();
    assert_eq!(names.len(), works.len());
    for work in &works {
        let whole = work.name.rsplit_once('/').map(|(whole, _)| whole);
        assert_eq!(whole.is_some(), work.role == Role::Part, "{}", work.name);
        assert!(whole.is_none_or(|whole| names.contains(whole)), "{}", work.name);
        // A request is a line of words.
        assert!(!work.name.contains(char::is_whitespace), "{}", work.name);
    }
}
