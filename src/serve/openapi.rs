//! `GET /openapi.json`: what the server takes and gives, with the models and columns that it serves just now.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::api::json_text;
use super::{App, Catalog, Shared};
use crate::pipeline::FittedStep;
use crate::score::{PREPARED, ServedModel};
use crate::step::RawType;

pub(super) async fn document(State(app): State<Shared>) -> Response {
    json_text(describe(&app, &app.catalog.now()))
}

/// Whether the preparation fills every missing value, so that no column must be given.
fn fills(model: &ServedModel) -> bool {
    model.shape.pipeline.steps().iter().any(|s| matches!(s, FittedStep::Impute(_)))
}

/// The schema of a raw instance.
fn instance(model: &ServedModel) -> (Json, Json) {
    let lenient = fills(model);
    let columns = &model.shape.columns;
    let cell = |at: usize| {
        let mut kind = match columns[at].kind {
            RawType::Number => {
                let limit = model.shape.limit(at);
                json!({"type": "number", "minimum": -limit, "maximum": limit})
            }
            RawType::Category => json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"}),
        };
        if lenient {
            kind["type"] = json!([kind["type"], "null"]);
        }
        kind
    };
    let cells: Vec<Json> = (0..columns.len()).map(cell).collect();
    let by_name: Map<String, Json> = columns.iter().map(|c| c.name.clone()).zip(cells.iter().cloned()).collect();
    let required: Vec<&str> = if lenient { Vec::new() } else { columns.iter().map(|c| c.name.as_str()).collect() };
    let n = columns.len();
    let object = json!({"type": "object", "properties": by_name, "required": required});
    let list = json!({"type": "array", "prefixItems": cells, "items": false, "minItems": n, "maxItems": n});
    (object, list)
}

fn predict_request(app: &App, catalog: &Catalog) -> Json {
    let one = |(name, model): (&str, &ServedModel)| {
        let (object, list) = instance(model);
        let features = model.shape.pipeline.features().len();
        let list_of =
            |items: Json| json!({"type": "array", "items": items, "minItems": 1, "maxItems": app.config.limits.rows});
        let value = json!({"type": "number", "minimum": -PREPARED, "maximum": PREPARED});
        let prepared = json!({"type": "array", "items": value, "minItems": features, "maxItems": features});
        let request = |input: &str, instances: Json, required: &[&str]| {
            // Left out, the winner is meant.
            let required: Vec<&str> = required.iter().copied().chain((name != "best").then_some("model")).collect();
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": required,
                "properties": {"model": {"const": name}, "input": {"const": input}, "instances": instances},
            })
        };
        [
            request("raw", list_of(json!({"anyOf": [object, list]})), &["instances"]),
            request("prepared", list_of(prepared), &["instances", "input"]),
        ]
    };
    let models = catalog.all_names().filter_map(|name| Some((name, &**catalog.model(name)?)));
    let models = models.filter(|(_, m)| m.refused().is_none());
    json!({"anyOf": models.flat_map(one).collect::<Vec<_>>()})
}

fn problem(text: &str) -> Json {
    json!({"description": text, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}})
}

fn answers(ok: &str, kind: &str, schema: Json, problems: &[(&str, &str)]) -> Json {
    let mut out = Map::new();
    out.insert("200".into(), json!({"description": ok, "content": {kind: {"schema": schema}}}));
    for (status, text) in problems {
        out.insert((*status).into(), problem(text));
    }
    Json::Object(out)
}

