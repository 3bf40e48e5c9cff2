//! Pages that people show to others: a record in, one self-contained HTML file out.
//!
//! [`Templates`] holds the files of `templates/`, embedded in the program and replaceable one by one from a folder.
//! Everything that comes from a record is escaped; a page asks nobody for anything.

mod error;
mod templates;

pub use error::PageError;
pub use templates::{Page, Templates};
