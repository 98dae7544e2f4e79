use super::*;

#[test]
fn the_worst_end_depends_on_the_figure() {
    let values = [3.0, 1.0, 2.0, 10.0];
    assert_eq!(summary("rhat_worst", &values), 10.0);
    assert_eq!(summary("ess_bulk_worst", &values), 1.0);
    assert_eq!(summary("ess_tail_median", &values), 2.5);
}

#[test]
fn a_scalar_that_never_moves_has_no_diagnosis() {
    let moving = |phase: f64| (0..100).map(|i| (f64::from(i) * 0.7 + phase).sin()).collect::<Vec<f64>>();
    let stuck = vec![vec![1.0; 100], vec![1.0; 100]];
    let apart = vec![moving(0.0), moving(1.0).iter().map(|x| x + 10.0).collect()];
    let group = Group::new("functions", vec![stuck, vec![moving(0.0), moving(1.0)], apart]);
    assert_eq!(group.found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 2]);
    let (draws, diagnosis) = group.worst().expect("two that move");
    assert!(diagnosis.rhat > 1.5 && draws[1][0] > 5.0, "{diagnosis}");
}

#[test]
fn a_chain_that_was_dropped_early_does_not_shorten_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = apd_store::BankWriter::create(dir.path(), apd_store::Header::new(1)).unwrap();
    for (chain, rows) in [(0, 100), (1, 49), (2, 50)] {
        (0..rows).for_each(|step| writer.push(chain, step, 1.0, 0.0, &[0.0]).unwrap());
    }
    writer.finish().unwrap();
    let (chains, left_out) = rows_by_chain(&Bank::open(dir.path()).unwrap());
    assert_eq!(chains.iter().map(Vec::len).collect::<Vec<_>>(), [100, 50]);
    assert_eq!((chains[1][0], left_out), (149, vec![1]));
}
