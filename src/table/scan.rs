//! The bytes of a CSV file: unpacked, checked for form, line by line. What passes here, polars reads without surprise.

use std::borrow::Cow;
use std::io::Read;

use polars::io::utils::compression::CompressedReader;

use super::TableError;
use super::error::count;

/// One row of the file: the bytes from `start` to `end` (its line end excluded), and the line it begins on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) start: usize,
    pub(super) end: usize,
    line: u64,
    cells: usize,
    quoted: bool,
}

/// A file whose rows all have the same number of cells.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// Names in the header, without surrounding blanks; `None` where the file has no header.
    pub header: Option<Vec<String>>,
    /// Cells of every row.
    pub width: usize,
    /// The rows after the header: `\n` at line ends, no empty line.
    pub body: Cow<'a, [u8]>,
    /// The line on which each row begins, from 1.
    pub lines: Vec<u64>,
    /// Whether any cell is quoted.
    pub quoted: bool,
    /// Empty lines that were left out.
    pub blank_lines: usize,
}

/// Unpacks gzip (seen by its first bytes), takes a byte-order mark away and checks that the rest is UTF-8.
pub(super) fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TableError> {
    let mut text = match bytes {
        [0x1f, 0x8b, ..] => Cow::Owned(gunzip(bytes)?),
        [b'P', b'K', 3, 4, ..] => {
            return Err(TableError::new("expected CSV or gzip-compressed CSV, got a zip archive")
                .hint("unpack it first; only a file that ends in .npz is read as a zip archive"));
        }
        _ => Cow::Borrowed(bytes),
    };
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Err(TableError::new("expected UTF-8 text, got UTF-16")
            .hint("convert it: iconv -f utf-16 -t utf-8 FILE > NEW_FILE"));
    }
    if text.starts_with(&[0xef, 0xbb, 0xbf]) {
        text = match text {
            Cow::Borrowed(b) => Cow::Borrowed(&b[3..]),
            Cow::Owned(mut b) => {
                b.drain(..3);
                Cow::Owned(b)
            }
        };
    }
    if let Err(error) = std::str::from_utf8(&text) {
        let at = error.valid_up_to();
        let line = 1 + text[..at].iter().filter(|&&b| b == b'\n').count() as u64;
        return Err(TableError::new(format!("expected UTF-8 text, got the byte 0x{:02x}", text[at]))
            .on_line(line)
            .hint(
                "convert it, for example from the Windows code page: iconv -f windows-1252 -t utf-8 FILE > NEW_FILE",
            ));
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(TableError::new("the file is empty").hint("check that the download is complete"));
    }
    Ok(text)
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    let fault = |e: &dyn std::fmt::Display| {
        TableError::new(format!("the gzip file cannot be unpacked: {e}"))
            .hint("it may be cut short or damaged: fetch it again and compare its SHA-256")
    };
    // Ten bytes of header and eight of trailer are the least.
    if bytes.len() < 18 {
        return Err(fault(&"unexpected end of file"));
    }
    let mut reader = CompressedReader::try_new(bytes.to_vec().into()).map_err(|e| fault(&e))?;
    let mut out = Vec::new();
    reader.read_to_end(&mut out).map_err(|e| fault(&e))?;
    Ok(out)
}

/// Splits `text` into rows and checks that each has as many cells as the first (or as `columns`).
pub(super) fn scan<'a>(text: &'a [u8], separator: u8, columns: Option<&[String]>) -> Result<Scan<'a>, TableError> {
    let (mut records, blank_lines) = records(text, separator)?;
    let first = *records.first().ok_or_else(|| TableError::new("the file is empty"))?;
    let first_cells = cells(&text[first.start..first.end], separator);
    let (header, width) = match columns {
        Some(names) => {
            if first_cells == names {
                return Err(TableError::new("the first line holds the names that dataset.columns gives")
                    .on_line(first.line)
                    .at("dataset.columns")
                    .hint("leave dataset.columns out: the file has a header"));
            }
            if first.cells != names.len() {
                return Err(TableError::new(format!(
                    "expected {}, one for each name in dataset.columns, got {}",
                    count(names.len(), "cell"),
                    first.cells
                ))
                .on_line(first.line)
                .at("dataset.columns")
                .hint("give one name for each column of the file, in order"));
            }
            (None, names.len())
        }
        None => {
            records.remove(0);
            (Some(first_cells), first.cells)
        }
    };
    if let Some(bad) = records.iter().find(|r| r.cells != width) {
        return Err(TableError::new(format!(
            "expected {} as in the {}, got {}",
            count(width, "cell"),
            if header.is_some() { "header" } else { "first line" },
            bad.cells
        ))
        .on_line(bad.line)
        .hint("a cell that holds the separator must be quoted; a line cut short must be completed or removed"));
    }
    if records.is_empty() {
        return Err(TableError::new("the file has a header and no row")
            .hint("check that the download is complete; for a file without a header give dataset.columns"));
    }
    let quoted = records.iter().any(|r| r.quoted);
    let lines = records.iter().map(|r| r.line).collect();
    Ok(Scan { header, width, body: body(text, &records), lines, quoted, blank_lines })
}

/// The bytes of the rows: the file's own where nothing lies between them but `\n`, else a copy.
fn body<'a>(text: &'a [u8], records: &[Record]) -> Cow<'a, [u8]> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Cow::Borrowed(&[]) };
    if records.windows(2).all(|pair| pair[0].end + 1 == pair[1].start) {
        return Cow::Borrowed(&text[first.start..last.end]);
    }
    let mut out = Vec::with_capacity(last.end - first.start + 1);
    for record in records {
        out.extend_from_slice(&text[record.start..record.end]);
        out.push(b'\n');
    }
    Cow::Owned(out)
}

