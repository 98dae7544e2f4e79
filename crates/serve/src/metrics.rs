//! What a server counts, for Prometheus.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The type of a page of metrics.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRequest {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfModel {
    model: String,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    seconds: Histogram,
    rows: Family<OfModel, Counter>,
    loads: Family<OfModel, Counter>,
    failed_loads: Family<OfModel, Counter>,
    admitted: Gauge<i64>,
    bodies: Gauge<i64>,
    networks: Family<OfModel, Gauge<i64>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("apd");
        // From a tenth of a millisecond to some six seconds.
        let seconds = Histogram::new(exponential_buckets(1e-4, 2.0, 17));
        let metrics = Self {
            requests: Family::default(),
            seconds,
            rows: Family::default(),
            loads: Family::default(),
            failed_loads: Family::default(),
            admitted: Gauge::default(),
            bodies: Gauge::default(),
            networks: Family::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests, by route and status", metrics.requests.clone());
        let help = "From a request's arrival to its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, metrics.seconds.clone());
        registry.register("rows", "Rows that were predicted", metrics.rows.clone());
        registry.register("loads", "Times that a model's file was read", metrics.loads.clone());
        registry.register("failed_loads", "Times that it could not be", metrics.failed_loads.clone());
        registry.register("predictions_in_flight", "Predictions that run or wait", metrics.admitted.clone());
        let help = "Requests whose bodies are on their way or being answered";
        registry.register("bodies_on_their_way", help, metrics.bodies.clone());
        registry.register("networks", "Networks that a prediction averages", metrics.networks.clone());
        Self { registry, ..metrics }
    }

    pub(crate) fn answered(&self, route: &str, status: u16, seconds: f64) {
        self.requests.get_or_create(&OfRequest { route: route.to_owned(), status }).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn predicted(&self, model: &str, rows: usize) {
        self.rows.get_or_create(&OfModel { model: model.to_owned() }).inc_by(rows as u64);
    }

    /// A model's file was read; of how many networks, if it could be.
    pub(crate) fn loaded(&self, model: &str, networks: Option<usize>) {
        let model = OfModel { model: model.to_owned() };
        match networks {
            Some(networks) => {
                self.loads.get_or_create(&model).inc();
                self.networks.get_or_create(&model).set(networks as i64);
            }
            None => {
                self.failed_loads.get_or_create(&model).inc();
            }
        }
    }

    pub(crate) fn text(&self, admitted: usize, bodies: usize) -> String {
        self.admitted.set(admitted as i64);
        self.bodies.set(bodies as i64);
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("memory can be written to");
        text
    }
}
