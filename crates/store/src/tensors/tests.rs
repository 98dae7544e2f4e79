use ::safetensors::SafeTensors;
use proptest::prelude::*;

use super::*;

fn file(rows: usize, dim: usize, with_chain: bool, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    write_header(&mut out, rows, dim, with_chain, metadata).unwrap();
    out.resize(out.len() + rows * (24 + 8 * usize::from(with_chain) + 4 * dim), 0);
    out
}

/// A file with a header of our choosing and `data` zero bytes.
fn custom(header: &str, data: usize) -> Vec<u8> {
    let header = format!("{header:width$}", width = header.len().next_multiple_of(8));
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.resize(out.len() + data, 0);
    out
}

fn error(bytes: &[u8]) -> String {
    parse(Path::new("x"), bytes).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn the_reference_implementation_reads_it(rows in 0usize..5, dim in 0usize..5, with_chain: bool, text in ".{0,9}") {
        let metadata = BTreeMap::from([("key \"quoted\"".to_owned(), text)]);
        let bytes = file(rows, dim, with_chain, &metadata);
        let (length, header) = SafeTensors::read_metadata(&bytes).unwrap();
        prop_assert_eq!(header.tensors().len(), 4 + usize::from(with_chain));
        prop_assert!(header.metadata().as_ref().unwrap().iter().eq(&metadata));
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let theta = tensors.tensor("theta").unwrap();
        prop_assert_eq!(theta.shape(), [rows, dim]);

        let ours = parse(Path::new("x"), &bytes).unwrap();
        prop_assert_eq!((ours.rows, ours.dim, &ours.metadata), (rows, dim, &metadata));
        prop_assert_eq!(ours.chain.is_some(), with_chain);
        for start in [ours.theta, ours.step.unwrap(), ours.weight.unwrap(), ours.potential.unwrap()] {
            prop_assert!(start.is_multiple_of(8));
        }
        let theta = header.info("theta").unwrap().data_offsets.0;
        prop_assert_eq!(ours.theta, 8 + length + theta);
    }
}

#[test]
fn a_lone_tensor_may_have_any_name() {
    let bytes = custom(r#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#, 24);
    let table = parse(Path::new("x"), &bytes).unwrap();
    assert_eq!((table.rows, table.dim, table.step), (2, 3, None));
}

#[test]
fn two_tensors_need_a_theta() {
    let two = r#"{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#;
    assert!(error(&custom(two, 8)).contains(r#"found tensors ["a", "b"]"#));
    assert!(error(&custom("{}", 0)).contains("found tensors []"));
}

#[test]
fn columns_must_fit_the_rows() {
    let step = |dtype: &str, n: usize| {
        custom(
            &format!(
                r#"{{"step":{{"dtype":"{dtype}","shape":[{n}],"data_offsets":[0,{}]}},"theta":{{"dtype":"F32","shape":[2,1],"data_offsets":[{},{}]}}}}"#,
                8 * n,
                8 * n,
                8 * n + 8
            ),
            8 * n + 8,
        )
    };
    assert!(parse(Path::new("x"), &step("I64", 2)).is_ok());
    assert!(error(&step("I64", 3)).contains("`step` to be I64 of shape [2]"));
    assert!(error(&step("F64", 2)).contains("found F64 of shape [2]"));
}

#[test]
fn an_unaligned_tensor_is_an_error() {
    let pad = r#"{"pad":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"theta":{"dtype":"F32","shape":[1,1],"data_offsets":[1,5]}}"#;
    assert!(error(&custom(pad, 5)).contains("multiple of 4"));
}