fn records(text: &[u8], separator: u8) -> Result<(Vec<Record>, usize), TableError> {
    let mut records = Vec::new();
    let mut blank_lines = 0;
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let (record, next, next_line) = record(text, at, line, separator)?;
        let bytes = &text[record.start..record.end];
        if record.cells == 1 && bytes.iter().all(u8::is_ascii_whitespace) {
            blank_lines += 1;
        } else {
            records.push(record);
        }
        (at, line) = (next, next_line);
    }
    Ok((records, blank_lines))
}

/// The row that begins at `start`, and the place and line where the next one begins.
pub(super) fn record(text: &[u8], start: usize, line: u64, separator: u8) -> Result<(Record, usize, u64), TableError> {
    let mut cells = 1;
    let mut lines = 0;
    let mut quoted = false;
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
            quoted = true;
            at = closing_quote(text, at + 1, &mut lines).ok_or_else(|| {
                TableError::new(format!("the quote that opens cell {cells} is never closed")).on_line(line)
            })?;
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
    Ok((Record { start, end, line, cells, quoted }, at + 1, line + lines + 1))
}

/// The place of the quote that closes the cell whose inside begins at `at`; counts line ends on the way.
fn closing_quote(text: &[u8], mut at: usize, lines: &mut u64) -> Option<usize> {
    while at < text.len() {
        match text[at] {
            b'"' if text.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => return Some(at),
            b'\n' => *lines += 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The cells of one row that [`record`] has accepted: unquoted, without surrounding blanks.
pub(super) fn cells(row: &[u8], separator: u8) -> Vec<String> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut inside = false;
    for at in 0..=row.len() {
        if at < row.len() && row[at] == b'"' {
            inside = !inside;
        }
        if at == row.len() || (row[at] == separator && !inside) {
            let cell = String::from_utf8_lossy(&row[start..at]);
            let cell = match cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')) {
                Some(inner) => inner.replace("\"\"", "\""),
                None => cell.into_owned(),
            };
            out.push(cell.trim().to_owned());
            start = at + 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn header_and_rows_lose_blanks_crlf_and_empty_lines() {
        let text = b"a , \"b \"\"x\"\"\",c\r\n1,2,3\r\n\r\n4,5,6\r\n\r\n";
        assert!(scan(text, b',', None).is_err(), "a blank before a quote is a quote inside an unquoted cell");
        let text = b" a ,\"b \"\"x\"\"\",c\r\n1,2,3\r\n\r\n4,5,6\r\n\r\n";
        let scan = scan(text, b',', None).unwrap();
        assert_eq!(scan.header.unwrap(), names(&["a", "b \"x\"", "c"]));
        assert_eq!(scan.body.as_ref(), b"1,2,3\n4,5,6\n");
        assert_eq!(scan.lines, [2, 4]);
        assert_eq!(scan.blank_lines, 2);
    }

    #[test]
    fn a_clean_file_is_not_copied() {
        let scan = scan(b"a,b\n1,2\n3,4\n", b',', None).unwrap();
        assert!(matches!(scan.body, Cow::Borrowed(b"1,2\n3,4")));
    }

    #[test]
    fn quoted_line_ends_count_as_lines() {
        let scan = scan(b"a,b\n\"x\ny\",2\n3,4\n", b',', None).unwrap();
        assert_eq!(scan.lines, [2, 4]);
        assert!(scan.quoted);
    }

    #[test]
    fn faults_name_line_and_counts() {
        let ragged = scan(b"a,b\n1,2\n3\n", b',', None).unwrap_err();
        assert_eq!((ragged.line, ragged.message.as_str()), (Some(3), "expected 2 cells as in the header, got 1"));
        let open = scan(b"a,b\n1,\"2\n3,4\n", b',', None).unwrap_err();
        assert_eq!((open.line, open.message.as_str()), (Some(2), "the quote that opens cell 2 is never closed"));
        let stray = scan(b"a,b\n1,2\"\n", b',', None).unwrap_err();
        assert_eq!(stray.line, Some(2));
        assert!(scan(b"a,b\n\"1\"x,2\n", b',', None).unwrap_err().message.contains("closing quote"));
        assert!(scan(b"a,b\n", b',', None).unwrap_err().message.contains("no row"));
    }

    #[test]
    fn given_names_must_fit_and_must_not_be_the_header() {
        let three = scan(b"1,2\n", b',', Some(&names(&["a", "b", "c"]))).unwrap_err();
        assert_eq!(three.message, "expected 3 cells, one for each name in dataset.columns, got 2");
        assert_eq!(three.place.as_deref(), Some("dataset.columns"));
        assert!(scan(b"a,b\n1,2\n", b',', Some(&names(&["a", "b"]))).unwrap_err().message.contains("first line"));
        assert_eq!(scan(b"1,2\n", b',', Some(&names(&["a", "b"]))).unwrap().lines, [1]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(plain(b"").unwrap_err().message.contains("empty"));
        assert!(plain(b"\xef\xbb\xbf \n").unwrap_err().message.contains("empty"));
        assert_eq!(plain(b"\xef\xbb\xbfa").unwrap().as_ref(), b"a");
        let latin = plain(b"a\nWeb Attack \x96 XSS\n").unwrap_err();
        assert_eq!((latin.line, latin.message.as_str()), (Some(2), "expected UTF-8 text, got the byte 0x96"));
        assert!(plain(b"PK\x03\x04abc").is_err());
        assert!(plain(b"\xff\xfea\0").unwrap_err().message.contains("UTF-16"));
        for cut in [&b"\x1f\x8b"[..], &b"\x1f\x8b\x08\0\0\0\0\0\0\x03garbage-that-is-no-deflate"[..]] {
            assert!(plain(cut).unwrap_err().message.contains("cannot be unpacked"));
        }
    }
}
