use apd_nn::Activation;

use super::*;

#[test]
fn a_draw_leaves_units_out_for_all_inputs() {
    let mlp = Mlp { widths: vec![3, 200, 2], activation: Activation::Relu, dropout: 0.25 };
    let theta = mlp.initialize(Seed::root(1));
    let dropout = Dropout::new(&mlp, theta.clone());
    let networks = dropout.draw(Seed::root(2), 3);
    let mut second = networks.slice(ndarray::s![1..2, ..]).to_owned();
    dropout.draw_into(Seed::root(2), 1, second.view_mut());
    assert_eq!(second.row(0), networks.row(1));
    assert_ne!(networks.row(0), networks.row(1));
    // Both outputs miss the same hidden units; the first layer and the biases are as they were.
    let linears = mlp.linears();
    let last = &linears[1];
    for row in networks.outer_iter() {
        let row = row.to_vec();
        assert_eq!(row[..last.weight.start], theta[..last.weight.start]);
        assert_eq!(row[last.bias.clone()], theta[last.bias.clone()]);
        let (weights, before) = (&row[last.weight.clone()], &theta[last.weight.clone()]);
        let mut left_out = 0;
        for unit in 0..200 {
            let factor = if weights[unit] == 0.0 { 0.0 } else { 1.0 / 0.75 };
            left_out += usize::from(factor == 0.0);
            for output in 0..2 {
                let expected = factor * before[output * 200 + unit];
                assert!((weights[output * 200 + unit] - expected).abs() <= 1e-6);
            }
        }
        // Binomial(200, ¼), mean 50 and deviation 6.1: 4.5 of them, α = 7·10⁻⁶ for each of three draws.
        assert!((22..=78).contains(&left_out), "{left_out}");
    }
}
