//! Real data for the tests that need it. Where it is missing they say so and pass.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

/// The published study's prepared arrays.
pub const ARRAYS: &str = "published-arrays/processed_data.npz";
/// The published study's sample of TII-SSRC-23.
pub const TII: &str = "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz";

/// The official training file of NSL-KDD.
pub const NSL_KDD: &str = "nsl-kdd/KDDTrain+.txt.gz";

/// The folder of the data sets: `RUNNER_DATA_DIR`, else `../shared/data` beside the crate; `None`, with the reason on
/// standard error, where `path` is not in it.
pub fn folder_with(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("RUNNER_DATA_DIR").map_or(beside, PathBuf::from);
    if folder.join(path).is_file() {
        return Some(folder);
    }
    eprintln!("skipped: no {path} in {}: set RUNNER_DATA_DIR (see docs/data.md)", folder.display());
    None
}

/// The bytes of a data file, where it is there.
pub fn file(path: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(folder_with(path)?.join(path)).expect("the data file can be read"))
}
