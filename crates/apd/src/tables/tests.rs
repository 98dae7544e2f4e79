use std::path::Path;

use apd_data::{Column, Table, TableSource, Values, Wanted, penguins, yacht};
use apd_seed::Seed;

use super::*;
use crate::testing::Stopper;
use crate::{Context, Error};

fn quick() -> TableFit {
    TableFit {
        effort: Effort::Quick,
        chains: Some(2),
        architecture: "mlp:8".parse().expect("a network"),
        ..TableFit::default()
    }
}

fn yachts() -> TableModel {
    quick().run(&yacht(), "resistance").expect("a fit")
}

fn file() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::new().expect("a file")
}

fn bits(predictions: &Predictions) -> Table {
    predictions.table().expect("a table")
}

#[test]
fn a_model_of_numbers_is_one_file_that_answers_in_the_targets_units() {
    let (table, model, file) = (yacht(), yachts(), file());
    model.save(file.path()).expect("saved");
    let loaded = TableModel::load(file.path()).expect("loaded");
    let predictions = bits(&loaded.predict(&table, &[0.9, 0.5], None).expect("predictions"));
    assert_eq!(predictions, bits(&model.predict(&table, &[0.9, 0.5], None).expect("predictions")));
    let names: Vec<&str> = predictions.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        ["mean", "sd", "aleatoric_sd", "epistemic_sd", "lower_90", "upper_90", "lower_50", "upper_50", "ood"]
    );

    let evaluation = loaded.evaluate([Ok(table)], None).expect("an evaluation");
    let Metrics::Numbers(metrics) = &evaluation.metrics else { panic!("numbers") };
    assert!(metrics.rmse < 10.0 && metrics.mae < metrics.rmse && metrics.n == 308, "{metrics:?}");
    assert!((0.8..1.0).contains(&metrics.coverage_90) && metrics.coverage_50 < metrics.coverage_95, "{metrics:?}");
    assert!(evaluation.nll_constant > metrics.nll);
    // What is kept is small: the posterior takes a fiftieth of the samples, or 32 networks of 8 bits.
    let provenance = loaded.provenance();
    assert_eq!((provenance.fitted + provenance.held_out, provenance.samples), (308, 800));
    assert_eq!(loaded.networks(), 32);
    // As near to the samples as 32 of them can be, which the file says.
    let Some(DistillationLoss::Numbers { crps, epistemic }) = loaded.held_out().distilled else { panic!("numbers") };
    assert!((crps - 1.0).abs() < 0.1 && (epistemic - 1.0).abs() < 0.3, "{crps}, {epistemic}");
    assert!(crps != 1.0 && epistemic != 1.0, "nothing is lost by keeping 32 of 800");
}

#[test]
fn a_model_of_classes_knows_their_names_and_what_it_does_not_know() {
    let table = penguins();
    let model = quick().run(&table, "species").expect("a fit");
    let evaluation = model.evaluate([Ok(table.clone())], None).expect("an evaluation");
    let Metrics::Classes(metrics) = &evaluation.metrics else { panic!("classes") };
    assert!(metrics.accuracy > 0.95 && metrics.nll < 0.3 && metrics.auroc.is_none(), "{metrics:?}");
    let Some(DistillationLoss::Classes { tv, bald }) = model.held_out().distilled else { panic!("classes") };
    assert!(tv > 0.0 && tv < 0.05 && (0.5..2.0).contains(&bald), "{tv}, {bald}");
    let predictions = bits(&evaluation.predictions);
    let names: Vec<&str> = predictions.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["prediction", "p_Adelie", "p_Chinstrap", "p_Gentoo", "entropy", "bald", "ood", "abstain"]);

    // Birds of an unheard-of size are strange.
    let giant = |column: &Column| match &column.values {
        Values::Numbers(numbers) => {
            Column { name: column.name.clone(), values: Values::Numbers(numbers.iter().map(|x| 3.0 * x).collect()) }
        }
        _ => column.clone(),
    };
    let giants = Table::new(table.columns().iter().map(giant).collect()).expect("a table");
    let predictions = model.predict(&giants, &[], None).expect("predictions");
    assert!(predictions.ood.iter().filter(|&&ood| ood == 1.0).count() > 300);
    let Answers::Classes { abstain, .. } = &predictions.answers else { panic!("classes") };
    assert!(abstain.iter().filter(|&&abstain| abstain).count() > 300);
    assert!(!model.check_inputs(&predictions.ood).last().expect("verdicts").met);
}

