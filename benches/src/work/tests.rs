use super::*;

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
