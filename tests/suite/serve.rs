//! `runner serve` over a socket, and `runner predict`: the answers are those of the run.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use runner::ml::{MISSING, Values};
use runner::step::Artifact;
use runner::table::{PlainValues, Table, read_predictions_parquet};

use super::data::folder_with;
use super::support::{Place, root};

/// A server of its own, stopped at the end.
pub struct Server {
    pub child: Child,
    pub addr: String,
}

impl Server {
    #[track_caller]
    pub fn start(place: &Place, args: &[&str]) -> Self {
        let args = [&["serve", "--addr", "127.0.0.1:0", "--log", "off"], args].concat();
        let child = place.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut server = Self { child, addr: String::new() };
        let mut lines = BufReader::new(server.child.stderr.take().unwrap());
        let mut told = String::new();
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended: {told}");
            told.push_str(&line);
            if let Some(rest) = line.strip_prefix("http://") {
                server.addr = rest.trim_end().trim_end_matches("/docs").to_owned();
                std::thread::spawn(move || lines.read_to_string(&mut String::new()));
                return server;
            }
        }
    }

    pub fn connect(&self) -> Client {
        Client::new(&self.addr)
    }

    pub fn memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default().to_owned();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    pub fn end(mut self) -> Option<i32> {
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    addr: String,
}

impl Client {
    pub fn new(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), addr: addr.to_owned() }
    }

    /// Status and body. An error is a connection that broke.
    pub fn ask(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.addr,
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.strip_prefix("content-length: ") {
                length = n.parse().unwrap();
            }
            chunked |= line == "transfer-encoding: chunked";
        }
        let mut body = Vec::new();
        if !chunked {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
            return Ok((status, body));
        }
        loop {
            let mut size = String::new();
            if self.stream.read_line(&mut size)? == 0 {
                return Err(broken());
            }
            let size = usize::from_str_radix(size.trim_end(), 16).map_err(|_| broken())?;
            let mut part = vec![0; size + 2];
            self.stream.read_exact(&mut part)?;
            if size == 0 {
                return Ok((status, body));
            }
            body.extend(&part[..size]);
        }
    }

    #[track_caller]
    pub fn json(&mut self, path: &str, body: &Json) -> (u16, Json) {
        let (status, text) = self.ask("POST", path, "application/json", body.to_string().as_bytes()).unwrap();
        (status, serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text))))
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        self.ask("GET", path, "", b"").unwrap()
    }
}

/// The table of a run as it was read.
fn raw(run: &Path) -> Table {
    let record: Json = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    let source = record["steps"].as_array().unwrap().iter().find(|s| s["kind"] == "source").unwrap();
    let outputs = source["outputs"].as_array().unwrap();
    let digest = outputs.iter().find(|o| o[0] == "table").unwrap()[1].as_str().unwrap();
    let object = run.parent().unwrap().join(".store/objects").join(&digest[..2]).join(&digest[2..]);
    Artifact::decode(fs::read(object).unwrap()).unwrap().table().unwrap().clone()
}

/// A row as JSON: all columns, in an order and with a spelling of numbers that differ from row to row.
fn object(table: &Table, row: usize) -> Json {
    let mut cells: Vec<(String, Json)> = table
        .columns
        .iter()
        .map(|c| {
            let value = match &c.values {
                Values::Number(v) if v[row].is_nan() => Json::Null,
                Values::Number(v) if row % 2 == 1 && v[row].fract() == 0.0 && v[row].abs() < 1e15 => {
                    json!(v[row] as i64)
                }
                Values::Number(v) => json!(v[row]),
                Values::Category { codes, .. } if codes[row] == MISSING => Json::Null,
                Values::Category { codes, levels } => json!(levels[codes[row] as usize]),
            };
            (c.name.clone(), value)
        })
        .collect();
    if row % 3 == 1 {
        cells.reverse();
    }
    cells.push(("a column that nobody knows".into(), json!({"nested": [1, 2]})));
    Json::Object(cells.into_iter().collect::<Map<_, _>>())
}

