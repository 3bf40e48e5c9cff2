//! Standard output and standard error, as values that commands write to.

use std::io::{self, IsTerminal, Write};

/// Where a command writes.
#[derive(Debug)]
pub(super) struct Out {
    stdout: io::Stdout,
    stderr: io::Stderr,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { stdout: io::stdout(), stderr: io::stderr() }
    }

    /// Writes text to standard output.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes())?;
        self.stdout.flush()
    }

    /// Writes a line to standard output.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.text(&format!("{line}\n"))
    }

    /// Writes text to standard error; nobody there is no failure.
    pub(super) fn note(&mut self, text: &str) {
        let _ = self.stderr.write_all(text.as_bytes());
    }

    /// Whether standard error is a terminal.
    pub(super) fn notes_are_seen(&self) -> bool {
        self.stderr.is_terminal()
    }
}
