use std::sync::Arc;

use apd_nn::Network;
use apd_sgmcmc::{Minibatch, Potential};
use proptest::prelude::*;

use super::*;
use crate::{Categorical, Data, NetworkPotential, TargetRows, input_gradient, predict_networks, prior};

/// Three overlapping clouds of points in [−1, 1]⁸, and networks trained on them.
struct Trained {
    network: Network,
    thetas: Vec<Vec<f32>>,
    x: Array2<f32>,
    labels: Vec<u32>,
}

fn trained() -> Trained {
    let (n, columns, classes) = (300, 8, 3);
    let mut x = Array2::zeros((n, columns));
    Seed::root(1).normals().fill(0, 0, x.as_slice_mut().unwrap());
    let labels: Vec<u32> = (0..n as u32).map(|i| i % classes).collect();
    for (mut row, &label) in x.rows_mut().into_iter().zip(&labels) {
        for (i, x) in row.iter_mut().enumerate() {
            let center = if i as u32 % classes == label { 0.4 } else { -0.2 };
            *x = (center + 0.2 * *x).clamp(-1.0, 1.0);
        }
    }
    let network = Network::mlp(&[columns, 20, classes as usize]);
    let data = Data::classes(x.clone(), labels.as_slice());
    let mut potential =
        NetworkPotential::new(&network, data, Arc::new(Categorical), Arc::new(prior::Gaussian::isotropic(1e-3)))
            .unwrap();
    let mut gradient = vec![0.0; network.dim()];
    let mut train = |seed: u64| {
        let mut theta = network.initialize(Seed::root(seed));
        for _ in 0..200 {
            potential.gradient(&theta, Minibatch::Full, &mut gradient).unwrap();
            theta.iter_mut().zip(&gradient).for_each(|(w, g)| *w -= 0.5 / n as f32 * g);
        }
        theta
    };
    let thetas = (0..3).map(&mut train).collect();
    Trained { network, thetas, x, labels }
}

/// Accuracy and mean loss of the averaged prediction.
fn judge(trained: &Trained, thetas: &[Vec<f32>], x: &Array2<f32>) -> (f64, f64) {
    let Trained { network, labels, .. } = trained;
    let mut mean = Array2::<f32>::zeros((x.nrows(), network.outputs()));
    predict_networks(network, &Categorical, thetas, x.view(), |_, p| mean += &p);
    let right = mean.rows().into_iter().zip(labels).filter(|(row, label)| {
        let best = row.iter().copied().fold(0.0, f32::max);
        row[**label as usize] == best
    });
    let (losses, _) = input_gradient(network, &Categorical, thetas, x.view(), TargetRows::Classes(labels));
    (right.count() as f64 / labels.len() as f64, losses.iter().sum::<f64>() / labels.len() as f64)
}

#[test]
fn an_attack_that_does_nothing_fails_here() {
    let trained = trained();
    let Trained { network, thetas, x, labels } = &trained;
    for networks in [&thetas[..1], &thetas[..]] {
        let (clean, loss) = judge(&trained, networks, x);
        assert!(clean > 0.97 && loss < 0.2, "trained to {clean}, {loss}");
        let of = |attack: Attack| {
            judge(
                &trained,
                networks,
                &attack.run(network, &Categorical, networks, x.view(), TargetRows::Classes(labels)),
            )
        };
        let (fgsm, pgd) = (of(Attack::fgsm(0.3)), of(Attack::pgd(0.3, 0.02, 40)));
        let noise = judge(
            &trained,
            networks,
            &Attack::pgd(0.3, 0.0, 0).from_random_start(Seed::root(5)).run(
                network,
                &Categorical,
                networks,
                x.view(),
                TargetRows::Classes(labels),
            ),
        );
        // Noise of the same size changes next to nothing, the attacks leave less than a third of the images right.
        assert!(noise.0 > 0.95, "noise alone: {noise:?}");
        for attacked in [fgsm, pgd] {
            assert!(attacked.0 < 0.3 && attacked.1 > loss + 1.0, "{attacked:?} after {clean}, {loss}");
        }
        // Many steps find at least what one finds.
        assert!(pgd.1 >= fgsm.1 - 1e-6, "PGD's loss {} is below FGSM's {}", pgd.1, fgsm.1);
    }
    // What misleads all of them on average misleads each of them too.
    let averaged = Attack::pgd(0.3, 0.02, 40).run(network, &Categorical, thetas, x.view(), TargetRows::Classes(labels));
    for theta in thetas {
        let (accuracy, _) = judge(&trained, std::slice::from_ref(theta), &averaged);
        assert!(accuracy < 0.4, "{accuracy}");
    }
}

