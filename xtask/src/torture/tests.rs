use super::*;

#[test]
fn the_last_finished_stage_is_named() {
    assert_eq!(
        last_stage(
            "stage 1 of 9, sgd done in 0.1 s\nensemble 3/9\nstage 4 of 9, fidelity: directions done in 2 s; x\n"
        )
        .as_deref(),
        Some("fidelity: directions")
    );
    assert_eq!(last_stage("note\n"), None);
}
