//! One task of runner's on one array: a line of JSON, as `scripts/peers/tasks.py` prints for the peers.
//! `scripts/bench_peers.py` runs both in turn; `just bench-peers` is the way to start it.

#![allow(missing_docs, clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use ndarray::{Array2, s};
use runner::digest::{Digest, Seed};
use runner::ml::dbscan::Dbscan;
use runner::ml::forest::{ClassWeight, ExtraTrees, Forest, ForestBalanced, RandomForest};
use runner::ml::kmeans::KMeans;
use runner::ml::metrics::clustering::silhouette;
use runner::ml::mlp::{HiddenLayers, Mlp};
use runner::ml::smote::Smote;
use runner::ml::{Dataset, Numerics, Part, Progress, Role, Training, argmax};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

type Answer<T> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
struct Arguments {
    /// forest, extra_trees, kmeans, dbscan, mlp, smote or silhouette
    task: String,
    #[arg(long)]
    arrays: PathBuf,
    #[arg(long, default_value = "S")]
    size: String,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Fits, of which the median counts
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// The first rows only
    #[arg(long)]
    rows: Option<usize>,
    /// The first columns only
    #[arg(long)]
    columns: Option<usize>,
    #[arg(long, default_value_t = 200)]
    trees: usize,
    #[arg(long, default_value_t = 1000)]
    epochs: usize,
    /// Fit once for each of so many seeds, for the accuracy
    #[arg(long)]
    seeds: Option<u64>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Answer<()> {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    let (figures, values) = match arguments.task.as_str() {
        "forest" | "extra_trees" => forest(&arguments),
        "kmeans" => kmeans(&arguments),
        "dbscan" => dbscan(&arguments),
        "mlp" => mlp(&arguments),
        "smote" => smote(&arguments),
        "silhouette" => silhouettes(&arguments),
        other => Err(format!("unknown task {other:?}").into()),
    }?;
    let Value::Object(mut line) = figures else { return Err("figures are no object".into()) };
    line.insert("task".into(), arguments.task.into());
    line.insert("size".into(), arguments.size.into());
    line.insert("who".into(), "runner".into());
    line.insert("threads".into(), arguments.threads.into());
    line.insert("values".into(), values);
    println!("{}", Value::Object(line));
    Ok(())
}

/// Shape and values of a file of `scripts/peers/arrays.py`: the first version of the format, 8 bytes a value, row by row.
fn npy(arguments: &Arguments, name: &str) -> Answer<(Vec<usize>, impl Iterator<Item = [u8; 8]>)> {
    let path = arguments.arrays.join(&arguments.size).join(format!("{name}.npy"));
    let mut file = BufReader::new(File::open(path)?);
    let mut start = [0; 10];
    file.read_exact(&mut start)?;
    let mut header = vec![0; usize::from(u16::from_le_bytes([start[8], start[9]]))];
    file.read_exact(&mut header)?;
    let header = String::from_utf8(header)?;
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let shape = shape.ok_or("no shape in the header")?.0.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape = shape.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let count = shape.iter().product();
    let mut left = file;
    let values = std::iter::repeat_with(move || {
        let mut value = [0; 8];
        left.read_exact(&mut value).expect("the file is as long as its header says");
        value
    });
    Ok((shape, values.take(count)))
}

/// The matrix of a file, cut to `--columns`, and to `--rows` unless it holds test rows or centres.
fn matrix(arguments: &Arguments, name: &str) -> Answer<Array2<f64>> {
    let (shape, values) = npy(arguments, name)?;
    let [rows, columns] = shape[..] else { return Err(format!("{name} has the shape {shape:?}").into()) };
    let x = Array2::from_shape_vec((rows, columns), values.map(f64::from_le_bytes).collect())?;
    let whole = name.ends_with("_test") || name == "centers";
    let rows = arguments.rows.filter(|_| !whole).unwrap_or(x.nrows()).min(x.nrows());
    let columns = arguments.columns.unwrap_or(x.ncols()).min(x.ncols());
    Ok(if (rows, columns) == x.dim() { x } else { x.slice(s![..rows, ..columns]).to_owned() })
}

fn classes(arguments: &Arguments, name: &str) -> Answer<Vec<u32>> {
    let y: Vec<i64> = npy(arguments, name)?.1.map(i64::from_le_bytes).collect();
    let rows = arguments.rows.filter(|_| !name.ends_with("_test")).unwrap_or(y.len()).min(y.len());
    Ok(y.iter().take(rows).map(|&class| u32::try_from(class)).collect::<Result<_, _>>()?)
}

fn data(arguments: &Arguments, x: &str, y: &str) -> Answer<Training<Dataset>> {
    let (x, y) = (matrix(arguments, x)?, classes(arguments, y)?);
    let n_classes = y.iter().max().map_or(0, |&most| most + 1);
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
    let (features, row_ids) = (names(x.ncols()), (0..x.nrows() as u64).collect());
    let data = Dataset::new(x, y, names(n_classes as usize), features, row_ids)?;
    Ok(Training::new(Part::first(Role::Train), data)?)
}

/// The training rows, or at size S the rows before SMOTE.
fn raw(arguments: &Arguments) -> Answer<Training<Dataset>> {
    if arguments.size == "S" { data(arguments, "X_raw", "y_raw") } else { data(arguments, "X_train", "y_train") }
}

/// Seconds of this process's threads, user and system.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A line of `/proc/self/status` in MiB; 0 where there is none.
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|rest| rest.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    (low + high) / 2.0
}

