use super::*;
use crate::testing::{damaged, gzip, idx_file, npy_file, on_disk};

fn read(name: &str, content: &[u8], height: usize, width: usize) -> Result<Images, Error> {
    let (_dir, path) = on_disk(name, content);
    user_images(path, height, width)
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn dictionary(descriptor: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}   \n")
}

#[test]
fn idx_is_mapped_resized_and_named_after_the_file() {
    let file = idx_file(&[1, 4, 4], &[0, 0, 255, 255, 0, 0, 255, 255, 51, 51, 0, 0, 51, 51, 0, 0]);
    for (name, file) in [("letters.idx", file.clone()), ("letters.gz", gzip(&file))] {
        let images = read(name, &file, 2, 2).unwrap();
        assert_eq!((images.name.as_str(), images.height, images.width), ("letters", 2, 2));
        let expected = [-1.0, 1.0, -0.6, -1.0];
        assert!(images.pixels.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{images:?}");
    }
    assert_eq!(read("same", &file, 4, 4).unwrap().pixels[[0, 2]], 1.0);
}

/// Sixty kilobytes of single pixels would become 188 MB of MNIST's size.
#[test]
fn images_too_small_or_too_many_for_the_size_they_are_wanted_at_are_refused() {
    for file in [idx_file(&[4, 1, 1], &[7; 4]), npy_file(&dictionary("|u1", "False", "(4, 1, 1)"), &[7; 4])] {
        let error = read("dots", &file, 28, 28).unwrap_err().to_string();
        assert!(
            error.ends_with("size of an image: expected at least 7×7, to be resized to 28×28, found 1×1"),
            "{error}"
        );
        assert_eq!(read("dots", &file, 4, 4).unwrap().dim(), 16);
    }
    // 2²⁷ pixels, an eighth of a MiB when compressed, would become 2³¹.
    let many = gzip(&idx_file(&[1 << 23, 4, 4], &[0; 1 << 27]));
    assert!(many.len() < 1 << 18);
    let error = read("many", &many, 16, 16).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit, found, .. } if (limit, found) == (1 << 28, 1 << 31)), "{error}");
}

#[test]
fn npy_floats_are_taken_as_they_are() {
    let values = [-1.0, 0.25, 20.0, 0.0, 1.0, -0.5];
    for shape in ["(1, 6)", "(1, 2, 3)", "(1,2,3,)"] {
        let images = read("x.npy", &npy_file(&dictionary("<f4", "False", shape), &floats(&values)), 2, 3).unwrap();
        assert_eq!(images.pixels.into_raw_vec_and_offset().0, values);
    }
}

#[test]
fn npy_bytes_are_mapped_and_resized() {
    let file = npy_file(&dictionary("|u1", "False", "(2, 2, 2)"), &[0, 0, 255, 255, 255, 255, 255, 255]);
    let images = read("x.npy", &file, 1, 1).unwrap();
    assert_eq!(images.pixels.into_raw_vec_and_offset().0, [0.0, 1.0]);
}

