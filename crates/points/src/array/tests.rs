use super::*;

#[test]
fn bytes_are_counted_without_overflow() {
    assert_eq!(byte_length(Dtype::F64, &[2, 3]), Some(48));
    assert_eq!(byte_length(Dtype::F64, &[]), Some(8));
    assert_eq!(byte_length(Dtype::U8, &[0, 7]), Some(0));
    for shape in [[usize::MAX, 2], [usize::MAX, 0], [1 << 31, 1 << 32]] {
        assert_eq!(byte_length(Dtype::F32, &shape), None);
    }
}

#[test]
fn only_plain_float32_can_be_used_where_it_lies() {
    let plain =
        RawArray { dtype: Dtype::F32, shape: vec![2, 3], data: &[0; 24], fortran_order: false, big_endian: false };
    assert!(plain.is_plain_f32() && plain.len() == 6);
    assert!(!RawArray { fortran_order: true, ..plain.clone() }.is_plain_f32());
    assert!(RawArray { fortran_order: true, shape: vec![1, 6], ..plain.clone() }.is_plain_f32());
    assert!(!RawArray { big_endian: true, ..plain.clone() }.is_plain_f32());
    assert!(!RawArray { dtype: Dtype::I32, ..plain }.is_plain_f32());
}

#[test]
fn three_axes_in_fortran_order_come_in_rows() {
    let data: Vec<u8> = vec![0, 4, 2, 6, 1, 5, 3, 7];
    let array =
        RawArray { dtype: Dtype::U8, shape: vec![2, 2, 2], data: &data, fortran_order: true, big_endian: false };
    assert_eq!(array.to_f64(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let flags = RawArray { dtype: Dtype::Bool, shape: vec![8], fortran_order: false, ..array };
    assert_eq!(flags.to_f32().unwrap(), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
}

#[test]
fn brain_floats_are_the_upper_half_of_float32() {
    let array = RawArray {
        dtype: Dtype::BF16,
        shape: vec![2],
        data: &[0x80, 0x3f, 0x20, 0xc1],
        fortran_order: false,
        big_endian: false,
    };
    assert_eq!(array.to_f32().unwrap(), [1.0, -10.0]);
}
