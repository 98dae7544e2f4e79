use apd_sgmcmc::{Minibatch, Potential};

use super::*;

const ALL: [Density; 10] =
    [LOG_EXPONENTIAL, QUARTIC, SCALES, CORRELATED, BANANA, FUNNEL, DEEP_FUNNEL, NEALS_FUNNEL, TWO_MODES, FAR_MODES];

#[test]
fn gradients_are_those_of_finite_differences() {
    for density in ALL {
        for place in 0..20 {
            let mut x = [(f64::from(place) * 0.7).sin() * 1.5, (f64::from(place) * 1.3).cos() * 2.0];
            let x = &mut x[..density.dim];
            let (mut gradient, mut unused) = ([0.0; 2], [0.0; 2]);
            let value = (density.gradient)(x, &mut gradient);
            for i in 0..density.dim {
                let center = x[i];
                x[i] = center + 1e-5;
                let above = (density.gradient)(x, &mut unused);
                x[i] = center - 1e-5;
                let below = (density.gradient)(x, &mut unused);
                x[i] = center;
                let slope = (above - below) / 2e-5;
                // Differences round as U does.
                let tolerance = 1e-8 * (1.0 + slope.abs() + value.abs());
                let error = (slope - gradient[i]).abs();
                assert!(error < tolerance, "{}: {slope} {}", density.name, gradient[i]);
            }
        }
    }
}

/// E f by the trapezoidal rule, which for smooth functions that vanish at the ends converges faster than any power of the step.
fn quadrature(density: &Density, f: &dyn Fn(&[f64]) -> f64, points: impl Iterator<Item = ([f64; 2], f64)>) -> f64 {
    let (mut sum, mut norm, mut unused) = (0.0, 0.0, [0.0; 2]);
    for (x, volume) in points {
        let x = &x[..density.dim];
        let weight = volume * (-(density.gradient)(x, &mut unused)).exp();
        sum += weight * f(x);
        norm += weight;
    }
    sum / norm
}

#[test]
fn expectations_are_those_of_quadrature() {
    for density in ALL {
        for statistic in density.statistics {
            let expectation = |f: &dyn Fn(&[f64]) -> f64| {
                if density.dim == 1 {
                    // Off zero by half a step, where the indicators jump.
                    let points = (-40_000..8_000).map(|i| ([(f64::from(i) + 0.5) * 1e-3, 0.0], 1.0));
                    quadrature(&density, f, points)
                } else if !density.name.contains("funnel") {
                    let unit = if density.name == "badly scaled Gaussian" { 0.001 } else { 0.1 };
                    let points = (-90..=90)
                        .flat_map(|i| (-100..=500).map(move |j| ([f64::from(i) * 0.1, f64::from(j) * unit], 1.0)));
                    quadrature(&density, f, points)
                } else {
                    // x in units of its deviation given v, which is the volume's factor too.
                    let sigma = density.statistics[1].expectation.sqrt();
                    let points = (-400..=400).flat_map(|i| {
                        let v = f64::from(i) * 0.02 * sigma;
                        let scale = (0.5 * v).exp();
                        (-1600..1600).map(move |j| ([v, (f64::from(j) + 0.5) * 0.005 * scale], scale))
                    });
                    quadrature(&density, f, points)
                }
            };
            let (name, mean) = (format!("{}, {}", density.name, statistic.name), expectation(&statistic.of));
            // A jump costs the rule its precision: second order where it is halfway between points, first order elsewhere.
            let tolerance = match statistic.name {
                "x² ≤ 1" => 2e-4,
                "x > 0" => 1e-7,
                _ => 1e-9,
            };
            assert!((mean - statistic.expectation).abs() < tolerance, "{name}: {mean}");
            let deviation = expectation(&|x| ((statistic.of)(x) - mean).powi(2)).sqrt();
            assert!((deviation / statistic.deviation - 1.0).abs() < 2e-4, "{name}: {deviation}");
        }
    }
}

#[test]
fn replicates_are_blocks() {
    for density in ALL {
        let mut replicates = Copies { density, blocks: 3 };
        let position: Vec<f32> = (0..3 * density.dim).map(|i| (i as f32 * 0.9).sin()).collect();
        let (mut gradient, mut curvature) = (vec![0.0; position.len()], vec![0.0; position.len()]);
        let value = replicates.gradient(&position, Minibatch::Full, &mut gradient).unwrap();
        replicates.curvature(&position, Minibatch::Full, &mut curvature).unwrap();
        let mut sum = 0.0;
        for b in 0..3 {
            let range = b * density.dim..(b + 1) * density.dim;
            let mut alone = Copies { density, blocks: 1 };
            let mut g = vec![0.0; density.dim];
            sum += alone.gradient(&position[range.clone()], Minibatch::Full, &mut g).unwrap();
            assert_eq!(g, gradient[range.clone()]);
            // Against differences of the single-precision gradient.
            for i in 0..density.dim {
                let mut moved = position[range.clone()].to_vec();
                let slopes = [1e-2, -1e-2].map(|step| {
                    moved[i] = position[range.start + i] + step;
                    alone.gradient(&moved, Minibatch::Full, &mut g).unwrap();
                    g[i]
                });
                let slope = (slopes[0] - slopes[1]) / 2e-2;
                assert!((slope - curvature[range.start + i]).abs() < 2e-2 * (1.0 + slope.abs()), "{}", density.name);
            }
        }
        assert!((value - sum).abs() < 1e-12 * (1.0 + sum.abs()));
    }
}
