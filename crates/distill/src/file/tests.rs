use std::collections::{BTreeMap, HashMap};

use apd_nn::{Model as _, Network};
use apd_points::{Entry, Layout};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::KEY;
use crate::gan::generator::tests::random;
use crate::{
    AdversaryConfig, CoefficientModel, Conditional, ConditionalConfig, Config, Distilled, FileError, Format,
    ResidualModel, Standardization, Subsample, Subspace, SubspaceConfig,
};
use apd_points::Posterior;

fn layout() -> Layout {
    Network::mlp(&[2, 3, 2]).layout() // 17 parameters
}

fn bytes(kind: Standardization) -> Vec<u8> {
    let metadata = BTreeMap::from([("net".to_owned(), "fc1 \"quoted\"".to_owned())]);
    Distilled::Gan(random(17, 3, 4, kind)).to_safetensors(&layout(), &metadata).unwrap()
}

#[test]
fn what_is_written_is_read() {
    for kind in [Standardization::None, Standardization::Center, Standardization::Standardize] {
        let file = Distilled::from_safetensors(&bytes(kind)).unwrap();
        assert_eq!(file.generator, Distilled::Gan(random(17, 3, 4, kind)));
        assert_eq!(file.layout, layout());
        assert_eq!(file.metadata["net"], "fc1 \"quoted\"");
    }
}

#[test]
fn a_layout_of_another_length_is_not_written() {
    let generator = Distilled::Gan(random(16, 3, 4, Standardization::None));
    let error = generator.to_safetensors(&layout(), &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, FileError::Layout { layout: 17, dim: 16 }));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = bytes(Standardization::Standardize);
    for len in 0..bytes.len() {
        assert!(Distilled::from_safetensors(&bytes[..len]).is_err(), "cut to {len} bytes");
    }
    assert!(Distilled::from_safetensors(&[&bytes[..], &[0]].concat()).is_err(), "one byte more");
}

/// A flipped bit in the numbers is another generator; anywhere else it is an error or a harmless change of the metadata.
#[test]
fn flipped_bits_never_panic_nor_change_the_sizes() {
    let mut bytes = bytes(Standardization::Standardize);
    let (mut refused, mut accepted) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            match Distilled::from_safetensors(&bytes) {
                Ok(file) => {
                    accepted += 1;
                    let Distilled::Gan(generator) = file.generator else { panic!("a subspace") };
                    assert_eq!((generator.dim(), generator.latent(), generator.hidden()), (17, 3, 4));
                    assert_eq!(file.layout.len(), 17);
                }
                Err(_) => refused += 1,
            }
            bytes[at] ^= 1 << bit;
        }
    }
    assert!(refused > 1000 && accepted > 1000, "{refused} refused, {accepted} accepted");
}

/// The file with its metadata and tensors passed through `change`.
fn changed(
    change: impl FnOnce(&mut HashMap<String, String>, &mut Vec<(String, Dtype, Vec<usize>, Vec<u8>)>),
) -> Vec<u8> {
    let bytes = bytes(Standardization::Center);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    let mut tensors: Vec<_> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| (name.to_owned(), view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut metadata, &mut tensors);
    let views =
        tensors.iter().map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    serialize(views, Some(metadata)).unwrap()
}

