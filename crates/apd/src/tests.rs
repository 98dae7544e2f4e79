use std::sync::Arc;

use apd_bnn::likelihood::{HeteroscedasticGaussian, LearnedGaussian};
use apd_data::{TableSchema, yacht};
use ndarray::{Array2, array, s};

use crate::{Error, Examples, Fit, FitSampler, Fitted, LikelihoodConfig, Network, Prediction, Seed, load, load_with};

fn examples() -> Examples {
    let table = yacht();
    let schema = TableSchema::infer(&table, "resistance", &[], None).expect("a table");
    schema.examples(&table).expect("examples").select(&(0..100).collect::<Vec<_>>())
}

fn quick() -> Fit {
    Fit { chains: 2, training_steps: 200, sampler: FitSampler::microcanonical(100, 20, 5), ..Fit::default() }
}

fn network() -> Network {
    Network::mlp(&[6, 8, 1])
}

fn fitted(examples: &Examples) -> Fitted {
    let likelihood = LikelihoodConfig::LearnedGaussian(LearnedGaussian::default());
    quick().run(&network(), likelihood, examples, Seed::root(1)).expect("a fit")
}

fn means(fitted: &Fitted, inputs: &Array2<f32>) -> Array2<f64> {
    match fitted.predict(inputs.view(), 30).expect("a prediction") {
        Prediction::Numbers(numbers) => numbers.mean(),
        Prediction::Classes(_) => panic!("numbers are predicted"),
    }
}

#[test]
fn a_model_is_the_same_after_its_file_and_for_any_number_of_threads() {
    let examples = examples();
    let here = fitted(&examples);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(pool.install(|| means(&fitted(&examples), &examples.inputs)), means(&here, &examples.inputs));

    let file = tempfile::NamedTempFile::new().expect("a file");
    here.save(file.path()).expect("saved");
    let there = load(file.path()).expect("loaded");
    assert_eq!(means(&there, &examples.inputs), means(&here, &examples.inputs));
    assert_eq!(there.mixing(), here.mixing());
}

/// Of a few inputs the networks lie ready, of many they are read anew.
#[test]
fn a_row_alone_is_predicted_as_among_others_to_the_bit() {
    let examples = examples();
    let fitted = fitted(&examples);
    let networks = crate::stored::networks(fitted.posterior());
    let predict = |rows: std::ops::Range<usize>| match fitted
        .predict(examples.inputs.slice(s![rows, ..]), networks)
        .expect("a prediction")
    {
        Prediction::Numbers(numbers) => (numbers.deviation(), numbers.quantile(0.9)),
        Prediction::Classes(_) => panic!("numbers are predicted"),
    };
    let (deviations, quantiles) = predict(0..100);
    for row in [0, 7, 99] {
        let (deviation, quantile) = predict(row..row + 1);
        assert_eq!((deviation[[0, 0]], quantile[[0, 0]]), (deviations[[row, 0]], quantiles[[row, 0]]));
    }
    assert!(fitted.ready.get().is_some_and(Option::is_some), "the networks lie ready");
}

#[test]
fn predictions_are_in_the_targets_own_units() {
    let examples = examples();
    let predicted = means(&fitted(&examples), &examples.inputs);
    let spread = |values: &Array2<f64>| values.std(0.0);
    let errors = &predicted - examples.targets.numbers();
    assert!(
        spread(&errors) < 0.5 * spread(examples.targets.numbers()),
        "{} of {}",
        spread(&errors),
        spread(&predicted)
    );
}

#[test]
fn a_file_of_another_model_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fitted(&examples()).save(file.path()).expect("saved");
    let likelihood = || Arc::new(LearnedGaussian::default());
    assert!(load_with(file.path(), &network(), likelihood()).is_ok());
    let error = load_with(file.path(), &Network::mlp(&[6, 9, 1]), likelihood()).expect_err("another width").to_string();
    assert!(error.contains("layers.0.weight") && error.contains("[9, 6]"), "{error}");

    let bytes = std::fs::read(file.path()).expect("read");
    for end in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(file.path(), &bytes[..end]).expect("written");
        assert!(matches!(load(file.path()), Err(Error::File { .. })), "cut to {end} bytes");
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let examples = examples();
    let fitted = fitted(&examples);
    let narrow = examples.inputs.slice(s![.., 1..]);
    assert!(matches!(fitted.predict(narrow, 5), Err(Error::Inputs { expected: 6, found: 5 })));
    let nan = array![[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0]];
    assert!(matches!(fitted.predict(nan.view(), 5), Err(Error::NotFinite { row: 0, column: 4, .. })));
    let none = Fit { chains: 0, ..quick() };
    let refused = none.run(
        &network(),
        LikelihoodConfig::HeteroscedasticGaussian(HeteroscedasticGaussian::default()),
        &examples,
        Seed::root(1),
    );
    assert!(matches!(refused, Err(Error::Setting { name: "chains", .. })));
}

/// Rows that all networks are as sure of as numbers allow say nothing about the chains, and once ended a fit.
#[test]
fn chains_are_compared_by_rows_that_they_are_not_all_sure_of() {
    let network = Network::mlp(&[1, 2]);
    let mixing = |bias: f32, inputs: &Array2<f32>| {
        // The logits of class 0 and 1 are −1 000·x, and 0 or 1 as the draw has it.
        let chain = |seed| {
            let mut stream = Seed::root(seed).stream();
            let draw = |_| [-1_000.0, 0.0, 0.0, bias * stream.uniform() as f32];
            Array2::from_shape_vec((8, 4), (0..8).flat_map(draw).collect()).expect("8 networks")
        };
        let likelihood = LikelihoodConfig::Categorical.build();
        crate::fitted::Mixing::of(&[chain(1).view(), chain(2).view()], &network, &*likelihood, inputs.view())
    };
    let of = |bias, inputs: &Array2<f32>| mixing(bias, inputs).expect("draws");
    let some = of(1.0, &array![[-1.0], [0.0], [0.0]]);
    assert_eq!(some, of(1.0, &array![[0.0], [0.0]]));
    let none = of(1.0, &array![[-1.0], [-2.0]]);
    assert_eq!((none.rhat_median, none.rhat_worst, none.ess_median), (1.0, 1.0, 16.0));
    // Chains that do not move agree about nothing.
    let stuck = mixing(0.0, &array![[-1.0], [-2.0]]).expect_err("all draws are one network").to_string();
    assert!(stuck.contains("has the chain moved?"), "{stuck}");
}
