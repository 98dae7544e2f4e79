use std::collections::BTreeSet;

use super::*;

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

#[test]
fn chains_take_the_time_of_the_slowest_per_unit() {
    let pause = |ms| move || thread::sleep(Duration::from_millis(ms));
    let mut chains = Chains(vec![pause(1), pause(10)]);
    let took = chains.run(4);
    // Two units each: at least 2 × 10 ms; the upper bound leaves room for a busy machine.
    assert!((20..2_000).contains(&took.as_millis()), "{took:?}");
    // Three units are run as two each, of which three quarters count.
    let took = chains.run(3);
    assert!(took >= Duration::from_millis(15), "{took:?}");
}
