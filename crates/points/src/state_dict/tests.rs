use super::*;
use crate::Dtype;

fn array(shape: &[usize], numbers: &[f32]) -> (Vec<usize>, Vec<u8>) {
    (shape.to_vec(), numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
}

/// A name, a shape, and the bytes of the numbers.
type Named<'a> = (&'a str, (Vec<usize>, Vec<u8>));

fn dict<'a>(arrays: &'a [Named<'_>]) -> StateDict<'a> {
    let raw = |(shape, data): &'a (Vec<usize>, Vec<u8>)| RawArray {
        dtype: Dtype::F32,
        shape: shape.clone(),
        data,
        fortran_order: false,
        big_endian: false,
    };
    arrays.iter().map(|(name, array)| ((*name).to_owned(), raw(array))).collect()
}

#[test]
fn stacked_parameters_become_points() {
    let arrays = [
        ("layers.10.weight", array(&[2, 1, 2], &[7.0, 8.0, 17.0, 18.0])),
        ("layers.2.bias", array(&[2, 2], &[5.0, 6.0, 15.0, 16.0])),
        ("layers.2.weight", array(&[2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 14.0])),
        ("scale", array(&[2], &[0.0, 10.0])),
    ];
    let (layout, points) = points(&dict(&arrays)).unwrap();
    let names: Vec<_> = layout.entries.iter().map(|entry| (entry.name.as_str(), entry.shape.as_slice())).collect();
    let expected: [(&str, &[usize]); 4] =
        [("scale", &[]), ("layers.2.weight", &[2, 2]), ("layers.2.bias", &[2]), ("layers.10.weight", &[1, 2])];
    assert_eq!(names, expected);
    assert_eq!(points.row(1).to_vec(), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0]);
}

#[test]
fn one_network_is_one_point() {
    let arrays = [("bias", array(&[2], &[5.0, 6.0])), ("weight", array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]))];
    let (layout, theta) = point(&dict(&arrays)).unwrap();
    assert_eq!(theta, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(layout.get("bias").unwrap().offset, 4);
}

#[test]
fn what_is_not_stacked_is_said() {
    let scalar = [("a", array(&[1, 1], &[1.0])), ("b", array(&[], &[1.0]))];
    assert_eq!(stacked(&dict(&scalar)), None);
    let uneven = [("a", array(&[1, 1], &[1.0])), ("b", array(&[2], &[1.0, 2.0]))];
    assert!(points(&dict(&uneven)).unwrap_err().to_string().contains("one first axis"));
    assert!(point(&StateDict::new()).is_err());
}

#[test]
fn numbers_in_names_count() {
    let mut names = ["net-10", "net-9", "net-009", "net", "net-1a", "net-1", "99999999999999999999999", "é1"];
    names.sort_by(|a, b| natural_order(a, b));
    assert_eq!(names, ["99999999999999999999999", "net", "net-1", "net-1a", "net-009", "net-9", "net-10", "é1"]);
}
