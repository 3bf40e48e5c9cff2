//! The Open Inference Protocol, version 2, over HTTP: a tensor for every raw column, or one for all of them.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::api::{broken, find, json_text, misread, must_be_json, read, served};
use super::problem::Problem;
use super::{App, Shared};
use crate::score::{Answers, ServedModel, parse_raw};
use crate::step::RawType;

/// The only version that a model has.
const VERSION: &str = "1";

pub(super) async fn server() -> Response {
    json_text(json!({"name": "runner", "version": env!("CARGO_PKG_VERSION"), "extensions": []}))
}

pub(super) async fn live() -> Response {
    json_text(json!({"live": true, "ready": true}))
}

fn check_version(version: &str) -> Result<(), Problem> {
    if version == VERSION {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "there is no such version").hint("every model has version 1"))
}

pub(super) async fn model(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let model = find(&app.catalog.now(), &name)?;
    let input = |c: &crate::step::RawColumn| json!({"name": c.name, "datatype": if c.kind == RawType::Number { "FP64" } else { "BYTES" }, "shape": [-1]});
    let classes = model.shape.pipeline.classes().len();
    let mut outputs = vec![
        json!({"name": "predictions", "datatype": "INT64", "shape": [-1]}),
        json!({"name": "labels", "datatype": "BYTES", "shape": [-1]}),
        json!({"name": "probabilities", "datatype": "FP64", "shape": [-1, classes]}),
        json!({"name": "score", "datatype": "FP64", "shape": [-1]}),
    ];
    if model.is_clustering() {
        outputs.push(json!({"name": "cluster", "datatype": "INT32", "shape": [-1]}));
    }
    Ok(json_text(json!({
        "name": name,
        "versions": [VERSION],
        "platform": format!("runner_{}", model.kind),
        "inputs": model.shape.columns.iter().map(input).collect::<Vec<_>>(),
        "outputs": outputs,
    })))
}

pub(super) async fn model_version(
    app: State<Shared>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    check_version(&version)?;
    model(app, Path(name)).await
}

pub(super) async fn model_ready(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    served(&app.catalog.now(), &name)?;
    Ok(json_text(json!({"name": name, "ready": true})))
}

pub(super) async fn model_version_ready(
    app: State<Shared>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    check_version(&version)?;
    model_ready(app, Path(name)).await
}

#[derive(Debug, Deserialize)]
struct InferRequest {
    #[serde(default)]
    id: Option<String>,
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Option<Vec<Wanted>>,
}

#[derive(Debug, Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Vec<Json>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    name: String,
}

pub(super) async fn infer_version(
    app: State<Shared>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_version(&version)?;
    infer(app, Path(name), headers, body).await
}

pub(super) async fn infer(
    State(app): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    must_be_json(&headers)?;
    let bytes = read(&app, &headers, body, app.config.limits.body).await?;
    tokio::task::spawn_blocking(move || {
        let mut request: InferRequest = serde_json::from_slice(&bytes).map_err(|e| misread(&e))?;
        let model = served(&app.catalog.now(), &name)?;
        let rows = instances(&model, &mut request.inputs, app.config.limits.rows)?;
        let answers = answered(&app, &model, rows)?;
        outputs(&name, &model, &answers, &request).map(json_text)
    })
    .await
    .map_err(|_| broken())?
}

fn answered(app: &App, model: &ServedModel, rows: Vec<Json>) -> Result<Answers, Problem> {
    let text = Json::Array(rows).to_string();
    let read = parse_raw(text.as_bytes(), &model.shape, app.config.limits.rows)?;
    Ok(app.answer(model, read)?)
}

/// The values of a tensor, nested or flat.
fn flat(data: Vec<Json>, out: &mut Vec<Json>) {
    for value in data {
        match value {
            Json::Array(inner) => flat(inner, out),
            other => out.push(other),
        }
    }
}

