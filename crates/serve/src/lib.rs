//! Models of tables behind HTTP.
//!
//! ```
//! use apd::{Effort, TableFit, data};
//! use apd_serve::{Server, Settings};
//!
//! # let folder = std::env::temp_dir().join("apd-serve-front");
//! # std::fs::create_dir_all(&folder)?;
//! let quick = TableFit { effort: Effort::Quick, chains: Some(2), steps: Some(200), ..TableFit::default() };
//! quick.run(&data::penguins(), "species")?.save(folder.join("species"))?;
//! let server = Server::bind([("species".to_owned(), folder.join("species"))], Settings { port: 0, ..Settings::default() })?;
//! println!("http://{}", server.address()); // POST rows to /predict, or open it in a browser
//! server.run_until(async {})?; // or `run()`: until Ctrl-C or SIGTERM; requests that were accepted are answered
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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

// Its types stand in signatures: this is the version that fits.
pub use axum;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
