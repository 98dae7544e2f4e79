use ndarray::array;
use proptest::prelude::*;

use super::*;

fn with_header(text: &str, data: usize) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out.resize(out.len() + data, 0);
    out
}

/// Shape, and the offset of the numbers.
fn try_parse(bytes: &[u8]) -> Result<(Vec<usize>, usize), FormatError> {
    parse(bytes).map(|array| (array.shape, bytes.len() - array.data.len()))
}

proptest! {
    #[test]
    fn round_trip(n in 0usize..5, d in 0usize..5, seed in any::<u32>()) {
        let x = Array2::from_shape_fn((n, d), |(i, j)| f32::from_bits(seed.wrapping_mul((7 * i + j + 1) as u32)));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        write_matrix_f32(&path, x.view()).unwrap();
        let y = read_matrix_f32(&path).unwrap();
        prop_assert_eq!(x.shape(), y.shape());
        // By bits: some of them are NaN.
        prop_assert!(x.iter().zip(&y).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn any_header_is_a_value_or_an_error(text in "[{}()'a-z_<f4:, 0-9TrueFals]{0,80}", data in 0usize..20) {
        let _ = try_parse(&with_header(&text, data));
        let _ = try_parse(&with_header(&format!("{{'descr': '<f4', {text}}}"), data));
    }
}

#[test]
fn strided_views_are_written_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    write_matrix_f32(&path, x.t()).unwrap();
    assert_eq!(read_matrix_f32(&path).unwrap(), x.t());
}

/// The first bytes that numpy 2.4 writes for `numpy.zeros((2, 3), numpy.float32)`.
#[test]
fn the_header_is_that_of_numpy() {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    expected.extend(format!("{text:<117}\n").as_bytes());
    assert_eq!(header(2, 3), expected);
    for (n, d) in [(0, 0), (usize::MAX, usize::MAX), (10_000, 478_410)] {
        assert!(header(n, d).len().is_multiple_of(64));
    }
}

#[test]
fn other_ways_to_write_the_same_header() {
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}\n",
        "{\"shape\":(2,1),\"fortran_order\":True,\"descr\":\"<f4\",}",
        " { 'shape' : ( 2 , 1 ) , 'fortran_order' : False , 'descr' : '<f4' } ",
    ] {
        let bytes = with_header(text, 8);
        assert_eq!(try_parse(&bytes).unwrap(), (vec![2, 1], 10 + text.len()), "{text}");
        // Version 2 has a longer length.
        let mut two = b"\x93NUMPY\x02\x00".to_vec();
        two.extend((text.len() as u32).to_le_bytes());
        two.extend(&bytes[10..]);
        assert_eq!(try_parse(&two).unwrap(), (vec![2, 1], 12 + text.len()));
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let header = |descr: &str, order: &str, shape: &str| {
        with_header(&format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"), 24)
    };
    for (bytes, message) in [
        (header("<c8", "False", "(3, 1)"), "numbers of a type such as `<f4`, found `<c8`"),
        (header("<f3", "False", "(8, 1)"), "found `<f3`"),
        (header("<f4", "False", "(3, 3)"), "bytes, found"),
        (header("<f4", "False", "(2, 2)"), "bytes, found"),
        (header("<f4", "False", "(9999999999, 9999999999)"), "a shape that memory can hold"),
        (header("<f4", "False", "(18446744073709551616, 1)"), "a header with descr"),
        (header("<f4", "False", "(-3, 2)"), "a header with descr"),
        (header("<f4", "Maybe", "(3, 2)"), "a header with descr"),
        (header("<f4", "False", &"(".repeat(4000)), "a header with descr"),
        (with_header("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (0, 0)}", 0), "a header"),
        (with_header("{'descr': '<f4', 'shape': (0, 0)}", 0), "a header with descr"),
        (with_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (0, 0)}", 0), "a header with descr"),
        (with_header(&" ".repeat(20_000), 0), "at most 10000"),
        (b"\x93NUMPY\x09\x00\x00\x00\x00\x00".to_vec(), "version 9.0"),
        (b"\x93NUMPY\x01".to_vec(), "end of the file"),
        (b"PK\x03\x04 an npz".to_vec(), "magic"),
    ] {
        let found = try_parse(&bytes).unwrap_err().to_string();
        assert!(found.contains(message), "{message}: {found}");
    }
}

#[test]
fn truncated_at_any_byte_is_an_error_and_a_flip_never_panics() {
    let mut bytes = header(2, 3);
    bytes.resize(bytes.len() + 24, 1);
    for end in 0..bytes.len() {
        assert!(try_parse(&bytes[..end]).is_err(), "{end}");
    }
    for i in 0..bytes.len() {
        for bit in 0..8 {
            bytes[i] ^= 1 << bit;
            if let Ok(array) = parse(&bytes) {
                assert_eq!(array.shape.iter().product::<usize>() * array.dtype.size(), array.data.len());
                let _ = (array.to_f32(), array.to_f64());
            }
            bytes[i] ^= 1 << bit;
        }
    }
}

#[test]
fn a_matrix_of_another_rank_is_refused_by_who_wants_a_matrix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    for (shape, found) in [("(6,)", "shape [6]"), ("()", "shape []"), ("(1, 2, 3)", "shape [1, 2, 3]")] {
        let size = 4 * if shape == "()" { 1 } else { 6 };
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        std::fs::write(&path, with_header(&text, size)).unwrap();
        let message = read_matrix_f32(&path).unwrap_err().to_string();
        assert!(message.ends_with(found) && message.contains("two axes"), "{message}");
    }
}

