use apd_seed::Seed;

use super::{Autocorrelation, EnergyVariance, Phases};

#[test]
fn phases_follow_each_other() {
    for steps in [60, 61, 100, 1000, 12_345] {
        let phases = Phases::new(steps);
        let scales = (1..=steps).filter(|&step| phases.learns_scales(step)).collect::<Vec<_>>();
        let set = (1..=steps).filter(|&step| phases.sets_scales(step)).collect::<Vec<_>>();
        let length = (1..=steps).filter(|&step| phases.learns_length(step)).collect::<Vec<_>>();
        assert_eq!(set, [*scales.last().unwrap()], "the scales are set when they have been learned");
        assert!(scales.len() as u64 >= steps / 3 && scales[0] > steps / 3);
        assert_eq!(length.len() as u64 % (phases.batch() * 20).max(1), 0);
        assert!(length.first().is_none_or(|&first| first > set[0]));
        assert!(length.last().is_none_or(|&last| last == steps));
    }
    assert!((1..=59).all(|step| !Phases::new(59).sets_scales(step)), "too short to learn more than a step size");
}

/// Energy errors of the law ΔE ~ N(0, (c·ε³)²) have the wanted variance at a known ε; the adaptation finds it from far away.
#[test]
fn the_step_size_is_that_of_the_wanted_energy_variance() {
    for (first, coefficient) in [(1e-3, 2.0), (50.0, 0.3), (1.0, 1e-4)] {
        let (dim, wanted) = (100, 5e-4);
        let truth = ((dim as f64 * wanted).sqrt() / coefficient).cbrt();
        let (mut energy, mut step) = (EnergyVariance::new(first), first);
        let (normals, mut logs) = (Seed::root(8).normals(), 0.0);
        for t in 0..4000 {
            let mut z = [0.0];
            normals.fill_f64(t, 0, &mut z);
            step = energy.update(coefficient * step.powi(3) * z[0], dim, wanted);
            logs += if t < 2000 { 0.0 } else { (step / truth).ln() / 2000.0 };
        }
        // The weights prefer typical errors to rare large ones: ε is some per cent above the truth.
        assert!(logs.abs() < 0.1, "from {first}: {step}, not {truth} (mean log ratio {logs})");
    }
}

#[test]
fn a_failed_step_bounds_the_next() {
    let mut energy = EnergyVariance::new(1.0);
    assert_eq!(energy.update(f64::INFINITY, 10, 0.1), 0.8);
    assert_eq!(energy.update(0.0, 10, 0.1), 0.8, "steps without an error may be longer, but for the bound");
    assert!((energy.update(f64::NAN, 10, 0.1) - 0.64).abs() < 1e-15);
}

/// An autoregression with coefficient ρ has τ = (1 + ρ)/(1 − ρ).
#[test]
fn batch_means_tell_the_autocorrelation_time() {
    const DIM: usize = 400;
    for rho in [0.0, 0.5, 0.8_f64] {
        let (mut autocorrelation, normals) = (Autocorrelation::new(DIM), Seed::root(9).normals());
        let (mut x, mut z) = (vec![0.0; DIM], vec![0.0; DIM]);
        normals.fill_f64(0, 0, &mut x);
        for t in 0..4000 {
            normals.fill_f64(t + 1, 0, &mut z);
            x.iter_mut().zip(&z).for_each(|(x, z)| *x = rho * *x + (1.0 - rho * rho).sqrt() * z);
            autocorrelation.add(&x, 200);
        }
        let (found, truth) = (autocorrelation.time(200), (1.0 + rho) / (1.0 - rho));
        assert!((found / truth - 1.0).abs() < 0.1, "ρ = {rho}: {found}, not {truth}");
    }
}