#[test]
fn columns_in_any_order_and_row_by_row_give_the_same() {
    let (table, model) = (yacht(), yachts());
    let mut columns = table.columns().to_vec();
    columns.reverse();
    columns.retain(|column| column.name != "resistance");
    columns.push(Column { name: "captain".to_owned(), values: Values::Text(vec!["Ahab".to_owned(); table.len()]) });
    let other = Table::new(columns).expect("a table");
    let whole = bits(&model.predict(&table, &[0.9], None).expect("predictions"));
    assert_eq!(bits(&model.predict(&other, &[0.9], None).expect("predictions")), whole);
    assert_eq!(model.unknown_columns(&other).collect::<Vec<_>>(), ["captain"]);

    let source = TableSource::open("yacht").expect("embedded");
    let mut blocks = source.blocks(model.schema(), Wanted::Inputs).expect("blocks");
    let block = blocks.next_block().expect("readable").expect("rows");
    assert_eq!(bits(&model.predict(&block, &[0.9], None).expect("predictions")), whole);
    let lacking = table.columns().iter().filter(|column| column.name != "froude").cloned().collect();
    let refused = model.predict(&Table::new(lacking).expect("a table"), &[0.9], None).expect_err("a column lacks");
    assert!(refused.to_string().contains("froude"), "{refused}");
}

#[test]
fn the_scales_of_layers_can_be_learned() {
    use apd_bnn::PriorConfig;
    use apd_bnn::prior::LearnedGaussian;
    let fit = TableFit { prior: Some(PriorConfig::LearnedGaussian(LearnedGaussian::default())), ..quick() };
    let text = serde_json::to_string(&fit).expect("JSON");
    assert_eq!(serde_json::from_str::<TableFit>(&text).expect("settings"), fit);
    let (table, file) = (yacht(), file());
    let model = fit.run(&table, "resistance").expect("a fit");
    model.save(file.path()).expect("saved");
    let loaded = TableModel::load(file.path()).expect("loaded");
    let predictions = bits(&loaded.predict(&table, &[0.9], None).expect("predictions"));
    assert_eq!(predictions, bits(&model.predict(&table, &[0.9], None).expect("predictions")));
    assert_ne!(predictions, bits(&yachts().predict(&table, &[0.9], None).expect("predictions")));
    let evaluation = loaded.evaluate([Ok(table)], None).expect("an evaluation");
    let Metrics::Numbers(metrics) = &evaluation.metrics else { panic!("numbers") };
    assert!(metrics.rmse < 10.0 && (0.8..1.0).contains(&metrics.coverage_90), "{metrics:?}");
    assert!(evaluation.nll_constant > metrics.nll);
}

#[test]
fn a_fit_that_was_stopped_goes_on_to_the_same_bits() {
    let (table, folder) = (yacht(), tempfile::tempdir().expect("a folder"));
    let schema = quick().schema(&table, "resistance").expect("a schema");
    let run = |fit: &TableFit, steps: u64| {
        let stopper = Stopper::after(steps);
        let context = Context { progress: &stopper, checkpoints: Some(folder.path()), ..Context::default() };
        fit.run_as(&schema, &table, None, &context)
    };
    let mut stops = 0;
    let resumed = loop {
        // More than training takes, which begins anew.
        match run(&quick(), 3_000) {
            Err(Error::Stopped) => stops += 1,
            other => break other.expect("a fit"),
        }
    };
    assert!(stops >= 1, "it was over before it could be stopped");
    let whole = yachts();
    let predictions = |model: &TableModel| bits(&model.predict(&table, &[0.9], None).expect("predictions"));
    assert_eq!(predictions(&resumed), predictions(&whole));
    // They go on, and another one joins them.
    let more = TableFit { chains: Some(3), draws: Some(500), ..quick() };
    let gone_on = run(&more, u64::MAX).expect("a fit that goes on");
    assert_eq!(predictions(&gone_on), predictions(&more.run(&table, "resistance").expect("a fit")));
    assert_eq!(gone_on.provenance().samples, 1_500);
    // A shorter fit finds what it needs in longer chains.
    assert_eq!(predictions(&run(&quick(), u64::MAX).expect("a shorter fit")), predictions(&whole));
    let other = run(&TableFit { seed: 7, ..quick() }, u64::MAX).expect_err("another fit's checkpoints");
    assert!(matches!(other, Error::OtherFit { .. }), "{other}");
}

/// Writes `text` in place of the first `old` of a file, and says why the file is refused.
#[track_caller]
fn forged(path: &Path, old: &str, new: &str) -> String {
    let bytes = std::fs::read(path).expect("read");
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect("the text is there");
    let mut header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    header = header + new.len() as u64 - old.len() as u64;
    let forged = [&header.to_le_bytes()[..], &bytes[8..at], new.as_bytes(), &bytes[at + old.len()..]].concat();
    std::fs::write(path, forged).expect("written");
    let refused = TableModel::load(path).map(|_| ()).expect_err(new).to_string();
    std::fs::write(path, bytes).expect("written");
    refused
}

