//! Folders of images as tables: a folder for each class.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use jpeg_decoder::PixelFormat;

use super::{Column, ImageShape, Table, Values};
use crate::Error;

/// Most bytes of one image, decoded.
const MAX_IMAGE: usize = 16 << 20;
/// Most numbers of all images: two GiB of them.
const MAX_NUMBERS: usize = 1 << 28;

/// Images in PNG or JPEG, gray or in color and all of one size: a row each, in the order of their names.
///
/// The columns are `image` (the path within the folder), the numbers p0, p1, … from 0 to 1 (row by row, the colors of a pixel beside each
/// other) and, where the images lie in folders, `class`, the name of the folder. Neither transparency nor an orientation that a camera wrote
/// down is looked at.
///
/// **Errors**: no images; one that cannot be decoded, or is of another size or kind than the first; more than 2²⁸ numbers.
pub(super) fn read(folder: &Path) -> Result<Table, Error> {
    let mut images: Vec<(Option<String>, PathBuf)> = Vec::new();
    for path in list(folder)? {
        if path.is_dir() {
            let class = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            images.extend(list(&path)?.into_iter().map(|path| (Some(class.clone()), path)));
        } else {
            images.push((None, path));
        }
    }
    let is_image = |path: &Path| {
        let ending = path.extension().unwrap_or_default();
        ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    images.retain(|(_, path)| is_image(path));
    let Some((_, first)) = images.first() else {
        return Err(Error::mismatch(folder, "content", "PNG or JPEG images, in a folder for each class", "none"));
    };
    let has_classes = images.iter().all(|(class, _)| class.is_some());
    let shape = decode(first)?.shape;
    let width = shape.numbers().expect("a decoded image has been in memory");
    if images.len().saturating_mul(width) > MAX_NUMBERS {
        let (limit, found) = (MAX_NUMBERS as u64, images.len() as u64 * width as u64);
        return Err(Error::TooLarge { path: folder.to_owned(), what: "the number of pixels", limit, found });
    }
    let mut columns = vec![Vec::with_capacity(images.len()); width];
    for (_, path) in &images {
        let image = decode(path)?;
        if image.shape != shape {
            let expected = format!("{shape}, as that of the first image");
            return Err(Error::mismatch(path, "size of the image", expected, image.shape));
        }
        columns.iter_mut().zip(image.bytes).for_each(|(column, byte)| column.push(f64::from(byte) / 255.0));
    }
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    let names = images.iter().map(|(_, path)| name(path)).collect();
    let mut all = vec![Column { name: "image".to_owned(), values: Values::Text(names) }];
    let numbers = columns.into_iter().enumerate();
    all.extend(numbers.map(|(i, column)| Column { name: format!("p{i}"), values: Values::Numbers(column) }));
    if has_classes {
        let classes: Vec<&String> = images.iter().filter_map(|(class, _)| class.as_ref()).collect();
        let levels: Vec<String> = classes.iter().copied().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let code = |class: &String| levels.binary_search(class).expect("one of the levels") as u32;
        let codes = classes.into_iter().map(code).collect();
        all.push(Column { name: "class".to_owned(), values: Values::Categories { codes, levels } });
    }
    Ok(Table::new(all)?.of_images(shape))
}

/// What is in a folder, in the order of the names.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let io = |cause| Error::io(folder, cause);
    let entries = fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>().map_err(io)?;
    paths.sort();
    Ok(paths)
}

struct Image {
    shape: ImageShape,
    bytes: Vec<u8>,
}

/// The format is recognized by the content, not by the name.
fn decode(path: &Path) -> Result<Image, Error> {
    let bytes = fs::read(path).map_err(|cause| Error::io(path, cause))?;
    if bytes.starts_with(&[0xFF, 0xD8]) { jpeg(path, &bytes) } else { png(path, &bytes) }
}

fn png(path: &Path, bytes: &[u8]) -> Result<Image, Error> {
    let corrupt = |cause: png::DecodingError| Error::corrupt(path, 0, cause);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: MAX_IMAGE });
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(corrupt)?;
    let size = reader.output_buffer_size().filter(|&size| size <= MAX_IMAGE).ok_or_else(|| too_large(path))?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(corrupt)?;
    let (found, colors) = match info.color_type {
        png::ColorType::Grayscale => (1, 1),
        png::ColorType::GrayscaleAlpha => (2, 1),
        png::ColorType::Rgb => (3, 3),
        png::ColorType::Rgba => (4, 3),
        other => return Err(Error::mismatch(path, "color type", "gray or RGB", format!("{other:?}"))),
    };
    let shape = ImageShape { height: info.height as usize, width: info.width as usize, channels: colors };
    let colored = pixels.chunks_exact(found).take(shape.height * shape.width).flat_map(|pixel| &pixel[..colors]);
    let bytes = colored.copied().collect();
    Ok(Image { shape, bytes })
}

fn jpeg(path: &Path, bytes: &[u8]) -> Result<Image, Error> {
    let corrupt = |cause: jpeg_decoder::Error| Error::corrupt(path, 0, cause);
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_IMAGE);
    decoder.read_info().map_err(corrupt)?;
    let info = decoder.info().ok_or_else(|| Error::corrupt(path, 0, "no image"))?;
    let colors = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        other => return Err(Error::mismatch(path, "color type", "gray or RGB", format!("{other:?}"))),
    };
    let shape = ImageShape { height: info.height.into(), width: info.width.into(), channels: colors };
    if shape.numbers().is_none_or(|numbers| numbers > MAX_IMAGE) {
        return Err(too_large(path));
    }
    let bytes = decoder.decode().map_err(corrupt)?;
    Ok(Image { shape, bytes })
}

fn too_large(path: &Path) -> Error {
    Error::mismatch(path, "size of the image", format!("at most {MAX_IMAGE} bytes"), "more")
}
