use super::*;

fn plan() -> Plan {
    let stage = |name: &str, seconds| PlannedStage { name: name.to_owned(), seconds };
    let stages = vec![stage("training", 30.0), stage("apd", 60.0), stage("ood", 10.0)];
    Plan { stages, entered: 1, times: Some([Instant::now(); 2]), ..Plan::default() }
}

#[test]
fn the_time_that_is_left_follows_the_pace_so_far() {
    let mut plan = plan();
    // As planned, at half the speed, and before anything was measured.
    assert_eq!(plan.left(0.5, 15.0), 85.0);
    assert_eq!(plan.left(0.0, 0.0), 100.0);
    assert!(plan.left(1.0, 60.0) > 110.0 && plan.left(1.0, 60.0) < 140.0);
    plan.entered = 3;
    plan.worked = 90.0;
    assert_eq!((plan.left(1.0, 300.0), plan.left_in_all(1.0)), (0.0, String::new()));
}

#[test]
fn a_stage_has_one_line_and_only_if_it_was_worked_on() {
    let mut plan = plan();
    assert_eq!(plan.leave(), None);
    plan.message =
        Some("a message that is a good deal longer than what is left of a line of eighty columns".to_owned());
    let line = plan.leave().unwrap();
    assert!(
        line.starts_with("stage 1 of 3, training done in 0.0 s, ") && line.contains(" left in all; a mess"),
        "{line}"
    );
    assert_eq!(line.chars().count(), WIDTH);
    assert_eq!((plan.leave(), plan.worked), (None, 30.0));
}

#[test]
fn times_are_told_in_words() {
    assert_eq!([0.04, 9.0, 40.0, 150.0, 7200.0].map(words), ["0.0 s", "9.0 s", "40 s", "2 min", "2.0 h"]);
}
