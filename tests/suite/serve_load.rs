//! The server under load: a newer run takes over, and good, bad, slow and broken clients all at once.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::serve::{Client, Server, small};

#[test]
fn a_newer_run_takes_over_and_no_request_is_lost() {
    let place = small();
    let server = Server::start(&place, &["--watch", "latest:small", "--watch-every", "0.1"]);
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let body = json!({"model": "random_forest", "instances": [{}]});
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let mut runs: Vec<Json> = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let (status, answer) = client.json("/api/v1/predict", &body);
                        assert_eq!(status, 200, "{answer}");
                        if runs.last() != Some(&answer["run"]) {
                            runs.push(answer["run"].clone());
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    runs
                })
            })
            .collect();
        for seed in ["11", "12"] {
            place.run(&["run", "small.yaml", "-q", "--set", &format!("seed={seed}")]).exits(0);
            std::thread::sleep(Duration::from_millis(700));
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert_eq!(client.join().unwrap().len(), 3, "every client sees all three runs, in order");
        }
    });
    assert!(asked.load(Ordering::Relaxed) > 100);
    assert_eq!(server.end(), Some(0));
}

#[test]
fn twenty_seconds_of_mixed_load() {
    mixed(Duration::from_secs(20));
}

#[test]
#[ignore = "ten minutes of mixed load"]
fn ten_minutes_of_mixed_load() {
    mixed(Duration::from_secs(600));
}

fn mixed(time: Duration) {
    let place = small();
    let server = Server::start(&place, &["--max-body", "1"]);
    let begun = Instant::now();
    let good = json!({"model": "random_forest", "instances": vec![json!({}); 20]}).to_string();
    let large = vec![b' '; 2 << 20];
    let over = || begun.elapsed() > time;
    let warm = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = server.connect();
                while !over() {
                    let got = client.ask("POST", "/api/v1/predict", "application/json", good.as_bytes()).unwrap();
                    assert_eq!(got.0, 200);
                }
            });
        }
        scope.spawn(|| {
            let mut client = server.connect();
            let bodies: [(&[u8], u16); 4] = [
                (b"{", 400),
                (b"\xff\x00", 400),
                (b"{\"instances\": [7]}", 422),
                (b"{\"instances\": [], \"model\": \"?\"}", 404),
            ];
            for (body, status) in bodies.iter().cycle().take_while(|_| !over()) {
                assert_eq!(client.ask("POST", "/api/v1/predict", "application/json", body).unwrap().0, *status);
            }
        });
        scope.spawn(|| {
            while !over() {
                // Too large: told so, or cut off while still sending.
                if let Ok((status, _)) = server.connect().ask("POST", "/api/v1/predict", "application/json", &large) {
                    assert_eq!(status, 413);
                }
            }
        });
        scope.spawn(|| {
            // Clients that go away in the middle of a request, and some that never finish its head.
            let mut slow = Vec::new();
            while !over() {
                let mut stream = TcpStream::connect(&server.addr).unwrap();
                stream.write_all(b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Le").unwrap();
                if slow.len() < 50 { slow.push(stream) } else { slow.clear() }
                let mut stream = TcpStream::connect(&server.addr).unwrap();
                let head = b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{";
                stream.write_all(head).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        scope.spawn(|| {
            // What is allocated once is there after half of the time.
            std::thread::sleep(time / 2);
            warm.store(server.memory() as usize, Ordering::Relaxed);
        });
    });
    let (before, after) = (warm.load(Ordering::Relaxed) as f64, server.memory() as f64);
    assert!(after < before * 1.05, "memory grew from {before} to {after} KiB");
    assert_eq!(Client::new(&server.addr).get("/api/v1/health").0, 200);
    assert_eq!(server.end(), Some(0));
}
