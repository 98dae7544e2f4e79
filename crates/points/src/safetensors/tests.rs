use proptest::prelude::*;
use safetensors::tensor::{TensorView, serialize};

use super::*;

/// A file with a header of our choosing and `data` zero bytes.
fn custom(header: &str, data: usize) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.resize(out.len() + data, 0);
    out
}

fn error(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

#[test]
fn what_the_reference_implementation_writes_is_read() {
    let data: Vec<u8> = (0..24).collect();
    for (stored, dtype, shape) in [
        (Stored::F32, Dtype::F32, vec![2, 3]),
        (Stored::F64, Dtype::F64, vec![3]),
        (Stored::BF16, Dtype::BF16, vec![2, 6, 1]),
        (Stored::F16, Dtype::F16, vec![12]),
        (Stored::I64, Dtype::I64, vec![3]),
        (Stored::U8, Dtype::U8, vec![24]),
    ] {
        let view = TensorView::new(stored, shape.clone(), &data).unwrap();
        let metadata = [("key \"quoted\"".to_owned(), "value".to_owned())].into();
        let bytes = serialize([("x", view)], Some(metadata)).unwrap();
        let tensors = parse(&bytes).unwrap();
        let x = &tensors.arrays["x"];
        assert_eq!((x.dtype, &x.shape, x.data), (dtype, &shape, &data[..]));
        assert_eq!(tensors.metadata["key \"quoted\""], "value");
        assert_eq!(tensors.data, data);
    }
}

/// The format asks for no alignment; what one library pads, another does not.
#[test]
fn a_header_may_have_any_length() {
    let header = r#"{"w":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}"#;
    for spaces in 0..8 {
        let mut bytes = custom(&format!("{header}{}", " ".repeat(spaces)), 0);
        bytes.extend([0.5_f64, -3.0].map(f64::to_le_bytes).concat());
        assert_eq!(parse(&bytes).unwrap().arrays["w"].to_f32().unwrap(), [0.5, -3.0]);
    }
}

proptest! {
    #[test]
    fn noise_is_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0u64..300) {
        if let Some(first) = bytes.first_chunk_mut::<8>() {
            *first = length.to_le_bytes();
        }
        prop_assert!(parse(&bytes).is_err());
    }
}

#[test]
fn hostile_headers_are_errors() {
    let max = u64::MAX;
    let one = |rest: &str| custom(&format!(r#"{{"theta":{{"dtype":"F32",{rest}}}}}"#), 8);
    for (bytes, message) in [
        (one(r#""shape":[1,1],"data_offsets":[0,8]"#), "safetensors"),
        (one(r#""shape":[1,2],"data_offsets":[8,0]"#), "theta"),
        (one(r#""shape":[1,1],"data_offsets":[4,8]"#), "theta"),
        (one(r#""shape":[1,1],"data_offsets":[0,4]"#), "not fully covered"),
        (one(r#""shape":[100,2],"data_offsets":[0,800]"#), "not fully covered"),
        (one(&format!(r#""shape":[{max},{max}],"data_offsets":[0,8]"#)), "overflow"),
        (one(r#""shape":[-1,1],"data_offsets":[0,8]"#), "invalid value"),
        (custom(r#"{"theta":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, 8), "`theta` of type F8_E4M3"),
        (custom(r#"{"theta":{"dtype":"Q4","shape":[1,1],"data_offsets":[0,8]}}"#, 8), "Q4"),
        (custom(r#"{"__metadata__":{"a":1}}"#, 0), "invalid type"),
        (custom("[]", 0), "safetensors"),
        (custom(&format!("{{\"a\":{}", "[".repeat(10_000)), 0), "recursion"),
        (max.to_le_bytes().to_vec(), "bytes, found 8"),
        (1_000_u64.to_le_bytes().to_vec(), "1008 bytes, found 8"),
        (vec![0; 7], "7 bytes"),
    ] {
        let found = error(&bytes);
        assert!(found.contains(message), "{message}: {found}");
    }
}
