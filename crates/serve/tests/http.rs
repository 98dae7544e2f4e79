//! A server, as its clients see it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use apd::data::{Table, TableSchema, penguins, yacht};
use apd::{Answers, TableModel};
use apd_serve::{Server, Settings};
use running::{JSON, Running, agent, fit};
use serde_json::{Value, json};

mod running;

const CSV: &str = "text/csv";

/// Files of a model of species and one of resistances, made once.
fn files() -> &'static Path {
    static FILES: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (table, target, name) in [(penguins(), "species", "species"), (yacht(), "resistance", "resistance")] {
            fit(&table, target, 1).save(folder.path().join(name)).unwrap();
        }
        folder
    });
    folder.path()
}

impl Running {
    /// Both models.
    fn of_both(settings: Settings) -> Self {
        Self::new(&["species", "resistance"].map(|name| (name, files().join(name))), settings)
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, Value) {
        let agent = agent();
        let mut response = agent.get(self.url(path)).call().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// Three rows, as a table and as objects.
fn rows(table: &Table, schema: &TableSchema) -> (Table, Vec<Value>) {
    let table = table.select(&[3, 100, 200]);
    let cell = |name: &str, row: usize| match &table.column(name).unwrap().values {
        apd::data::Values::Numbers(numbers) if numbers[row].is_nan() => Value::Null,
        apd::data::Values::Numbers(numbers) => numbers[row].into(),
        apd::data::Values::Categories { codes, levels } => levels.get(codes[row] as usize).cloned().into(),
        apd::data::Values::Text(text) => text[row].clone().into(),
    };
    let object = |row| schema.features().map(|(name, _)| (name.to_owned(), cell(name, row))).collect();
    let objects = (0..table.len()).map(|row| Value::Object(object(row))).collect();
    (table, objects)
}

#[test]
fn answers_are_those_of_the_model_in_every_form() {
    let server = Running::of_both(Settings::default());
    let model = TableModel::load(files().join("species")).unwrap();
    let (table, objects) = rows(&penguins(), model.schema());
    let Answers::Classes { p, entropy, abstain, .. } = model.predict(&table, &[0.9], None).unwrap().answers else {
        unreachable!("classes")
    };
    let (status, answer) = server.post_json("/models/species/predict", &json!({"rows": objects}));
    assert_eq!(status, 200, "{answer}");
    for (row, answer) in answer["rows"].as_array().unwrap().iter().enumerate() {
        assert_eq!(answer["p_Adelie"], p[[row, 0]]);
        assert_eq!(answer["entropy"], entropy[row]);
        assert_eq!(answer["abstain"], abstain[row]);
    }
    let feature = |name: &str| {
        let column: Vec<&Value> = objects.iter().map(|row| &row[name]).collect();
        let datatype = if column.iter().any(|value| value.is_string()) { "BYTES" } else { "FP64" };
        json!({"name": name, "shape": [3], "datatype": datatype, "data": column})
    };
    let inputs: Vec<Value> = model.schema().features().map(|(name, _)| feature(name)).collect();
    let body = json!({"id": "a", "inputs": inputs, "outputs": [{"name": "probabilities"}]});
    let (status, answer) = server.post_json("/v2/models/species/infer", &body);
    assert_eq!((status, &answer["id"], &answer["outputs"][1]), (200, &json!("a"), &Value::Null), "{answer}");
    let expected: Vec<f64> = p.iter().copied().collect();
    assert_eq!(answer["outputs"][0]["data"], json!(expected));

    let model = TableModel::load(files().join("resistance")).unwrap();
    let (table, objects) = rows(&yacht(), model.schema());
    let mut more = objects.clone();
    more[1]["color"] = json!("red");
    let (status, answer) = server.post_json("/models/resistance/predict", &json!({"rows": more}));
    assert!(status == 200 && answer["notes"][0].as_str().unwrap().contains("`color`"), "{answer}");
    let names: Vec<&str> = model.schema().features().map(|(name, _)| name).collect();
    let lines = objects.iter().map(|row| names.iter().map(|name| row[name].to_string()).collect::<Vec<_>>().join(";"));
    let text = std::iter::once(names.join(";")).chain(lines).collect::<Vec<_>>().join("\n");
    let (status, answer) = server.post("/models/resistance/predict?coverage=0.5", CSV, text);
    let Answers::Numbers { mean, intervals, .. } = model.predict(&table, &[0.9, 0.5], None).unwrap().answers else {
        unreachable!("numbers")
    };
    let expected = format!("{},", mean[0]);
    assert!(status == 200 && answer.starts_with("mean,sd,"), "{answer}");
    assert!(answer.lines().nth(1).unwrap().starts_with(&expected), "{answer}");
    assert!(answer.contains("lower_50") && answer.contains(&intervals[1].1[2].to_string()), "{answer}");
    let all: Vec<&Value> = objects.iter().flat_map(|row| names.iter().map(move |name| &row[name])).collect();
    let body = json!({"inputs": [{"name": "inputs", "shape": [3, names.len()], "datatype": "FP32", "data": all}]});
    let (status, answer) = server.post_json("/v2/models/resistance/infer", &body);
    assert_eq!((status, &answer["outputs"][0]["data"]), (200, &json!(mean)), "{answer}");
}

#[test]
fn what_is_wrong_is_named() {
    let server = Running::of_both(Settings { rows: 3, body: 10_000, ..Settings::default() });
    let model = TableModel::load(files().join("species")).unwrap();
    let (_, objects) = rows(&penguins(), model.schema());
    let changed = |name: &str, value: Value| {
        let mut objects = objects.clone();
        objects[1][name] = value;
        json!({"rows": objects})
    };
    let without = |name: &str| {
        let mut objects = objects.clone();
        objects[2].as_object_mut().unwrap().remove(name);
        json!({"rows": objects})
    };
    let refused = |path: &str, body: &Value, status: u16, field: &str| {
        let (found, answer) = server.post_json(path, body);
        let message = answer["error"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(field), "{body}: {found} {answer}, expected {status} {field}");
    };
    let species = "/models/species/predict";
    refused(species, &changed("year", json!("x")), 400, "rows[1].year: expected a number");
    refused(species, &changed("year", json!([1])), 400, "rows[1].year");
    refused(species, &changed("year", json!(1e300)), 400, "rows[1].year: 1e300 is too large");
    refused(species, &changed("island", json!({})), 400, "rows[1].island");
    refused(species, &without("sex"), 400, "rows[2].sex: is missing");
    refused(species, &json!({"rows": []}), 400, "rows");
    refused(species, &json!({"rows": [1]}), 400, "rows[0]");
    refused(species, &json!({"rows": {}}), 400, "rows");
    refused(species, &json!({}), 400, "rows: is missing");
    refused(species, &json!("x"), 400, "body");
    refused(species, &json!({"rows": objects, "networks": 0}), 400, "networks");
    refused(species, &json!({"rows": objects, "coverage": [2.0]}), 400, "coverage");
    refused(species, &json!({"rows": objects, "covrage": [0.5]}), 400, "covrage");
    refused(species, &json!({"rows": vec![objects[0].clone(); 4]}), 413, "rows: 4");
    refused("/models/x/predict", &json!({"rows": objects}), 404, "`x`");
    refused("/predict", &json!({"rows": objects}), 404, "several");
    refused("/v2/models/species/versions/1/infer", &json!({}), 404, "version `1`");
    let infer = "/v2/models/resistance/infer";
    let tensor = |shape: Value, data: Value| json!({"inputs": [{"name": "inputs", "shape": shape, "datatype": "FP32", "data": data}]});
    refused(infer, &json!({}), 400, "inputs: is missing");
    refused(infer, &json!({"inputs": []}), 400, "no tensor is called `position`");
    refused(infer, &tensor(json!([1, 2]), json!([1, 2])), 400, "inputs[0].shape: 2 columns");
    refused(infer, &tensor(json!([1, 6]), json!([1, 2])), 400, "inputs[0].data: 2 elements");
    refused(infer, &tensor(json!([1, 6]), json!([1, 2, 3, 4, "x", 6])), 400, "inputs[0].data[4]");
    refused(infer, &tensor(json!([-1]), json!([])), 400, "inputs[0].shape");
    let column =
        |shape: Value| json!({"inputs": [{"name": "position", "shape": shape, "datatype": "FP32", "data": []}]});
    refused(infer, &column(json!([0, u64::MAX, 2])), 400, "inputs[0].shape");
    refused(infer, &column(json!([])), 400, "inputs[0].data");
    refused(infer, &tensor(json!([u64::MAX, u64::MAX]), json!([])), 400, "inputs[0].data");
    refused(infer, &json!({"inputs": [{"name": 1}]}), 400, "inputs[0].name");

    let answer = |kind: &str, body: Vec<u8>| server.post(species, kind, body);
    assert_eq!(answer(JSON, b"{\"rows\": [".to_vec()).0, 400);
    assert_eq!(answer("application/x-www-form-urlencoded", b"a=b".to_vec()).0, 415);
    assert_eq!(server.post(infer, "text/plain", b"{}").0, 415);
    assert_eq!(answer(JSON, vec![b' '; 10_001]).0, 413);
    let (status, text) = answer(CSV, b"island,year\nBiscoe,2007\n".to_vec());
    assert!(status == 400 && text.contains("bill_length_mm"), "{text}");
    let (status, text) = answer(CSV, vec![0xff; 100]);
    assert!(status == 400 && text.contains("body"), "{text}");
    assert_eq!(server.get("/nothing").0, 404);
    assert_eq!(server.get(species).0, 405);
}

#[test]
fn a_server_says_what_it_has() {
    let server = Running::of_both(Settings::default());
    assert_eq!(server.get("/v2/health/live"), (200, json!({"live": true})));
    assert_eq!(server.get("/v2/health/ready"), (200, json!({"ready": true})));
    let (_, models) = server.get("/models");
    assert_eq!((&models[0]["name"], &models[1]["name"]), (&json!("resistance"), &json!("species")));
    assert_eq!(models[1]["classes"], json!(["Adelie", "Chinstrap", "Gentoo"]));
    let version = models[1]["version"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v2/models/species/versions/{version}/ready")).0, 200);
    let (_, metadata) = server.get("/v2/models/species");
    assert_eq!(metadata["inputs"][0], json!({"name": "island", "datatype": "BYTES", "shape": [-1]}));
    let (_, document) = server.get("/openapi.json");
    let row = &document["components"]["schemas"]["resistance.row"];
    assert_eq!(row["required"].as_array().unwrap().len(), 6);
    let file = agent().get(server.url("/models/species/file")).call().unwrap().body_mut().read_to_vec().unwrap();
    assert_eq!(file, fs::read(files().join("species")).unwrap());
    let (_, page) = server.get("/");
    assert!(page.as_str().unwrap().starts_with("<!doctype html>"), "the page");
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("apd_loads_total{model=\"species\"} 1"), "{metrics}");
}

#[test]
fn a_changed_file_is_loaded_again_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::copy(files().join("resistance"), &path).unwrap();
    let server =
        Running::new(&[("m", path.clone())], Settings { reload: Duration::from_millis(20), ..Settings::default() });
    let version = || server.get("/models").1[0]["version"].clone();
    let metric = |text: &str| server.get("/metrics").1.as_str().unwrap().contains(text);
    let first = version();
    fs::write(&path, b"nonsense").unwrap();
    wait(|| metric("apd_failed_loads_total{model=\"m\"}"));
    assert_eq!(version(), first);
    fit(&yacht(), "resistance", 2).save(&path).unwrap();
    wait(|| version() != first);
}

fn wait(until: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if until() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen within ten seconds");
}

/// A request as bytes.
fn request(model: &str) -> Vec<u8> {
    let model_ = TableModel::load(files().join(model)).unwrap();
    let (_, objects) = rows(&yacht(), model_.schema());
    let body = json!({"rows": objects}).to_string();
    let head = format!(
        "POST /models/{model}/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

/// A stream to the server; reading ends by itself.
fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn slow_idle_and_half_closed_clients_cost_the_others_nothing() {
    let server = Running::of_both(Settings { timeout: Duration::from_secs(3), ..Settings::default() });
    let idle: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    let request = request("resistance");
    // A body that does not come to its end.
    let mut slow = connect(&server);
    slow.write_all(&request[..request.len() - 10]).unwrap();
    // Headers that do not.
    let mut slower = connect(&server);
    slower.write_all(&request[..20]).unwrap();
    // Whoever closes its side after asking is answered.
    let mut half = connect(&server);
    half.write_all(&request).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&mut half).starts_with("HTTP/1.1 200"));
    assert!(read_all(&mut slow).starts_with("HTTP/1.1 408"));
    assert!(!read_all(&mut slower).contains("200"));
    drop(idle);
    assert_eq!(server.get("/v2/health/live").0, 200);
}

/// A client that asks for more than the system's buffers hold, and reads none of it.
#[test]
fn who_does_not_read_is_left() {
    let settings = Settings { timeout: Duration::from_secs(1), connections: 1, ..Settings::default() };
    let server = Running::of_both(settings);
    let mut deaf = connect(&server);
    let file = b"GET /models/species/file HTTP/1.1\r\nhost: localhost\r\n\r\n";
    // Until the server does not take more requests, because it waits for its answers to be read.
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    for _ in 0..100_000 {
        if deaf.write_all(file).is_err() {
            break;
        }
    }
    // The only slot becomes free.
    assert_eq!(server.get("/v2/health/live").0, 200);
}

#[test]
fn what_was_accepted_is_answered_when_the_server_stops() {
    let server = Running::of_both(Settings::default());
    let request = request("resistance");
    // Half of each request is there when the server is told to stop.
    let (first, second) = request.split_at(request.len() / 2);
    let mut clients: Vec<TcpStream> = (0..8).map(|_| connect(&server)).collect();
    clients.iter_mut().for_each(|client| client.write_all(first).unwrap());
    wait(|| server.get("/metrics").1.as_str().unwrap().contains("apd_bodies_on_their_way 8"));
    let address = server.address;
    let stopping = thread::spawn(move || {
        let mut server = server;
        server.stop();
    });
    // From now on nobody is let in.
    wait(|| TcpStream::connect(address).is_err());
    for client in &mut clients {
        client.write_all(second).unwrap();
        assert!(read_all(client).starts_with("HTTP/1.1 200"));
    }
    stopping.join().unwrap();
}

/// The networks are made ready by the first prediction, in parallel, and predictions are in parallel, too.
#[test]
fn many_first_requests_at_once_are_answered() {
    for _ in 0..5 {
        let server = Running::of_both(Settings::default());
        let request = request("resistance");
        let mut clients: Vec<TcpStream> = (0..32).map(|_| connect(&server)).collect();
        clients.iter_mut().for_each(|client| client.write_all(&request).unwrap());
        for client in &mut clients {
            let mut start = [0; 12];
            client.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 200");
        }
    }
}

#[test]
fn a_page_from_elsewhere_reads_nothing() {
    let server = Running::of_both(Settings::default());
    let ask = |host: &str| {
        let mut client = connect(&server);
        let request = format!("GET /models HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        read_all(&mut client)
    };
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:1", "127.1.2.3"] {
        assert!(ask(host).starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", ""] {
        assert!(ask(host).starts_with("HTTP/1.1 421"), "{host}");
    }
}

#[test]
fn names_models_and_addresses_that_cannot_be_are_refused() {
    let path = files().join("species");
    let bind = |names: &[&str], port| {
        let models = names.iter().map(|name| ((*name).to_owned(), path.clone()));
        Server::bind(models.collect::<Vec<_>>(), Settings { port, ..Settings::default() }).err().unwrap().to_string()
    };
    assert!(bind(&[], 0).contains("no model"));
    assert!(
        bind(&["a/b"], 0).contains("a/b")
            && bind(&["a", "a"], 0).contains("another one")
            && bind(&[".."], 0).contains("..")
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(bind(&["a"], port).contains(&port.to_string()));
    let missing = Server::bind([("a".to_owned(), PathBuf::from("nothing"))], Settings::default()).err().unwrap();
    assert!(missing.to_string().contains("nothing"));
}
