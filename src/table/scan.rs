//! The form of a text file: separator, header, and where its rows lie.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2_iter};
use rayon::prelude::*;

use super::TableError;
use super::error::count;
use crate::spec::dataset::Separator;

/// A file has no more columns than this: more cells in its first line are a fault of form.
const MOST_COLUMNS: usize = 100_000;
/// Bytes of text that one thread reads at a time, about.
const BLOCK: usize = 1 << 20;

/// Rows that lie one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Their bytes: whole lines.
    pub bytes: Range<usize>,
    /// Number of the first row.
    pub first_row: usize,
    /// Number of rows.
    pub rows: usize,
}

/// Where things lie in a text.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The text.
    pub text: &'a str,
    /// What stands between the cells.
    pub separator: u8,
    /// Names in the header, without surrounding blanks; `None` where the file has no header.
    pub header: Option<Vec<String>>,
    /// Cells of every row.
    pub width: usize,
    /// Number of rows.
    pub rows: usize,
    /// The rows.
    pub blocks: Vec<Block>,
    /// Whether any cell is quoted.
    pub quoted: bool,
    /// Empty lines that do not count.
    pub blank_lines: usize,
}

/// Finds separator, header and rows. Whether every row has as many cells as the first (or as `columns`) shows when the
/// cells are read.
pub(super) fn scan<'a>(
    text: &'a str,
    separator: Separator,
    columns: Option<&[String]>,
) -> Result<Scan<'a>, TableError> {
    let bytes = text.as_bytes();
    let separator = separator_of(bytes, separator, columns.map(<[String]>::len));
    let (mut at, mut line, mut blank_lines) = (0, 1, 0);
    let (first, next) = loop {
        if at >= bytes.len() {
            return Err(TableError::new("the file is empty"));
        }
        let (record, next, next_line) = record(bytes, at, line, separator)?;
        if !is_blank(&bytes[record.bytes.clone()], separator) {
            break (record, next);
        }
        (at, line) = (next, next_line);
        blank_lines += 1;
    };
    if first.cells > MOST_COLUMNS {
        return Err(TableError::new(format!(
            "{} in one line, and a table may have {}",
            count(first.cells, "cell"),
            count(MOST_COLUMNS, "column")
        ))
        .on_line(line)
        .hint("check the line ends of the file, and that dataset.separator is right"));
    }
    let cells = cells(&text[first.bytes], separator);
    let (header, width, body) = match columns {
        Some(names) => {
            if cells == names {
                return Err(TableError::new("the first line holds the names that dataset.columns gives")
                    .on_line(line)
                    .at("dataset.columns")
                    .hint("leave dataset.columns out: the file has a header"));
            }
            if cells.len() != names.len() {
                return Err(TableError::new(format!(
                    "expected {}, one for each name in dataset.columns, got {}",
                    count(names.len(), "cell"),
                    cells.len()
                ))
                .on_line(line)
                .at("dataset.columns")
                .hint("give one name for each column of the file, in order"));
            }
            (None, names.len(), at)
        }
        None => {
            let width = cells.len();
            (Some(cells), width, next.min(bytes.len()))
        }
    };
    let quoted = memchr(b'"', &bytes[body..]).is_some();
    let mut blocks = blocks(bytes, body, quoted);
    let counts: Vec<(usize, usize)> =
        blocks.par_iter().map(|block| count_rows(&bytes[block.bytes.clone()], separator, quoted)).collect();
    let mut rows = 0;
    for (block, (n, blank)) in blocks.iter_mut().zip(counts) {
        (block.first_row, block.rows) = (rows, n);
        rows += n;
        blank_lines += blank;
    }
    if rows == 0 {
        return Err(TableError::new("the file has a header and no row")
            .hint("check that the download is complete; for a file without a header give dataset.columns"));
    }
    Ok(Scan { text, separator, header, width, rows, blocks, quoted, blank_lines })
}

