use super::*;
use crate::Targets;

fn file(text: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

fn read(text: impl AsRef<[u8]>) -> Result<Table, Error> {
    read_csv(file(text).path())
}

fn schema(text: &str, target: &str) -> Result<TableSchema, Error> {
    TableSchema::infer(&read(text)?, target, &[], None)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, words: &[&str]) {
    let message = outcome.expect_err("refused").to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn dialects_of_other_programs_are_recognized() {
    let expected = read("a,b\n1.5,x\n-2,y\n1e3,x\n").unwrap();
    assert_eq!(expected.column("a").unwrap().values, Values::Numbers(vec![1.5, -2.0, 1000.0]));
    let levels = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(expected.column("b").unwrap().values, Values::Categories { codes: vec![0, 1, 0], levels });
    for same in [
        "\u{feff}a,b\r\n1.5,x\r\n-2,y\r\n1e3,x\r\n",
        "\"a\";\"b\"\n1,5;x\n-2;y\n1000;\"x\"\n",
        "a\tb\n1.5\tx\n-2\ty\n1e3\tx",
        "a|b\n1.5|x\n -2 |y\n1e3|x\n",
    ] {
        assert_eq!(read(same).unwrap(), expected, "{same}");
    }
    assert_eq!(read("a,b\n\"1,2\",\"x\"\"\ny\"\n").unwrap().column("b").unwrap().values.len(), 1);
}

#[test]
fn missing_values_are_missing_whatever_they_are_called() {
    let table = read("a,b\nNA,x\n,y\nNaN,?\nnull,x\n?,N/A\n3,None\n").unwrap();
    let missing = |name: &str| (0..6).filter(|&row| table.column(name).unwrap().values.is_missing(row)).count();
    assert_eq!((missing("a"), missing("b")), (5, 3));
}

#[test]
fn a_dialect_can_be_told() {
    let read = |text: &str, dialect: Dialect| {
        let file = file(text);
        TableSource::open_as(file.path().to_str().unwrap(), dialect).and_then(|source| source.read())
    };
    let told = Dialect::default;
    // Recognized, the delimiter would be the semicolon, and the comma one of decimals.
    let text = "a;b,c;d\n1;2,3;4\n";
    assert_eq!(read(text, told()).unwrap().columns().len(), 3);
    let table = read(text, Dialect { delimiter: Some(b','), ..told() }).unwrap();
    assert_eq!(table.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["a;b", "c;d"]);
    let table = read("a~b\n1~x\n2~y\n", Dialect { delimiter: Some(b'~'), ..told() }).unwrap();
    assert_eq!(table.column("a").unwrap().values, Values::Numbers(vec![1.0, 2.0]));

    let comma = || Dialect { decimal_comma: Some(true), ..told() };
    let table = read("a,b\n\"1,5\",2\n\"-0,5\",3\n", comma()).unwrap();
    assert_eq!(table.column("a").unwrap().values, Values::Numbers(vec![1.5, -0.5]));
    let rows: String = (0..30).map(|i| format!("{i},5;1\n")).collect();
    refused(read(&format!("a;b\n{rows}1.234;2\n"), comma()), &["line 32", "`a`", "1.234"]);
    let point = Dialect { decimal_comma: Some(false), ..told() };
    refused(read(&format!("a;b\n{}1,5;2\n", "1;2\n".repeat(30)), point), &["line 32", "`a`", "1,5"]);

    let missing = Dialect { missing: Some(vec!["-999".to_owned(), "unknown".to_owned()]), ..told() };
    let table = read("a,b\n-999,NA\n,Unknown\n3,x\n4,x\n", missing).unwrap();
    let missing = |name: &str| (0..4).map(|row| table.column(name).unwrap().values.is_missing(row)).collect::<Vec<_>>();
    assert_eq!((missing("a"), missing("b")), (vec![true, true, false, false], vec![false, true, false, false]));

    let semicolon = Dialect { delimiter: Some(b';'), ..told() };
    refused(read("a,b,c\n1,2,3\n", semicolon.clone()), &["first line", "`;`", "`,` parts it into 3"]);
    assert_eq!(read("a\n1\n2\n", semicolon.clone()).unwrap().columns().len(), 1);
    refused(TableSource::open_as("penguins", semicolon).map(drop), &["penguins", "a text file"]);
}

#[test]
fn a_table_that_cannot_be_read_says_where_and_why() {
    refused(read("a,b\n1,2\n3\n"), &["line 3", "expected 2", "found 1"]);
    refused(read("a,a\n1,2\n"), &["`a`", "columns 1 and 2"]);
    refused(read(""), &["names of the columns"]);
    refused(read(b"a,b\n1,2\n1,\xff\n".as_slice()), &["UTF-8", "line 3", "`b`"]);
    refused(read(b"a,\xff\n1,2\n".as_slice()), &["UTF-8", "line 1", "field 2"]);
    refused(read("a\n1\ninf\n"), &["line 3", "`a`", "finite", "inf"]);
    let mixed: String = (0..30).map(|i| format!("{i}\n")).collect();
    refused(read(format!("n\n{mixed}abc\n")), &["line 32", "`n`", "abc"]);
}

#[test]
fn targets_and_columns_that_cannot_be_used_are_named() {
    refused(schema("a,b\n1,2\n3,4\n", "c"), &["`c`", "a, b"]);
    refused(schema("a,b\n", "b"), &["no rows"]);
    refused(schema("a,b\n1,x\n3,x\n", "b"), &["`b`", "one class"]);
    refused(schema("a,b\n1,.5\n3,.5\n", "b"), &["`b`", "constant"]);
    refused(schema("a,b\n,1.5\nNA,2.5\n", "b"), &["`a`", "no value", "--drop a"]);
    refused(schema("a,b\n7,1.5\n7,2.5\n", "b"), &["`b`", "no column is left", "`a`: constant"]);
    refused(schema("d,b\n2026-01-02,1.5\n2026-01-03,2.5\n2025-02-28,2.5\n", "b"), &["`d`", "dates", "--drop d"]);
    refused(schema("t,b\nsome words,1.5\nother words,2.5\nmore words,3.5\n", "b"), &["`t`", "text", "--drop t"]);
    let many: String = (0..3000).map(|i| format!("v{},{}.5\n", i % 1500, i)).collect();
    refused(schema(&format!("c,b\n{many}"), "b"), &["`c`"]);
    let some: String = (0..3000).map(|i| format!("v{},{}.5\n", i % 300, i)).collect();
    refused(schema(&format!("c,b\n{some}"), "b"), &["`c`", "300 categories"]);
}

#[test]
fn columns_that_say_nothing_are_left_out_with_a_word() {
    let schema = schema("id,name,same,x,y\n1,ann,7,3,0.5\n2,bob,7,4,1.5\n3,cyd,7,4,2.5\n", "y").unwrap();
    let remarks: Vec<_> = schema.columns.iter().map(|column| (column.role.clone(), column.remark.is_some())).collect();
    assert_eq!(remarks[..3], [(Role::Identifier, true), (Role::Identifier, true), (Role::Ignored, true)]);
    assert_eq!(schema.features().map(|(name, _)| name).collect::<Vec<_>>(), ["x"]);
    assert_eq!(schema.target(), Some(("y", None)));
}

#[test]
fn few_whole_numbers_are_classes_unless_told_otherwise() {
    let rows: String = (0..40).map(|i| format!("{}.5,{}\n", i, i % 2)).collect();
    let table = read(format!("x,y\n{rows}")).unwrap();
    let classes = |asked| TableSchema::infer(&table, "y", &[], asked).unwrap().target().unwrap().1.map(<[_]>::to_vec);
    assert_eq!(classes(None), Some(vec!["0".to_owned(), "1".to_owned()]));
    assert_eq!(classes(Some(false)), None);
}

#[test]
fn inputs_are_standardized_and_have_places_for_the_missing_and_the_unseen() {
    let train = read("x,c,y\n1,a,10.5\n3,b,20.5\nNA,a,NA\n5,b,30.5\n").unwrap();
    let schema = TableSchema::infer(&train, "y", &[], None).unwrap();
    assert_eq!(schema.inputs(), 2 + 3);
    let encoded = schema.encode(&train).unwrap();
    let sd = (8.0_f64 / 3.0).sqrt();
    assert_eq!(encoded.inputs.row(0).to_vec(), [(-2.0 / sd) as f32, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(encoded.inputs.row(2).to_vec(), [0.0, 1.0, 1.0, 0.0, 0.0]);
    let (targets, rows) = schema.targets(&train).unwrap().unwrap();
    assert_eq!(rows, [0, 1, 3], "a row without a target is lost");
    assert!(matches!(targets, Targets::Numbers { values, .. } if values.column(0).to_vec() == [10.5, 20.5, 30.5]));

    // Another order of columns, one too many, an unseen category.
    let new = read("c,extra,x\nz,1,3\na,2,1\nz,3,4\nz,4,4\n").unwrap();
    let encoded = schema.encode(&new).unwrap();
    assert_eq!(encoded.inputs.row(0).to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(encoded.surprises, [Surprise { column: "c".to_owned(), rows: 3, first: 0 }]);
    refused(schema.encode(&read("x\n1\n").unwrap()), &["`c`", "missing"]);
    assert_eq!(schema.targets(&new).unwrap(), None);
}

#[test]
fn blocks_are_read_as_the_schema_has_them() {
    let schema = schema("x,c,y\n1,a,0.5\n2,b,1.5\n4,a,2.5\n", "y").unwrap();
    // A category that training rows did not have, from the second block on.
    let category = |i| if i % 3 == 0 || i < 20_000 { "a" } else { "z" };
    let text: String = (0..40_000).map(|i| format!("{},{i},?\n", category(i))).collect();
    let file = file(format!("c,x,y\n{text}"));
    let source = TableSource::open(file.path().to_str().unwrap()).unwrap();
    let mut blocks = source.blocks(&schema, Wanted::Inputs).unwrap();
    let (mut rows, mut surprises, mut most) = (0, Vec::new(), 0);
    while let Some(block) = blocks.next_block().unwrap() {
        add_surprises(&mut surprises, schema.encode(&block).unwrap().surprises, rows);
        (rows, most) = (rows + block.len(), most.max(block.len()));
    }
    assert_eq!(rows, 40_000);
    assert_eq!(surprises, [Surprise { column: "c".to_owned(), rows: 13_333, first: 20_000 }]);
    assert!(most < 20_000, "{most} rows at once");
    assert_eq!(source.sha256().unwrap().len(), 64);
}

#[test]
fn a_target_is_not_looked_at_unless_it_is_wanted() {
    let schema = schema("x,y\n1,0.5\n2,1.5\n4,2.5\n", "y").unwrap();
    let file = file("x,y\n1,who knows\n");
    let source = TableSource::open(file.path().to_str().unwrap()).unwrap();
    let next = |wanted| source.blocks(&schema, wanted).unwrap().next_block();
    assert_eq!(next(Wanted::Inputs).unwrap().unwrap().len(), 1);
    refused(next(Wanted::InputsAndTarget), &["line 2", "`y`", "who knows"]);
}

/// With a look at every other column for each, these would be 10¹¹ comparisons.
#[test]
fn a_table_may_be_as_wide_as_an_image_is_large() {
    let columns = (0..300_000).map(|i| Column { name: format!("p{i}"), values: Values::Numbers(vec![0.0, 0.5, 0.25]) });
    let table = Table::new(columns.collect()).unwrap();
    let schema = TableSchema::infer(&table, "p299999", &[], Some(false)).unwrap();
    schema.check().unwrap();
    assert_eq!(schema.encode(&table).unwrap().inputs.dim(), (3, 299_999));
    let text: Vec<String> = (0..300_000).map(|i| format!("p{i}")).collect();
    let text = text.join(",") + "\n" + &"1,".repeat(299_999) + "1\n";
    let file = file(text);
    let source = TableSource::open(file.path().to_str().unwrap()).unwrap();
    let block = source.blocks(&schema, Wanted::Inputs).unwrap().next_block().unwrap().unwrap();
    assert_eq!((block.len(), block.columns().len()), (1, 300_000));
}

#[test]
fn tables_by_name() {
    for (name, rows, columns) in [("penguins", 344, 8), ("yacht", 308, 7), ("digits", 1_797, 65)] {
        let table = TableSource::open(name).unwrap().read().unwrap();
        assert_eq!((table.len(), table.columns().len()), (rows, columns), "{name}");
    }
    refused(TableSource::open("nothing.csv").map(drop), &["nothing.csv", "penguins, yacht, digits"]);
}

#[test]
fn arrays_are_tables_too() {
    let array = |columns: usize| {
        let numbers = (0..4 * columns).flat_map(|i| (i as f32).to_le_bytes());
        [apd_points::npy::header(4, columns), numbers.collect()].concat()
    };
    let archive = |members: &[(&str, Vec<u8>)]| {
        let file = tempfile::Builder::new().suffix(".npz").tempfile().unwrap();
        let mut writer = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, bytes) in members {
            writer.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, bytes).unwrap();
        }
        writer.finish().unwrap();
        file
    };
    let open = |file: &tempfile::NamedTempFile| TableSource::open(file.path().to_str().unwrap());
    let table = open(&archive(&[("X", array(2)), ("y", array(1))])).unwrap().read().unwrap();
    assert_eq!(table.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["x0", "x1", "y"]);
    assert_eq!(table.column("x1").unwrap().values, Values::Numbers(vec![1.0, 3.0, 5.0, 7.0]));
    refused(open(&archive(&[("a", array(2))])).map(drop), &["`X`", "found a"]);
    refused(open(&archive(&[("X", array(2)), ("y", array(2))])).map(drop), &["`y`", "found 2"]);
    let empty = [apd_points::npy::header(0, 1 << 40), Vec::new()].concat();
    refused(open(&archive(&[("X", empty)])).map(drop), &["[0, 1099511627776]", "`X`"]);
    refused(open(&archive(&[("X", b"nothing".to_vec())])).map(drop), &[".npz"]);

    let shaped = |shape: &str| {
        let header = apd_points::npy::header(4, 12);
        let text = String::from_utf8(header[10..].to_vec()).unwrap().replace("(4, 12)", shape);
        let length = (text.len() as u16).to_le_bytes();
        [&header[..8], &length, text.as_bytes(), &array(12)[header.len()..]].concat()
    };
    let images = |shape: &str| open(&archive(&[("X", shaped(shape))])).and_then(TableSource::read);
    let table = images("(4, 3, 4)").unwrap();
    assert_eq!(table.image(), Some(ImageShape { height: 3, width: 4, channels: 1 }));
    assert_eq!(table.column("p11").unwrap().values, Values::Numbers(vec![11.0, 23.0, 35.0, 47.0]));
    assert_eq!(images("(4, 2, 2, 3)").unwrap().image(), Some(ImageShape { height: 2, width: 2, channels: 3 }));
    refused(images("(4, 3, 2, 2)"), &["[4, 3, 2, 2]", "× 1 or 3 colors"]);
}

/// Pixels that never vary are kept, all have one unit, and convolutions find the channels one after the other.
#[test]
fn images_keep_all_pixels_in_one_unit_and_channel_by_channel() {
    let text = "id,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11,kind\n\
        x1,0,1,2,3,4,5,6,7,8,9,10,11,a\nx2,0,1,2,3,4,5,6,7,8,9,10,13,b\nx3,0,1,2,3,4,5,6,7,8,9,10,12,a\n";
    let table = read(text).unwrap();
    let schema = TableSchema::infer_images(&table, "kind", &[], None, None).unwrap();
    schema.check().unwrap();
    assert_eq!((schema.inputs(), schema.image), (12, Some(ImageShape { height: 2, width: 2, channels: 3 })));
    let names: Vec<&str> = schema.features().map(|(name, _)| name).collect();
    assert_eq!(names, ["p0", "p3", "p6", "p9", "p1", "p4", "p7", "p10", "p2", "p5", "p8", "p11"]);
    assert_eq!(schema.identifiers().collect::<Vec<_>>(), ["id"]);
    let inputs = schema.encode(&table).unwrap().inputs;
    assert!((inputs.mean().unwrap()).abs() < 1e-6 && (inputs.std(0.0) - 1.0).abs() < 1e-6, "{inputs}");
    assert!((inputs[[0, 1]] - inputs[[0, 0]] - (inputs[[0, 2]] - inputs[[0, 1]])).abs() < 1e-6, "one unit: {inputs}");
    let said = schema.lines();
    assert!(said.iter().any(|(name, said)| name == "p0" && said.starts_with("pixels of 2×2×3: number")), "{said:?}");

    let wide = TableSource::open("digits").unwrap().read().unwrap();
    let lines = |schema: &TableSchema| schema.lines().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&TableSchema::infer_images(&wide, "digit", &[], None, None).unwrap()), ["digit", "p0 … p63"]);
    assert!(lines(&TableSchema::infer(&wide, "digit", &[], None).unwrap()).len() < 12);

    let of = |text: &str, drop: &[String]| TableSchema::infer_images(&read(text).unwrap(), "y", drop, None, None);
    let image = "a,b,c,d,y\n1,2,3,4,u\n2,3,4,5,v\n1,1,2,7,v\n";
    assert_eq!(of(image, &[]).unwrap().image, Some(ImageShape { height: 2, width: 2, channels: 1 }));
    let two = "a,b,y\n1,2,u\n2,3,v\n1,1,v\n";
    refused(of(two, &[]), &["`y`", "2 columns of numbers are no square images"]);
    assert_eq!(of(image, &["a".to_owned()]).unwrap().image.unwrap().channels, 3);
    refused(of(&image.replace("1,1,2,7", "1,1,,7"), &[]), &["`c`", "number in every row", "--drop c"]);
    refused(of("a,b,y\nq,2,u\nq,3,v\nr,1,v\n", &[]), &["`a`", "is no pixel"]);
    let shape = ImageShape { height: 1, width: 5, channels: 1 };
    let told = TableSchema::infer_images(&read(image).unwrap(), "y", &[], None, Some(shape));
    refused(told, &["`y`", "images of 1×5 are not 4 columns"]);
}

#[test]
fn a_folder_of_images_for_each_class_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, color, [height, width]: [u32; 2], bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
        encoder.set_color(color);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    };
    let open = || TableSource::open(folder.path().to_str().unwrap()).and_then(|source| source.read());
    refused(open(), &["PNG or JPEG images", "none"]);
    save("cat/b.png", png::ColorType::Rgb, [1, 2], &[0, 51, 255, 1, 2, 3]);
    save("dog/a.png", png::ColorType::Rgba, [1, 2], &[255, 51, 0, 9, 3, 2, 1, 9]);
    std::fs::write(folder.path().join("cat/notes.txt"), "no image").unwrap();
    let table = open().unwrap();
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["image", "p0", "p1", "p2", "p3", "p4", "p5", "class"]);
    assert_eq!(table.column("p1").unwrap().values, Values::Numbers(vec![0.2, 0.2]));
    assert_eq!(table.column("p0").unwrap().values, Values::Numbers(vec![0.0, 1.0]));
    let levels = vec!["cat".to_owned(), "dog".to_owned()];
    assert_eq!(table.column("class").unwrap().values, Values::Categories { codes: vec![0, 1], levels });
    assert_eq!(table.select(&[1]).image(), Some(ImageShape { height: 1, width: 2, channels: 3 }));

    save("dog/c.png", png::ColorType::Grayscale, [1, 2], &[1, 2]);
    refused(open(), &["c.png", "expected 1×2×3", "found 1×2"]);
    std::fs::write(folder.path().join("dog/c.png"), "nothing").unwrap();
    refused(open(), &["c.png"]);
}

