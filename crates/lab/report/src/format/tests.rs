use super::*;

#[test]
fn numbers_are_written_as_the_field_does() {
    for (format, value, text) in [
        (Format::Percent(2), 0.97804, "97.80"),
        (Format::Percent(1), 0.9995, "100.0"),
        (Format::Decimal(4), 0.08561, "0.0856"),
        (Format::Decimal(2), -0.001, "0.00"),
        (Format::Decimal(2), -1.5, "−1.50"),
        (Format::Significant(3), 0.012_345, "0.0123"),
        (Format::Significant(3), 123_456.0, "123\u{202f}456"),
        (Format::Significant(3), 1.5e-9, "1.50e-9"),
        (Format::Significant(3), 0.0, "0.00"),
        (Format::Integer, 1234.0, "1234"),
        (Format::Integer, 79_510.0, "79\u{202f}510"),
        (Format::Integer, 1_000_000.0, "1\u{202f}000\u{202f}000"),
        (Format::Bytes, 318_040.0, "318\u{a0}kB"),
        (Format::Bytes, 32_000_000.0, "32.0\u{a0}MB"),
        (Format::Bytes, 12.0, "12\u{a0}B"),
        (Format::Bytes, 3.2e13, "32.0\u{a0}TB"),
        (Format::Duration, 0.25, "250\u{a0}ms"),
        (Format::Duration, 3.24, "3.2\u{a0}s"),
        (Format::Duration, 119.0, "119\u{a0}s"),
        (Format::Duration, 240.0, "4.0\u{a0}min"),
        (Format::Duration, 9000.0, "2.5\u{a0}h"),
        (Format::Decimal(3), f64::NAN, "–"),
        (Format::Bytes, f64::NEG_INFINITY, "–"),
    ] {
        assert_eq!(format.number(value), text, "{format:?} of {value}");
    }
}
