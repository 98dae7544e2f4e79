//! A server in a thread, and quick models for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use apd::data::Table;
use apd::{Effort, TableFit, TableModel};
use apd_serve::{Error, Server, Settings};
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) const JSON: &str = "application/json";

pub(crate) fn fit(table: &Table, target: &str, seed: u64) -> TableModel {
    let quick = TableFit { effort: Effort::Quick, steps: Some(200), chains: Some(2), seed, ..TableFit::default() };
    quick.run(table, target).unwrap()
}

/// A server in a thread of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<bool, Error>>>,
}

impl Running {
    pub(crate) fn new(models: &[(&str, PathBuf)], settings: Settings) -> Self {
        let models = models.iter().map(|(name, path)| ((*name).to_owned(), path.clone()));
        let server = Server::bind(models, Settings { port: 0, ..settings }).unwrap();
        let (stop, stopped) = oneshot::channel();
        let address = server.address();
        let thread = thread::spawn(move || server.run_until(async { drop(stopped.await) }));
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Status and body.
    pub(crate) fn post(&self, path: &str, kind: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let agent = agent();
        let mut response = agent.post(self.url(path)).header("content-type", kind).send(body.as_ref()).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.post(path, JSON, body.to_string());
        (status, serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn stop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            assert!(thread.join().unwrap().unwrap(), "all that was accepted is answered");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}
