//! What can go wrong with a page.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What can go wrong with a page.
#[derive(Debug, Error)]
pub enum PageError {
    /// The folder of templates, or a file in it, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A template that does not parse, or asks for something that the page does not have.
    #[error("{message}")]
    Template {
        /// The file, with its folder where it replaces an embedded one.
        file: String,
        /// From 1; `None` where it is unknown.
        line: Option<usize>,
        /// What is wrong.
        message: String,
        /// Whether the file came from a folder of the user; an embedded one that fails is a bug.
        replaced: bool,
    },
}