#[test]
fn fortran_order_and_version_2_are_understood() {
    // As np.asfortranarray([[[0, 1], [2, 3]], [[4, 5], [6, 7]]]) is stored: the first dimension varies fastest.
    let values = [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0];
    let dictionary = dictionary("<f4", "True", "(2, 2, 2)");
    let mut file = b"\x93NUMPY\x02\x00".to_vec();
    file.extend((dictionary.len() as u32).to_le_bytes());
    file.extend(dictionary.as_bytes());
    file.extend(floats(&values));
    let images = read("x.npy", &file, 2, 2).unwrap();
    assert_eq!(images.pixels.into_raw_vec_and_offset().0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn errors_say_what_was_expected() {
    let message = |content: &[u8]| read("x.npy", content, 2, 3).unwrap_err().to_string();
    let npy = |descriptor, shape, bytes: usize| npy_file(&dictionary(descriptor, "False", shape), &vec![0; bytes]);
    assert!(message(&npy("<f4", "(4, 5)", 80)).ends_with("shape: expected n×h×w, or n×6 for 2×3 pixels, found [4, 5]"));
    assert!(message(&npy("<f4", "(6,)", 24)).ends_with("found [6]"));
    assert!(message(&npy("<f4", "()", 4)).ends_with("found []"));
    assert!(message(&npy("<i8", "(1, 6)", 48)).contains("unsigned bytes (0 to 255, which become −1 to 1)"));
    assert!(message(&npy("<f4", "(0, 6)", 0)).ends_with("all at least 1, found [0, 6]"));
    assert!(message(&npy("<f4", "(1, 6)", 23)).contains("bytes, found"));
    assert!(message(&npy("<f4", "(1, 6)", 25)).contains("bytes, found"));
    assert!(message(&npy("<f4", "(1, -6)", 24)).contains("a header with descr"));
    assert!(message(&npy_file("[((((", &[])).contains("a header with descr"));
    assert!(message(b"\x93NUMPY\x09\x00xx").ends_with("format version 9.0"));
    assert!(message(b"GIF89a...").contains("or that of a NumPy array"));
    let mut values = [0.0; 6];
    values[4] = f32::NAN;
    let nan = npy_file(&dictionary("<f4", "False", "(1, 6)"), &floats(&values));
    assert!(message(&nan).ends_with("numbers: expected finite ones, found NaN in row 0, column 4"));
}

/// The same pictures, whichever of the two files hold them, compressed or not, whatever they are called.
#[test]
fn bytes_mean_the_same_in_both_formats() {
    let bytes: Vec<u8> = (0..36).map(|i| i * 7).collect();
    let idx = idx_file(&[3, 3, 4], &bytes);
    let flat = npy_file(&dictionary("|u1", "False", "(3, 12)"), &bytes);
    let cube = npy_file(&dictionary("|u1", "False", "(3, 3, 4)"), &bytes);
    let values: Vec<u8> = bytes.iter().flat_map(|&b| (2.0 * f64::from(b) / 255.0 - 1.0).to_le_bytes()).collect();
    let wide = npy_file(&dictionary("<f8", "False", "(3, 12)"), &values);
    let inputs = |content: &[u8]| {
        let (_dir, path) = on_disk("INPUTS.NPY", content);
        user_inputs(path).unwrap()
    };
    let expected = inputs(&idx);
    assert_eq!((expected.dim(), expected[[0, 0]], expected[[2, 11]]), ((3, 12), -1.0, 2.0 * 245.0 / 255.0 - 1.0));
    for file in [&flat, &cube, &gzip(&flat), &gzip(&idx)] {
        assert_eq!(inputs(file), expected);
    }
    assert!((inputs(&wide) - &expected).iter().all(|difference| difference.abs() < 1e-6));
    assert_eq!(read("x", &gzip(&flat), 3, 4).unwrap().pixels, expected);
}

#[test]
fn claims_are_checked_before_allocating() {
    for shape in ["(4000000000, 6)", "(18446744073709551615, 6)", "(99999999999999999999999, 6)"] {
        assert!(read("x.npy", &npy_file(&dictionary("<f4", "False", shape), &[0; 24]), 2, 3).is_err());
    }
    let mut file = b"\x93NUMPY\x02\x00".to_vec();
    file.extend(u32::MAX.to_le_bytes());
    assert!(read("x.npy", &file, 2, 3).unwrap_err().to_string().contains("a header of at most"));
}

#[test]
fn no_damage_panics() {
    let file = npy_file(&dictionary("<f4", "False", "(2, 6)"), &floats(&[0.5; 12]));
    let (_dir, path) = on_disk("x.npy", &file);
    let mut refused = 0;
    for damaged in damaged(&file) {
        std::fs::write(&path, damaged).unwrap();
        refused += usize::from(user_images(&path, 2, 3).is_err());
    }
    assert!(refused > file.len(), "{refused}");
}