/// Compares the answers for test rows (at most `most`, spread over the part) with what the run wrote down; how many
/// models were compared.
fn parity(place: &Place, experiment: &str, data: Option<&Path>, most: usize) -> usize {
    let file = root().join("experiments").join(format!("{experiment}.yaml"));
    let runs = format!("runs-{experiment}");
    let mut args = vec!["--runs", &runs, "run", file.to_str().unwrap(), "-q"];
    let data = data.map(|d| d.to_str().unwrap().to_owned());
    args.extend(data.iter().flat_map(|d| ["--data-dir", d.as_str()]));
    place.run(&args).exits(0);
    let run = place.latest(&runs).unwrap();
    let server = Server::start(place, &["--runs", &runs]);
    let mut client = server.connect();
    let (_, listed) = client.get("/api/v1/models");
    let listed: Json = serde_json::from_slice(&listed).unwrap();
    let table = raw(&run);
    let mut compared = 0;
    for (name, about) in listed.as_object().unwrap() {
        if about["served"] == false {
            assert_eq!(about["kind"], "dbscan");
            let (status, answer) = client.json("/api/v1/predict", &json!({"model": name, "instances": [{}]}));
            assert_eq!(status, 409);
            assert!(answer["detail"].as_str().unwrap().contains("cluster_labels: test"), "{answer}");
            continue;
        }
        let said = fs::read(run.join(format!("predictions/{name}.parquet"))).unwrap();
        let said = read_predictions_parquet(&said).unwrap();
        let PlainValues::U64(ids) = &said[0].values else { panic!("ids") };
        let step = ids.len().div_ceil(most).max(1);
        let picked: Vec<usize> = (0..ids.len()).step_by(step).collect();
        for part in picked.chunks(200) {
            let rows: Vec<Json> =
                part.iter().map(|&i| object(&table, table.row_ids.binary_search(&ids[i]).unwrap())).collect();
            let (status, answer) = client.json("/api/v1/predict", &json!({"model": name, "instances": rows}));
            assert_eq!(status, 200, "{experiment} {name}: {answer}");
            for (at, &i) in part.iter().enumerate() {
                let mut class = 0;
                for column in &said {
                    match (&column.values, column.name.as_str()) {
                        (PlainValues::Text(v), "y_pred") => assert_eq!(answer["labels"][at], v[i], "{name} {i}"),
                        (PlainValues::F64(v), _) => {
                            let got = answer["probabilities"][at][class].as_f64().unwrap();
                            assert_eq!(got.to_bits(), v[i].to_bits(), "{experiment} {name} row {i} class {class}");
                            class += 1;
                        }
                        (PlainValues::I32(v), "cluster") => assert_eq!(answer["cluster"][at], v[i], "{name} {i}"),
                        _ => {}
                    }
                }
            }
        }
        compared += 1;
    }
    assert_eq!(server.end(), Some(0));
    compared
}

#[test]
fn answers_are_those_of_the_run_made_up_flows() {
    assert_eq!(parity(&Place::new(), "baseline", None, 2000), 6);
}

#[test]
fn answers_are_those_of_the_run_real_flows() {
    let Some(data) = folder_with(super::data::TII) else { return };
    let place = Place::new();
    // The published arrays' DBSCAN clustered the test rows themselves.
    for (experiment, models) in [("corrected-study", 5), ("published-arrays", 4), ("published-study", 5), ("best", 5)] {
        assert_eq!(parity(&place, experiment, Some(&data), usize::MAX), models, "{experiment}");
    }
}

#[test]
#[ignore = "minutes: the large experiments, every test row"]
fn answers_are_those_of_the_run_everywhere() {
    let Some(data) = folder_with(super::data::NSL_KDD) else { return };
    let place = Place::new();
    for experiment in ["ddos-sdn", "nsl-kdd", "nsl-kdd-multiclass", "cicids2017", "ciciot2023", "kddcup99"] {
        assert!(parity(&place, experiment, Some(&data), usize::MAX) > 2, "{experiment}");
    }
}

/// A small run: made-up flows with missing values filled.
pub const SMALL: &str = "
name: small
seed: 3
dataset:
  simulate: {rows: 600}
  target: Traffic Type
  keep_aside: [Flow ID, Src IP, Src Port, Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]
clean:
  - replace: {columns: Protocol, values: {6: tcp, 17: udp, 0: none}}
  - derive: {per packet: '`Total Length of Fwd Packet` / `Total Fwd Packet`'}
  - round: 3