/// What the last call gave, wall seconds and processor seconds of each.
fn timed<T>(repeat: usize, mut work: impl FnMut() -> T) -> (T, Vec<f64>, Vec<f64>) {
    let (mut wall, mut cpu, mut result) = (Vec::new(), Vec::new(), None);
    while wall.len() < repeat.max(1) {
        drop(result.take());
        let (cpu_before, before) = (processor(), Instant::now());
        result = Some(work());
        wall.push(before.elapsed().as_secs_f64());
        cpu.push(processor() - cpu_before);
    }
    (result.expect("at least one call"), wall, cpu)
}

/// What the last of `--repeat` calls gave, and the figures of the line.
fn measured<T>(arguments: &Arguments, work: impl FnMut() -> T) -> (T, Value) {
    let base = status("VmRSS");
    let (result, wall, cpu) = timed(arguments.repeat, work);
    let figures = json!({
        "wall_s": median(&wall),
        "cpu_s": median(&cpu),
        "all_wall_s": wall,
        "all_cpu_s": cpu,
        "base_mib": base,
        "peak_mib": status("VmHWM"),
    });
    (result, figures)
}

fn accuracy(y: &[u32], predicted: &[u32]) -> f64 {
    y.iter().zip(predicted).filter(|(a, b)| a == b).count() as f64 / y.len() as f64
}

fn f1_macro(y: &[u32], predicted: &[u32]) -> f64 {
    let n = y.iter().chain(predicted).max().map_or(0, |&most| most as usize + 1);
    let (mut right, mut both) = (vec![0.0; n], vec![0.0; n]);
    for (&a, &b) in y.iter().zip(predicted) {
        right[a as usize] += f64::from(u8::from(a == b));
        both[a as usize] += 0.5;
        both[b as usize] += 0.5;
    }
    let present = both.iter().filter(|&&n| n > 0.0).count() as f64;
    right.iter().zip(&both).filter(|(_, n)| **n > 0.0).map(|(r, n)| r / n).sum::<f64>() / present
}

/// Mean accuracy and its standard error over `--seeds` fits.
fn over_seeds(seeds: u64, mut score: impl FnMut(u64) -> Answer<f64>) -> Answer<Value> {
    let scores = (0..seeds).map(&mut score).collect::<Answer<Vec<f64>>>()?;
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Ok(json!({"accuracy": mean, "accuracy_error": (variance / n).sqrt(), "accuracies": scores}))
}