#[test]
fn an_attack_on_one_network_is_not_the_attack_on_all() {
    let Trained { network, thetas, x, labels } = trained();
    let attack = Attack::pgd(0.1, 0.01, 20);
    let (one, all) = (
        attack.run(&network, &Categorical, &thetas[..1], x.view(), TargetRows::Classes(&labels)),
        attack.run(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels)),
    );
    let loss = |x: &Array2<f32>| {
        input_gradient(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels)).0.iter().sum::<f64>()
    };
    assert!(one != all && loss(&all) > loss(&one), "{} {}", loss(&all), loss(&one));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn results_stay_in_the_ball_and_in_the_range(
        epsilon in 0.0_f32..1.0, step in 0.0_f32..0.5, steps in 0_usize..6, random: bool, low in -1.0_f32..0.0, width in 0.0_f32..2.0,
        rows in 0_usize..20, seed: u64,
    ) {
        let high = low + width;
        let seed = Seed::root(seed);
        let network = Network::mlp(&[3, 5, 2]);
        let thetas = [network.initialize(seed.index(0)), network.initialize(seed.index(1))];
        let mut stream = seed.child("x").stream();
        let x = Array2::from_shape_simple_fn((rows, 3), || low + width * stream.uniform_f32()).mapv(|x| x.min(high));
        let labels = vec![1; rows];
        let attack = Attack { epsilon, step, steps, start: random.then_some(seed), range: (low, high) };
        let found = attack.run(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels));
        for (&found, &x) in found.iter().zip(&x) {
            prop_assert!((low..=high).contains(&found), "{found} is not in [{low}, {high}]");
            // x ± ε is rounded once.
            prop_assert!((found - x).abs() <= epsilon + 2.0 * f32::EPSILON, "{found} is not within {epsilon} of {x}");
        }
        let still = Attack { epsilon: 0.0, ..attack }.run(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels));
        prop_assert_eq!(&still, &x);
        prop_assert_eq!(attack.run(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels)), found);
    }
}

#[test]
fn a_random_start_fills_the_ball_evenly_and_belongs_to_its_row() {
    let network = Network::mlp(&[50, 2]);
    let theta = vec![0.0; network.dim()];
    let x = Array2::zeros((400, 50));
    let attack = Attack::pgd(0.2, 0.02, 0).from_random_start(Seed::root(3));
    let found = attack.run(&network, &Categorical, &[&theta], x.view(), TargetRows::Classes(&vec![0; 400]));
    let n = found.len() as f64;
    let moment = |power: i32| found.iter().map(|&u| f64::from(u / 0.2).powi(power)).sum::<f64>() / n;
    // Of a uniform u on [−1, 1]: E u = 0 with variance 1/3, E u² = 1/3 with variance 4/45; at 4 standard errors each.
    assert!(moment(1).abs() < 4.0 * (1.0 / 3.0 / n).sqrt(), "{}", moment(1));
    assert!((moment(2) - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0 / n).sqrt(), "{}", moment(2));
    let part =
        attack.run(&network, &Categorical, &[&theta], x.slice(ndarray::s![..30, ..]), TargetRows::Classes(&[0; 30]));
    assert_eq!(part, found.slice(ndarray::s![..30, ..]));
    assert_ne!(found.row(0), found.row(1));
    let other = attack.from_random_start(Seed::root(4)).run(
        &network,
        &Categorical,
        &[&theta],
        x.view(),
        TargetRows::Classes(&vec![0; 400]),
    );
    assert_ne!(other, found);
}

#[test]
fn where_the_loss_is_flat_nothing_moves() {
    let network = Network::mlp(&[2, 2]);
    let x = ndarray::array![[0.1_f32, -0.2]];
    assert_eq!(Attack::fgsm(0.3).run(&network, &Categorical, &[vec![0.0; 6]], x.view(), TargetRows::Classes(&[0])), x);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let Trained { network, thetas, x, labels } = trained();
    let attack = Attack::pgd(0.3, 0.05, 10).from_random_start(Seed::root(9));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| attack.run(&network, &Categorical, &thetas, x.view(), TargetRows::Classes(&labels)))
    };
    assert_eq!(with(1), with(5));
}

#[test]
#[should_panic(expected = "ε = -0.1 is no radius")]
fn a_negative_radius_is_refused() {
    Attack::fgsm(-0.1).run(
        &Network::mlp(&[1, 2]),
        &Categorical,
        &[[0.0; 4]],
        ndarray::array![[0.0]].view(),
        TargetRows::Classes(&[0]),
    );
}

#[test]
fn a_nan_stays_where_it_is() {
    let network = Network::mlp(&[2, 2]);
    let theta = [-1.0_f32, 1.0, 1.0, -1.0, 0.0, 0.0];
    let x = ndarray::array![[f32::NAN, 0.4], [0.6, 0.4]];
    let found = Attack::fgsm(0.3).run(&network, &Categorical, &[theta], x.view(), TargetRows::Classes(&[1, 1]));
    assert!(found[[0, 0]].is_nan() && (found[[0, 1]] - 0.4).abs() <= 0.3);
    assert_eq!(found.row(1), ndarray::array![0.6 - 0.3, 0.4 + 0.3]);
}

#[test]
fn numbers_are_attacked_as_classes_are() {
    // f = 2·x₀ − x₁ = 1 is below y, so the loss falls with f: the attack goes down.
    let network = Network::mlp(&[2, 1]);
    let likelihood = crate::likelihood::Gaussian { sd: 0.1 };
    let (x, y) = (ndarray::array![[0.5, 0.0]], ndarray::array![[1.1_f32]]);
    let found =
        Attack::fgsm(0.25).run(&network, &likelihood, &[[2.0, -1.0, 0.0]], x.view(), TargetRows::Values(y.view()));
    assert_eq!(found, ndarray::array![[0.25, 0.25]]);
}
