use crate::Minibatch;

#[test]
fn minibatches_know_their_scale() {
    let some = Minibatch::Indices(&[4, 1]);
    assert_eq!((some.len(10), some.scale(10)), (2, 5.0));
    assert_eq!(some.indices(10).collect::<Vec<_>>(), [4, 1]);
    assert_eq!((Minibatch::Full.len(3), Minibatch::Full.scale(3)), (3, 1.0));
    assert_eq!(Minibatch::Full.indices(3).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((Minibatch::Full.scale(0), Minibatch::Indices(&[]).scale(0)), (1.0, 1.0));
}