fn forest(arguments: &Arguments) -> Answer<(Value, Value)> {
    let train = data(arguments, "X_train", "y_train")?;
    let (x_test, y_test) = (matrix(arguments, "X_test")?, classes(arguments, "y_test")?);
    let class_weight = ClassWeight::Rule(ForestBalanced::Balanced);
    let best =
        RandomForest { n_estimators: arguments.trees, class_weight: class_weight.clone(), ..RandomForest::default() };
    let random = ExtraTrees { n_estimators: arguments.trees, class_weight, ..ExtraTrees::default() };
    let fit = |seed| -> Answer<Forest> {
        let (seed, progress) = (Seed::new(seed), Progress::none());
        let fitted = if arguments.task == "forest" {
            best.fit(&train, seed, progress)
        } else {
            random.fit(&train, seed, progress)
        };
        Ok(fitted?.0)
    };
    if let Some(seeds) = arguments.seeds {
        let score = |seed| Ok(accuracy(&y_test, &argmax(&fit(seed)?.predict_proba(x_test.view()))));
        let (values, figures) = measured(arguments, || over_seeds(seeds, score));
        return Ok((figures, values?));
    }
    let (model, figures) = measured(arguments, || fit(42));
    let model = model?;
    let predicted = argmax(&model.predict_proba(x_test.view()));
    let many = Array2::from_shape_fn((10_000, x_test.ncols()), |(i, j)| x_test[[i % x_test.nrows(), j]]);
    let (_, wall, cpu) = timed(8, || argmax(&model.predict_proba(many.view())));
    let mut shares = vec![0.0; model.n_classes()];
    let one: Vec<f64> = x_test
        .outer_iter()
        .take(600)
        .filter_map(|row| row.to_slice())
        .map(|row| timed(1, || model.predict_proba_row(row, &mut shares)).1[0] * 1e6)
        .collect();
    let trees = model.trees();
    let mean = |of: &dyn Fn(usize) -> usize| (0..trees.len()).map(of).sum::<usize>() as f64 / trees.len() as f64;
    let values = json!({
        "accuracy": accuracy(&y_test, &predicted),
        "f1_macro": f1_macro(&y_test, &predicted),
        "mean_leaves": mean(&|i| trees[i].node_count().div_ceil(2)),
        "mean_depth": mean(&|i| trees[i].depth()),
        "predict_10k_s": median(&wall),
        "predict_10k_cpu_s": median(&cpu),
        "predict_1_us": median(&one),
    });
    Ok((figures, values))
}

fn kmeans(arguments: &Arguments) -> Answer<(Value, Value)> {
    let (train, start) = (raw(arguments)?, matrix(arguments, "centers")?);
    let kind = KMeans { n_clusters: start.nrows(), ..KMeans::default() };
    let (model, figures) = measured(arguments, || kind.fit_from(&train, start.view()));
    let (model, _) = model?;
    Ok((figures, json!({"inertia": model.inertia(), "iterations": model.n_iter()})))
}

fn dbscan(arguments: &Arguments) -> Answer<(Value, Value)> {
    let train = raw(arguments)?;
    let kind = Dbscan { eps: 0.5, min_samples: 5 };
    let (model, figures) = measured(arguments, || kind.fit(&train, Progress::none()));
    let (model, _) = model?;
    let bytes: Vec<u8> = model.labels().iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
    let digest = Digest::of(&bytes).to_string();
    Ok((figures, json!({"clusters": model.n_clusters(), "noise": model.n_noise(), "labels_sha256": digest})))
}

fn mlp(arguments: &Arguments) -> Answer<(Value, Value)> {
    let train = data(arguments, "X_train", "y_train")?;
    let (x_test, y_test) = (matrix(arguments, "X_test")?, classes(arguments, "y_test")?);
    let kind = Mlp {
        hidden_layer_sizes: HiddenLayers(vec![100, 100]),
        early_stopping: true,
        max_iter: arguments.epochs,
        ..Mlp::default()
    };
    let fit = |seed| kind.fit(&train, Seed::new(seed), Numerics::detect(), Progress::none());
    if let Some(seeds) = arguments.seeds {
        let score = |seed| Ok(accuracy(&y_test, &argmax(&fit(seed)?.0.predict_proba(x_test.view())?)));
        let (values, figures) = measured(arguments, || over_seeds(seeds, score));
        return Ok((figures, values?));
    }
    let (model, figures) = measured(arguments, || fit(42));
    let (model, _) = model?;
    let predicted = argmax(&model.predict_proba(x_test.view())?);
    let (right, f1) = (accuracy(&y_test, &predicted), f1_macro(&y_test, &predicted));
    Ok((figures, json!({"epochs": model.n_iter, "accuracy": right, "f1_macro": f1})))
}

fn smote(arguments: &Arguments) -> Answer<(Value, Value)> {
    let train = raw(arguments)?;
    let (rows, figures) = measured(arguments, || Smote::default().resample(&train, Seed::new(42), Progress::none()));
    Ok((figures, json!({"rows_out": rows?.0.get().rows()})))
}

fn silhouettes(arguments: &Arguments) -> Answer<(Value, Value)> {
    let (x, y) = (matrix(arguments, "X_train")?, classes(arguments, "y_train")?);
    let labels = y.iter().map(|&class| i32::try_from(class)).collect::<Result<Vec<i32>, _>>()?;
    let (value, figures) = measured(arguments, || silhouette(x.view(), &labels));
    Ok((figures, json!({"silhouette": value.get()})))
}