/// The separator as declared, or else by the first line that is not blank: where the number of columns is known, the one
/// that gives it, otherwise the one that occurs most often. A line without any counts as one cell of a comma file.
pub(super) fn separator_of(bytes: &[u8], declared: Separator, columns: Option<usize>) -> u8 {
    match declared {
        Separator::Comma => return b',',
        Separator::Semicolon => return b';',
        Separator::Tab => return b'\t',
        Separator::Pipe => return b'|',
        Separator::Auto => {}
    }
    let begin = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(bytes.len());
    // The first cell of a line may be empty, so that it begins with a tabulator.
    let begin = bytes[..begin].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let mut inside = false;
    let mut found = [(b',', 0_usize), (b';', 0), (b'\t', 0), (b'|', 0)];
    for &byte in &bytes[begin..] {
        match byte {
            b'"' => inside = !inside,
            b'\n' if !inside => break,
            _ if !inside => {
                if let Some((_, n)) = found.iter_mut().find(|(s, _)| *s == byte) {
                    *n += 1;
                }
            }
            _ => {}
        }
    }
    if let Some((separator, _)) = columns.and_then(|c| found.iter().find(|(_, n)| n + 1 == c)) {
        return *separator;
    }
    let most = found.iter().map(|(_, n)| *n).max();
    found.iter().find(|(_, n)| Some(*n) == most).map_or(b',', |(s, _)| *s)
}

/// Cuts the text from `body` on at ends of rows, into blocks whose size depends on the text only.
fn blocks(bytes: &[u8], body: usize, quoted: bool) -> Vec<Block> {
    let size = BLOCK.max(bytes.len() / 256);
    let mut out = Vec::new();
    let mut start = body;
    while start < bytes.len() {
        let wanted = (start + size).min(bytes.len());
        let open = quoted && memchr_iter(b'"', &bytes[start..wanted]).count() % 2 == 1;
        let end = line_end(bytes, wanted, open, quoted);
        out.push(Block { bytes: start..end, first_row: 0, rows: 0 });
        start = end;
    }
    out
}

