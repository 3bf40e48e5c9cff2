//! Connections: how many there may be, how long they may take, and how they end.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Duration;

use super::{Shared, router};

/// Longest wait for requests that are being answered when the server stops.
const LAST: Duration = Duration::from_secs(30);

pub(super) async fn accept(listener: TcpListener, app: Shared) {
    let service = router(app.clone());
    let room = Arc::new(Semaphore::new(app.config.limits.connections));
    let (stop, stopping) = watch::channel(false);
    // Every connection holds a sender; when all are gone the receiver wakes.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut end = pin!(asked_to_end());
    loop {
        let stream = tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // No file descriptor left, most likely: they come back.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        match room.clone().try_acquire_owned() {
            Ok(permit) => {
                let work = connection(stream, service.clone(), app.clone(), stopping.clone());
                let alive = alive.clone();
                tokio::spawn(async move {
                    work.await;
                    drop((permit, alive));
                });
            }
            Err(_) => {
                app.metrics.shed.inc();
                tokio::spawn(turn_away(stream));
            }
        }
    }
    drop(listener);
    let _ = stop.send(true);
    drop(alive);
    let _ = tokio::time::timeout(LAST, all_gone.recv()).await;
}

async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

async fn turn_away(stream: TcpStream) {
    const TEXT: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
        Content-Type: application/problem+json\r\nContent-Length: 82\r\n\r\n\
        {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"busy\"} ";
    // The send buffer of a new connection takes it at once.
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(TEXT);
    }
}

async fn connection(stream: TcpStream, service: Router, app: Shared, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.config.limits.header).max_buf_size(64 << 10);
    let mut work = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    tokio::select! {
        _ = work.as_mut() => return,
        _ = stopping.changed() => {}
    }
    work.as_mut().graceful_shutdown();
    let _ = work.await;
}
