use super::*;

#[test]
fn the_checksum_of_a_file_follows_from_that_of_its_numbers() {
    let (header, prefix, numbers) = ("a header", b"the first bytes of a file".as_slice(), vec![3_u8; 1000]);
    let said = Checksum::of([header.as_bytes(), &numbers]).to_string();
    let file = [prefix, &numbers].concat();
    assert_eq!(implied_crc32(&file, prefix.len(), header, &said), Some(crc32fast::hash(&file)));
    let other = Checksum::of([header.as_bytes(), &numbers[1..]]).to_string();
    assert_ne!(implied_crc32(&file, prefix.len(), header, &other), Some(crc32fast::hash(&file)));
    assert_eq!(implied_crc32(&file, prefix.len(), header, "no checksum"), None);
}
