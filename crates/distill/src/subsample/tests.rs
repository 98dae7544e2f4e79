use ndarray::{Array2, s};

use super::*;

fn points() -> Array2<f32> {
    Array2::from_shape_fn((5, 300), |(i, j)| i as f32 + j as f32 / 1000.0)
}

#[test]
fn each_point_is_drawn_once_before_any_is_drawn_again() {
    let kept = Subsample::new(points().view(), None, Format::F32);
    assert_eq!((kept.count(), kept.dim(), kept.bytes()), (5, 300, 4 * 1500));
    let drawn = kept.draw(Seed::root(1), 12);
    for turn in [0, 5] {
        let mut firsts: Vec<f32> = drawn.slice(s![turn..turn + 5, 0]).to_vec();
        firsts.sort_by(f32::total_cmp);
        assert_eq!(firsts, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
    let mut some = Array2::zeros((3, 300));
    kept.draw_into(Seed::root(1), 6, some.view_mut());
    assert_eq!(some, drawn.slice(s![6..9, ..]));
    assert_ne!(kept.draw(Seed::root(3), 5), drawn.slice(s![..5, ..]));
}

#[test]
fn noise_has_its_standard_deviation_and_its_bytes() {
    let sd: Vec<f32> = (0..300).map(|j| if j < 150 { 0.0 } else { 0.5 }).collect();
    let (bare, noisy) =
        (Subsample::new(points().view(), None, Format::F32), Subsample::new(points().view(), Some(&sd), Format::F32));
    assert_eq!(noisy.bytes(), bare.bytes() + 4 * 300);
    let off = noisy.draw(Seed::root(1), 200) - bare.draw(Seed::root(1), 200);
    assert!(off.slice(s![.., ..150]).iter().all(|&x| x == 0.0));
    let variance = off.slice(s![.., 150..]).mapv(|x| x * x).mean().unwrap();
    assert!((variance / 0.25 - 1.0).abs() < 0.03, "{variance}");
}