/// Tensors to instances.
fn instances(model: &ServedModel, tensors: &mut [Tensor], most: usize) -> Result<Vec<Json>, Problem> {
    const TYPES: [&str; 12] =
        ["BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32", "FP64", "BYTES"];
    let bad = |text: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text);
    let columns = &model.shape.columns;
    let Some(first) = tensors.first() else { return Err(bad("inputs: expected at least one tensor, got none".into())) };
    let rows = first.shape.first().copied().unwrap_or(0);
    if rows == 0 || rows > most {
        return Err(bad(format!("inputs: expected from 1 to {most} rows, got a tensor of {rows}")));
    }
    let mut values = Vec::with_capacity(tensors.len());
    for tensor in &mut *tensors {
        let name: String = tensor.name.chars().take(100).collect();
        if !TYPES.contains(&tensor.datatype.as_str()) {
            return Err(bad(format!("tensor {name:?}: there is no such datatype; there are {}", TYPES.join(", "))));
        }
        let mut data = Vec::new();
        flat(std::mem::take(&mut tensor.data), &mut data);
        let size = tensor.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        if size != Some(data.len()) || tensor.shape.first() != Some(&rows) {
            return Err(bad(format!(
                "tensor {name:?}: its shape {:?} does not fit {} values and {rows} rows",
                tensor.shape,
                data.len()
            )));
        }
        values.push(data);
    }
    if let ([tensor], [data]) = (&*tensors, values.as_slice())
        && tensor.shape.len() == 2
        && columns.iter().all(|c| c.name != tensor.name)
    {
        return Ok(data.chunks(tensor.shape[1].max(1)).map(|row| Json::Array(row.to_vec())).collect());
    }
    let mut seen: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
    seen.sort_unstable();
    if let Some(twice) = seen.windows(2).find(|w| w[0] == w[1]) {
        return Err(bad(format!("the tensor {:?} is given twice", twice[0])));
    }
    let mut out: Vec<serde_json::Map<String, Json>> = vec![serde_json::Map::new(); rows];
    for (tensor, data) in tensors.iter().zip(values) {
        if data.len() != rows {
            return Err(bad(format!("tensor {:?}: expected one value a row", tensor.name)));
        }
        for (row, value) in out.iter_mut().zip(data) {
            row.insert(tensor.name.clone(), value);
        }
    }
    Ok(out.into_iter().map(Json::Object).collect())
}

fn outputs(name: &str, model: &ServedModel, answers: &Answers, request: &InferRequest) -> Result<Json, Problem> {
    let n = answers.classes.len();
    let labels: Vec<&str> = answers.classes.iter().map(|&c| model.label(c)).collect();
    let mut all = vec![
        json!({"name": "predictions", "datatype": "INT64", "shape": [n], "data": answers.classes}),
        json!({"name": "labels", "datatype": "BYTES", "shape": [n], "data": labels}),
    ];
    if let Some(p) = &answers.probabilities {
        let data: Vec<f64> = p.iter().copied().collect();
        all.push(json!({"name": "probabilities", "datatype": "FP64", "shape": [n, p.ncols()], "data": data}));
    }
    if let Some(scores) = &answers.scores {
        all.push(json!({"name": "score", "datatype": "FP64", "shape": [n], "data": scores}));
    }
    if let Some(clusters) = &answers.clusters {
        all.push(json!({"name": "cluster", "datatype": "INT32", "shape": [n], "data": clusters}));
    }
    if let Some(wanted) = request.outputs.as_ref().filter(|w| !w.is_empty()) {
        if let Some(unknown) = wanted.iter().find(|w| all.iter().all(|o| o["name"] != w.name.as_str())) {
            let shown: String = unknown.name.chars().take(100).collect();
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("there is no output {shown:?}")));
        }
        all.retain(|o| wanted.iter().any(|w| o["name"] == w.name.as_str()));
    }
    let mut body = json!({"model_name": name, "model_version": VERSION, "outputs": all});
    if let Some(id) = &request.id {
        body["id"] = json!(id);
    }
    Ok(body)
}
