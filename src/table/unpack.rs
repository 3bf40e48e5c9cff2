//! The bytes of a data file: unpacked, recognised by how they begin, and text as UTF-8.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use super::TableError;
use super::error::mebibytes;
use crate::spec::dataset::Encoding;

/// What a file holds.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Cells with separators between them.
    Text {
        /// In UTF-8, without a byte-order mark.
        text: Cow<'a, str>,
        /// The first line that looks like UTF-8, though the file is declared to be in another encoding.
        doubtful: Option<u64>,
    },
    /// Parquet.
    Parquet(Cow<'a, [u8]>),
    /// Arrow IPC, the file format: Feather version 2.
    ArrowFile(Cow<'a, [u8]>),
    /// Arrow IPC, the streaming format.
    ArrowStream(Cow<'a, [u8]>),
}

/// A file may unpack to this many bytes, whatever its own size.
const FREE: usize = 256 << 20;
/// Beyond that, to this many times its size. Real tables pack to between a half and a fiftieth.
const TIMES: usize = 100;

/// The byte-order mark.
const MARK: &str = "\u{feff}";

/// How other kinds of file begin (place, bytes), what they are, and what to do with them.
const OTHERS: [(usize, &[u8], &str, &str); 21] = [
    (0, b"PK\x03\x04", "a zip archive", "unpack it first; an .npz file of arrays stands alone, in dataset.path"),
    (0, b"PK\x05\x06", "an empty zip archive", "check that the download is complete"),
    (257, b"ustar", "a tar archive", "unpack it first: tar xf FILE"),
    (0, b"BZh", "a bzip2 file", "unpack it first: bunzip2 FILE"),
    (0, b"\xfd7zXZ\0", "an xz file", "unpack it first: unxz FILE"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first: 7z x FILE"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unpack it first: unrar x FILE"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file", "unpack it first: lz4 -d FILE"),
    (0, b"FEA1", "a Feather file, version 1", "write it again as version 2, which is Arrow IPC"),
    (0, b"ORC", "an ORC file", "convert it to Parquet"),
    (0, b"Obj\x01", "an Avro file", "convert it to Parquet"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "convert it to Parquet or CSV"),
    (0, b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (0, b"\x93NUMPY", "a single NumPy array", "write the arrays with numpy.savez: docs/language.md says which"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel or Office file", "save the sheet as CSV"),
    (0, b"%PDF", "a PDF document", "name the data file"),
    (0, b"\xd4\xc3\xb2\xa1", "a packet capture (pcap)", "make flows of the packets first, as a CSV"),
    (0, b"\xa1\xb2\xc3\xd4", "a packet capture (pcap)", "make flows of the packets first, as a CSV"),
    (0, b"\n\r\r\n", "a packet capture (pcapng)", "make flows of the packets first, as a CSV"),
    (0, b"\x7fELF", "a program", "name the data file"),
    (0, b"\x80\x04\x95", "a Python pickle", "write the table as Parquet or CSV"),
];

/// Unpacks gzip and Zstandard, recognises the format, and makes text UTF-8 without a byte-order mark.
///
/// # Errors
/// [`TableError`] for a damaged or cut archive, one that unpacks to absurdly much, a format that is not read, and bytes
/// that are no text in `encoding`, with their line.
pub(super) fn unpack(bytes: &[u8], encoding: Encoding) -> Result<Content<'_>, TableError> {
    let bytes = match bytes {
        [0x1f, 0x8b, ..] => Cow::Owned(gunzip(bytes)?),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Cow::Owned(unzstd(bytes)?),
        _ => Cow::Borrowed(bytes),
    };
    match &bytes[..] {
        [b'P', b'A', b'R', b'1', ..] => return Ok(Content::Parquet(bytes)),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => return Ok(Content::ArrowFile(bytes)),
        [0xff, 0xff, 0xff, 0xff, _, _, _, _, ..] => return Ok(Content::ArrowStream(bytes)),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            return Err(TableError::new("the file was packed twice").hint("unpack it once: gunzip FILE"));
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(TableError::new("expected UTF-8 text, got UTF-16")
                .hint("convert it: iconv -f utf-16 -t utf-8 FILE > NEW_FILE"));
        }
        _ => {}
    }
    if let Some((_, _, what, hint)) =
        OTHERS.iter().find(|(at, magic, ..)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic)))
    {
        return Err(TableError::new(format!("expected a table (CSV, TSV, Parquet or Arrow), got {what}")).hint(*hint));
    }
    let mut doubtful = None;
    let text = match encoding {
        // A byte-order mark says more than a setting for all files.
        Encoding::Windows1252 if !bytes.starts_with(MARK.as_bytes()) => {
            refuse_nul(&bytes)?;
            doubtful = (!bytes.is_ascii()).then(|| letters(&bytes).map(|at| line_of(&bytes, at))).flatten();
            windows_1252(bytes)
        }
        Encoding::Utf8 | Encoding::Windows1252 => utf8(bytes)?,
    };
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Err(TableError::new("the file is empty").hint("check that the download is complete"));
    }
    Ok(Content::Text { text, doubtful })
}