split: {stratified: {test_size: 0.3}}
prepare: [impute, one_hot, drop_constant, standardize]
models: {random_forest: {n_estimators: 20}, mlp: {hidden_layer_sizes: [8], max_iter: 20}, kmeans: {n_clusters: 4}}
";

pub fn small() -> Place {
    let place = Place::new();
    place.write("small.yaml", SMALL);
    place.run(&["run", "small.yaml", "-q"]).exits(0);
    place
}

#[test]
fn odd_requests_are_told_what_is_wrong_with_them() {
    let place = small();
    let server = Server::start(&place, &[]);
    let mut client = server.connect();
    let rows = |text: &str| format!(r#"{{"model": "mlp", "instances": {text}}}"#);
    let long = rows(&format!("{}1{}", "[".repeat(5000), "]".repeat(5000)));
    for (body, status, part) in [
        ("", 400, "no JSON"),
        ("{", 400, "no JSON"),
        ("[]", 422, "invalid length"),
        (&rows("[]"), 422, "at least one"),
        (&rows("{}"), 422, "a list of instances"),
        (&rows("[1]"), 422, "expected an object by column name"),
        (&rows("[null]"), 422, "got null"),
        (&rows(r#"["x"]"#), 422, "got a text"),
        (&rows("[[1, 2]]"), 422, "in the documented order, got 2"),
        (&rows(r#"[{"Flow Duration": NaN}]"#), 400, "no JSON"),
        (&rows(r#"[{"Flow Duration": Infinity}]"#), 400, "no JSON"),
        (&rows(r#"[{"Flow Duration": 1e400}]"#), 400, "out of range"),
        (&rows(r#"[{"Flow Duration": 1e300}]"#), 422, "within ±1e15"),
        (&rows(r#"[{"Flow Duration": "NaN"}]"#), 422, "got the text \\\"NaN\\\""),
        (&rows(r#"[{}, {"Flow Duration": "fast"}]"#), 422, "\"row\":1,\"column\":\"Flow Duration\""),
        (&rows(r#"[{"Flow Duration": true}]"#), 422, "got true"),
        (&rows(r#"[{"Flow Duration": [1]}]"#), 422, "got a list"),
        (&rows(r#"[{"Flow Duration": 1, "Flow Duration": 2}]"#), 422, "given twice"),
        (r#"{"model": "mpl", "instances": [{}]}"#, 404, "did you mean \\\"mlp\\\""),
        (r#"{"model": "mlp", "model": "mlp", "instances": [{}]}"#, 422, "duplicate field"),
        (r#"{"model": "mlp"}"#, 422, "missing field `instances`"),
        (r#"{"model": "mlp", "instance": [{}]}"#, 422, "unknown field"),
        (r#"{"model": "mlp", "instances": [[1]], "input": "prepared"}"#, 422, "prepared values, got 1"),
        (r#"{"model": "mlp", "instances": [{}], "input": "cooked"}"#, 422, "unknown variant"),
        (&long, 422, "got a list"),
    ] {
        let shown = &body[..body.len().min(100)];
        let (got, answer) = client.ask("POST", "/api/v1/predict", "application/json", body.as_bytes()).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(got, status, "{shown}: {answer}");
        assert!(answer.contains(part), "{shown}: {answer}");
    }
    // An empty row is filled by the imputer and says so; an unknown word and a far value too.
    let instances = json!([{}, {"Protocol": 99, "Flow Duration": 1e14}]);
    let (status, answer) = client.json("/api/v1/predict", &json!({"model": "mlp", "instances": instances}));
    assert_eq!(status, 200, "{answer}");
    assert!(answer["warnings"][0].to_string().contains(r#"{"column":"Flow Duration","what":"missing"}"#), "{answer}");
    assert!(answer["warnings"][1].to_string().contains(r#"{"column":"Protocol","what":"unknown_category"}"#));
    assert!(answer["warnings"][1].to_string().contains(r#"{"column":"Flow Duration","what":"out_of_range"}"#));
    let (status, body) = client.get("/api/v1/model-architecture/mlp?top_k=0");
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&body));
    assert_eq!(client.get("/api/v1/model-architecture/kmeans").0, 400);
    let metrics = String::from_utf8(client.get("/metrics").1).unwrap();
    for name in ["runner_requests_total{", "runner_predictions_total{", "runner_request_seconds_bucket{"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert!(metrics.contains("runner_feature_drift{"), "{metrics}");
}

#[test]
fn predict_batch_and_infer_say_the_same() {
    let place = small();
    let run = place.latest("runs").unwrap();
    let table = raw(&run);
    let text = |c: &runner::ml::Column, row: usize| c.text(row).unwrap_or_default();
    let mut csv = table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..table.rows() {
        csv += &(table.columns.iter().map(|c| text(c, row)).collect::<Vec<_>>().join(",") + "\n");
    }
    place.write("flows.csv", &csv);
    let told = place.run(&["predict", "flows.csv", "--model", "kmeans", "--proba", "-o", "out.csv"]).exits(0);
    assert!(
        told.stderr.contains("kmeans of 2") && told.stderr.contains(" on 600 rows with a label: accuracy"),
        "{}",
        told.stderr
    );
    let out = fs::read_to_string(place.path("out.csv")).unwrap();
    assert!(out.starts_with("row,label,group,score,cluster,proba_Audio"), "{out}");
    assert_eq!(out.lines().count(), 601);
    let server = Server::start(&place, &[]);
    let mut client = server.connect();
    let path = "/api/v1/predict/batch?model=kmeans&proba=true";
    let (status, answer) = client.ask("POST", path, "text/csv", csv.as_bytes()).unwrap();
    assert_eq!((status, String::from_utf8(answer).unwrap()), (200, out));
    let lines: String = (0..3).map(|row| format!("{}\n", object(&table, row))).collect();
    let path = "/api/v1/predict/batch?model=kmeans&format=ndjson";
    let (status, answer) = client.ask("POST", path, "application/x-ndjson", lines.as_bytes()).unwrap();
    let ndjson = place.run(&["predict", "flows.csv", "--model", "kmeans", "--format", "ndjson"]).exits(0).stdout;
    let first: String = ndjson.lines().take(3).map(|l| format!("{l}\n")).collect();
    assert_eq!((status, String::from_utf8(answer).unwrap()), (200, first.clone()));
    // One tensor a column, as an Open Inference Protocol client sends them.
    let (_, about) = client.get("/v2/models/kmeans");
    let about: Json = serde_json::from_slice(&about).unwrap();
    let tensors: Vec<Json> = about["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| {
            let data: Vec<Json> =
                (0..3).map(|row| object(&table, row)[input["name"].as_str().unwrap()].clone()).collect();
            json!({"name": input["name"], "datatype": input["datatype"], "shape": [3], "data": data})
        })
        .collect();
    let request = json!({"id": "42", "inputs": tensors, "outputs": [{"name": "labels"}]});
    let (status, answer) = client.json("/v2/models/kmeans/infer", &request);
    assert_eq!((status, &answer["id"]), (200, &json!("42")), "{answer}");
    for (row, line) in first.lines().enumerate() {
        let line: Json = serde_json::from_str(line).unwrap();
        assert_eq!(answer["outputs"][0]["data"][row], line["label"]);
    }
    // Faults of a table have their line.
    let bad = csv.replacen(&table.columns[7].text(0).unwrap(), "fast", 0) + "1,2\n";
    let (status, answer) = client.ask("POST", "/api/v1/predict/batch", "text/csv", bad.as_bytes()).unwrap();
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&answer));
    assert!(String::from_utf8_lossy(&answer).contains("(line 602)"), "{}", String::from_utf8_lossy(&answer));
    let told = place.run(&["predict", "no-such.csv"]).exits(2);
    assert!(told.stderr.contains("cannot read no-such.csv"), "{}", told.stderr);
    let told = place.run(&["predict", "flows.csv", "--model", "x"]).exits(2);
    assert!(told.stderr.contains("there are: best, random_forest"), "{}", told.stderr);
}

#[test]
fn the_latest_run_that_can_be_asked_answers_and_its_own_data_is_no_test() {
    let place = Place::new();
    let mut csv = "flow,size,label\n".to_owned();
    for row in 0..60 {
        csv += &format!("{row},{},{}\n", row % 7, if row % 2 == 0 { "web" } else { "scan" });
    }
    place.write("sub/flows.csv", &csv);
    place.write("sub/own.yaml", "dataset: {path: flows.csv, target: label}\nmodels: {decision_tree: {}}\n");
    place.run(&["run", "sub/own.yaml", "-q"]).exits(0);
    let run = place.latest("runs").unwrap();
    let id = run.file_name().unwrap().to_str().unwrap();
    // The command of the page: paths are meant from where the experiment stood.
    let again = place.run(&["plan", &format!("runs/{id}/experiment.yaml")]).exits(0);
    assert!(again.stdout.contains(" 0 to run"), "{}", again.stdout);
    let told = place.run(&["predict", "sub/flows.csv"]).exits(0).stderr;
    assert!(told.contains(&format!(" of {id} on 60 rows")) && told.contains("these figures are no test"), "{told}");
    place.write("other.csv", csv.replace("0,0,web\n", ""));
    let told = place.run(&["predict", "other.csv"]).exits(0).stderr;
    assert!(told.contains("on 59 rows") && !told.contains("no test"), "{told}");
    // A run that left nothing to ask is not what `latest` means here.
    place.run(&["run", "sub/own.yaml", "-q", "--set", "models.decision_tree.max_depth=3"]).exits(0);
    fs::remove_file(place.latest("runs").unwrap().join("models/serving.json")).unwrap();
    let told = place.run(&["predict", "other.csv"]).exits(0).stderr;
    assert!(told.contains("did not end with models to ask") && told.contains(id), "{told}");
}

#[test]
fn it_is_safe_unless_told_otherwise() {
    let place = small();
    let told = place.run(&["serve", "--addr", "0.0.0.0:0"]).exits(2);
    assert!(told.stderr.contains("there is no token"), "{}", told.stderr);
    let told = place.run(&["serve", "--addr", "nowhere"]).exits(2);
    assert!(told.stderr.contains("expected an address and a port"), "{}", told.stderr);
    let told = place.run(&["serve", "--watch", "small"]).exits(2);
    assert!(told.stderr.contains("expected latest:NAME"), "{}", told.stderr);
    // A model that answers otherwise than in the run is not served.
    let run = place.latest("runs").unwrap();
    let record = fs::read_to_string(run.join("record.json")).unwrap();
    let json: Json = serde_json::from_str(&record).unwrap();
    let digest = |path: &str| {
        let files = json["files"].as_array().unwrap();
        files.iter().find(|f| f[0] == path).unwrap()[1].as_str().unwrap().to_owned()
    };
    let swapped = record.replace(&digest("predictions/mlp.parquet"), &digest("predictions/kmeans.parquet"));
    fs::write(run.join("record.json"), swapped).unwrap();
    let told = place.run(&["serve"]).exits(3);
    assert!(told.stderr.contains("mlp answers row"), "{}", told.stderr);
    fs::write(run.join("record.json"), record).unwrap();
    // Several runs.
    place.run(&["run", "small.yaml", "-q", "--set", "name=other", "--set", "seed=4"]).exits(0);
    let ids: Vec<String> =
        place.runs("runs").iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let server = Server::start(&place, &["--run", &ids[0], "--run", &ids[1]]);
    let mut client = server.connect();
    assert_eq!(client.get("/api/v1/models/small/mlp").0, 200);
    assert_eq!(client.get("/v2/models/other%2Fmlp/ready").0, 200);
    let (status, answer) = client.json("/api/v1/predict", &json!({"model": "other/best", "instances": [{}]}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_curl_lines_of_the_readme_work() {
    if Command::new("curl").arg("--version").output().is_err() {
        super::support::passed_over("the_curl_lines_of_the_readme_work: there is no curl");
        return;
    }
    let place = Place::new();
    place.run(&["run", root().join("experiments/baseline.yaml").to_str().unwrap(), "-q"]).exits(0);
    let server = Server::start(&place, &[]);
    let readme = fs::read_to_string(root().join("README.md")).unwrap().replace("\\\n", "");
    let lines: Vec<&str> = readme.lines().filter(|l| l.starts_with("curl ") && l.contains("127.0.0.1:8000")).collect();
    assert_eq!(lines.len(), 2);
    let ask = |line: &str| {
        let line = line.replace("127.0.0.1:8000", &server.addr);
        String::from_utf8(Command::new("sh").args(["-c", &line]).output().unwrap().stdout).unwrap()
    };
    assert_eq!(ask(lines[0]), r#"{"status":"ok"}"#);
    let answer: Json = serde_json::from_str(&ask(lines[1])).unwrap();
    assert_eq!(answer["labels"].as_array().map(Vec::len), Some(1), "{answer}");
}
