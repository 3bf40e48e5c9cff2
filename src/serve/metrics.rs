//! `GET /metrics`: what the server has done, for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Catalog, Shared};
use crate::ml::{Column, Values};
use crate::score::{Answers, ServedModel, What};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRoute {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClass {
    model: String,
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByColumn {
    experiment: String,
    column: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWarning {
    what: &'static str,
}

/// Numbers of a column that came in: how many, and their sum.
type Seen = BTreeMap<(String, String), (u64, f64, f64, f64)>;

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<ByRoute, Counter>,
    latency: Family<OfRoute, Histogram, fn() -> Histogram>,
    pub in_flight: Gauge,
    pub shed: Counter,
    pub swaps: Counter,
    rows: Counter,
    predictions: Family<ByClass, Counter>,
    warnings: Family<ByWarning, Counter>,
    drift: Family<ByColumn, Gauge<f64, AtomicU64>>,
    seen: Mutex<Seen>,
}

fn buckets() -> Histogram {
    Histogram::new([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0])
}

impl Metrics {
    pub fn new(catalog: &Catalog) -> Self {
        let latency: Family<OfRoute, Histogram, fn() -> Histogram> = Family::new_with_constructor(buckets);
        let mut m = Self {
            registry: Registry::with_prefix("runner"),
            requests: Family::default(),
            latency,
            in_flight: Gauge::default(),
            shed: Counter::default(),
            swaps: Counter::default(),
            rows: Counter::default(),
            predictions: Family::default(),
            warnings: Family::default(),
            drift: Family::default(),
            seen: Mutex::default(),
        };
        let models: Gauge = Gauge::default();
        models.set(i64::try_from(catalog.names().len()).unwrap_or(i64::MAX));
        let r = &mut m.registry;
        r.register("requests", "Requests by route and status", m.requests.clone());
        r.register("request_seconds", "Time to answer, by route", m.latency.clone());
        r.register("requests_in_flight", "Requests being answered", m.in_flight.clone());
        r.register("requests_shed", "Requests and connections turned away", m.shed.clone());
        r.register("model_swaps", "Newer runs that took over", m.swaps.clone());
        r.register("models", "Models when the server started", models);
        r.register("rows", "Rows answered", m.rows.clone());
        r.register("predictions", "Rows by model and predicted class", m.predictions.clone());
        r.register("row_warnings", "Values that were missing, unknown or out of range", m.warnings.clone());
        let drift = "Distance of the mean of the served values from the training mean, in training standard deviations";
        r.register("feature_drift", drift, m.drift.clone());
        m
    }

    pub fn request(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests.get_or_create(&ByRoute { route, status }).inc();
        self.latency.get_or_create(&OfRoute { route }).observe(seconds);
    }

    pub fn answered(&self, model: &ServedModel, answers: &Answers) {
        self.rows.inc_by(answers.classes.len() as u64);
        let mut counts = vec![0_u64; model.shape.pipeline.classes().len()];
        answers.classes.iter().for_each(|&c| counts[c as usize] += 1);
        for (class, n) in (0..).zip(counts).filter(|(_, n)| *n > 0) {
            let labels = ByClass { model: model.name.clone(), class: model.label(class).to_owned() };
            self.predictions.get_or_create(&labels).inc_by(n);
        }
        for what in [What::Missing, What::UnknownCategory, What::OutOfRange] {
            let n = answers.notes.iter().filter(|n| n.what == what).count() as u64;
            if n > 0 {
                self.warnings.get_or_create(&ByWarning { what: what.word() }).inc_by(n);
            }
        }
    }

    /// Looks at raw values on their way in.
    pub fn looked_at(&self, model: &ServedModel, columns: &[Column]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (column, known) in columns.iter().zip(&model.shape.columns) {
            let (Values::Number(values), Some((mean, std))) = (&column.values, known.moments) else { continue };
            let there = values.iter().filter(|v| !v.is_nan());
            let (n, sum) = there.fold((0, 0.0), |(n, sum), v| (n + 1, sum + v));
            let key = (model.experiment.clone(), known.name.clone());
            let entry = seen.entry(key).or_insert((0, 0.0, mean, std));
            *entry = (entry.0 + n, entry.1 + sum, mean, std);
        }
    }

    fn text(&self) -> String {
        for ((experiment, column), (n, sum, mean, std)) in
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            if *n > 0 && *std > 0.0 {
                let labels = ByColumn { experiment: experiment.clone(), column: column.clone() };
                self.drift.get_or_create(&labels).set((sum / *n as f64 - mean).abs() / std);
            }
        }
        let mut text = String::new();
        let _ = encode(&mut text, &self.registry);
        text
    }
}

pub(super) async fn page(State(app): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text())
}
