//! Against a server on this machine that answers as each test wants.

use super::sources::Content;
use super::*;
use crate::Error;
use crate::testing::{gzip, idx_file};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Whole answers by path, and the paths that were asked for.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: &[(&str, Vec<u8>)]) -> Self {
        let answers: HashMap<String, Vec<u8>> =
            answers.iter().map(|(path, a)| ((*path).to_owned(), a.clone())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        // The thread ends with the test process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = answer(connection, &answers, &record);
            }
        });
        Self { address, asked }
    }

    fn mirror(&self, folder: &str) -> String {
        format!("{}/{folder}/", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    mut connection: TcpStream,
    answers: &HashMap<String, Vec<u8>>,
    record: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().unwrap()?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    connection.write_all(answers.get(&path).unwrap_or(&missing))?;
    record.lock().unwrap().push(path);
    Ok(())
}

fn ok(body: &[u8]) -> Vec<u8> {
    promise(body.len(), body)
}

fn promise(length: usize, body: &[u8]) -> Vec<u8> {
    let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    [header.as_bytes(), body].concat()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn labels() -> Vec<u8> {
    idx_file(&[5], &[1, 2, 3, 4, 5])
}

fn wanted(digest: Digest) -> RemoteFile {
    RemoteFile { name: "labels.gz", path: "set/labels.gz", digest, max_bytes: 1000, content: Content::Labels }
}

fn known(content: &[u8]) -> Digest {
    Digest::Decompressed(sha256(content).leak())
}

fn go(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn fetch(file: &RemoteFile, mirrors: &[String], dir: &Path) -> Result<Fetched, FetchError> {
    let fetcher = Fetcher { read_timeout: Duration::from_millis(500), ..Fetcher::default() };
    fetcher.fetch_file(file, mirrors, dir, &mut go)
}

fn entries(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn attempts(result: Result<Fetched, FetchError>) -> Vec<(String, AttemptError)> {
    match result {
        Err(FetchError::NoMirror { attempts, .. }) => attempts,
        other => panic!("expected every mirror to fail, found {other:?}"),
    }
}

#[test]
fn a_good_file_arrives_whole_under_its_name_and_is_not_fetched_again() {
    let stored = gzip(&labels());
    let server = Server::start(&[("/a/labels.gz", ok(&stored))]);
    let dir = tempfile::tempdir().unwrap();
    let (file, mirrors) = (wanted(known(&labels())), [server.mirror("a")]);

    let mut seen = Vec::new();
    let mut progress = |progress: Progress<'_>| {
        seen.push((progress.received, progress.total));
        ControlFlow::Continue(())
    };
    let fetched = Fetcher::default().fetch_file(&file, &mirrors, dir.path(), &mut progress).unwrap();
    assert_eq!(std::fs::read(&fetched.path).unwrap(), stored);
    assert_eq!(fetched.sha256, sha256(&labels()));
    assert!(fetched.verified && fetched.url.is_some());
    assert_eq!(entries(&dir.path().join("set")), ["labels.gz"]);
    assert_eq!(seen.first(), Some(&(0, Some(stored.len() as u64))));
    assert_eq!(seen.last().unwrap().0, stored.len() as u64);

    let again = fetch(&file, &mirrors, dir.path()).unwrap();
    assert_eq!((again.url, again.sha256), (None, sha256(&labels())));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_bad_copy_that_is_there_is_replaced_only_by_a_good_one() {
    let server = Server::start(&[("/a/labels.gz", ok(&gzip(&labels())))]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set/labels.gz");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"half a file").unwrap();
    let file = wanted(known(&labels()));
    attempts(fetch(&file, &[server.mirror("absent")], dir.path()));
    assert_eq!(std::fs::read(&path).unwrap(), b"half a file");
    fetch(&file, &[server.mirror("a")], dir.path()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), gzip(&labels()));
}

#[test]
fn every_kind_of_bad_mirror_is_passed_over_and_named() {
    let stored = gzip(&labels());
    let other = gzip(&idx_file(&[5], &[9; 5]));
    let server = Server::start(&[
        ("/wrong/labels.gz", ok(&other)),
        ("/short/labels.gz", promise(stored.len(), &stored[..20])),
        ("/page/labels.gz", ok(b"<html>please log in</html>")),
        ("/large/labels.gz", promise(1001, &[0; 1001])),
        ("/endless/labels.gz", [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[0; 5000]].concat()),
        (
            "/busy/labels.gz",
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        ),
        ("/noise/labels.gz", b"\x16\x03\x01 not http at all\r\n\r\n".to_vec()),
        ("/good/labels.gz", ok(&stored)),
    ]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut mirrors: Vec<String> = ["wrong", "absent", "short", "page", "large", "endless", "busy", "noise"]
        .iter()
        .map(|folder| server.mirror(folder))
        .collect();
    mirrors.push(format!("http://{closed}/"));
    let dir = tempfile::tempdir().unwrap();
    let file = wanted(known(&labels()));

    let failed = fetch(&file, &mirrors, dir.path());
    let message = failed.as_ref().unwrap_err().to_string();
    let attempts = attempts(failed);
    assert!(mirrors.iter().all(|mirror| message.contains(&format!("\n  {mirror}labels.gz: "))), "{message}");
    let reasons: Vec<&AttemptError> = attempts.iter().map(|(_, reason)| reason).collect();
    let total = stored.len() as u64;
    assert!(
        matches!(reasons[0], AttemptError::Digest { expected, found }
            if *expected == sha256(&labels()) && *found == sha256(&idx_file(&[5], &[9; 5]))),
        "{message}"
    );
    assert!(matches!(reasons[1], AttemptError::Status(404)), "{message}");
    assert!(matches!(reasons[2], AttemptError::Truncated { received: 20, total: t } if *t == total), "{message}");
    assert!(matches!(reasons[3], AttemptError::Content(Error::Magic { .. })), "{message}");
    assert!(matches!(reasons[4], AttemptError::TooLarge { limit: 1000 }), "{message}");
    assert!(matches!(reasons[5], AttemptError::TooLarge { limit: 1000 }), "{message}");
    assert!(matches!(reasons[6], AttemptError::Status(503)), "{message}");
    assert!(matches!(reasons[7], AttemptError::Connection(_)), "{message}");
    assert!(matches!(reasons[8], AttemptError::Connection(_)), "{message}");
    assert!(entries(&dir.path().join("set")).is_empty(), "nothing half-written is left");

    mirrors.push(server.mirror("good"));
    assert_eq!(fetch(&file, &mirrors, dir.path()).unwrap().url, Some(server.mirror("good") + "labels.gz"));
}

#[test]
fn a_silent_server_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap(); // accepts into its backlog, never answers
    let mirror = format!("http://{}", listener.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let attempts = attempts(fetch(&wanted(Digest::Unknown), &[mirror], dir.path()));
    assert!(matches!(&attempts[0].1, AttemptError::Connection(message) if message.contains("timeout")), "{attempts:?}");
}

#[test]
fn without_a_known_digest_the_parser_decides_and_the_digest_is_reported() {
    let stored = gzip(&labels());
    let server = Server::start(&[("/a/labels.gz", ok(&stored)), ("/bad/labels.gz", ok(&stored[..20]))]);
    let dir = tempfile::tempdir().unwrap();
    let fetched = fetch(&wanted(Digest::Unknown), &[server.mirror("bad"), server.mirror("a")], dir.path()).unwrap();
    assert_eq!((fetched.sha256, fetched.verified), (sha256(&stored), false));
}

#[test]
fn a_mirror_that_stores_the_content_uncompressed_has_the_same_decompressed_digest() {
    let server = Server::start(&[("/a/labels.gz", ok(&labels()))]);
    let dir = tempfile::tempdir().unwrap();
    assert!(fetch(&wanted(known(&labels())), &[server.mirror("a")], dir.path()).unwrap().verified);
}

#[test]
fn redirects_are_followed() {
    let server = Server::start(&[
        (
            "/old/labels.gz",
            // The server answers once per connection; a client that is not told may ask for the rest on this one.
            b"HTTP/1.1 302 Found\r\nLocation: /new/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        ),
        ("/new/x", ok(&gzip(&labels()))),
    ]);
    let dir = tempfile::tempdir().unwrap();
    assert!(fetch(&wanted(known(&labels())), &[server.mirror("old")], dir.path()).is_ok());
    assert_eq!(server.asked(), ["/old/labels.gz", "/new/x"]);
}

#[test]
fn stopping_leaves_nothing() {
    let server = Server::start(&[("/a/labels.gz", ok(&gzip(&labels())))]);
    let dir = tempfile::tempdir().unwrap();
    let mut stop = |progress: Progress<'_>| {
        if progress.received > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let file = wanted(known(&labels()));
    let stopped = Fetcher::default().fetch_file(&file, &[server.mirror("a")], dir.path(), &mut stop);
    assert!(matches!(stopped, Err(FetchError::Stopped { .. })));
    assert!(entries(&dir.path().join("set")).is_empty());
}

#[test]
fn a_data_folder_that_cannot_be_written_is_not_the_mirrors_fault() {
    let server = Server::start(&[("/a/labels.gz", ok(&gzip(&labels())))]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("set"), b"a file where the folder should be").unwrap();
    let result = fetch(&wanted(known(&labels())), &[server.mirror("a")], dir.path());
    assert!(matches!(result, Err(FetchError::Write { .. })), "{result:?}");
    assert!(server.asked().is_empty());
}

#[test]
fn an_archive_is_verified_unpacked_and_parsed() {
    let batch = vec![1; 2 * 3073];
    let archive = gzip(&super::tar::tests::tar_file(&[
        ("cifar-10-batches-bin/readme.html", b'0', b"hello"),
        ("cifar-10-batches-bin/test_batch.bin", b'0', &batch),
    ]));
    let without = gzip(&super::tar::tests::tar_file(&[("other", b'0', b"")]));
    let server = Server::start(&[("/a/c.tar.gz", ok(&archive)), ("/b/c.tar.gz", ok(&without))]);
    let file = |digest| RemoteFile {
        name: "c.tar.gz",
        path: "cifar10/cifar-10-batches-bin/test_batch.bin",
        digest,
        max_bytes: 10_000,
        content: Content::CifarArchive,
    };
    let dir = tempfile::tempdir().unwrap();
    let wrong = attempts(fetch(&file(Digest::Stored("00")), &[server.mirror("a")], dir.path()));
    assert!(matches!(wrong[0].1, AttemptError::Digest { .. }));
    let digest = sha256(&archive);
    let file = file(Digest::Unknown);
    let lacking = attempts(fetch(&file, &[server.mirror("b")], dir.path()));
    assert!(matches!(&lacking[0].1, AttemptError::Archive(message) if message.contains("without")), "{lacking:?}");
    let fetched = fetch(&file, &[server.mirror("a")], dir.path()).unwrap();
    assert_eq!(fetched.sha256, digest);
    assert_eq!(std::fs::read(&fetched.path).unwrap(), batch);
    assert_eq!(entries(fetched.path.parent().unwrap()), ["test_batch.bin"]);
    assert_eq!(crate::cifar10(dir.path()).unwrap().len(), 2);
    assert_eq!(fetch(&file, &[], dir.path()).unwrap().url, None);
}

#[test]
fn a_source_is_fetched_into_the_layout_that_its_reader_expects() {
    let images = gzip(&idx_file(&[3, 28, 28], &[9; 3 * 784]));
    let server = Server::start(&[
        ("/n/t10k-images-idx3-ubyte.gz", ok(&images)),
        ("/n/t10k-labels-idx1-ubyte.gz", ok(&gzip(&labels()))),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let fetcher = Fetcher { mirrors: Some(vec![server.mirror("n")]), ..Fetcher::default() };
    let fetched = fetcher.fetch(Source::NotMnist, dir.path(), &mut go).unwrap();
    assert_eq!(fetched.len(), 2);
    assert_eq!(crate::notmnist(dir.path()).unwrap().len(), 3);
    // The pinned digests refuse what is not MNIST.
    let refused = fetcher.fetch(Source::Mnist, dir.path(), &mut go).unwrap_err().to_string();
    assert!(refused.contains("train-images-idx3-ubyte.gz: HTTP status 404"), "{refused}");
}

#[test]
fn the_table_is_well_formed() {
    for source in Source::ALL {
        assert_eq!(source.name().parse::<Source>().unwrap(), source);
        assert!(source.mirrors().len() >= 2);
        assert!(source.mirrors().iter().all(|url| url.starts_with("http") && url.ends_with('/')));
        for file in source.files() {
            assert!(Path::new(file.path).is_relative() && file.path.starts_with(source.name()));
            if let Digest::Stored(digest) | Digest::Decompressed(digest) = file.digest {
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
            }
        }
    }
    assert_eq!(Source::parse_many("all").unwrap(), Source::ALL);
    let message = Source::parse_many("imagenet").unwrap_err().to_string();
    let expected = "unknown dataset `imagenet`, expected one of mnist, fashion-mnist, notmnist, omniglot, cifar10, all";
    assert_eq!(message, expected);
}
