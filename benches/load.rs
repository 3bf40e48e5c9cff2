//! Reads one data file as `runner` does and prints its size and the seconds: the side of `scripts/bench_load.py` that is
//! ours. `cargo bench --bench load -- FILE [NAMES]`, where NAMES is a file with a column name in each line, for a file
//! without a header. `RAYON_NUM_THREADS` sets the number of threads.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::time::Instant;

use runner::param::Name;
use runner::spec::dataset::DatasetSpec;
use runner::table::{Input, read_table};

fn main() -> ExitCode {
    // cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(file) = arguments.first() else {
        println!("load: no file given, nothing measured (see scripts/bench_load.py)");
        return ExitCode::SUCCESS;
    };
    let names = arguments.get(1).map(std::fs::read_to_string).transpose();
    let begun = Instant::now();
    let (bytes, names) = match (std::fs::read(file), names) {
        (Ok(bytes), Ok(names)) => (bytes, names),
        (Err(e), _) | (_, Err(e)) => {
            eprintln!("{file}: {e}");
            return ExitCode::FAILURE;
        }
    };
    let columns = names.map(|n| n.lines().filter(|l| !l.trim().is_empty()).map(|l| Name(l.to_owned())).collect());
    let dataset = DatasetSpec { columns, ..DatasetSpec::default() };
    match read_table(&[Input { name: file, bytes: &bytes, role: None }], &dataset) {
        Ok((table, ..)) => {
            println!(
                "{} rows x {} columns in {:.3} s",
                table.rows(),
                table.columns.len(),
                begun.elapsed().as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{file}: {e}");
            ExitCode::FAILURE
        }
    }
}
