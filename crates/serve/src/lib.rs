//! Models of tables behind HTTP.
//!
//! [`Server::bind`] loads models, [`Server::run`] answers until it is told to stop:
//!
//! | | |
//! |---|---|
//! | `POST /predict`, `POST /models/NAME/predict` | rows as JSON or CSV, answers in the same form ([`apd::Predictions::table`]) |
//! | `POST /v2/models/NAME/infer` and the rest of `/v2` | KServe's protocol, version 2 (the *open inference protocol*), JSON |
//! | `GET /models`, `GET /models/NAME/file` | what the models are; their files |
//! | `GET /openapi.json` | all of this for programs: OpenAPI 3.1, with the columns of the models |
//! | `GET /metrics` | for Prometheus |
//! | `GET /` | a page: draw a digit, or fill in a row, and see what every network says |
//!
//! A request that is wrong gets a 4xx that names the field. Bodies, rows and time are bounded ([`Settings`]); where more requests wait than the
//! queue holds, a 503 says so at once. A model's file that changes is loaded again; one that cannot be read leaves the model as it was.
//!
//! ```no_run
//! use apd_serve::{Server, Settings};
//!
//! let server = Server::bind([("species".to_owned(), "p.safetensors".into())], Settings::default())?;
//! println!("http://{}", server.address());
//! server.run()?; // until Ctrl-C or SIGTERM; requests that were accepted are answered
//! # Ok::<(), apd_serve::Error>(())
//! ```
//!
//! **Deliberately without**: TLS and users, which a proxy in front has; models that are no tables.

mod admission;
mod answer;
mod api;
mod failure;
mod kserve;
mod metrics;
mod models;
mod openapi;
mod page;
mod rows;
mod server;
mod settings;

pub use server::{Error, Server};
pub use settings::Settings;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