fn unpacked(kind: &str, packed: usize, likely: usize, reader: &mut dyn Read) -> Result<Vec<u8>, TableError> {
    let most = FREE.max(packed.saturating_mul(TIMES));
    let mut out = Vec::new();
    // Only a guess: what is not there grows as it is read.
    let _ = out.try_reserve(likely.min(most));
    match reader.take(most as u64 + 1).read_to_end(&mut out) {
        Ok(read) if read > most => Err(TableError::new(format!(
            "the {kind} file unpacks to more than {}, over {TIMES} times its own size",
            mebibytes(most)
        ))
        .hint(
            "such a file can be made to exhaust the memory; if it is right, unpack it first and name what comes out",
        )),
        Ok(_) => Ok(out),
        Err(e) if e.kind() == std::io::ErrorKind::OutOfMemory => {
            Err(TableError::new(format!("the {kind} file does not fit into the memory when it is unpacked"))
                .hint("cut it into smaller files"))
        }
        Err(e) => Err(TableError::new(format!("the {kind} file cannot be unpacked: {e}"))
            .hint("it may be cut short or damaged: fetch it again and compare its SHA-256")),
    }
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    // The last four bytes are the length of what was packed, in a file of one member.
    let likely = bytes.last_chunk().map_or(0, |b| u32::from_le_bytes(*b) as usize);
    unpacked("gzip", bytes.len(), likely, &mut MultiGzDecoder::new(bytes))
}

fn unzstd(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    let fault = |e: std::io::Error| TableError::new(format!("the Zstandard file cannot be unpacked: {e}"));
    let mut reader = zstd::Decoder::with_buffer(bytes).map_err(fault)?;
    unpacked("Zstandard", bytes.len(), bytes.len().saturating_mul(4), &mut reader)
}

fn line_of(bytes: &[u8], at: usize) -> u64 {
    1 + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64
}

fn refuse_nul(bytes: &[u8]) -> Result<(), TableError> {
    match memchr::memchr(0, bytes) {
        None => Ok(()),
        Some(at) => Err(TableError::new(format!("expected text, got a zero byte (byte {} of the file)", at + 1))
            .on_line(line_of(bytes, at))
            .hint("this looks like a binary file; tables are read from CSV, TSV (also gzip, Zstandard), Parquet and Arrow")),
    }
}

fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, TableError> {
    refuse_nul(&bytes)?;
    let text = match bytes {
        Cow::Borrowed(b) => std::str::from_utf8(b).map(Cow::Borrowed).map_err(|e| not_utf8(b, e.valid_up_to())),
        Cow::Owned(b) => {
            String::from_utf8(b).map(Cow::Owned).map_err(|e| not_utf8(e.as_bytes(), e.utf8_error().valid_up_to()))
        }
    }?;
    Ok(match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.strip_prefix(MARK).unwrap_or(t)),
        Cow::Owned(mut t) => {
            if t.starts_with(MARK) {
                t.drain(..MARK.len());
            }
            Cow::Owned(t)
        }
    })
}

fn not_utf8(bytes: &[u8], at: usize) -> TableError {
    let error = TableError::new(format!("expected UTF-8 text, got the byte 0x{:02x}", bytes[at]));
    let error = error.on_line(line_of(bytes, at));
    match letters(bytes) {
        // Only bytes that are no UTF-8: one code page throughout.
        None => error.hint(
            "if the file comes from Windows or is Latin-1, say so: dataset.encoding: windows-1252; from another code page, convert it: iconv -f CODE -t utf-8 FILE > NEW_FILE",
        ),
        Some(other) => error.hint(format!(
            "the file mixes encodings: line {} has UTF-8 letters; repair this line, or take the odd bytes out of the whole file: iconv -c -f utf-8 -t utf-8 FILE > NEW_FILE",
            line_of(bytes, other)
        )),
    }
}

/// The place of the first letter beyond ASCII that is well-formed UTF-8.
fn letters(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        if let Some(inside) = chunk.valid().bytes().position(|b| !b.is_ascii()) {
            return Some(at + inside);
        }
        at += chunk.valid().len() + chunk.invalid().len();
    }
    None
}

