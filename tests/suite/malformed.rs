//! Tables that no program should choke on, too large or too odd to keep as samples: made here, run, and refused (or
//! read) with a place, a rule and a next move, in little memory. The limit is that of the address space (`ulimit -v`),
//! so a program that asked for more would be killed instead of ending with code 2.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::Command;

use runner::table::{PlainColumn, PlainValues, write_predictions_parquet};

use super::support::{Done, Place, npy, zip};

/// Address space, in KiB: the program, its two threads and what it is told to read.
const SPACE: usize = 1400 << 10;

/// Runs an experiment on this file with a limit on its memory. `more` goes into `dataset:`.
fn run(name: &str, bytes: &[u8], more: &str) -> (Place, Done) {
    let place = Place::new();
    place.write(name, bytes);
    let (target, split) = if name.ends_with(".npz") { ("", "predefined") } else { ("target: y", "stratified") };
    let yaml = format!(
        "dataset: {{path: {name}, {target}{more}}}\nsplit: {split}\nprepare: [drop_constant, impute, standardize]\n\
         models: {{decision_tree: {{max_depth: 3}}}}\n"
    );
    place.write("t.yaml", yaml);
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {SPACE}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_runner")]);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_runner"))
    };
    command.args(["run", "--quiet", "--jobs", "2", "t.yaml"]).current_dir(place.path("")).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let out = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (place, Done { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) })
}

