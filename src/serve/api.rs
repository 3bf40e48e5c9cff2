//! `/api/v1`: health, models, predictions.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ndarray::Array2;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::problem::Problem;
use super::{Catalog, Shared};
use crate::ml::metrics::Metric;
use crate::score::{Answers, ServedModel, parse_prepared, parse_raw};

/// Bodies up to this size are answered where they were read; the work takes less than handing it over.
const SMALL: usize = 32 << 10;

pub(super) async fn health() -> impl IntoResponse {
    json_text(json!({"status": "ok"}))
}

pub(super) async fn ready(State(app): State<Shared>) -> impl IntoResponse {
    json_text(json!({"status": "ready", "models": app.catalog.now().names().len()}))
}

pub(super) fn json_text(value: Json) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

pub(super) async fn models(State(app): State<Shared>) -> Response {
    let catalog = app.catalog.now();
    json_text(Json::Object(catalog.names().iter().map(|(name, m)| (name.clone(), described(name, m))).collect()))
}

pub(super) async fn model(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let catalog = app.catalog.now();
    let model = find(&catalog, &name)?;
    Ok(json_text(described(&name, &model)))
}

/// What a client must know of a model.
pub(super) fn described(name: &str, model: &ServedModel) -> Json {
    let shape = &model.shape;
    let columns = shape.columns.iter().enumerate().map(|(position, c)| {
        let (least, greatest) = c.range.map_or((None, None), |(a, b)| (Some(a), Some(b)));
        json!({"name": c.name, "position": position, "type": c.kind, "min": least, "max": greatest})
    });
    let metrics: Map<String, Json> = Metric::ALL
        .iter()
        .filter_map(|m| Some((m.word().to_owned(), json!(model.result.test.as_ref()?.get(*m)?))))
        .collect();
    let grouping = shape.pipeline.grouping();
    let classes = shape.pipeline.classes();
    json!({
        "name": name,
        "type": if model.is_clustering() { "unsupervised" } else { "supervised" },
        "kind": model.kind,
        "run": model.run,
        "experiment": model.experiment,
        "best": model.best,
        "served": model.refused().is_none(),
        "reason": model.refused(),
        "classes": classes,
        "groups": grouping.map(|_| (0..classes.len() as u32).map(|c| model.group(c)).collect::<Vec<_>>()),
        "positive": grouping.and_then(|g| g.names.get(g.positive? as usize)),
        "threshold": Json::Null,
        "columns": columns.collect::<Vec<_>>(),
        "prepared": shape.pipeline.features(),
        "metrics": metrics,
    })
}

