use std::path::PathBuf;

use apd_bnn::LikelihoodConfig;
use apd_bnn::likelihood::Gaussian;
use apd_nn::{Model as _, Network};
use apd_points::npy;
use ndarray::{Array2, s};
use tempfile::TempDir;

use super::*;
use crate::smallest::smallest;

/// A bank of perceptrons 1-h-1 around one, whose weights differ by `spread` in so many directions, and what their functions are compared on.
struct Case {
    dir: TempDir,
    bank: Bank,
    space: FunctionSpace,
}

fn case(hidden: usize, rows: usize, directions: usize, spread: f32) -> Case {
    let network = Network::mlp(&[1, hidden, 1]);
    let center = network.initialize(Seed::root(1));
    let normals = Seed::root(2).normals();
    let mut coefficients = Array2::zeros((rows, directions));
    normals.fill(0, 0, coefficients.as_slice_mut().unwrap());
    let mut basis = Array2::<f32>::zeros((directions, center.len()));
    normals.fill(1, 0, basis.as_slice_mut().unwrap());
    let points = coefficients.dot(&basis) * (spread / (directions as f32).sqrt())
        + Array2::from_shape_vec((1, center.len()), center).unwrap();
    let dir = tempfile::tempdir().unwrap();
    npy::write_matrix_f32(dir.path().join("bank.npy"), points.view()).unwrap();
    let bank = Bank::open(dir.path().join("bank.npy")).unwrap();
    let inputs = Array2::from_shape_fn((40, 1), |(i, _)| (i as f32 - 20.0) / 10.0);
    let strange = Array2::from_shape_fn((40, 1), |(i, _)| 20.0 + i as f32);
    let likelihood = LikelihoodConfig::Gaussian(Gaussian { sd: 1.0 });
    let layout = bank.header().layout.clone();
    let space = FunctionSpace::new(network, likelihood, &layout, &inputs, &[strange]).unwrap();
    Case { dir, bank, space }
}

impl Case {
    fn checkpoint(&self) -> PathBuf {
        self.dir.path().join("g.ckpt")
    }

    fn judge(&self, distiller: &Distiller) -> Verdict {
        distiller.judge(Context::default(), &self.bank, &self.space, Seed::root(3), &self.checkpoint()).unwrap()
    }

    fn fit(&self, distiller: &Distiller) -> Distilled {
        let space = Some(&self.space);
        distiller.fit(Context::default(), &self.bank, space, Seed::root(3), &self.checkpoint()).unwrap()
    }
}

/// The kind of CASES 28. Networks of a few hundred weights that vary in all directions: 60 of them leave out half of the variance, which comes back
/// as noise where the outputs feel it most.
#[test]
fn small_networks_disagree_as_much_as_the_bank_by_default_and_not_by_a_subspace() {
    for (hidden, dim) in [(80, 241), (200, 601), (400, 1_201)] {
        let case = case(hidden, 1_000, 600, 0.1);
        assert_eq!(case.bank.dim(), dim);
        let Verdict { distilled, redraw, held_out, .. } = case.judge(&Distiller::Default);
        assert_eq!(held_out, 200);
        assert!((distilled.disagreement - 1.0).abs() < 0.05, "{dim}: {distilled:?}");
        assert!(distilled.tv < redraw.tv + 0.02 && distilled.auroc.unwrap() < 0.05, "{dim}: {distilled:?}, {redraw:?}");
        // No larger than as many rows in 8 bits, all of which are as good as a redraw of the bank.
        assert!(case.fit(&Distiller::Default).bytes() <= ROWS * (dim + 4));
        // The negative control: what the default was.
        let subspace = case.judge(&Distiller::Subspace(SubspaceConfig::default()));
        assert!((subspace.distilled.disagreement - 1.0).abs() > 0.05, "{dim}: {subspace:?}");
    }
}

#[test]
fn the_default_is_a_subspace_where_that_holds_the_variance_and_rows_where_it_does_not() {
    let few = case(3_000, 300, 5, 0.1);
    let subspace = few.fit(&Distiller::Default);
    assert!(subspace.subspace().is_some_and(|it| it.rank() >= 5 && it.explained() > 0.99));
    let many = case(3_000, 300, 300, 0.1);
    let rows = many.fit(&Distiller::Default);
    assert!(matches!(rows, Distilled::Subsample(_)));
    let as_large = many.fit(&Distiller::Subspace(SubspaceConfig::default()));
    assert!(rows.bytes() <= as_large.bytes() && rows.bytes() > as_large.bytes() / 2);
}