/// The letters that Windows-1252 has at 0x80 to 0x9f; its five free places are the control characters of Latin-1.
/// <https://encoding.spec.whatwg.org/#windows-1252>
const FROM_0X80: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    let bytes = match bytes {
        Cow::Borrowed(b) if b.is_ascii() => return String::from_utf8_lossy(b),
        Cow::Owned(b) if b.is_ascii() => return Cow::Owned(String::from_utf8(b).unwrap_or_default()),
        other => other,
    };
    let letter = |b: &u8| match b {
        0x80..=0x9f => FROM_0X80[usize::from(b - 0x80)],
        _ => char::from(*b),
    };
    Cow::Owned(bytes.iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text(bytes: &[u8]) -> Result<String, TableError> {
        match unpack(bytes, Encoding::Utf8)? {
            Content::Text { text, .. } => Ok(text.into_owned()),
            other => panic!("{other:?} is no text"),
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn packed_text_is_unpacked_member_after_member() {
        assert_eq!(text(b"\xef\xbb\xbfa\n").unwrap(), "a\n");
        let two = [gzip(b"\xef\xbb\xbfa\n"), gzip("é\n".as_bytes())].concat();
        assert_eq!(text(&two).unwrap(), "a\né\n");
        let two = [zstd::encode_all(&b"a\n"[..], 3).unwrap(), zstd::encode_all(&b"b\n"[..], 19).unwrap()].concat();
        assert_eq!(text(&two).unwrap(), "a\nb\n");
        assert!(text(&gzip(&gzip(b"a"))).unwrap_err().message.contains("twice"));
    }

    #[test]
    fn a_cut_or_changed_archive_is_refused() {
        let lines: String = (0..400).map(|i| format!("{},{}\n", i * i, i % 7)).collect();
        for (kind, whole) in
            [("gzip", gzip(lines.as_bytes())), ("Zstandard", zstd::encode_all(lines.as_bytes(), 3).unwrap())]
        {
            assert_eq!(text(&whole).unwrap(), lines);
            for cut in 4..whole.len() {
                let error = text(&whole[..cut]).unwrap_err();
                assert!(
                    error.message.starts_with(&format!("the {kind} file cannot be unpacked: ")),
                    "{error} at {cut}"
                );
            }
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 0x10;
                let _ = unpack(&changed, Encoding::Utf8);
            }
        }
    }

    #[test]
    fn other_kinds_of_file_are_named() {
        for (at, magic, what, hint) in OTHERS {
            let bytes = [vec![b'x'; at], magic.to_vec(), vec![0; 300]].concat();
            let error = unpack(&bytes, Encoding::Windows1252).unwrap_err();
            assert!(error.message.ends_with(what), "{}", error.message);
            assert_eq!(error.hints, [hint]);
        }
        let binary = text(b"a,b\n1,\0\n").unwrap_err();
        assert_eq!(
            (binary.line, binary.message.as_str()),
            (Some(2), "expected text, got a zero byte (byte 7 of the file)")
        );
        assert!(text(b"\xff\xfea\0").unwrap_err().message.contains("UTF-16"));
        for empty in [&b""[..], b"\xef\xbb\xbf \n"] {
            assert!(text(empty).unwrap_err().message.contains("empty"));
        }
    }

    #[test]
    fn letters_of_another_code_page_are_refused_with_their_line() {
        let latin = text(b"a\nWeb Attack \x96 XSS\n").unwrap_err();
        assert_eq!((latin.line, latin.message.as_str()), (Some(2), "expected UTF-8 text, got the byte 0x96"));
        assert!(latin.hints[0].contains("dataset.encoding: windows-1252"), "{:?}", latin.hints);
        let mixed = text("é\nWeb Attack X\n".replace('X', "\u{1}").as_bytes()).map(|_| ());
        assert!(mixed.is_ok());
        let mixed = text(b"a\nb \x96\n\xc3\xa9\n").unwrap_err();
        assert!(mixed.hints[0].contains("mixes encodings: line 3"), "{:?}", mixed.hints);
    }

    #[test]
    fn windows_1252_is_decoded_as_browsers_do() {
        let read = |bytes: &[u8]| match unpack(bytes, Encoding::Windows1252).unwrap() {
            Content::Text { text, doubtful } => (text.into_owned(), doubtful),
            other => panic!("{other:?} is no text"),
        };
        assert_eq!(read(b"a\nWeb Attack \x96 \x80\xe9\x81\n"), ("a\nWeb Attack – €é\u{81}\n".into(), None));
        assert_eq!(read(b"a\n\x96\n\xc3\xa9"), ("a\n–\nÃ©".into(), Some(3)), "this line looks like UTF-8");
        assert_eq!(read(b"\xef\xbb\xbfa\xc3\xa9"), ("aé".into(), None), "the mark says that it is UTF-8");
    }
}
