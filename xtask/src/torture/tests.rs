use super::*;

#[test]
fn the_last_finished_stage_is_named() {
    assert_eq!(
        last_stage("  sgd done in 0.1 s\n  ensemble 3/9\nfidelity: directions done in 2 s  x\n").as_deref(),
        Some("fidelity: directions")
    );
    assert_eq!(last_stage("note\n"), None);
}