/// [[1, 2, 3], [4, 5, 6]] in all the ways in which NumPy writes it.
#[test]
fn every_type_order_and_endianness_is_read() {
    let values = [1_u8, 2, 3, 4, 5, 6];
    let columns_first = [1_u8, 4, 2, 5, 3, 6];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    let f16 = |x: u8| half::f16::from_f32(x.into()).to_le_bytes().to_vec();
    type Writer<'a> = (&'a str, &'a dyn Fn(u8) -> Vec<u8>);
    let writers: [Writer<'_>; 9] = [
        ("<f2", &f16),
        ("<f4", &|x| f32::from(x).to_le_bytes().to_vec()),
        (">f4", &|x| f32::from(x).to_be_bytes().to_vec()),
        ("<f8", &|x| f64::from(x).to_le_bytes().to_vec()),
        (">f8", &|x| f64::from(x).to_be_bytes().to_vec()),
        ("|u1", &|x| vec![x]),
        ("|i1", &|x| vec![x]),
        (">i2", &|x| i16::from(x).to_be_bytes().to_vec()),
        ("<i8", &|x| i64::from(x).to_le_bytes().to_vec()),
    ];
    for (descr, number) in writers {
        for (order, values) in [("False", values), ("True", columns_first)] {
            let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2, 3), }}");
            let mut file = with_header(&text, 0);
            values.iter().for_each(|&x| file.extend(number(x)));
            std::fs::write(&path, file).unwrap();
            let expected = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
            assert_eq!(read_matrix_f32(&path).unwrap(), expected, "{descr} {order}");
        }
    }
}

#[test]
fn what_float32_cannot_hold_is_an_error() {
    let mut file = with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", 0);
    file.extend([f64::INFINITY, 1e39].map(f64::to_le_bytes).concat());
    let error = matrix_f32(&parse(&file).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "expected numbers that float32 can hold, found 1e39");
}

#[test]
fn an_archive_has_members_by_name() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let x = [header(1, 2), [1.0_f32, 2.0].map(f32::to_le_bytes).concat()].concat();
    for name in ["theta.npy", "other.npy"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&x).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let members = members(&archive).unwrap();
    assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["theta", "other"]);
    assert_eq!(matrix_f32(&parse(&members[0].1).unwrap()).unwrap(), array![[1.0, 2.0]]);
    for end in 0..archive.len() {
        assert!(super::members(&archive[..end]).is_err(), "{end}");
    }
}