#[test]
fn files_that_lie_are_refused() {
    let file = file();
    yachts().save(file.path()).expect("saved");
    // The metadata are JSON in JSON in JSON.
    let quote = r#"\\\""#;
    for (old, new, words) in [
        ("version@:1", "version@:99", "version 99"),
        ("widths@:[6,8,2]", "widths@:[6,18446744073709551615,2]", ""),
        ("widths@:[6,8,2]", "widths@:[6,4611686018427387904,4]", ""),
        ("widths@:[6,8,2]", "widths@:[7,8,2]", "layers.0.weight"),
        ("indicator@:false", "indicator@:true", "inputs"),
        ("factors@:[", "factors@:[1e999,", ""),
        ("sd@:[", "sd@:[-", ""),
        ("froude", "length_beam", "length_beam"),
        ("classes@:null", "classes@:[@a@,@b@]", ""),
    ] {
        let (old, new) = (old.replace('@', quote), new.replace('@', quote));
        let refused = forged(file.path(), &old, &new);
        assert!(refused.contains(words), "{new}: {refused}");
    }
    assert!(TableModel::load(file.path()).is_ok());
}

#[test]
fn tables_too_small_to_learn_from_are_refused() {
    let refused = quick().run(&yacht().select(&[0, 20, 40, 60]), "resistance").expect_err("four rows").to_string();
    assert!(refused.contains("`resistance`") && refused.contains("at least 10"), "{refused}");
}

#[test]
fn networks_by_name() {
    for name in ["auto", "cnn", "mlp:64-64", "mlp:8:tanh"] {
        assert_eq!(name.parse::<Architecture>().expect("a network").to_string(), name);
    }
    assert_eq!("mlp:8:relu".parse::<Architecture>().expect("a network").to_string(), "mlp:8");
    for name in ["mlp", "mlp:", "mlp:0", "mlp:8:sin", "mlp:-8", "cnn:8", "mlp:99999999999999999999"] {
        assert!(name.parse::<Architecture>().is_err(), "{name}");
    }
}

#[test]
fn images_are_fitted_by_convolutions() {
    let table = TableSource::open("digits").expect("embedded").read().expect("readable");
    let (training, test) = table.select(&(0..600).collect::<Vec<_>>()).split(0.8, Seed::root(1));
    let fit = TableFit { architecture: Architecture::Cnn, steps: Some(40), ..quick() };
    let model = fit.run(&training, "digit").expect("a fit");
    let file = file();
    model.save(file.path()).expect("saved");
    let loaded = TableModel::load(file.path()).expect("loaded");
    let predictions = bits(&loaded.predict(&test, &[0.9], None).expect("predictions"));
    assert_eq!(predictions, bits(&model.predict(&test, &[0.9], None).expect("predictions")));
    let evaluation = loaded.evaluate([Ok(test.clone())], None).expect("an evaluation");
    let Metrics::Classes(metrics) = &evaluation.metrics else { panic!("classes") };
    assert!(metrics.accuracy > 0.8, "{metrics:?}");
    assert!(loaded.describe().contains("convolutional") && loaded.describe().contains("p0 … p63"));

    let described =
        r#"{"height": 8, "width": 8, "channels": 1, "activation": "relu", "layers": [{"linear": {"outputs": 10}}]}"#;
    let own = apd_nn::Network::Cnn(serde_json::from_str(described).expect("a network"));
    let fit = TableFit { architecture: Architecture::Network(own), ..fit };
    assert_eq!(fit.schema(&table, "digit").expect("a schema").inputs(), 64);
    let refused = fit.schema(&yacht(), "resistance").expect_err("no images").to_string();
    assert!(refused.contains("images of 8×8 are not 6 columns"), "{refused}");
}

#[test]
fn where_no_step_could_go_over_all_rows_it_takes_some() {
    let batch = |effort: Effort, rows, multiplications| match effort.fit(rows, multiplications, None).sampler {
        crate::FitSampler::Langevin(config) => Some(config.batch),
        _ => None,
    };
    assert_eq!(batch(Effort::Default, 10_000, 2_000), None);
    assert_eq!(batch(Effort::Default, 10_001, 2_000), Some(1_000));
    assert_eq!(batch(Effort::Quick, 1_500, 32_000), Some(150));
    assert_eq!(batch(Effort::Quick, 90, 10_000_000), Some(90));
}

/// Without a floor under the noise, ln p of rows that were not learned from was −1000 and worse.
#[test]
fn targets_that_were_rounded_are_not_taken_for_exact() {
    let mut stream = Seed::root(5).stream();
    let x: Vec<f64> = (0..300).map(|_| (8.0 * stream.uniform()).floor()).collect();
    let y = x.iter().map(|x| (0.5 * x + 2.0 * stream.uniform()).round()).collect();
    let column = |name: &str, values| Column { name: name.to_owned(), values: Values::Numbers(values) };
    let table = Table::new(vec![column("x", x), column("y", y)]).expect("a table");
    let (training, test) = table.split(0.7, Seed::root(6));
    let model = TableFit { task: Some(Task::Regression), ..quick() }.run(&training, "y").expect("a fit");
    let evaluation = model.evaluate([Ok(test)], None).expect("an evaluation");
    let Metrics::Numbers(metrics) = &evaluation.metrics else { panic!("numbers") };
    let constant = evaluation.nll_constant;
    assert!(metrics.nll < constant, "{} is not better than {constant}", metrics.nll);
}
