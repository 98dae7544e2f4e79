//! One member out of a tar archive.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;

/// More decompressed bytes than this are not read: CIFAR-10 has 184 MB.
const MAX_ARCHIVE: u64 = 1 << 30;

/// Copies the regular file `member` into `to`, at most `limit` bytes; returns its length.
///
/// Knows names up to 100 bytes (ustar's prefix too), which is what CIFAR-10's archive has; anything else is skipped by its size.
///
/// **Errors**: as strings, for they all mean a bad archive, except those of `to`, which are returned as they are.
pub(super) fn extract(
    archive: impl Read,
    member: &str,
    limit: u64,
    to: &mut impl Write,
) -> Result<Result<u64, String>, io::Error> {
    let mut archive = archive.take(MAX_ARCHIVE);
    let mut offset = 0u64;
    loop {
        let mut header = [0; BLOCK];
        if let Err(cause) = archive.read_exact(&mut header) {
            return Ok(Err(format!("at byte {offset} of the tar: expected `{member}` or its end, found {cause}")));
        }
        if header == [0; BLOCK] {
            return Ok(Err(format!("the tar ends at byte {offset} without `{member}`")));
        }
        let Some((name, size, regular)) = parse(&header) else {
            return Ok(Err(format!("at byte {offset}: expected a tar header, found something else")));
        };
        offset += BLOCK as u64;
        if regular && name == member.as_bytes() {
            if size > limit {
                return Ok(Err(format!("`{member}` has {size} bytes, more than the limit of {limit}")));
            }
            return copy(&mut archive, size, to).map(|copied| {
                if copied? == size { Ok(size) } else { Err(format!("the tar is truncated within `{member}`")) }
            });
        }
        let padded = size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64);
        match io::copy(&mut (&mut archive).take(padded), &mut io::sink()) {
            Ok(skipped) if skipped == padded => offset += padded,
            Ok(_) => return Ok(Err(format!("the tar is truncated after byte {offset}"))),
            Err(cause) => return Ok(Err(format!("after byte {offset} of the tar: {cause}"))),
        }
    }
}

/// `io::copy` that tells a bad archive (inner) from a failing disk (outer).
fn copy(from: &mut impl Read, size: u64, to: &mut impl Write) -> io::Result<Result<u64, String>> {
    let mut buffer = vec![0; 1 << 16];
    let mut from = from.take(size);
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Ok(copied)),
            Ok(read) => {
                to.write_all(&buffer[..read])?;
                copied += read as u64;
            }
            Err(cause) => return Ok(Err(cause.to_string())),
        }
    }
}

/// Name, size, and whether it is a regular file; `None` if the checksum or a number is wrong.
fn parse(header: &[u8; BLOCK]) -> Option<(Vec<u8>, u64, bool)> {
    let text = |range: std::ops::Range<usize>| {
        let field = &header[range];
        &field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())]
    };
    let octal = |range| {
        let digits = std::str::from_utf8(text(range)).ok()?.trim();
        u64::from_str_radix(digits, 8).ok()
    };
    let sum: u64 =
        header.iter().enumerate().map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u64::from(b) }).sum();
    if octal(148..156)? != sum {
        return None;
    }
    let mut name = text(345..500).to_vec();
    if header[257..262] != *b"ustar" || name.is_empty() || header[262] == b' ' {
        name.clear();
    } else {
        name.push(b'/');
    }
    name.extend_from_slice(text(0..100));
    Some((name, octal(124..136)?, matches!(header[156], b'0' | 0)))
}

#[cfg(test)]
pub(super) mod tests;
