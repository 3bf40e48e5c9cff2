//! Faults on purpose, for tests: `RUNNER_FAULT=POINT:N[:WHAT]` in the environment.
//!
//! At the `N`-th passing of the point the process ends as if it had been killed; with `WHAT` (`full`, `denied`,
//! `read-only`) the point fails with that error from the `N`-th passing on. Several are parted by commas. Without the
//! variable a point costs one load of a pointer.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places where a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Any writing into the store or a run folder begins.
    Write,
    /// The file aside is there, empty.
    TempMade,
    /// Half of it is written.
    TempHalf,
    /// All of it is written, not yet flushed.
    TempWritten,
    /// It is flushed, not yet renamed.
    Rename,
    /// It has its name.
    Renamed,
    /// All objects of a step are stored, its entry is not.
    Entry,
    /// The entry is stored.
    EntryStored,
    /// The lock of a step is taken.
    Locked,
    /// An event is appended.
    Event,
    /// The record is written last.
    Record,
}

impl Point {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Write, "write"),
        (Self::TempMade, "temp-made"),
        (Self::TempHalf, "temp-half"),
        (Self::TempWritten, "temp-written"),
        (Self::Rename, "rename"),
        (Self::Renamed, "renamed"),
        (Self::Entry, "entry"),
        (Self::EntryStored, "entry-stored"),
        (Self::Locked, "locked"),
        (Self::Event, "event"),
        (Self::Record, "record"),
    ];
}

#[derive(Debug)]
struct Fault {
    point: Point,
    from: u64,
    error: Option<io::ErrorKind>,
    passed: AtomicU64,
}

fn parse(text: &str) -> Option<Fault> {
    let mut parts = text.trim().split(':');
    let word = parts.next()?;
    let (point, _) = Point::ALL.into_iter().find(|(_, w)| *w == word)?;
    let from = parts.next()?.parse().ok()?;
    let error = match parts.next() {
        None => None,
        Some("full") => Some(io::ErrorKind::StorageFull),
        Some("denied") => Some(io::ErrorKind::PermissionDenied),
        Some("read-only") => Some(io::ErrorKind::ReadOnlyFilesystem),
        Some(_) => return None,
    };
    Some(Fault { point, from, error, passed: AtomicU64::new(0) })
}

fn faults() -> &'static [Fault] {
    static FAULTS: OnceLock<Vec<Fault>> = OnceLock::new();
    FAULTS.get_or_init(|| {
        let text = std::env::var("RUNNER_FAULT").unwrap_or_default();
        text.split(',').filter_map(parse).collect()
    })
}

/// Passes a point: goes on, ends the process, or fails, as the environment says.
///
/// # Errors
/// The error asked for.
pub(crate) fn pass(point: Point) -> io::Result<()> {
    for fault in faults().iter().filter(|f| f.point == point) {
        let passed = fault.passed.fetch_add(1, Ordering::Relaxed) + 1;
        match fault.error {
            // Ends at once: no destructor runs, nothing is flushed.
            None if passed == fault.from => std::process::abort(),
            Some(kind) if passed >= fault.from => return Err(kind.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Whether any fault is asked for.
pub(crate) fn any() -> bool {
    !faults().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_nonsense_is_none() {
        let fault = parse("rename:3").unwrap();
        assert_eq!((fault.point, fault.from, fault.error), (Point::Rename, 3, None));
        assert_eq!(parse("write:1:full").unwrap().error, Some(io::ErrorKind::StorageFull));
        for nonsense in ["", "rename", "rename:x", "elsewhere:1", "write:1:odd"] {
            assert!(parse(nonsense).is_none(), "{nonsense}");
        }
        assert!(!any() && pass(Point::Write).is_ok());
    }
}