/// The model of a name, served or not.
pub(super) fn find(catalog: &Catalog, name: &str) -> Result<Arc<ServedModel>, Problem> {
    catalog.model(name).cloned().ok_or_else(|| {
        let shown: String = name.chars().take(100).collect();
        let problem = Problem::new(StatusCode::NOT_FOUND, format!("there is no model {shown:?}"));
        match crate::param::closest(&shown, catalog.all_names()) {
            Some(near) => problem.hint(format!("did you mean {near:?}?")),
            None => problem.hint(format!("there are: {}", catalog.all_names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// The same, of a model that answers.
pub(super) fn served(catalog: &Catalog, name: &str) -> Result<Arc<ServedModel>, Problem> {
    let model = find(catalog, name)?;
    match model.refused() {
        Some(why) => Err(Problem::new(StatusCode::CONFLICT, format!("{name} is not served: {why}"))),
        None => Ok(model),
    }
}

/// The body of a request, within limits of size and time.
pub(super) async fn read(app: &Shared, headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let text = format!("the body is larger than {} MiB", most >> 20);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text).hint("send less at once, or use `runner predict`")
    };
    let said = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if said.is_some_and(|n| n > most as u64) {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(app.config.limits.body_time, axum::body::to_bytes(body, most));
    match whole.await {
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error))
            if std::error::Error::source(&error).is_some_and(|s| s.is::<http_body_util::LengthLimitError>()) =>
        {
            Err(too_large())
        }
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body ended too early")),
    }
}

/// The media type of the body, without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = media_type(headers);
    if kind == "application/json" {
        return Ok(());
    }
    let got = if kind.is_empty() { "none".to_owned() } else { format!("{kind:?}") };
    let text = format!("expected the content type application/json, got {got}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).hint("curl: -H 'content-type: application/json'"))
}

/// What serde says of a body.
pub(super) fn misread(error: &serde_json::Error) -> Problem {
    let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
    let text = error.to_string();
    Problem::new(status, if error.is_data() { text } else { format!("the body is no JSON: {text}") })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Raw,
    Prepared,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredictRequest<'a> {
    #[serde(borrow, default = "best")]
    model: Cow<'a, str>,
    #[serde(borrow)]
    instances: &'a RawValue,
    #[serde(default)]
    input: Form,
}

fn best<'a>() -> Cow<'a, str> {
    Cow::Borrowed("best")
}

pub(super) async fn predict(State(app): State<Shared>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    must_be_json(&headers)?;
    let bytes = read(&app, &headers, body, app.config.limits.body).await?;
    let text = if bytes.len() <= SMALL {
        answer(&app, &bytes)?
    } else {
        tokio::task::spawn_blocking(move || answer(&app, &bytes)).await.map_err(|_| broken())??
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

pub(super) fn broken() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be worked out")
}

fn answer(app: &Shared, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let request: PredictRequest<'_> = serde_json::from_slice(bytes).map_err(|e| misread(&e))?;
    let catalog = app.catalog.now();
    let model = served(&catalog, &request.model)?;
    let (instances, most) = (request.instances.get().as_bytes(), app.config.limits.rows);
    let answers = match request.input {
        Form::Raw => {
            let read = parse_raw(instances, &model.shape, most)?;
            some(read.rows)?;
            app.answer(&model, read)?
        }
        Form::Prepared => {
            let x = parse_prepared(instances, &model.shape, most)?;
            some(x.nrows())?;
            let answers = model.answer_prepared(&x)?;
            app.metrics.answered(&model, &answers);
            answers
        }
    };
    let said = Said::new(&request.model, &model, &answers);
    serde_json::to_vec(&said).map_err(|_| broken())
}

fn some(rows: usize) -> Result<(), Problem> {
    if rows > 0 {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "instances: expected at least one, got none"))
}

/// The answer as it is sent.
#[derive(Serialize)]
struct Said<'a> {
    model: &'a str,
    run: &'a str,
    predictions: &'a [u32],
    labels: Vec<&'a str>,
    group: Option<Vec<Option<&'a str>>>,
    score: Option<&'a [f64]>,
    probabilities: Option<Matrix<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a [i32]>,
    warnings: Vec<Vec<Remark<'a>>>,
}

#[derive(Serialize)]
struct Remark<'a> {
    column: &'a str,
    what: &'static str,
}

struct Matrix<'a>(&'a Array2<f64>);

impl Serialize for Matrix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.nrows()))?;
        for row in self.0.outer_iter() {
            match row.as_slice() {
                Some(row) => rows.serialize_element(row)?,
                None => rows.serialize_element(&row.to_vec())?,
            }
        }
        rows.end()
    }
}

impl<'a> Said<'a> {
    fn new(name: &'a str, model: &'a ServedModel, answers: &'a Answers) -> Self {
        let mut warnings: Vec<Vec<Remark<'_>>> = answers.classes.iter().map(|_| Vec::new()).collect();
        for note in &answers.notes {
            warnings[note.row].push(Remark { column: &note.column, what: note.what.word() });
        }
        let grouped = model.shape.pipeline.grouping().is_some();
        Self {
            model: name,
            run: &model.run,
            predictions: &answers.classes,
            labels: answers.classes.iter().map(|&c| model.label(c)).collect(),
            group: grouped.then(|| answers.classes.iter().map(|&c| model.group(c)).collect()),
            score: answers.scores.as_deref(),
            probabilities: answers.probabilities.as_ref().map(Matrix),
            cluster: answers.clusters.as_deref(),
            warnings,
        }
    }
}
