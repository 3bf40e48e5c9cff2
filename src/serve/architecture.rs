//! `GET /api/v1/model-architecture/{name}`: the layers of a network and its strongest edges, in the published form.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::api::{json_text, served};
use super::problem::Problem;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default = "five")]
    top_k: usize,
}

fn five() -> usize {
    5
}

pub(super) async fn architecture(
    State(app): State<Shared>,
    Path(name): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let Query(asked) = asked.map_err(|_| bad("top_k: expected a whole number from 1 to 1000".into()))?;
    if !(1..=1000).contains(&asked.top_k) {
        return Err(bad(format!("top_k: expected a whole number from 1 to 1000, got {}", asked.top_k)));
    }
    let catalog = app.catalog.now();
    let model = served(&catalog, &name)?;
    let Some(network) = model.fitted().and_then(|m| m.network()) else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, format!("{name} is no network: it has no layers")));
    };
    let layers = network.layers.iter().enumerate().map(|(index, layer)| {
        let mut edges = Vec::new();
        for (target, weights) in layer.coefs.columns().into_iter().enumerate() {
            let mut sources: Vec<usize> = (0..weights.len()).collect();
            sources.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()).then(a.cmp(&b)));
            edges.extend(
                sources
                    .iter()
                    .take(asked.top_k)
                    .map(|&source| json!({"src": source, "tgt": target, "weight": weights[source]})),
            );
        }
        let (inputs, outputs) = layer.coefs.dim();
        json!({"layer_index": index, "input_dim": inputs, "output_dim": outputs, "edges": edges})
    });
    let hidden = network.layers.iter().rev().skip(1).rev().map(|l| l.coefs.ncols());
    Ok(json_text(json!({
        "n_layers": network.layers.len() + 1,
        "hidden_layer_sizes": hidden.collect::<Vec<_>>(),
        "out_activation": "softmax",
        "layers": layers.collect::<Vec<_>>(),
    })))
}