/// What the decoder of the program that wrote the images makes of them, see `tests/jpeg.py`; decoders may round by a step or two.
#[test]
fn images_may_be_jpeg() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let read = || TableSource::open(folder.path().to_str().unwrap()).and_then(|source| source.read());
    let steps = |table: &Table, row: usize| -> Vec<f64> {
        let pixel = |i: usize| match &table.column(&format!("p{i}")).unwrap().values {
            Values::Numbers(numbers) => 255.0 * numbers[row],
            other => panic!("{other:?}"),
        };
        (0..table.columns().len() - 1).map(pixel).collect()
    };
    let near = |found: &[f64], expected: &[u8]| {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, &b)| (a - f64::from(b)).abs() <= 2.0)
    };
    let (color, gray) = (include_bytes!("../../tests/color.jpg"), include_bytes!("../../tests/gray.jpg"));
    save("a.jpg", color);
    save("b.JPEG", color);
    let table = read().unwrap();
    let (red, also_red, blue) = ([200, 40, 42], [199, 42, 37], [30, 59, 221]);
    let expected = [red, red, also_red, also_red, blue, blue].concat();
    for row in 0..2 {
        assert!(near(&steps(&table, row), &expected), "{:?}", steps(&table, row));
    }
    save("b.JPEG", gray);
    refused(read(), &["b.JPEG", "expected 3×2×3", "found 3×2"]);
    save("a.jpg", gray);
    let found = steps(&read().unwrap(), 0);
    assert!(near(&found, &[88, 88, 88, 88, 69, 69]), "{found:?}");
    save("a.jpg", include_bytes!("../../tests/cmyk.jpg"));
    refused(read(), &["a.jpg", "gray or RGB", "CMYK"]);
    for end in [2, 20, color.len() / 2, color.len() - 40] {
        save("a.jpg", &color[..end]);
        refused(read(), &["a.jpg"]);
    }
    // As many pixels as its header can say: refused before they are decoded.
    let at = gray.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    let mut huge = gray.to_vec();
    huge[at + 5..at + 9].fill(0xFF);
    save("a.jpg", &huge);
    refused(read(), &["a.jpg", "size of the image"]);
}

#[test]
fn what_is_written_is_read() {
    let table = read("x,c\n0.1,\"a,\"\"b\"\n,x\n-3e300,\n7,x\n").unwrap();
    let mut writer = CsvWriter::new(Vec::new());
    writer.write(&table.select(&[0, 1])).unwrap();
    writer.write(&table.select(&[2, 3])).unwrap();
    // As text: a missing number is not equal to itself.
    assert_eq!(format!("{:?}", read(writer.finish().unwrap()).unwrap()), format!("{table:?}"));
}

#[test]
fn the_embedded_tables_are_what_they_say() {
    let penguins = penguins();
    let schema = TableSchema::infer(&penguins, "species", &[], None).unwrap();
    assert_eq!((penguins.len(), schema.target().unwrap().1.unwrap().len()), (344, 3));
    let widths: Vec<_> = schema.features().map(|(name, feature)| (name, feature.width())).collect();
    assert_eq!(widths[0], ("island", 4));
    assert_eq!(widths[5], ("sex", 3));
    let yacht = yacht();
    let schema = TableSchema::infer(&yacht, "resistance", &[], None).unwrap();
    assert_eq!((yacht.len(), schema.inputs(), schema.target().unwrap().1), (308, 6, None));
}