/// It ends with code 2, at this place, with this in its message, a next move, and not much text.
#[track_caller]
fn refused(name: &str, bytes: &[u8], place: &str, message: &str) {
    let (_place, done) = run(name, bytes, "");
    let done = done.exits(2);
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    assert!(done.stderr.contains(message), "no {message:?} in\n{}", done.stderr);
    assert!(done.stderr.contains(&format!("\n  --> {place}\n")), "no place {place:?} in\n{}", done.stderr);
    assert!(done.stderr.contains("\n  hint: "), "no next move in\n{}", done.stderr);
    assert!(done.stderr.len() < 2000, "{} bytes of message", done.stderr.len());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// 4,000 rows of two numbers and a class.
fn table() -> String {
    let mut text = String::from("n,m,y\n");
    for i in 0..4000 {
        writeln!(text, "{},{},{}", i * i % 97, i % 7, ["a", "b"][i % 2]).unwrap();
    }
    text
}

fn parquet() -> Vec<u8> {
    write_predictions_parquet(&[
        PlainColumn::new("n", PlainValues::F64((0..4000).map(f64::from).collect())),
        PlainColumn::new("y", PlainValues::Text((0..4000).map(|i| format!("class {}", i % 3)).collect())),
    ])
    .unwrap()
}

#[test]
fn cut_files() {
    let packed = gzip(table().as_bytes());
    refused("t.csv.gz", &packed[..packed.len() / 2], "t.csv.gz", "the gzip file cannot be unpacked");
    let packed = zstd::encode_all(table().as_bytes(), 3).unwrap();
    refused("t.csv.zst", &packed[..packed.len() - 9], "t.csv.zst", "the Zstandard file cannot be unpacked");
    let parquet = parquet();
    for cut in [8, 200, parquet.len() / 2, parquet.len() - 100, parquet.len() - 1] {
        refused("t.parquet", &parquet[..cut], "t.parquet", "it does not end with PAR1");
    }
    // The footer is whole, and what it speaks of is gone.
    let gone = [&parquet[..20], &parquet[parquet.len() - 600..]].concat();
    refused("t.parquet", &gone, "t.parquet", "the Parquet file cannot be read");
    refused("t.arrow", b"ARROW1\0\0\xff\xff\xff\xff", "t.arrow", "it does not end with ARROW1");
    refused("t.arrow", b"ARROW1\0\0\xff\xff\xff\x7fARROW1", "t.arrow", "the Arrow file cannot be read");
    refused("t.csv", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "t.csv", "the Arrow file cannot be read");
}

#[test]
fn ten_thousand_columns_are_read() {
    let mut text: String = (0..10_000).map(|i| format!("c{i},")).collect();
    text += "y\n";
    for row in 0..40_usize {
        for column in 0..10_000_usize {
            write!(text, "{},", (row * 7919 + column * 104_729) % 10).unwrap();
        }
        text += ["a\n", "b\n"][row % 2];
    }
    let (place, done) = run("t.csv", text.as_bytes(), "");
    done.exits(0);
    assert!(place.record("runs").to_string().contains("\"columns_after\":10001"), "the table has all of them");
    let header = format!("{}y\n", "c,".repeat(100_000));
    refused("t.csv", header.as_bytes(), "t.csv:1", "100,001 cells in one line, and a table may have 100,000 columns");
}

#[test]
fn lines_of_fifty_megabytes() {
    let long = 50 << 20;
    let cell = format!("n,m,y\n1,2,a\n3,{},b\n", "x".repeat(long));
    refused("t.csv", cell.as_bytes(), "t.csv:3", "cell 2 holds 52,428,800 bytes, more than a mebibyte");
    let cells = format!("n,m,y\n1,2,a\n{}b\n", "3,".repeat(long / 2));
    refused("t.csv", cells.as_bytes(), "t.csv:3", "expected 3 cells as in the header, got 26214401");
    let header = "1,".repeat(long / 2);
    refused("t.csv", header.as_bytes(), "t.csv:1", "26,214,401 cells in one line");
    let quote = format!("n,m,y\n1,\"{},a\n", "x\n".repeat(long / 2));
    refused("t.csv", quote.as_bytes(), "t.csv:2", "the quote that opens cell 2 is never closed");
    refused("t.csv", "x".repeat(long).as_bytes(), "t.csv", "the file has a header and no row");
}

#[test]
fn odd_tables() {
    refused("t.csv", b"n,m,y\n1,2,caf\xc3\xa9\n3,4,Web \x96\n", "t.csv:3", "expected UTF-8 text, got the byte 0x96");
    refused("t.csv", b"n,m,y\n", "t.csv", "the file has a header and no row");
    refused("t.csv", b"n,n,y\n1,2,a\n", "t.csv:1", "column names occur more than once: \"n\"");
    refused("t.csv", b"n,m,y\n1,2,a\n", "t.yaml:1:32", "the table has one row");
    let binary: Vec<u8> = (0..100_000_u32).map(|i| (i * i / 7) as u8).collect();
    refused("t.csv", &binary, "t.csv:1", "expected text, got a zero byte");
    let (_place, done) = run("t.csv", b"n,y\n1,a\n", "");
    assert!(done.exits(2).stderr.contains("one row"));
}

#[test]
fn a_folder_and_a_device_are_no_files() {
    let place = Place::new();
    place.write("folder/t.csv", table());
    for (path, message) in [("folder", "it is a folder"), ("/dev/zero", "it is a device, no file")] {
        place.write("t.yaml", format!("dataset: {{path: {path}, target: y}}\nmodels: {{decision_tree: {{}}}}\n"));
        let done = place.run(&["run", "t.yaml"]).exits(2);
        assert!(done.stderr.contains(message) && done.stderr.contains("\n  --> t.yaml:1:17\n"), "{}", done.stderr);
    }
}

#[test]
fn archives_that_unpack_to_far_more_than_they_are() {
    // A gibibyte of rows in some megabytes, and of nothing in one.
    let rows = gzip("1,2,a\n3,4,b\n".repeat(1 << 20).as_bytes());
    let bomb = [gzip(b"n,m,y\n"), rows.repeat(90)].concat();
    refused("t.csv.gz", &bomb, "t.csv.gz", "the gzip file unpacks to more than 256 MiB, over 100 times its own size");
    let zeros = zstd::encode_all(std::io::repeat(0).take(1 << 30), 1).unwrap();
    refused("t.csv.zst", &zeros, "t.csv.zst", "the Zstandard file unpacks to more than 256 MiB");
    let x = npy("<f8", "(1099511627776, 1048576)", &[0; 16]);
    let y = npy("|u1", "(2,)", &[0, 1]);
    let members = [("X_train.npy", x.clone()), ("y_train.npy", y.clone()), ("X_test.npy", x), ("y_test.npy", y)];
    let message = "its header announces (1099511627776, 1048576) elements";
    refused("t.npz", &zip(&members), "t.npz", message);
}

#[test]
fn a_column_without_a_value_is_dropped_or_filled_and_the_log_says_so() {
    let mut text = String::from("n,m,y\n");
    (0..200).for_each(|i| writeln!(text, "{},,{}", i % 11, ["a", "b"][i % 2]).unwrap());
    let (place, done) = run("t.csv", text.as_bytes(), "");
    done.exits(0);
    let record = place.record("runs").to_string();
    assert!(record.contains("[\"missing cells in m\",200]"), "{record}");
    assert!(record.contains("\"dropped_columns\":[\"m\"]"), "{record}");
}

#[test]
fn labels_beyond_32_bits_are_names_of_classes() {
    let labels = ["2147483648", "-9223372036854775808", "9223372036854775807"];
    let mut text = String::from("n,y\n");
    (0..300).for_each(|i| writeln!(text, "{},{}", i % 3, labels[i % 3]).unwrap());
    let (place, done) = run("t.csv", text.as_bytes(), "");
    done.exits(0);
    let record = place.record("runs").to_string();
    for label in labels {
        assert!(record.contains(&format!("\"{label}\":")), "{label} is no class of {record}");
    }
}
