use proptest::prelude::*;

use super::*;

const START: [f64; 4] = [0.5, -0.25, 1.0, 0.0];
const GRADIENTS: [[f64; 4]; 3] = [[0.3, -1.2, 0.0, 4.0], [-0.5, 0.25, 1e-3, -2.0], [0.125, 0.75, -3.0, 0.5]];

fn assert_close(found: &[f64], expected: &[f64]) {
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-15 * (1.0 + b.abs()), "{found:?} is not {expected:?}");
    }
}

// The values: p = torch.tensor(START, dtype=torch.float64, requires_grad=True); for g in GRADIENTS: p.grad = g; opt.step();
// print(p), in PyTorch 2.15.0, with opt = torch.optim.Adam([p], lr=1e-2, betas=(.5, .9), eps=1e-8), and so on.

#[test]
fn adam_takes_the_steps_of_pytorch() {
    let expected_gan = [
        [0.4900000003333333, -0.24000000008333333, 1.0, -0.009999999975],
        [0.49559035779256183, -0.2372405422680183, 0.9908107608301939, -0.009999999975],
        [0.4964303601406433, -0.24128888319423206, 1.000216093996059, -0.01114718308071824],
    ];
    let expected_default = [
        [0.49900000003333334, -0.24900000000833333, 1.0, -0.0009999999975],
        [0.4992935612309813, -0.2484958824113334, 0.9992558736973369, -0.0012663370363180427],
        [0.49938145427706665, -0.2484972169921109, 0.9998944956135268, -0.001541981693360125],
    ];
    let gan = Adam { lr: 1e-2, beta1: 0.5, beta2: 0.9, eps: 1e-8 };
    for (adam, expected) in [(gan, expected_gan), (Adam::default(), expected_default)] {
        let (mut theta, mut state) = (START.to_vec(), AdamState::new(4));
        for (gradient, expected) in GRADIENTS.iter().zip(&expected) {
            adam.step(&mut state, &mut theta, gradient);
            assert_close(&theta, expected);
        }
    }
}

#[test]
fn rmsprop_takes_the_steps_of_pytorch() {
    // torch.optim.RMSprop([p], lr=5e-3, alpha=.99, eps=1e-8)
    let expected = [
        [0.4500000166666611, -0.20000000416666633, 1.0, -0.04999999875000001],
        [0.4929315143415095, -0.2102469376975468, 0.95000499950005, -0.027549336500685404],
        [0.4823871633492384, -0.23652977957458945, 1.0000049950833838, -0.033154717540923494],
    ];
    let (mut theta, mut state) = (START.to_vec(), RmsPropState::new(4));
    let rmsprop = RmsProp { lr: 5e-3, ..RmsProp::default() };
    for (gradient, expected) in GRADIENTS.iter().zip(&expected) {
        rmsprop.step(&mut state, &mut theta, gradient);
        assert_close(&theta, expected);
    }
}

/// Algorithm 1 of the paper as it is written there: with m̂ and v̂.
fn adam_by_the_paper(adam: Adam, gradients: &[f64]) -> f64 {
    let (mut theta, mut m, mut v) = (0.0, 0.0, 0.0);
    for (t, g) in (1..).zip(gradients) {
        m = adam.beta1 * m + (1.0 - adam.beta1) * g;
        v = adam.beta2 * v + (1.0 - adam.beta2) * g * g;
        let m_hat = m / (1.0 - adam.beta1.powi(t));
        let v_hat = v / (1.0 - adam.beta2.powi(t));
        theta -= adam.lr * m_hat / (v_hat.sqrt() + adam.eps);
    }
    theta
}

proptest! {
    #[test]
    fn adam_is_the_papers_algorithm(
        lr in 1e-5_f64..1.0, beta1 in 0.0_f64..0.99, beta2 in 0.0_f64..0.9999, eps in 1e-10_f64..1e-2,
        gradients in prop::collection::vec(-10.0_f64..10.0, 1..30),
    ) {
        let adam = Adam { lr, beta1, beta2, eps };
        let (mut theta, mut state) = ([0.0], AdamState::new(1));
        for g in &gradients {
            adam.step(&mut state, &mut theta, &[*g]);
        }
        let expected = adam_by_the_paper(adam, &gradients);
        prop_assert!((theta[0] - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{} is not {}", theta[0], expected);
    }

    #[test]
    fn tiles_take_the_same_step_as_the_whole(n in 1_usize..200, at in 0_usize..200) {
        let at = at.min(n);
        let gradient: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
        let adam = Adam::default();
        let (mut whole, mut state) = (vec![1.0_f32; n], AdamState::new(n));
        let (mut tiled, mut m, mut v) = (vec![1.0_f32; n], vec![0.0; n], vec![0.0; n]);
        for t in 1..=3 {
            adam.step(&mut state, &mut whole, &gradient);
            for tile in [0..at, at..n] {
                let r = || tile.clone();
                adam.apply(t, &mut tiled[r()], &gradient[r()], &mut m[r()], &mut v[r()]);
            }
        }
        prop_assert_eq!(whole, tiled);
        prop_assert_eq!((state.m, state.v), (m, v));
    }
}

#[test]
#[should_panic(expected = "θ has 3 elements, the gradient 2")]
fn adam_panics_on_lengths_that_differ() {
    Adam::default().step(&mut AdamState::new(3), &mut [0.0_f32; 3], &[0.0; 2]);
}
