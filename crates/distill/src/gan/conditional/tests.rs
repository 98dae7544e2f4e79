use super::*;

fn residuals(n: usize, rank: usize, conditions: usize) -> Residuals {
    let of = |columns, name: &str| {
        let mut array = Array2::zeros((n, columns));
        Seed::root(1).child(name).normals().fill(0, 0, array.as_slice_mut().unwrap());
        array
    };
    Residuals { values: of(rank, "values"), conditions: of(conditions, "conditions") }
}

/// The critic's gradient, through the gradient in its penalty, beside central differences in double precision.
#[test]
fn the_critics_gradient_is_that_of_its_loss() {
    let residuals = residuals(20, 3, 2);
    let (rows, mut latent) = ([0, 7, 7, 19], vec![0.0; 12]);
    Seed::root(2).normals().fill(0, 0, &mut latent);
    let told = Conditioned::<f64>::new(&residuals, &rows, &latent);
    let (real, mix) = (Residuals::of(&residuals.values, &rows), matrix(&[0.1, 0.4, 0.6, 0.9], &[4, 1]));
    let widths = Widths { dim: 5, latent: 0, hidden: 6 };
    let rule = AdversaryConfig::default().rule(0);
    let Critic { first, head } = Critic::<f64>::new(widths, rule, Seed::root(3));
    let objective = Objective { loss: Loss::WganGp, penalty: Some(10.0) };
    let loss = |first: &[f64], head: &[f64]| {
        let [first, head] = [variables(first, &[vec![3, 6], vec![2, 6]]), variables(head, &widths.head())];
        let (total, _) = critic_loss(&told, [&real, &told.noise], &mix, [&first, &head], objective);
        (total.item(), grad(&total, &first.iter().chain(&head).collect::<Vec<_>>()))
    };
    let gradient = flatten(&loss(&first.value, &head.value).1);
    let (mut worst, step) = (0.0_f64, 1e-5);
    for i in 0..gradient.len() {
        let at = |off: f64| {
            let [mut first, mut head] = [first.value.clone(), head.value.clone()];
            let len = first.len();
            *if i < len { &mut first[i] } else { &mut head[i - len] } += off;
            loss(&first, &head).0
        };
        worst = worst.max(((at(step) - at(-step)) / (2.0 * step) - gradient[i]).abs());
    }
    let largest = gradient.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    assert!(worst < 1e-6 * largest.max(1.0), "{worst} of {largest}");
}

/// Residuals whose scale changes with the time: .3 in the first half, 1.38 in the second, so that their variance is 1. The adversary that is told
/// learns it; one that is not told (the control) has the same law at both times.
#[test]
fn it_learns_what_the_condition_says() {
    let scale = |late: bool| if late { 1.382 } else { 0.3 };
    let mut told = residuals(2_000, 1, 1);
    for (i, (value, condition)) in told.values.iter_mut().zip(&mut told.conditions).enumerate() {
        *value *= scale(i >= 1_000);
        *condition = if i < 1_000 { -1.0 } else { 1.0 };
    }
    let config = AdversaryConfig { hidden: 16, critic_hidden: 24, batch: 64, iterations: 400, ..Default::default() };
    let deviations = |residuals: &Residuals| {
        let generator = learn(residuals, &config, Seed::root(4)).unwrap();
        [0, 1_999].map(|row| {
            let mut noise = vec![0.0; 2_000];
            Seed::root(5).normals().fill(0, 0, &mut noise);
            let inputs = noise.iter().flat_map(|&noise| [noise, residuals.conditions[[row, 0]]]).collect();
            let mut out = Array2::zeros((2_000, 1));
            generator.of_inputs(inputs, out.view_mut());
            let drawn = out.iter().zip(&noise).map(|(x, noise)| f64::from(x + noise).powi(2));
            (drawn.sum::<f64>() / 2_000.0).sqrt()
        })
    };
    let [early, late] = deviations(&told);
    assert!(early < 0.55 && late > 1.1, "{early} {late}");
    let untold = Residuals { conditions: Array2::zeros((2_000, 1)), ..told };
    let [early, late] = deviations(&untold);
    assert!((early / late - 1.0).abs() < 0.01, "{early} {late}");
}

#[test]
fn a_loss_that_is_not_finite_is_an_error() {
    let mut residuals = residuals(10, 2, 1);
    residuals.values.fill(f32::MAX);
    let config = AdversaryConfig { batch: 4, iterations: 2, ..Default::default() };
    let error = learn(&residuals, &config, Seed::root(1)).unwrap_err();
    assert!(matches!(error, Error::Diverged { network: "critic", iteration: 0, .. }), "{error}");
}
