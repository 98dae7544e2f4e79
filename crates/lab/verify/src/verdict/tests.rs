use apd_seed::Seed;

use super::{LEVEL, Trial};

fn normals(name: &str, n: usize) -> Vec<f64> {
    let mut z = vec![0.0; n];
    Seed::root(1).child(name).normals().fill_f64(0, 0, &mut z);
    z
}

#[test]
fn the_mean_check_has_size_and_power() {
    let z = normals("mean", 4096);
    let mut trial = Trial::default();
    trial.mean("normals", 0.0, &z);
    assert!(!trial.rejected() && trial.checks == 1, "{trial:?}");
    for theory in [-8.0 / 64.0, 8.0 / 64.0, f64::NAN] {
        let mut trial = Trial::default();
        trial.mean("normals", theory, &z);
        trial.mean("normals", 0.0, &z);
        assert!(trial.rejected() && trial.checks == 2, "{trial:?}");
    }
}

#[test]
fn a_tolerance_widens_the_check_by_itself() {
    let z = normals("within", 4096);
    for (theory, rejected) in [(0.0, false), (0.3, false), (-0.3, false), (0.3 + 8.0 / 64.0, true), (f64::NAN, true)] {
        let mut trial = Trial::default();
        if theory.is_nan() {
            trial.mean_within("not numbers", 0.0, 0.3, &vec![f64::NAN; 500]);
        } else {
            trial.mean_within("normals", theory, 0.3, &z);
        }
        assert_eq!(trial.rejected(), rejected, "{theory}: {trial:?}");
    }
}

#[test]
fn normal_tails_are_those_of_tables() {
    let p = |z: f64| {
        let mut trial = Trial::default();
        trial.normal("z", z);
        trial.worst.expect("one check").p
    };
    assert!((p(1.959_964) - 0.05).abs() < 1e-7);
    assert!((p(-4.891_638) / 1e-6 - 1.0).abs() < 1e-5);
    assert!(p(5.33) < LEVEL && p(5.32) > LEVEL);
}

#[test]
fn counts_and_their_tails() {
    let mut even = Trial::default();
    even.uniform("even", &[100, 110, 90, 100]);
    assert!(!even.rejected());
    let worst = even.worst.expect("one check");
    assert_eq!(worst.statistic, "χ²(3) = 2.0");
    assert!((worst.p - 0.572_406_7).abs() < 1e-6, "{}", worst.p);
    let mut uneven = Trial::default();
    uneven.uniform("uneven", &[200, 100, 50, 50]);
    assert!(uneven.rejected());
}

#[test]
fn kolmogorov_smirnov_has_size_and_power() {
    let mut stream = Seed::root(2).stream();
    let uniforms: Vec<f64> = (0..5000).map(|_| stream.uniform()).collect();
    let mut trial = Trial::default();
    trial.kolmogorov_smirnov("uniforms", &uniforms);
    assert!(!trial.rejected(), "{trial:?}");
    let squeezed: Vec<f64> = uniforms.iter().map(|u| 0.1 + 0.8 * u).collect();
    let mut trial = Trial::default();
    trial.kolmogorov_smirnov("squeezed", &squeezed);
    assert!(trial.rejected());
    let mut trial = Trial::default();
    trial.kolmogorov_smirnov("not numbers", &[f64::NAN; 10]);
    assert!(trial.rejected());
}

#[test]
fn requirements_and_no_checks() {
    assert!(!Trial::default().rejected());
    let mut trial = Trial::default();
    trial.require("this", true);
    assert!(!trial.rejected());
    trial.require("that", false);
    assert!(trial.rejected());
    assert_eq!(trial.worst.expect("the worst").what, "that");
}