/// The whole document.
pub(crate) fn describe(app: &App, catalog: &Catalog) -> Json {
    let of = |wanted: &dyn Fn(&ServedModel) -> bool| -> Vec<&str> {
        catalog.all_names().filter(|name| catalog.model(name).is_some_and(|m| wanted(m))).collect()
    };
    let served = of(&|m| m.refused().is_none());
    let networks = of(&|m| m.fitted().is_some_and(|m| m.network().is_some()));
    let all = of(&|_| true);
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let path_name = |schema: Json| json!({"name": "name", "in": "path", "required": true, "schema": schema});
    let version = json!({"name": "version", "in": "path", "required": true, "schema": {"const": "1"}});
    let name = path_name(json!({"type": "string", "enum": all}));
    let top_k = json!({"name": "top_k", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5}});
    let none = ("404", "No such model");
    let refused = ("409", "The model is listed but not served");
    let body = [
        ("400", "The body is no JSON"),
        none,
        ("408", "The body took too long to arrive"),
        refused,
        ("413", "The body is too large"),
        ("415", "Another content type"),
        ("422", "What is wrong, with row and column"),
        ("500", "A fault of the server"),
        ("503", "Too much at once: try again"),
    ];
    let get = |id: &str, summary: &str, parameters: Json, responses: Json| json!({"get": {"operationId": id, "summary": summary, "parameters": parameters, "responses": responses}});
    let ok = |text: &str, schema: &str, problems: &[(&str, &str)]| {
        answers(text, "application/json", reference(schema), problems)
    };
    let example = catalog.names().iter().find(|(_, m)| m.refused().is_none() && m.best).or(catalog.names().first());
    let example = example.map(|(name, model)| {
        let row: Map<String, Json> = model.shape.columns.iter().map(|c| (c.name.clone(), sample(c))).collect();
        json!({"model": name, "instances": [row]})
    });
    let infer = json!({"post": {
        "operationId": "infer",
        "summary": "Open Inference Protocol: answers tensors",
        "parameters": [path_name(json!({"type": "string", "enum": served})),],
        "requestBody": {"required": true, "content": {"application/json": {"schema": reference("InferRequest")}}},
        "responses": answers("The answers", "application/json", json!({"type": "object"}), &body),
    }});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "runner",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The models of a run. Rows are raw: columns by name, as the data file had them.",
        },
        "paths": {
            "/api/v1/health": get("health", "Is it alive?", json!([]), ok("It is", "Health", &[])),
            "/api/v1/health/ready": get("ready", "Can it answer?", json!([]), ok("It can", "Health", &[])),
            "/api/v1/models": get("models", "All models by name", json!([]), ok("Models", "Models", &[])),
            "/api/v1/models/{name}": get("model", "One model", json!([name]), ok("The model", "Model", &[none])),
            "/api/v1/model-architecture/{name}": get(
                "architecture", "Layers and strongest edges of a network", json!([path_name(json!({"type": "string", "enum": if networks.is_empty() { &all } else { &networks }})), top_k]),
                answers("Layers", "application/json", json!({"type": "object"}), &[
                    ("400", "The model is no network"), none, refused, ("422", "A bad top_k"),
                ]),
            ),
            "/api/v1/predict": {"post": {
                "operationId": "predict",
                "summary": "Answers instances",
                "requestBody": {"required": true, "content": {"application/json": {
                    "schema": reference("PredictRequest"),
                    "example": example,
                }}},
                "responses": ok("The answers, one for each instance", "Answers", &body),
            }},
            "/v2": get("server", "Open Inference Protocol: the server", json!([]), answers("Server", "application/json", json!({"type": "object"}), &[])),
            "/v2/health/live": get("live", "Open Inference Protocol: alive", json!([]), answers("Alive", "application/json", json!({"type": "object"}), &[])),
            "/v2/health/ready": get("v2ready", "Open Inference Protocol: ready", json!([]), answers("Ready", "application/json", json!({"type": "object"}), &[])),
            "/v2/models/{name}": get("metadata", "Open Inference Protocol: a model", json!([name]), answers("Model", "application/json", json!({"type": "object"}), &[none])),
            "/v2/models/{name}/ready": get("modelReady", "Open Inference Protocol: a model is ready", json!([name]), answers("Ready", "application/json", json!({"type": "object"}), &[none, refused])),
            "/v2/models/{name}/versions/{version}": get("versionMetadata", "The same by version", json!([name, version]), answers("Model", "application/json", json!({"type": "object"}), &[none])),
            "/v2/models/{name}/infer": infer,
        },
        "components": {"schemas": {
            "PredictRequest": predict_request(app, catalog),
            "InferRequest": infer_request(app, catalog),
            "Health": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},
            "Models": {"type": "object", "additionalProperties": reference("Model")},
            "Model": {"type": "object", "required": ["name", "kind", "classes", "columns"], "properties": {
                "name": {"type": "string"}, "kind": {"type": "string"}, "run": {"type": "string"},
                "classes": {"type": "array", "items": {"type": "string"}},
                "columns": {"type": "array", "items": {"type": "object"}},
                "served": {"type": "boolean"}, "reason": {"type": ["string", "null"]},
                "threshold": {"type": ["number", "null"]}, "metrics": {"type": "object"},
            }},
            "Answers": {"type": "object", "required": ["model", "predictions", "labels", "warnings"], "properties": {
                "model": {"type": "string"}, "run": {"type": "string"},
                "predictions": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "labels": {"type": "array", "items": {"type": "string"}},
                "group": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
                "score": {"type": ["array", "null"], "items": {"type": "number"}},
                "probabilities": {"type": ["array", "null"], "items": {"type": "array", "items": {"type": "number"}}},
                "cluster": {"type": "array", "items": {"type": "integer"}},
                "warnings": {"type": "array", "items": {"type": "array", "items": {"type": "object"}}},
            }},
            "Problem": {"type": "object", "required": ["title", "status", "detail"], "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                "detail": {"type": "string"}, "row": {"type": "integer"}, "column": {"type": "string"},
                "hint": {"type": "string"}, "error": {"type": "string"},
            }},
        }},
    });
    if app.token.is_some() {
        document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
        document["security"] = json!([{"token": []}]);
        if let Some(paths) = document["paths"].as_object_mut() {
            for (path, methods) in paths.iter_mut().filter(|(p, _)| !p.contains("health")) {
                let method = if path.ends_with("predict") || path.ends_with("infer") { "post" } else { "get" };
                methods[method]["responses"]["401"] = problem("The token is missing or wrong");
            }
        }
    }
    batch(&mut document, catalog, &served);
    document
}