#[test]
fn the_smallest_file_that_loses_little_is_found_from_below() {
    // In three directions: no more are needed, and rows take more bytes.
    let case = case(400, 500, 3, 0.1);
    let search = |most| smallest(Context::default(), &case.bank, &case.space, most, Seed::root(4)).unwrap();
    let found = search(0.02);
    let place = found.smallest.expect("one loses little");
    let tried = &found.tried[place];
    assert!(found.lost(tried) <= 0.02, "{tried:?}");
    for other in &found.tried {
        assert!(other.bytes >= tried.bytes || found.lost(other) > 0.02, "{other:?} beside {tried:?}");
        assert!(other.loss.tv.is_finite() && other.loss.disagreement.is_finite());
    }
    // What is written is of all rows, and of about the same bytes.
    let file = case.fit(&tried.distiller);
    assert!(file.bytes() <= tried.bytes * 3 / 2, "{} for {tried:?}", file.bytes());
    assert!(matches!(file, Distilled::Subspace(_) | Distilled::Conditional(_)), "{tried:?}");

    // What nothing comes to: the nearest is named, and every size was tried, up to all rows.
    let missed = search(-1.0);
    assert_eq!(missed.smallest, None);
    assert!(missed.tried.len() > found.tried.len());
    let nearest = missed.nearest().unwrap();
    assert!(missed.tried.iter().all(|tried| tried.loss.tv >= nearest.loss.tv));
    assert!(missed.tried.iter().any(|tried| matches!(tried.distiller, Distiller::Rows { count, .. } if count >= 400)));
}

#[test]
fn a_conditional_distiller_takes_the_noise_that_predictions_ask_for() {
    let case = case(200, 500, 300, 0.1);
    let config = ConditionalConfig { residuals: apd_distill::ResidualModel::Gaussian, ..Default::default() };
    let told = case.judge(&Distiller::Conditional(config.clone())).distilled.disagreement;
    let [training, held_out] = folds(&case.bank).unwrap();
    let untold = Conditional::fit(&training, &config, Seed::root(3)).unwrap();
    let untold = Evaluator::new(&case.space, &held_out, Seed::root(3)).unwrap().loss(&untold).unwrap().disagreement;
    assert!((told - 1.0).abs() < (untold - 1.0).abs(), "{told} told, {untold} by the default share");
}

