use super::*;

#[test]
fn bytes_are_said_as_people_say_them() {
    let said = [0, 999, 1_000, 12_345, 123_456_789, 5_000_000_000, u64::MAX].map(|n| Bytes(n).to_string());
    assert_eq!(said, ["0 bytes", "999 bytes", "1.0 kB", "12.3 kB", "123 MB", "5.0 GB", "18447 PB"]);
}
