//! Errors as `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use crate::score::ScoreError;

/// A refusal, with what was wrong where.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub status: StatusCode,
    pub detail: String,
    pub row: Option<usize>,
    pub column: Option<String>,
    pub hint: Option<String>,
    /// The only methods of the path.
    pub allow: Option<&'static str>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), row: None, column: None, hint: None, allow: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ScoreError> for Problem {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::Row { row, column, message } => {
                Self { row, column, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
            }
            ScoreError::Syntax(message) => Self::new(StatusCode::BAD_REQUEST, message),
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            // Where clients of the Open Inference Protocol look.
            "error": self.detail,
        });
        let more = [("row", self.row.map(|r| json!(r))), ("column", self.column.map(|c| json!(c)))];
        for (key, value) in more.into_iter().chain([("hint", self.hint.map(|h| json!(h)))]) {
            if let Some(value) = value {
                body[key] = value;
            }
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            // Browsers know only this one, and ask for name and password.
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"runner\", charset=\"UTF-8\""),
            );
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

pub(super) async fn no_such_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").hint("GET /docs shows what there is")
}

pub(super) async fn no_such_method(uri: axum::http::Uri) -> Problem {
    let path = uri.path();
    let post = path == "/api/v1/predict" || path == "/api/v1/predict/batch" || path.ends_with("/infer");
    let allow = if post { "POST" } else { "GET,HEAD" };
    Problem { allow: Some(allow), ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}")) }
}