#[test]
fn banks_and_rows_that_cannot_be_kept_are_refused() {
    let case = case(20, 9, 9, 0.1);
    let distiller = Distiller::Rows { count: 4, format: Format::Int8 };
    let refused = distiller.judge(Context::default(), &case.bank, &case.space, Seed::root(1), &case.checkpoint());
    assert!(refused.unwrap_err().to_string().contains("9 rows"));

    let write = |points: &Array2<f32>| {
        npy::write_matrix_f32(case.dir.path().join("other.npy"), points.view()).unwrap();
        Bank::open(case.dir.path().join("other.npy")).unwrap()
    };
    let fit = |bank: &Bank, distiller: &Distiller| {
        distiller.fit(Context::default(), bank, None, Seed::root(1), &case.checkpoint()).map_err(|e| e.to_string())
    };
    let mut points = case.bank.gather(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
    points[[4, 7]] = f32::NAN;
    let error = fit(&write(&points), &Distiller::Default).unwrap_err();
    assert!(error.contains("coordinate 7 of row 4 is NaN"), "{error}");
    // The kind of CASES 1: wide rows that do not vary, and one alone, which may be kept by name.
    let same = Array2::from_elem((12, 2_049), 0.25);
    let one = same.slice(s![..1, ..]).to_owned();
    for points in [&same, &one] {
        let bank = write(points);
        let gan = apd_distill::Config { iterations: 2, ..apd_distill::Config::toy2d() };
        let subspace = Distiller::Subspace(SubspaceConfig::default());
        for distiller in [Distiller::Default, subspace, Distiller::Gan(gan)] {
            let error = fit(&bank, &distiller).unwrap_err();
            assert!(error.contains("do not vary"), "{error}");
        }
        let one = fit(&bank, &Distiller::Rows { count: 1, format: Format::Int8 }).unwrap();
        assert!((one.draw(Seed::root(1), 1)[[0, 0]] - 0.25).abs() < 1e-6);
    }
}

/// The kinds of CASES 2 and 3: by default, and by every distiller that keeps few bits.
#[test]
fn coordinates_of_unlike_units_keep_their_means_and_spreads() {
    let mut points = Array2::<f32>::zeros((200, 6));
    Seed::root(5).normals().fill(0, 0, points.as_slice_mut().unwrap());
    for (j, (center, sd)) in [(0.0, 1e6), (180_000.0, 3_000.0), (117_250.0, 0.0), (0.0, 1e-18)].into_iter().enumerate()
    {
        points.column_mut(j).mapv_inplace(|x| center + sd * x);
    }
    let dir = tempfile::tempdir().unwrap();
    npy::write_matrix_f32(dir.path().join("bank.npy"), points.view()).unwrap();
    let bank = Bank::open(dir.path().join("bank.npy")).unwrap();
    let path = ConditionalConfig { residuals: apd_distill::ResidualModel::Gaussian, ..Default::default() };
    for distiller in [
        Distiller::Default,
        Distiller::Subspace(SubspaceConfig::default()),
        Distiller::Conditional(path),
        Distiller::Rows { count: 200, format: Format::F16 },
        Distiller::Rows { count: 100, format: Format::Int8 },
    ] {
        let kept = distiller.fit(Context::default(), &bank, None, Seed::root(1), &dir.path().join("g.ckpt")).unwrap();
        let drawn = kept.draw(Seed::root(2), 2_000).mapv(f64::from);
        for (j, (drawn, points)) in drawn.columns().into_iter().zip(points.columns()).enumerate() {
            let points = points.mapv(f64::from);
            let (mean, sd) = (points.mean().unwrap(), points.std(0.0));
            let (off, ratio) = (drawn.mean().unwrap() - mean, drawn.std(0.0) / sd);
            assert!(off.abs() <= 0.2 * sd + 1e-4 * mean.abs(), "{distiller:?}: {j} is off by {off}");
            assert!(sd == 0.0 || (0.8..1.2).contains(&ratio), "{distiller:?}: {j} spreads {ratio} times as much");
        }
    }
}

/// The kind of CASES 13: a network whose batch normalization divides by the root of a negative number predicts none.
#[test]
fn running_variances_are_never_drawn_below_the_least_of_the_bank() {
    let dir = tempfile::tempdir().unwrap();
    let mut header = apd_store::Header::new(5);
    header.layout = apd_points::Layout::new([("0.weight".to_owned(), vec![3]), ("1.running_var".to_owned(), vec![2])]);
    let mut writer = apd_store::BankWriter::create(dir.path().join("bank"), header).unwrap().chain(0).unwrap();
    let mut points = Array2::<f32>::zeros((200, 5));
    Seed::root(1).normals().fill(0, 0, points.as_slice_mut().unwrap());
    points.slice_mut(s![.., 3..]).mapv_inplace(|x| (2.0 * x).exp());
    for (step, row) in points.outer_iter().enumerate() {
        writer.push(step as u64, 1.0, 0.0, row.to_slice().unwrap()).unwrap();
    }
    writer.flush().unwrap();
    let bank = Bank::open(dir.path().join("bank")).unwrap();
    let least = points.slice(s![.., 3..]).iter().copied().fold(f32::INFINITY, f32::min);
    let path = ConditionalConfig { rank: 2, residuals: apd_distill::ResidualModel::Gaussian, ..Default::default() };
    let subspace = SubspaceConfig { rank: 2, ..SubspaceConfig::default() };
    let rows = Distiller::Rows { count: 200, format: Format::Int8 };
    for distiller in [Distiller::Subspace(subspace), Distiller::Conditional(path), rows] {
        let kept = distiller.fit(Context::default(), &bank, None, Seed::root(2), &dir.path().join("g.ckpt")).unwrap();
        let is_bad = |drawn: &Array2<f32>| drawn.slice(s![.., 3..]).iter().any(|&x| x < least);
        assert!(is_bad(&kept.draw(Seed::root(3), 500)), "{distiller:?}: the negative control");
        let file = Distilled::from_safetensors(&crate::generator_file(&kept, &bank).unwrap()).unwrap();
        let drawn = file.posterior().unwrap().draw(Seed::root(3), 500);
        assert!(!is_bad(&drawn), "{distiller:?}");
    }
}
