//! The routes without a socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::{App, Catalog, Config, Limits, connection, router};

fn config(token: Option<&str>, cors: Option<&str>, limits: Limits) -> Config {
    Config {
        addr: ([127, 0, 0, 1], 0).into(),
        token: token.map(str::to_owned),
        cors: cors.map(str::to_owned),
        limits,
        runs: "no-such-folder".into(),
        store: None,
        watch: None,
        models: Vec::new(),
        every: Duration::from_secs(1),
        threads: 1,
    }
}

fn ask(config: Config, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = router(App::new(config, Catalog::default())).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    })
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[test]
fn every_path_is_there_and_others_are_told_apart() {
    let code = |path: &str| ask(config(None, None, Limits::default()), get(path)).0;
    for path in ["/api/v1/health", "/api/v1/models", "/v2", "/v2/health/live", "/openapi.json", "/metrics", "/docs/"] {
        assert_eq!(code(path), StatusCode::OK, "{path}");
    }
    for path in ["/", "/compare", "/api/v1/models/x", "/v2/models/x", "/nothing", "/../etc/passwd"] {
        assert_eq!(code(path), StatusCode::NOT_FOUND, "{path}");
    }
    let (status, headers, _) = ask(config(None, None, Limits::default()), get("/api/v1/predict"));
    assert_eq!((status, headers[header::ALLOW].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[test]
fn the_token_is_asked_for_everywhere_but_of_the_watchman() {
    let with = |header: &str| {
        let mut request = get("/api/v1/models");
        request.headers_mut().insert(header::AUTHORIZATION, header.parse().unwrap());
        ask(config(Some("correct-horse"), None, Limits::default()), request).0.as_u16()
    };
    // The third is what a browser sends: base64 of `me:correct-horse`; then `me:wrong`, `correct-horse` without a name.
    let good = ["Bearer correct-horse", "bearer correct-horse", "Basic bWU6Y29ycmVjdC1ob3JzZQ=="];
    assert_eq!(good.map(with), [200, 200, 200]);
    let bad = [
        "Bearer correct-hors",
        "Bearer ",
        "Basic bWU6d3Jvbmc=",
        "Basic Y29ycmVjdC1ob3JzZQ==",
        "Basic %%%",
        "correct-horse",
    ];
    assert_eq!(bad.map(with), [401; 6]);
    for (path, status) in [("/api/v1/health", 200), ("/docs/", 200), ("/openapi.json", 401), ("/metrics", 401)] {
        let (got, headers, body) = ask(config(Some("correct-horse"), None, Limits::default()), get(path));
        assert_eq!(got.as_u16(), status, "{path}");
        if status == 401 {
            assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(body.contains("the token is missing or wrong"), "{body}");
        }
    }
}

#[test]
fn more_than_there_is_room_for_is_turned_away() {
    let limits = Limits { requests: 0, ..Limits::default() };
    let (status, headers, _) = ask(config(None, None, limits.clone()), get("/api/v1/models"));
    assert_eq!((status.as_u16(), headers[header::RETRY_AFTER].to_str().unwrap()), (503, "1"));
    assert_eq!(ask(config(None, None, limits), get("/api/v1/health")).0, StatusCode::OK);
}

#[test]
fn only_the_named_origin_may_call() {
    let from = |origin: &'static str, cors: Option<&str>| {
        let mut request = get("/api/v1/health");
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        let (_, headers, _) = ask(config(None, cors, Limits::default()), request);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    };
    assert!(!from("https://a.example", None));
    assert!(!from("https://a.example", Some("https://b.example")));
    assert!(from("https://a.example", Some("https://a.example")));
}

#[test]
fn bodies_have_a_limit_and_a_type() {
    let limits = Limits { body: 100, ..Limits::default() };
    let post = |kind: &str, body: Vec<u8>| {
        let request = Request::post("/api/v1/predict").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap();
        ask(config(None, None, limits.clone()), request).0.as_u16()
    };
    assert_eq!(post("application/json", vec![b' '; 101]), 413);
    assert_eq!(post("application/json; charset=utf-8", vec![b' '; 100]), 400);
    assert_eq!(post("text/plain", b"{}".to_vec()), 415);
    assert_eq!(post("application/json", vec![0xff, 0xfe]), 400);
    assert_eq!(post("application/json", vec![b'['; 100]), 422);
}

/// What a server with these limits sends back before it closes the connection.
fn sent_back(limits: Limits, talk: impl FnOnce(SocketAddr) -> String) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let addr = listener.local_addr().unwrap();
    runtime.spawn(connection::accept(listener, App::new(config(None, None, limits), Catalog::default())));
    let text = talk(addr);
    runtime.shutdown_background();
    text
}

/// Sends a text, and reads until the server closes the connection.
fn until_closed(addr: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut back = Vec::new();
    let end = stream.read_to_end(&mut back);
    assert!(end.is_ok() || end.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionReset), "{end:?}");
    String::from_utf8(back).unwrap()
}

#[test]
fn slow_clients_are_cut_off() {
    let soon = Duration::from_millis(50);
    let limits = || Limits { header: soon, body_time: soon, ..Limits::default() };
    // No head, half a head, and silence after an answer.
    assert_eq!(sent_back(limits(), |addr| until_closed(addr, "")), "");
    let half = sent_back(limits(), |addr| until_closed(addr, "GET /api/v1/health HTTP/1.1\r\nHo"));
    assert!(!half.contains(" 200 "), "{half}");
    let idle = sent_back(limits(), |addr| until_closed(addr, "GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(idle.starts_with("HTTP/1.1 200 ") && idle.ends_with(r#"{"status":"ok"}"#), "{idle}");
    let head =
        "POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let slow = sent_back(limits(), |addr| until_closed(addr, head));
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    // An answer that takes too long, here because its body does not come.
    let late = sent_back(Limits { handler: soon, ..Limits::default() }, |addr| until_closed(addr, head));
    assert!(late.starts_with("HTTP/1.1 503 ") && late.contains("took too long"), "{late}");
}

#[test]
fn more_connections_than_allowed_are_turned_away() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let text = sent_back(limits, |addr| {
        let mut first = TcpStream::connect(addr).unwrap();
        first.write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        first.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        until_closed(addr, "")
    });
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("Retry-After: 1"), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
    assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
}
