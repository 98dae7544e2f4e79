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

/// 200 points of a hundred coordinates, N(0, 1).
fn normals() -> Array2<f32> {
    let mut points = Array2::zeros((200, 100));
    Seed::root(2).normals().fill(0, 0, points.as_slice_mut().unwrap());
    points
}

#[test]
fn coordinates_of_unlike_units_keep_their_spread() {
    let like = normals();
    let mut unlike = like.clone();
    for (j, (center, sd)) in [(0.0, 1e6), (180_000.0, 1.0), (0.0, 1e-9), (3.0, 0.0)].into_iter().enumerate() {
        unlike.column_mut(j).mapv_inplace(|x| center + sd * x);
    }
    let off = |kept: &Subsample, points: &Array2<f32>| {
        let (drawn, mut worst) = (kept.draw(Seed::root(1), 200), 0.0_f32);
        for (drawn, points) in drawn.columns().into_iter().zip(points.columns()) {
            let [(mean, sd), (true_mean, true_sd)] = [drawn, points].map(|x| (x.mean().unwrap(), x.std(0.0)));
            worst = worst.max((mean - true_mean).abs() / true_sd.max(1e-12)).max((sd / true_sd.max(1e-12) - 1.0).abs());
        }
        worst
    };
    // All of the rows, so that only rounding is left. The constant is not looked at: its deviation is rounding's.
    let kept = Subsample::within(unlike.view(), usize::MAX);
    assert!(kept.draw(Seed::root(1), 3).column(3).iter().all(|&x| x == 3.0));
    let [unlike, like_kept] = [unlike, like.clone()].map(|points| {
        let without_third = ndarray::concatenate![Axis(1), points.slice(s![.., ..3]), points.slice(s![.., 4..])];
        let kept = Subsample::within(without_third.view(), usize::MAX);
        assert!(off(&kept, &without_third) < 0.02, "{}", off(&kept, &without_third));
        let plain = Subsample::evenly(without_third.view(), 200, Format::Int8);
        (kept.bytes() - plain.bytes(), off(&plain, &without_third))
    });
    // The same rows without units lose them; points of like units pay nothing.
    assert!(unlike.0 == 8 * 99 && unlike.1 > 0.5, "{unlike:?}");
    assert!(like_kept.0 == 0, "{like_kept:?}");
}

#[test]
fn a_budget_of_bytes_is_kept() {
    let mut points = normals();
    for scale in [1.0, 1e6] {
        points.column_mut(0).mapv_inplace(|x| x * scale);
        for bytes in [2_000, 5_000, 20_000] {
            let kept = Subsample::within(points.view(), bytes);
            assert!(kept.bytes() <= bytes && kept.bytes() + 104 > bytes, "{} of {bytes}", kept.bytes());
        }
    }
    assert_eq!(Subsample::within(points.view(), 0).count(), 1);
}

#[test]
fn a_few_points_of_unlike_units_are_as_many_as_the_bytes_hold_and_say_when_they_are_not_held() {
    // Layers of unlike weights: units would save some rounding, and cost eight points of nine.
    let mut layers = normals();
    layers.slice_mut(s![.., 50..]).mapv_inplace(|x| 0.05 * x);
    for bytes in [4 * 104, 8 * 104, 12 * 104] {
        let kept = Subsample::within(layers.view(), bytes);
        assert!(kept.bytes() <= bytes && kept.count() == bytes / 104, "{} in {bytes}", kept.count());
    }
    // A counter beside them.
    let mut unlike = normals().slice_move(s![..6, ..]);
    assert!(Subsample::within(unlike.view(), 6 * 104).holds(unlike.view()));
    unlike.column_mut(0).mapv_inplace(|x| 117_250.0 + x);
    assert!(!Subsample::within(unlike.view(), 6 * 104).holds(unlike.view()));
    assert!(!Subsample::new(unlike.view(), None, Format::F16).holds(unlike.view()));
    assert!(Subsample::new(unlike.view(), None, Format::F32).holds(unlike.view()));
}
