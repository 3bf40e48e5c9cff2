//! What stands before every handler: token, shedding, time-out, headers, log.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::{App, Shared};
use crate::digest::Digest;

/// What pages may load: nothing from elsewhere. A page of the program may narrow that further by its own policy.
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
];

pub(super) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response<Body> {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let origin = request.headers().get(header::ORIGIN).cloned();
    app.metrics.in_flight.inc();
    let mut response = answer(&app, request, next).await;
    app.metrics.in_flight.dec();
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !path.starts_with("/docs") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let (Some(allowed), Some(origin)) = (&app.config.cors, origin)
        && origin.as_bytes() == allowed.as_bytes()
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    app.metrics.request(route(&path), status, seconds);
    tracing::info!(target: "access", method = %method, path = %path, status, ms = seconds * 1e3);
    response
}

/// The path without what differs from request to request, for metrics.
fn route(path: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "/api/v1/predict/batch",
        "/api/v1/predict",
        "/api/v1/models",
        "/api/v1/model-architecture",
        "/api/v1/health",
        "/v2",
        "/docs",
        "/openapi.json",
        "/metrics",
    ];
    KNOWN.into_iter().find(|k| path.starts_with(k)).unwrap_or(if path == "/" { "/" } else { "other" })
}

async fn answer(app: &App, request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path();
    // Whoever watches over the server has no token; the page of the API holds nothing of the run.
    let open = path.starts_with("/api/v1/health") || path.starts_with("/v2/health/") || path.starts_with("/docs");
    if request.method() == Method::OPTIONS
        && let Some(allowed) = &app.config.cors
    {
        return preflight(allowed, request.headers().get(header::ORIGIN));
    }
    if !open && !allowed(app, request.headers().get(header::AUTHORIZATION)) {
        return Problem::new(StatusCode::UNAUTHORIZED, "the token is missing or wrong")
            .hint("send it: Authorization: Bearer TOKEN; a browser takes it as the password, with any name")
            .into_response();
    }
    let room = if open { None } else { Some(app.room.try_acquire()) };
    if matches!(room, Some(Err(_))) {
        app.metrics.shed.inc();
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once").into_response();
    }
    match tokio::time::timeout(app.config.limits.handler, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the answer took too long").into_response(),
    }
}

/// The token as programs send it (`Bearer TOKEN`), or as browsers send the password that they asked for (`Basic`, with any
/// name).
fn token(given: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, rest) = given.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.trim().as_bytes().to_vec()),
        "basic" => {
            let pair = BASE64_STANDARD.decode(rest.trim()).ok()?;
            let colon = pair.iter().position(|b| *b == b':')?;
            Some(pair[colon + 1..].to_vec())
        }
        _ => None,
    }
}

fn allowed(app: &App, given: Option<&HeaderValue>) -> bool {
    let Some(wanted) = &app.token else { return true };
    // Digests have one length, so the time tells nothing of the token.
    let given = Digest::of(&given.and_then(token).unwrap_or_default()).to_string();
    given.as_bytes().ct_eq(wanted.to_string().as_bytes()).into()
}

fn preflight(allowed: &str, origin: Option<&HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if origin.is_some_and(|o| o.as_bytes() == allowed.as_bytes()) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
