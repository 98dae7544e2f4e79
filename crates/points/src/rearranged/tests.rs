use ndarray::{Array2, array};

use super::*;

struct Counting;

impl Posterior for Counting {
    fn dim(&self) -> usize {
        3
    }
    fn bytes(&self) -> usize {
        12
    }
    fn draw_into(&self, _: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        out.indexed_iter_mut().for_each(|((i, j), x)| *x = (10 * (first as usize + i) + j) as f32);
    }
}

#[test]
fn parameters_come_in_the_order_that_is_wanted() {
    let layout = |names: [&str; 2]| Layout::new(names.map(|name| (name.to_owned(), vec![name.len()])));
    let (found, wanted) = (layout(["b", "ww"]), layout(["ww", "b"]));
    let rearranged = Rearranged::new(&Counting, &found, &wanted).unwrap().unwrap();
    let drawn: Array2<f32> = rearranged.draw(Seed::root(1), 2);
    assert_eq!(drawn, array![[1.0, 2.0, 0.0], [11.0, 12.0, 10.0]]);
    assert!(Rearranged::new(&Counting, &found, &found).unwrap().is_none());
    assert!(Rearranged::new(&Counting, &found, &layout(["b", "vvv"])).is_err());
}