/// The place behind the first line end from `at` on that is not inside quotes.
fn line_end(bytes: &[u8], at: usize, mut open: bool, quoted: bool) -> usize {
    if !quoted {
        return memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
    }
    for i in memchr2_iter(b'"', b'\n', &bytes[at..]) {
        match bytes[at + i] {
            b'"' => open = !open,
            _ if !open => return at + i + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// Rows and empty lines of whole lines.
fn count_rows(bytes: &[u8], separator: u8, quoted: bool) -> (usize, usize) {
    let (mut rows, mut blank) = (0, 0);
    let mut at = 0;
    while at < bytes.len() {
        let end = line_end(bytes, at, false, quoted);
        if is_blank(&bytes[at..end], separator) {
            blank += 1;
        } else {
            rows += 1;
        }
        at = end;
    }
    (rows, blank)
}

/// Whether a line has only blanks in it, and no second cell.
pub(super) fn is_blank(line: &[u8], separator: u8) -> bool {
    line.iter().all(|b| b.is_ascii_whitespace() && *b != separator)
}

/// One row of the file: its bytes, without the line end, and the number of its cells.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub bytes: Range<usize>,
    pub cells: usize,
}

/// The row that begins at `start`, and the place and line where the next one begins.
pub(super) fn record(text: &[u8], start: usize, line: u64, separator: u8) -> Result<(Record, usize, u64), TableError> {
    let mut cells = 1;
    let mut lines = 0;
    let mut at = start;
    let mut cell_start = start;
    while at < text.len() && text[at] != b'\n' {
        let byte = text[at];
        if byte == separator {
            cells += 1;
            cell_start = at + 1;
        } else if byte == b'"' {
            if at != cell_start {
                return Err(TableError::new(format!("a quote inside the unquoted cell {cells}"))
                    .on_line(line + lines)
                    .hint("put the whole cell in quotes and double the quotes inside it"));
            }
            let close = closing_quote(text, at + 1).ok_or_else(|| {
                TableError::new(format!("the quote that opens cell {cells} is never closed"))
                    .on_line(line)
                    .hint("close it; a quote inside a quoted cell is doubled")
            })?;
            lines += memchr_iter(b'\n', &text[at..close]).count() as u64;
            at = close;
            let rest = &text[at + 1..];
            let ends = rest.is_empty() || rest[0] == separator || rest[0] == b'\n' || rest.starts_with(b"\r\n");
            if !ends && rest != b"\r" {
                return Err(TableError::new(format!("expected the separator after the closing quote of cell {cells}"))
                    .on_line(line + lines)
                    .hint("double the quotes inside a quoted cell"));
            }
        }
        at += 1;
    }
    let mut end = at;
    if end > start && text[end - 1] == b'\r' {
        end -= 1;
    }
    Ok((Record { bytes: start..end, cells }, at + 1, line + lines + 1))
}

/// The place of the quote that closes the cell whose inside begins at `at`.
pub(super) fn closing_quote(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The cells of one row that [`record`] has accepted: unquoted, without surrounding blanks.
pub(super) fn cells(row: &str, separator: u8) -> Vec<String> {
    let bytes = row.as_bytes();
    let mut out = Vec::new();
    let mut start = 0;
    let mut inside = false;
    for at in 0..=bytes.len() {
        if at < bytes.len() && bytes[at] == b'"' {
            inside = !inside;
        }
        if at == bytes.len() || (bytes[at] == separator && !inside) {
            let cell = &row[start..at];
            let cell = match cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')) {
                Some(inner) => inner.replace("\"\"", "\""),
                None => cell.to_owned(),
            };
            out.push(cell.trim().to_owned());
            start = at + 1;
        }
    }
    out
}

impl Scan<'_> {
    /// The row that begins at `start`, told why it cannot be read: too many cells, too few, a quote out of place.
    pub fn fault(&self, start: usize) -> TableError {
        let bytes = self.text.as_bytes();
        let line = 1 + memchr_iter(b'\n', &bytes[..start]).count() as u64;
        match record(bytes, start, line, self.separator) {
            Err(error) => error,
            Ok((record, ..)) => TableError::new(format!(
                "expected {} as in the {}, got {}",
                count(self.width, "cell"),
                if self.header.is_some() { "header" } else { "first line" },
                record.cells
            ))
            .on_line(line)
            .hint("a cell that holds the separator must be quoted; a line cut short must be completed or removed"),
        }
    }

    /// Where a row begins, and on which line.
    pub fn place(&self, row: usize) -> Option<(usize, u64)> {
        let bytes = self.text.as_bytes();
        let block = self.blocks.iter().find(|b| row < b.first_row + b.rows)?;
        let (mut at, mut left) = (block.bytes.start, row - block.first_row);
        while at < block.bytes.end {
            let end = line_end(bytes, at, false, self.quoted);
            if !is_blank(&bytes[at..end], self.separator) {
                if left == 0 {
                    return Some((at, 1 + memchr_iter(b'\n', &bytes[..at]).count() as u64));
                }
                left -= 1;
            }
            at = end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn auto<'a>(text: &'a str, columns: Option<&[String]>) -> Result<Scan<'a>, TableError> {
        scan(text, Separator::Auto, columns)
    }

    #[test]
    fn header_and_rows_are_found_between_empty_lines() {
        let text = "a , \"b \"\"x\"\"\",c\r\n1,2,3\r\n";
        assert!(auto(text, None).is_err(), "a blank before a quote is a quote inside an unquoted cell");
        let text = " a ,\"b \"\"x\"\"\",c\r\n1,2,3\r\n\r\n4,5,6\r\n\r\n";
        let scan = auto(text, None).unwrap();
        assert_eq!(scan.header.as_ref().unwrap(), &names(&["a", "b \"x\"", "c"]));
        assert_eq!((scan.rows, scan.blank_lines, scan.width), (2, 2, 3));
        assert_eq!([scan.place(0), scan.place(1), scan.place(2)], [Some((17, 2)), Some((26, 4)), None]);
    }

    #[test]
    fn quoted_line_ends_do_not_end_a_row() {
        let scan = auto("a,b\n\"x\ny\",2\n3,4", None).unwrap();
        assert_eq!((scan.rows, scan.quoted), (2, true));
        assert_eq!(scan.place(1), Some((12, 4)));
    }

    #[test]
    fn blocks_end_with_rows_and_hold_all_of_them() {
        let rows = 300_000;
        for quoted in [false, true] {
            let cell = if quoted { "\"x\n,y\"" } else { "xy" };
            let text: String =
                std::iter::once("a,b\n".to_owned()).chain((0..rows).map(|i| format!("{i},{cell}\n"))).collect();
            let scan = auto(&text, None).unwrap();
            assert!(scan.blocks.len() > 2, "{} blocks", scan.blocks.len());
            assert_eq!(scan.rows, rows);
            let mut next = (4, 0);
            for block in &scan.blocks {
                assert_eq!((block.bytes.start, block.first_row), next);
                assert!(text[block.bytes.start..].starts_with(&format!("{},", block.first_row)));
                next = (block.bytes.end, block.first_row + block.rows);
            }
            assert_eq!(next, (text.len(), rows));
        }
    }

    #[test]
    fn the_separator_is_read_off_the_first_line() {
        for (text, columns, separator) in [
            ("a,b\n", None, b','),
            ("a;b,c;d\n1,5;2;3\n", None, b';'),
            ("\n \n\ta\tb, unit\n", None, b'\t'),
            ("a|b\n", None, b'|'),
            ("\"a;b;c\",d\n", None, b','),
            ("one\n1,2\n", None, b','),
            ("1,5;2,5;3,5\n", Some(3), b';'),
            ("1,5;2,5,3\n", Some(9), b','),
        ] {
            assert_eq!(separator_of(text.as_bytes(), Separator::Auto, columns), separator, "{text:?}");
        }
        assert_eq!(separator_of(b"a,b\n", Separator::Pipe, None), b'|');
    }

    #[test]
    fn faults_of_form_are_told_with_their_line() {
        let fault = |text: &str, row| {
            let scan = auto(text, None).unwrap();
            let error = scan.fault(scan.place(row).unwrap().0);
            (error.line, error.message)
        };
        assert_eq!(fault("a,b\n1,2\n3\n", 1), (Some(3), "expected 2 cells as in the header, got 1".into()));
        assert_eq!(fault("a,b\n1,\"2\n3,4\n", 0), (Some(2), "the quote that opens cell 2 is never closed".into()));
        assert_eq!(fault("a,b\n1,2\"\n", 0), (Some(2), "a quote inside the unquoted cell 2".into()));
        assert!(fault("a,b\n\"1\"x,2\n", 0).1.contains("closing quote"));
        assert!(auto("a,b\n", None).unwrap_err().message.contains("no row"));
        let wide = format!("{}a\n1\n", "a,".repeat(MOST_COLUMNS));
        assert!(auto(&wide, None).unwrap_err().message.starts_with("100,001 cells in one line"));
    }

    #[test]
    fn given_names_must_fit_and_must_not_be_the_header() {
        let three = auto("1,2\n", Some(&names(&["a", "b", "c"]))).unwrap_err();
        assert_eq!(three.message, "expected 3 cells, one for each name in dataset.columns, got 2");
        assert_eq!(three.place.as_deref(), Some("dataset.columns"));
        assert!(auto("a,b\n1,2\n", Some(&names(&["a", "b"]))).unwrap_err().message.contains("first line"));
        let scan = auto("\n1,2\n", Some(&names(&["a", "b"]))).unwrap();
        assert_eq!((scan.rows, scan.place(0)), (1, Some((1, 2))));
    }
}