/// A value that training has seen.
fn sample(column: &crate::step::RawColumn) -> Json {
    match (column.kind, column.range) {
        (RawType::Number, Some((least, greatest))) => json!(least + (greatest - least) / 8.0),
        (RawType::Number, None) => json!(0),
        (RawType::Category, _) => json!("word"),
    }
}

fn infer_request(app: &App, catalog: &Catalog) -> Json {
    // One row is enough to say what fits; docs/serving.md tells the rest.
    let Some((_, model)) = catalog.names().iter().find(|(_, m)| m.refused().is_none()) else { return json!({}) };
    let tensors = model.shape.columns.iter().enumerate().map(|(at, c)| {
        let value = match c.kind {
            RawType::Number => {
                let limit = model.shape.limit(at);
                json!({"type": "number", "minimum": -limit, "maximum": limit})
            }
            RawType::Category => json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"}),
        };
        let datatype = if c.kind == RawType::Number { "FP64" } else { "BYTES" };
        json!({"type": "object", "required": ["name", "shape", "datatype", "data"], "properties": {
            "name": {"const": c.name}, "shape": {"const": [1]}, "datatype": {"const": datatype},
            "data": {"type": "array", "items": value, "minItems": 1, "maxItems": 1},
        }})
    });
    let n = model.shape.columns.len().min(app.config.limits.rows);
    json!({"type": "object", "required": ["inputs"], "description": "One row, one tensor a column. More rows, one tensor for \
        all columns, and other columns beside them are taken too.", "properties": {
        "id": {"type": ["string", "null"]},
        "inputs": {"type": "array", "prefixItems": tensors.collect::<Vec<_>>(), "items": false, "minItems": n, "maxItems": n},
    }})
}

/// What the smallest table and the smallest line look like, as patterns; Parquet and Arrow have none.
fn tables(catalog: &Catalog) -> Option<(String, String)> {
    let (_, model) = catalog.names().iter().find(|(_, m)| m.refused().is_none())?;
    let columns = &model.shape.columns;
    let escape = |name: &str| -> String {
        name.chars().flat_map(|c| (!c.is_alphanumeric() && c != ' ').then_some('\\').into_iter().chain([c])).collect()
    };
    let header: Vec<String> = columns.iter().map(|c| escape(&c.name)).collect();
    let cells = |word: &'static str| {
        columns
            .iter()
            .map(|c| if c.kind == RawType::Number { "[1-9][0-9]{0,3}" } else { word })
            .collect::<Vec<_>>()
            .join(",")
    };
    Some((
        format!("^{}\n{}\n$", header.join(","), cells("[a-z]{1,8}")),
        format!("^\\[{}\\]\n$", cells("\"[a-z]{1,8}\"")),
    ))
}

fn batch(document: &mut Json, catalog: &Catalog, served: &[&str]) {
    let (csv, lines) = tables(catalog).unwrap_or_default();
    let query = |name: &str, schema: Json| json!({"name": name, "in": "query", "schema": schema});
    document["paths"]["/api/v1/predict/batch"] = json!({"post": {
        "operationId": "batch",
        "summary": "Answers a table: CSV, NDJSON, Parquet or Arrow in, CSV or NDJSON out",
        "description": "The patterns of the body are those of a table of one row. Columns may stand in any order, and there may \
            be any number of rows.",
        "parameters": [
            query("model", json!({"type": "string", "enum": served})),
            query("format", json!({"type": "string", "enum": ["csv", "ndjson"], "default": "csv"})),
            query("proba", json!({"type": "boolean", "default": false})),
        ],
        "requestBody": {"required": true, "content": {
            "text/csv": {"schema": {"type": "string", "pattern": csv}},
            "application/x-ndjson": {"schema": {"type": "string", "pattern": lines}},
        }},
        "responses": {
            "200": {"description": "Answers", "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            }},
            "400": problem("The table cannot be read"), "401": problem("The token is missing or wrong"),
            "404": problem("No such model"),
            "408": problem("Too slow"), "409": problem("Not served"), "413": problem("Too large"),
            "415": problem("Another content type"), "422": problem("What is wrong, with row and column"),
            "500": problem("A fault of the server"), "503": problem("Too much at once: try again"),
        },
    }});
}
