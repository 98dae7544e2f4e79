//! Requests to a server of models.

use std::sync::OnceLock;

use apd::data::{Column, Table, Values};
use apd::{Effort, TableFit};
use apd_serve::{Server, Settings};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// A server of one model, without a network.
struct Served {
    runtime: Runtime,
    router: Router,
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m");
        let fit = TableFit { effort: Effort::Quick, chains: Some(1), steps: Some(40), ..TableFit::default() };
        fit.run(&table(), "y").expect("a fit").save(&path).expect("the folder is writable");
        let router = Server::router([("m".to_owned(), path)], Settings::default()).expect("a model of ours");
        Served { runtime: Runtime::new().expect("threads"), router }
    })
}

/// A number, a category, and a number that follows from both.
fn table() -> Table {
    let numbers = |of: fn(usize) -> f64| Values::Numbers((0..40).map(of).collect());
    let column = |name: &str, values| Column { name: name.to_owned(), values };
    let category = Values::of_strings((0..40).map(|i| ["a", "b"][i % 2].to_owned()).collect());
    let x = column("x", numbers(|i| (i as f64).sin()));
    let y = column("y", numbers(|i| (i as f64).sin() + (i % 2) as f64));
    Table::new(vec![x, column("c", category), y]).expect("columns of one length")
}

/// Whether a request is answered; a fault of the server's is a fault.
fn post(path: &str, kind: &str, body: &[u8]) -> bool {
    let Served { runtime, router } = served();
    let request = Request::post(path).header("content-type", kind).body(Body::from(body.to_vec()));
    let request = request.expect("a path and a type of letters");
    let status = runtime.block_on(router.clone().oneshot(request)).expect("a router answers").status();
    assert!(!status.is_server_error(), "{status}");
    status.is_success()
}

pub(crate) fn json(body: &[u8]) -> bool {
    post("/models/m/predict", "application/json", body)
}

pub(crate) fn jsons() -> Vec<Vec<u8>> {
    let rows =
        r#"{"rows": [{"x": 0.5, "c": "a"}, {"x": null, "c": null, "z": [1]}], "coverage": [0.5, 0.99], "networks": 3}"#;
    vec![rows.into(), r#"[{"x": -1e3, "c": "\u00e9"}]"#.into()]
}

pub(crate) fn csv(body: &[u8]) -> bool {
    post("/predict?coverage=0.5", "text/csv", body)
}

pub(crate) fn csvs() -> Vec<Vec<u8>> {
    vec!["x,c\n0.5,a\n,b\n".into(), "\u{feff}c;x\r\n\"a\";1,5\r\n".into()]
}

pub(crate) fn infer(body: &[u8]) -> bool {
    post("/v2/models/m/infer", "application/json", body)
}

pub(crate) fn infers() -> Vec<Vec<u8>> {
    let tensors = r#"[{"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [[0.5], [null]]},
        {"name": "c", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}]"#;
    let asked = r#""id": "1", "parameters": {"coverage": 0.5}, "outputs": [{"name": "sd"}]"#;
    let all = r#"{"inputs": [{"name": "inputs", "shape": [1, 2], "datatype": "FP64", "data": [1, "a"]}]}"#;
    vec![format!("{{{asked}, \"inputs\": {tensors}}}").into(), all.into()]
}
