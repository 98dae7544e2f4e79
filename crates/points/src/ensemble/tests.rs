use ndarray::array;

use super::*;

fn ensemble() -> Ensemble {
    Ensemble::of([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
}

#[test]
fn draws_are_the_members_without_replacement_and_blocks_are_those_of_one_draw() {
    let (ensemble, seed) = (ensemble(), Seed::root(1));
    let draws = ensemble.draw(seed, 6);
    let mut firsts = draws.column(0).to_vec();
    assert_eq!(firsts[..3], firsts[3..]);
    let mut part = Array2::zeros((2, 2));
    ensemble.draw_into(seed, 2, part.view_mut());
    assert_eq!(part, draws.slice(ndarray::s![2..4, ..]));
    firsts.truncate(3);
    firsts.sort_by(f32::total_cmp);
    assert_eq!(firsts, [1.0, 2.0, 3.0]);
}

#[test]
fn stored_members_come_in_their_order() {
    let ensemble = ensemble();
    let some = ensemble.stored(Seed::root(1), 2).unwrap();
    assert!(some.len() == 2 && some[0][0] < some[1][0]);
    assert_eq!(ensemble.stored(Seed::root(1), 9).unwrap().len(), 3);
    assert_eq!((ensemble.bytes(), Points::len(&ensemble)), (24, 3));
    // Whatever order the array lies in.
    assert_eq!(Ensemble::new(array![[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]].reversed_axes()), ensemble);
}

#[test]
#[should_panic(expected = "different lengths")]
fn members_of_different_lengths_are_refused() {
    Ensemble::of([vec![1.0], vec![1.0, 2.0]]);
}
