//! `POST /api/v1/predict/batch`: a table in, answers out while they are worked out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::Shared;
use super::api::{media_type, read, served};
use super::problem::Problem;
use crate::score::{Answers, ScoreError, ServedModel, chunks, csv_header, csv_rows, ndjson_rows, parse_raw};
use crate::spec::dataset::DatasetSpec;
use crate::table::TableError;

/// Lines of NDJSON that are answered together.
const LINES: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default = "best")]
    model: String,
    #[serde(default)]
    format: Form,
    #[serde(default)]
    proba: bool,
}

fn best() -> String {
    "best".into()
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Csv,
    Ndjson,
}

/// A refusal on the way through a table.
struct Fault(Problem);

impl From<TableError> for Fault {
    fn from(e: TableError) -> Self {
        let line = e.line.map(|l| format!(" (line {l})")).unwrap_or_default();
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{}{line}", e.message));
        problem.hint = e.hints.first().cloned();
        Self(problem)
    }
}

impl From<std::io::Error> for Fault {
    fn from(e: std::io::Error) -> Self {
        Self(Problem::new(StatusCode::BAD_REQUEST, format!("the table cannot be read: {e}")))
    }
}

impl From<ScoreError> for Fault {
    fn from(e: ScoreError) -> Self {
        Self(e.into())
    }
}

pub(super) async fn batch(
    State(app): State<Shared>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(asked) = asked
        .map_err(|e| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e.body_text()).hint("model, format, proba"))?;
    let lines = match media_type(&headers).as_str() {
        "text/csv"
        | "text/tab-separated-values"
        | "application/vnd.apache.parquet"
        | "application/octet-stream"
        | "application/vnd.apache.arrow.file"
        | "application/vnd.apache.arrow.stream"
        | "application/gzip" => false,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => true,
        other => {
            let text = format!("expected a table, got the content type {other:?}");
            let hint = "text/csv, application/x-ndjson, application/vnd.apache.parquet or application/octet-stream";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).hint(hint));
        }
    };
    let catalog = app.catalog.now();
    let model = served(&catalog, &asked.model)?;
    let experiment = catalog.experiment(&model);
    let bytes = read(&app, &headers, body, 8 * app.config.limits.body).await?;
    let form = asked.format;
    let (sender, mut receiver) = mpsc::channel(4);
    let work = Work { app, model, asked, sender };
    tokio::task::spawn_blocking(move || {
        let dataset = experiment.map(|e| e.dataset.clone()).unwrap_or_default();
        let done = if lines { work.lines(&bytes) } else { work.table(bytes, &dataset) };
        if let Err(Fault(problem)) = done {
            let _ = work.sender.blocking_send(Err(problem));
        }
    });
    // What is wrong with the first rows is still told by the status.
    let first = match receiver.recv().await {
        Some(Ok(bytes)) => bytes,
        Some(Err(problem)) => return Err(problem),
        None => Bytes::new(),
    };
    let kind = match form {
        Form::Csv => "text/csv; charset=utf-8",
        Form::Ndjson => "application/x-ndjson",
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::new(Flow { first: Some(first), receiver })).into_response())
}

struct Work {
    app: Shared,
    model: Arc<ServedModel>,
    asked: Asked,
    sender: mpsc::Sender<Result<Bytes, Problem>>,
}

impl Work {
    fn send(&self, answers: &Answers, before: usize) -> Result<(), Fault> {
        let text = match self.asked.format {
            Form::Csv if before == 0 => {
                csv_header(&self.model, self.asked.proba) + &csv_rows(&self.model, answers, 0, self.asked.proba)
            }
            Form::Csv => csv_rows(&self.model, answers, before, self.asked.proba),
            Form::Ndjson => ndjson_rows(&self.model, answers, before),
        };
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        Ok(self.sender.blocking_send(Ok(text.into())).map_err(gone)?)
    }

    fn table(&self, bytes: Bytes, dataset: &DatasetSpec) -> Result<(), Fault> {
        let input = Box::new(std::io::Cursor::new(bytes));
        chunks::<Fault>(input, "the body", &self.model, dataset, &mut |chunk| {
            self.app.metrics.looked_at(&self.model, &chunk.columns);
            let (before, answers) = (chunk.before, chunk.answer(&self.model)?);
            self.app.metrics.answered(&self.model, &answers);
            self.send(&answers, before)
        })
    }

    fn lines(&self, bytes: &[u8]) -> Result<(), Fault> {
        let lines: Vec<&[u8]> =
            bytes.split(|b| *b == b'\n').filter(|l| !l.iter().all(u8::is_ascii_whitespace)).collect();
        if lines.is_empty() {
            return Err(Fault(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "expected at least one line, got none")));
        }
        for (at, some) in lines.chunks(LINES).enumerate() {
            let before = at * LINES;
            let text = [&b"["[..], &some.join(&b","[..]), b"]"].concat();
            let read = parse_raw(&text, &self.model.shape, LINES).map_err(|e| e.later(before))?;
            if read.rows != some.len() {
                let text = "expected one instance a line, got several on one";
                return Err(Fault(Problem::new(StatusCode::BAD_REQUEST, text)));
            }
            self.send(&self.app.answer(&self.model, read).map_err(|e| e.later(before))?, before)?;
        }
        Ok(())
    }
}

/// A body that is sent as it comes. A fault after the first part breaks the connection off, so that nobody takes half
/// an answer for a whole one.
struct Flow {
    first: Option<Bytes>,
    receiver: mpsc::Receiver<Result<Bytes, Problem>>,
}

impl hyper::body::Body for Flow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.receiver
            .poll_recv(context)
            .map(|next| next.map(|part| part.map(Frame::data).map_err(|problem| std::io::Error::other(problem.detail))))
    }
}
