use super::*;
use crate::testing::{damaged, on_disk, png_file, zip_file};
use png::{BitDepth, ColorType};

/// White paper with the upper half inked, or the lower; one bit per pixel as in the original.
fn half_inked(upper: bool) -> Vec<u8> {
    let row = |y: usize| if (y < 53) == upper { [0x00; 14] } else { [0xff; 14] };
    png_file(105, 105, ColorType::Grayscale, BitDepth::One, &(0..105).flat_map(row).collect::<Vec<u8>>())
}

fn gray(value: u8) -> Vec<u8> {
    png_file(105, 105, ColorType::Grayscale, BitDepth::Eight, &[value; 105 * 105])
}

fn read(file: &[u8]) -> Result<Images, Error> {
    let (_dir, path) = on_disk("omniglot.zip", file);
    read_omniglot(path)
}

#[test]
fn ink_becomes_bright_and_images_are_in_the_order_of_their_names() {
    let archive = zip_file(&[
        ("set/b/0002.png", &half_inked(false)),
        ("set/readme.txt", b"not a drawing"),
        ("__MACOSX/set/a/0001.png", b"resource fork"),
        ("set/a/0001.png", &half_inked(true)),
    ]);
    let images = read(&archive).unwrap();
    assert_eq!((images.pixels.dim(), images.height, images.width), ((2, 784), 28, 28));
    assert_eq!((images.pixels[[0, 0]], images.pixels[[0, 783]]), (1.0, -1.0));
    assert_eq!((images.pixels[[1, 0]], images.pixels[[1, 783]]), (-1.0, 1.0));
}

#[test]
fn grey_levels_map_linearly() {
    let images = read(&zip_file(&[("a.png", &gray(51))])).unwrap();
    assert!(images.pixels.iter().all(|pixel| (pixel - 0.6).abs() < 1e-6));
}

#[test]
fn is_found_in_both_layouts() {
    for place in ["omniglot/images_background_small1.zip", "images_background_small1.zip"] {
        let (dir, _) = on_disk(place, &zip_file(&[("a.png", &gray(0))]));
        assert_eq!(omniglot(dir.path()).unwrap().len(), 1);
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(omniglot(empty.path()), Err(Error::Missing { dataset: "omniglot", .. })));
}

#[test]
fn other_pictures_are_refused_by_name() {
    let small = png_file(104, 105, ColorType::Grayscale, BitDepth::Eight, &[0; 104 * 105]);
    let error = read(&zip_file(&[("a/x.png", &small)])).unwrap_err();
    assert!(error.to_string().contains("x.png: size of the image: expected 105×105, found 105×104"), "{error}");
    let color = png_file(105, 105, ColorType::Rgb, BitDepth::Eight, &[0; 3 * 105 * 105]);
    let error = read(&zip_file(&[("x.png", &color)])).unwrap_err();
    assert!(matches!(error, Error::Mismatch { what: "color type", .. }), "{error}");
    assert!(matches!(read(&zip_file(&[("x.png", b"not a png")])), Err(Error::Corrupt { .. })));
    assert!(matches!(read(&zip_file(&[("x.txt", b"")])), Err(Error::Mismatch { what: "content", .. })));
    assert!(matches!(read(b"not a zip"), Err(Error::Corrupt { .. })));
}

#[test]
fn an_entry_that_inflates_beyond_its_bound_is_refused() {
    let error = read(&zip_file(&[("bomb.png", &vec![0; 16 << 20])])).unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { what: "the decompressed size", found, .. } if found == MAX_ENTRY + 1),
        "{error}"
    );
}

#[test]
fn an_archive_beyond_its_bound_is_not_opened() {
    let (_dir, path) = on_disk("big.zip", b"");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(MAX_ARCHIVE + 1).unwrap();
    assert!(matches!(read_omniglot(path), Err(Error::TooLarge { what: "the size of the archive", .. })));
}

#[test]
fn no_damage_panics() {
    let archive = zip_file(&[("a.png", &gray(7))]);
    let (_dir, path) = on_disk("omniglot.zip", &archive);
    let good = read_omniglot(&path).unwrap();
    let mut refused = 0;
    for damaged in damaged(&archive) {
        std::fs::write(&path, damaged).unwrap();
        match read_omniglot(&path) {
            // Dates and attributes mean nothing; the content is covered by checksums.
            Ok(images) => assert_eq!(images, good),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 3 * archive.len() / 2, "{refused} of {} refused", 4 * archive.len());
}

#[test]
fn no_damage_of_a_picture_panics() {
    let picture = half_inked(true);
    assert!(drawing(Path::new("x"), &picture).is_ok());
    let refused = damaged(&picture).filter(|picture| drawing(Path::new("x"), picture).is_err()).count();
    assert!(refused > picture.len(), "{refused}");
}