#[test]
fn promises_of_the_metadata_are_checked() {
    assert!(Distilled::from_safetensors(&changed(|_, _| {})).is_ok());
    let wrong = |key: &'static str, value: &str| {
        let bytes = changed(|metadata, _| {
            let mut header: serde_json::Value = serde_json::from_str(&metadata[KEY]).unwrap();
            header[key] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            metadata.insert(KEY.to_owned(), header.to_string());
        });
        Distilled::from_safetensors(&bytes).unwrap_err().to_string()
    };
    assert!(wrong("format", "apd-generator-9").contains("apd-generator-9"));
    assert!(wrong("generator", "{").contains("generator"));
    let describe = |dim: &str, hidden: &str, more: &str| {
        format!(r#"{{"dim":{dim},"latent":3,"hidden":{hidden},"standardization":"center"{more}}}"#)
    };
    assert!(wrong("generator", &describe("17", "4", r#","depth":2"#)).contains("depth"));
    assert!(wrong("generator", &describe("17", "5", "")).contains("trunk.0.weight"));
    assert!(wrong("generator", &describe("17", "0", "")).contains("empty layer"));
    assert!(wrong("generator", &describe("17", "4611686018427387904", "")).contains("trunk.0.weight"));
    assert!(wrong("generator", &describe("18", "4", "")).contains("17 parameters"));
    assert!(wrong("generator", &describe("17", "4", "").replace("center", "none")).contains("`mean`"));
    assert!(wrong("generator", &describe("17", "4", "").replace("center", "standardize")).contains("`scale`"));
    let overflowing = Layout { entries: vec![Entry { name: "w".to_owned(), offset: 0, shape: vec![usize::MAX, 3] }] };
    assert!(wrong("layout", &serde_json::to_string(&overflowing).unwrap()).contains("`w`"));
    let gap = r#"{"entries":[{"name":"w","offset":1,"shape":[16]}]}"#;
    assert!(wrong("layout", gap).contains("does not begin at 0"));
    assert!(wrong("metadata", "[]").contains("metadata"));
    let missing = changed(|metadata, _| {
        metadata.remove(KEY);
    });
    assert!(Distilled::from_safetensors(&missing).unwrap_err().to_string().contains("`apd`: is missing"));
    let garbled = changed(|metadata, _| {
        metadata.insert(KEY.to_owned(), "{".to_owned());
    });
    assert!(Distilled::from_safetensors(&garbled).unwrap_err().to_string().contains("`apd`: EOF"));
}

#[test]
fn tensors_are_checked() {
    type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);
    let wrong = |name: &str, change: fn(&mut Tensor)| {
        let bytes = changed(|_, tensors| change(tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap()));
        Distilled::from_safetensors(&bytes).unwrap_err().to_string()
    };
    assert!(wrong("mean", |tensor| tensor.0 = "mean2".to_owned()).contains("`mean`"));
    let more = changed(|_, tensors| tensors.push(("mean2".to_owned(), Dtype::F32, vec![1], vec![0; 4])));
    assert!(Distilled::from_safetensors(&more).unwrap_err().to_string().contains("`mean2`"));
    assert!(wrong("output.weight", |tensor| tensor.2.reverse()).contains("[17, 4]"));
    assert!(wrong("trunk.1.bias", |tensor| tensor.1 = Dtype::I32).contains("I32"));
    assert!(
        wrong("output.bias", |tensor| tensor.3[4..8].copy_from_slice(&f32::NAN.to_le_bytes())).contains("NaN at 1")
    );
}

#[test]
fn the_same_generator_gives_the_same_bytes() {
    assert!((0..20).all(|_| bytes(Standardization::Center) == bytes(Standardization::Center)));
}

/// Conditional distillers, subspaces and subsamples of every kind, on 40 points of 17 coordinates.
fn posteriors() -> Vec<Distilled> {
    let mut points = ndarray::Array2::<f32>::zeros((40, 17));
    apd_seed::Seed::root(5).normals().fill(0, 0, points.as_slice_mut().unwrap());
    let gan = Config { latent: 2, hidden: 4, batch: 8, iterations: 1, ..Config::gan1() };
    let config = SubspaceConfig { rank: 3, components: 6, gan, ..SubspaceConfig::default() };
    let mut kinds = Vec::new();
    let adversary = AdversaryConfig { hidden: 3, critic_hidden: 4, batch: 8, iterations: 1, ..Default::default() };
    for (format, frequencies, residuals) in [
        (Format::Int8, 2, ResidualModel::Adversarial),
        (Format::Int6, 2, ResidualModel::Gaussian),
        (Format::F32, 3, ResidualModel::Gaussian),
        (Format::F16, 0, ResidualModel::Gaussian),
    ] {
        let adversary = adversary.clone();
        let config = ConditionalConfig { rank: 2, format, frequencies, residuals, adversary, ..Default::default() };
        kinds.push(Distilled::Conditional(Conditional::fit(&points, &config, apd_seed::Seed::root(1)).unwrap()));
    }
    for (format, sd) in
        [(Format::F32, None), (Format::Int8, None), (Format::F16, Some(&[0.5; 17][..])), (Format::Int6, None)]
    {
        kinds.push(Distilled::Subsample(Subsample::new(points.view(), sd, format)));
    }
    let mut unlike = points.clone();
    unlike.column_mut(3).mapv_inplace(|x| 1e4 * x + 1e6);
    kinds.push(Distilled::Subsample(Subsample::within(unlike.view(), usize::MAX)));
    for format in [Format::F32, Format::F16, Format::Int8, Format::Int6] {
        for coefficients in [CoefficientModel::Kernel, CoefficientModel::Gaussian, CoefficientModel::Gan] {
            for (rank, residual) in [(3, 0.0), (3, 1.0), (0, 1.0)] {
                if rank == 0 && coefficients == CoefficientModel::Gan {
                    continue;
                }
                let config = SubspaceConfig { rank, format, coefficients, residual, ..config.clone() };
                kinds.push(Distilled::Subspace(Subspace::fit(&points, &config, apd_seed::Seed::root(1)).unwrap()));
            }
        }
    }
    kinds
}

#[test]
fn posteriors_of_every_kind_are_read_as_written() {
    for posterior in posteriors() {
        let bytes = posterior.to_safetensors(&layout(), &BTreeMap::new()).unwrap();
        assert_eq!(Distilled::from_safetensors(&bytes).unwrap().generator, posterior);
        // What is counted is what is there, but for the header.
        let (header, _) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(posterior.bytes(), bytes.len() - 8 - header, "{posterior:?}");
    }
}

#[test]
fn posteriors_in_damaged_files_never_panic() {
    let (mut refused, mut accepted) = (0, 0);
    for posterior in posteriors().into_iter().step_by(5) {
        let mut bytes = posterior.to_safetensors(&layout(), &BTreeMap::new()).unwrap();
        for len in 0..bytes.len() {
            assert!(Distilled::from_safetensors(&bytes[..len]).is_err(), "cut to {len} bytes");
        }
        for at in 0..bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            match Distilled::from_safetensors(&bytes) {
                Ok(file) => {
                    accepted += 1;
                    // Whatever was accepted can be drawn from.
                    assert_eq!(file.generator.draw(apd_seed::Seed::root(1), 2).dim(), (2, 17));
                }
                Err(_) => refused += 1,
            }
            bytes[at] ^= 1 << (at % 8);
        }
    }
    assert!(refused > 1000 && accepted > 100, "{refused} refused, {accepted} accepted");
}

#[test]
fn promises_of_a_conditional_distiller_are_checked() {
    let posterior = posteriors().into_iter().next().unwrap();
    let bytes = posterior.to_safetensors(&layout(), &BTreeMap::new()).unwrap();
    let (tensors, (_, header)) =
        (SafeTensors::deserialize(&bytes).unwrap(), SafeTensors::read_metadata(&bytes).unwrap());
    let metadata = header.metadata().clone().unwrap();
    let wrong = |key: &str, value: serde_json::Value| {
        let mut header: serde_json::Value = serde_json::from_str(&metadata[KEY]).unwrap();
        header["generator"][key] = value;
        let metadata = HashMap::from([(KEY.to_owned(), header.to_string())]);
        let changed = serialize(tensors.tensors(), Some(metadata)).unwrap();
        Distilled::from_safetensors(&changed).unwrap_err().to_string()
    };
    let most = usize::MAX;
    for (key, value, expected) in [
        ("lengths", serde_json::json!([]), "of [] points"),
        ("lengths", serde_json::json!([0]), "of [0] points"),
        ("lengths", serde_json::json!([most, 1]), "points"),
        ("lengths", serde_json::json!([20, 20]), "`means"),
        ("rank", serde_json::json!(0), "0 directions"),
        ("rank", serde_json::json!(most), "`directions"),
        ("frequencies", serde_json::json!(most), "`curves`"),
        ("adversary", serde_json::json!(most), "`adversary.trunk.0.weight`"),
        ("adversary", serde_json::json!(0), "empty layer"),
        ("adversary", serde_json::json!(null), "`adversary."),
        ("depth", serde_json::json!(1), "depth"),
    ] {
        let error = wrong(key, value.clone());
        assert!(error.contains(expected), "{key} = {value}: {error}");
    }
}
