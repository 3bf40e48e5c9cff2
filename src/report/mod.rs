//! Pages that people show to others: records in, one self-contained HTML file out.
//!
//! [`Templates`] holds the files of `templates/`, embedded in the program and replaceable one by one from a folder.
//! Everything that comes from a record is escaped; a page asks nobody for anything. [`compare()`](compare::compare) puts
//! runs side by side.

pub mod compare;
mod error;
mod index;
pub mod run;
mod templates;

pub use error::PageError;
pub use index::{Listed, index_page};
pub use templates::{Page, Templates};

use serde::Serialize;

/// A section of a page, for its list of contents.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Section {
    /// The `id` of its element.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
}

/// The program and its version, for the foot of a page.
#[must_use]
pub fn made_by() -> String {
    format!("runner {}", env!("CARGO_PKG_VERSION"))
}
