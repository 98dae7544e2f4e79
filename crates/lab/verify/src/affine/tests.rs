use ndarray::{Array1, Array2, arr1, arr2};

use super::*;

/// Correlated coordinates, ελ = 0.3 and 1.2 at ε = 0.3, away from 0.
fn plane() -> (Array2<f64>, Array1<f64>) {
    let (cos, sin) = (0.6_f64.cos(), 0.6_f64.sin());
    let rotation = arr2(&[[cos, -sin], [sin, cos]]);
    let h = rotation.dot(&Array2::from_diag(&arr1(&[1.0, 4.0]))).dot(&rotation.t());
    let b = h.dot(&arr1(&[0.5, 0.2]));
    (h, b)
}

fn line(lambda: f64) -> (Array2<f64>, Array1<f64>) {
    (arr2(&[[lambda]]), arr1(&[0.7 * lambda]))
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} and {b}");
}

/// Per eigenvalue T/(λ(1 − ελ/4)), and neighbors in time 1 − ελ/2 times as much.
#[test]
fn sgld_has_its_closed_form() {
    for (lambda, temperature) in [(0.5, 1.0), (3.0, 0.5), (12.0, 2.0)] {
        let (h, b) = line(lambda);
        let law = sgld(Setting { epsilon: 0.3, temperature, samples: true, first: false, h: &h, b: &b });
        let moments = law.stationary();
        close(moments.mean(0), 0.7);
        let variance = temperature / (lambda * (1.0 - 0.3 * lambda / 4.0));
        close(moments.covariance(0, 0), variance);
        close(law.lagged(&moments, 0, 0), (1.0 - 0.15 * lambda) * variance + 0.49);
    }
}

/// SGHMC's variance is T/(λ(1 − ελ/(4(2 − α)))), BAOAB's T/λ without any bias, whatever the friction.
#[test]
fn momentum_has_its_closed_forms() {
    for (lambda, friction) in [(0.5, 1.0), (3.0, 0.3), (9.0, 0.05)] {
        let (epsilon, temperature) = (0.3, 0.8);
        let (h, b) = line(lambda);
        let setting = Setting { epsilon, temperature, samples: true, first: false, h: &h, b: &b };
        let sghmc = underdamped(setting, friction, temperature * epsilon * friction).stationary();
        close(sghmc.covariance(0, 0), temperature / (lambda * (1.0 - epsilon * lambda / (4.0 * (2.0 - friction)))));
        close(sghmc.mean(0), 0.7);
        close(sghmc.mean(1), 0.0);
        let baoab = baoab(setting, friction).stationary();
        close(baoab.covariance(0, 0), temperature / lambda);
        close(baoab.mean(0), 0.7);
    }
}

#[test]
fn full_friction_is_sgld_and_a_metric_rescales() {
    let (h, b) = plane();
    let setting = Setting { epsilon: 0.3, temperature: 1.3, samples: true, first: false, h: &h, b: &b };
    let (plain, full) = (sgld(setting).stationary(), underdamped(setting, 1.0, 1.3 * 0.3).stationary());
    for i in 0..2 {
        for j in 0..2 {
            close(full.covariance(i, j), plain.covariance(i, j));
        }
    }
    // With φ = θ/√G a preconditioned update is SGLD on the potential of φ.
    let metric = arr1(&[0.5, 2.0]);
    let root = Array2::from_diag(&metric.mapv(f64::sqrt));
    let (inner, shift) = (root.dot(&h).dot(&root), root.dot(&b));
    let rescaled = sgld(Setting { h: &inner, b: &shift, ..setting }).stationary();
    let law = preconditioned(setting, &metric).stationary();
    for i in 0..2 {
        close(law.mean(i), root[[i, i]] * rescaled.mean(i));
        for j in 0..2 {
            close(law.covariance(i, j), root[[i, i]] * root[[j, j]] * rescaled.covariance(i, j));
        }
    }
}

#[test]
fn doubling_is_iterating() {
    let (h, b) = plane();
    let law = baoab(Setting { epsilon: 0.3, temperature: 1.0, samples: true, first: false, h: &h, b: &b }, 0.2);
    let settled = law.stationary();
    assert!(law.apply(&settled).distance(&settled) < 1e-10);
    let mut moments = Moments::at_rest(4);
    let settling = law.settling(1e-5);
    for _ in 0..settling / 2 {
        moments = law.apply(&moments);
    }
    assert!(moments.distance(&settled) > 1e-5);
    for _ in 0..settling / 2 {
        moments = law.apply(&moments);
    }
    assert!(moments.distance(&settled) <= 1.01e-5);
}

#[test]
fn exploring_adds_no_noise() {
    let (h, b) = plane();
    let setting = Setting { epsilon: 0.3, temperature: 1.0, samples: false, first: false, h: &h, b: &b };
    for law in [sgld(setting), underdamped(setting, 0.3, 0.1), baoab(setting, 0.3)] {
        let mut moments = Moments::at(&[2.0, -1.0], law.states());
        for _ in 0..400 {
            moments = law.apply(&moments);
        }
        close(moments.mean(0), 0.5);
        assert!(moments.covariance(0, 0).abs() < 1e-12);
    }
}

/// E u² is held at T·ε/(2 − α), with which the position's temperature tends to T as ε → 0, however large a is. (The paper's
/// T·ε/2 is the limit for small α: with that target the position would keep the temperature a/(1 − √(1 − 2a)).)
#[test]
fn thermostat_holds_the_temperature() {
    let (h, b) = plane();
    let variance = |epsilon: f64, temperature: f64, diffusion: f64| {
        let setting = Setting { epsilon, temperature, samples: true, first: false, h: &h, b: &b };
        thermostatted(setting, diffusion).stationary().covariance(0, 0)
    };
    let exact = h[[1, 1]] / (h[[0, 0]] * h[[1, 1]] - h[[0, 1]] * h[[1, 0]]);
    for (diffusion, temperature) in [(0.9, 1.0), (0.3, 2.0), (0.01, 1.0)] {
        let found = variance(1e-5, temperature, diffusion) / temperature;
        assert!((found / exact - 1.0).abs() < 1e-3, "a = {diffusion}: {found} for {exact}");
    }
}

#[test]
#[should_panic(expected = "unstable")]
fn unstable_updates_have_no_law() {
    let (h, b) = line(14.0);
    sgld(Setting { epsilon: 0.3, temperature: 1.0, samples: true, first: false, h: &h, b: &b }).stationary();
}
