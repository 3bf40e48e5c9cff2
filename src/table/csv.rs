//! The cells of a text file as columns of numbers or of words, block by block.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use rayon::prelude::*;

use super::TableError;
use super::error::count;
use super::number::plain_number;
use super::scan::{Block, Scan, closing_quote, is_blank};
use super::typing::{Cell, Missing, Numbers, Part, Want, Words, cell};
use super::words::Interner;
use crate::ml::MISSING;

/// A cell of more bytes than this is a fault of form: a quote or a line end is missing.
const LONGEST_CELL: usize = 1 << 20;

/// Where the values of one column of one block go.
enum Sink<'a, 'v> {
    /// The column is not wanted.
    Skip,
    /// Only numbers so far, or nothing.
    Numbers { values: &'v mut [f64], missing: u64, infinite: u64 },
    /// Words, or what must be words: a text for every code.
    Words { codes: Vec<u32>, words: Interner<'a>, missing: u64, infinite: u64 },
    /// Numbers first, then a word.
    Both,
}

/// Reads the columns as wanted. Every row must have the file's number of cells.
///
/// # Errors
/// The first fault of form, with its line.
pub(super) fn columns<'a>(
    scan: &Scan<'a>,
    wants: &[Want],
    missing: &Missing,
) -> Result<Vec<Option<Part<'a>>>, TableError> {
    let mut buffers: Vec<Vec<f64>> =
        wants.iter().map(|w| vec![0.0; if is_number(*w) { scan.rows } else { 0 }]).collect();
    let mut sinks: Vec<Vec<Sink<'a, '_>>> = scan.blocks.iter().map(|_| Vec::with_capacity(wants.len())).collect();
    for (want, buffer) in wants.iter().zip(&mut buffers) {
        let mut rest = buffer.as_mut_slice();
        for (block, sinks) in scan.blocks.iter().zip(&mut sinks) {
            sinks.push(match want {
                Want::Skip => Sink::Skip,
                Want::Words => Sink::words(0, block.rows),
                Want::Numbers | Want::OnlyNumbers => {
                    let (values, after) = std::mem::take(&mut rest).split_at_mut(block.rows);
                    rest = after;
                    Sink::Numbers { values, missing: 0, infinite: 0 }
                }
            });
        }
    }
    let done: Vec<Result<(), TableError>> = scan
        .blocks
        .par_iter()
        .zip(&mut sinks)
        .map(|(block, sinks)| Reader { scan, missing, text: &scan.text[..block.bytes.end] }.read(block, sinks))
        .collect();
    done.into_iter().collect::<Result<(), TableError>>()?;
    // Every column's pieces, from its first block to its last.
    let mut pieces: Vec<Vec<Piece<'a>>> = wants.iter().map(|_| Vec::with_capacity(scan.blocks.len())).collect();
    for block in sinks {
        for (sink, column) in block.into_iter().zip(&mut pieces) {
            column.push(sink.into());
        }
    }
    let rows: Vec<usize> = scan.blocks.iter().map(|b| b.rows).collect();
    Ok(pieces.into_par_iter().zip(buffers).map(|(pieces, buffer)| part(pieces, buffer, &rows)).collect())
}

fn is_number(want: Want) -> bool {
    matches!(want, Want::Numbers | Want::OnlyNumbers)
}

/// A sink without its place for numbers.
enum Piece<'a> {
    Skip,
    Numbers { missing: u64, infinite: u64 },
    Words { codes: Vec<u32>, words: Interner<'a>, missing: u64, infinite: u64 },
    Both,
}

impl<'a> From<Sink<'a, '_>> for Piece<'a> {
    fn from(sink: Sink<'a, '_>) -> Self {
        match sink {
            Sink::Skip => Self::Skip,
            Sink::Numbers { missing, infinite, .. } => Self::Numbers { missing, infinite },
            Sink::Words { codes, words, missing, infinite } => Self::Words { codes, words, missing, infinite },
            Sink::Both => Self::Both,
        }
    }
}

/// The whole column of its pieces.
fn part<'a>(pieces: Vec<Piece<'a>>, values: Vec<f64>, rows: &[usize]) -> Option<Part<'a>> {
    let (mut n_missing, mut n_infinite, mut any_number, mut any_word, mut both) = (0, 0, false, false, false);
    for (piece, rows) in pieces.iter().zip(rows) {
        match piece {
            Piece::Skip => return None,
            Piece::Both => both = true,
            Piece::Numbers { missing, infinite } => {
                n_missing += missing;
                n_infinite += infinite;
                any_number |= missing + infinite < *rows as u64;
            }
            Piece::Words { missing, infinite, .. } => {
                n_missing += missing;
                n_infinite += infinite;
                any_word = true;
            }
        }
    }
    if both || (any_number && any_word) {
        return Some(Part::Both);
    }
    if !any_word {
        return Some(Part::Numbers(Numbers { values, missing: n_missing, infinite: n_infinite }));
    }
    let mut all = Interner::default();
    let mut codes = Vec::with_capacity(rows.iter().sum());
    for (piece, rows) in pieces.into_iter().zip(rows) {
        match piece {
            Piece::Words { codes: its, words, .. } => {
                let new: Vec<u32> = words
                    .into_words()
                    .into_iter()
                    .map(|word| match word {
                        Cow::Borrowed(word) => all.number(word),
                        Cow::Owned(word) => all.number_of_copy(&word),
                    })
                    .collect();
                codes.extend(its.iter().map(|&c| if c == MISSING { MISSING } else { new[c as usize] }));
            }
            _ => codes.resize(codes.len() + rows, MISSING),
        }
    }
    let words = Words { codes, words: all.into_words(), missing: n_missing, infinite: n_infinite, are_words: false };
    Some(Part::Words(words))
}

impl<'a> Sink<'a, '_> {
    /// Words, after some rows in which all is missing.
    fn words(before: usize, rows: usize) -> Self {
        let mut codes = Vec::with_capacity(rows);
        codes.resize(before, MISSING);
        Self::Words { codes, words: Interner::default(), missing: 0, infinite: 0 }
    }

    /// Takes the cell of a row.
    fn take(&mut self, row: usize, rows: usize, text: Cow<'a, str>, missing: &Missing) {
        match self {
            Self::Skip | Self::Both => {}
            Self::Words { codes, words, missing: n, .. } => {
                let trimmed = text.trim();
                if trimmed.is_empty() || missing.has(trimmed) {
                    *n += 1;
                    codes.push(MISSING);
                } else {
                    codes.push(match text {
                        Cow::Borrowed(text) => words.number(text.trim()),
                        Cow::Owned(text) => words.number_of_copy(text.trim()),
                    });
                }
            }
            Self::Numbers { values, missing: n_missing, infinite: n_infinite } => match cell(&text, missing) {
                Cell::Number(v) => values[row] = v,
                Cell::Missing => {
                    *n_missing += 1;
                    values[row] = f64::NAN;
                }
                Cell::Infinite => {
                    *n_infinite += 1;
                    values[row] = f64::NAN;
                }
                Cell::Word if *n_missing + *n_infinite < row as u64 => *self = Self::Both,
                Cell::Word => {
                    let (before_missing, before_infinite) = (*n_missing, *n_infinite);
                    *self = Self::words(row, rows);
                    self.take(row, rows, text, missing);
                    if let Self::Words { missing, infinite, .. } = self {
                        *missing += before_missing;
                        *infinite += before_infinite;
                    }
                }
            },
        }
    }
}

/// Goes through the rows of one block; `text` ends with it.
struct Reader<'s, 'a> {
    scan: &'s Scan<'a>,
    missing: &'s Missing,
    text: &'a str,
}

impl<'a> Reader<'_, 'a> {
    fn read(&self, block: &Block, sinks: &mut [Sink<'a, '_>]) -> Result<(), TableError> {
        let bytes = self.text.as_bytes();
        let separator = self.scan.separator;
        let mut at = block.bytes.start;
        for row in 0..block.rows {
            at = self.skip_blank_lines(at);
            if at >= bytes.len() {
                return Err(unbalanced());
            }
            let start = at;
            let last = sinks.len().wrapping_sub(1);
            for (i, sink) in sinks.iter_mut().enumerate() {
                let quick = match sink {
                    Sink::Numbers { values, .. } => self.quick_number(at).map(|(value, end)| {
                        values[row] = value;
                        end
                    }),
                    _ => None,
                };
                at = match quick {
                    Some(end) => end,
                    None => {
                        let (text, end) = self.cell(at, start, i)?;
                        sink.take(row, block.rows, text, self.missing);
                        end
                    }
                };
                // A cell ends at a separator, the last one at a line end or at the end of the text.
                at += match (bytes.get(at), i == last) {
                    (Some(&b), false) if b == separator => 1,
                    (None, true) => 0,
                    (Some(b'\n'), true) => 1,
                    (Some(b'\r'), true) if matches!(bytes.get(at + 1), None | Some(b'\n')) => 2,
                    _ => return Err(self.scan.fault(start)),
                };
            }
        }
        if self.skip_blank_lines(at) == bytes.len() { Ok(()) } else { Err(unbalanced()) }
    }

    /// The plain number that begins at `at`, in quotes or not, and where its cell ends.
    #[inline]
    fn quick_number(&self, at: usize) -> Option<(f64, usize)> {
        let bytes = self.text.as_bytes();
        let first = bytes.get(at);
        if self.scan.quoted && first == Some(&b'"') {
            if self.missing.may_begin(bytes.get(at + 1)) {
                return None;
            }
            let (value, end) = plain_number(bytes, at + 1, b'"')?;
            let closed = bytes.get(end) == Some(&b'"') && bytes.get(end + 1) != Some(&b'"');
            return closed.then_some((value, end + 1));
        }
        if self.missing.may_begin(first) { None } else { plain_number(bytes, at, self.scan.separator) }
    }

    fn skip_blank_lines(&self, mut at: usize) -> usize {
        let bytes = self.text.as_bytes();
        while bytes.get(at).is_some_and(|b| b.is_ascii_whitespace() && *b != self.scan.separator) {
            let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
            if !is_blank(&bytes[at..end], self.scan.separator) {
                break;
            }
            at = end;
        }
        at
    }

    /// The cell that begins at `at`, unquoted, and where it ends. `start` is where its row begins.
    fn cell(&self, at: usize, start: usize, index: usize) -> Result<(Cow<'a, str>, usize), TableError> {
        let bytes = self.text.as_bytes();
        let too_long = |n: usize| {
            let line = 1 + memchr::memchr_iter(b'\n', &bytes[..start]).count() as u64;
            TableError::new(format!("cell {} holds {}, more than a mebibyte", index + 1, count(n, "byte")))
                .on_line(line)
                .hint("check the line ends of the file, and that every quoted cell is closed")
        };
        if bytes.get(at) == Some(&b'"') {
            let close = closing_quote(bytes, at + 1).ok_or_else(|| self.scan.fault(start))?;
            if close - at > LONGEST_CELL {
                return Err(too_long(close - at - 1));
            }
            let inside = &self.text[at + 1..close];
            let text = match memchr(b'"', inside.as_bytes()) {
                Some(_) => Cow::Owned(inside.replace("\"\"", "\"")),
                None => Cow::Borrowed(inside),
            };
            return Ok((text, close + 1));
        }
        let end = memchr2(self.scan.separator, b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
        if end - at > LONGEST_CELL {
            return Err(too_long(end - at));
        }
        if self.scan.quoted && memchr(b'"', &bytes[at..end]).is_some() {
            return Err(self.scan.fault(start));
        }
        Ok((Cow::Borrowed(&self.text[at..end]), end))
    }
}

/// Rows were counted by their quotes; should the cells tell another number, nothing is guessed.
fn unbalanced() -> TableError {
    TableError::new("the quotes of the file are out of balance").hint("double the quotes inside quoted cells")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::dataset::Separator;
    use crate::table::scan::scan;

    fn read<'a>(text: &'a str, wants: &[Want]) -> Result<Vec<Option<Part<'a>>>, TableError> {
        columns(&scan(text, Separator::Auto, None)?, wants, &Missing::new(&["?".to_owned()]))
    }

    #[test]
    fn numbers_words_and_mixtures_are_told_apart() {
        let text = "a,b,c,d,e\n1,x,1,,u\n-2.5, y ,z,inf,v\n?,x,,nan,\"w \"\"q\"\"\"\r\n1e3,x,3,w,u";
        let wants = [Want::Numbers, Want::Numbers, Want::Numbers, Want::Numbers, Want::Skip];
        let parts = read(text, &wants).unwrap();
        let Some(Part::Numbers(a)) = &parts[0] else { panic!("{parts:?}") };
        assert_eq!((a.missing, a.infinite, &a.values[..2], a.values[3]), (1, 0, &[1.0, -2.5][..], 1000.0));
        assert!(a.values[2].is_nan());
        let Some(Part::Words(b)) = &parts[1] else { panic!("{parts:?}") };
        assert_eq!((&b.codes[..], &b.words[..]), (&[0, 1, 0, 0][..], &["x".into(), Cow::from("y")][..]));
        assert!(matches!(parts[2], Some(Part::Both)), "{parts:?}");
        let Some(Part::Words(d)) = &parts[3] else { panic!("{parts:?}") };
        assert_eq!((d.missing, d.infinite, &d.codes[..]), (2, 1, &[MISSING, MISSING, MISSING, 0][..]));
        assert!(parts[4].is_none());
        let parts = read(text, &[Want::Words; 5]).unwrap();
        let Some(Part::Words(e)) = &parts[4] else { panic!("{parts:?}") };
        assert_eq!((e.words[2].as_ref(), e.codes[3]), ("w \"q\"", 0));
        let Some(Part::Words(a)) = &parts[0] else { panic!("{parts:?}") };
        assert_eq!((a.words[2].as_ref(), a.missing), ("1e3", 1));
    }

    #[test]
    fn quoted_numbers_are_numbers() {
        let text = "a,b,c\n\"1\",\"-2.5\",\"7\"\"8\"\n\"?\",\"\",\"x\"\r\n\" 3 \",\"1e2\",\"\"\"\"";
        let parts = read(text, &[Want::Numbers; 3]).unwrap();
        let values = |part: &Option<Part<'_>>| match part {
            Some(Part::Numbers(n)) => n.values.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(format!("{:?} {:?}", values(&parts[0]), values(&parts[1])), "[1.0, NaN, 3.0] [-2.5, NaN, 100.0]");
        let Some(Part::Words(c)) = &parts[2] else { panic!("{parts:?}") };
        assert_eq!(c.words, ["7\"8", "x", "\""]);
    }

    #[test]
    fn many_blocks_make_one_column() {
        // Words begin in the second block; the first has nothing, or a number.
        let rows = 400_000;
        for first in ["", "7"] {
            let text: String = std::iter::once("a,b\n".to_owned())
                .chain((0..rows).map(|i| match i {
                    0 => format!("0,{first}\n"),
                    1..200_000 => format!("{i},\n"),
                    _ => format!("{i},w{}\n", i % 3),
                }))
                .collect();
            let scan = scan(&text, Separator::Auto, None).unwrap();
            assert!(scan.blocks.len() > 1);
            let parts = columns(&scan, &[Want::Numbers; 2], &Missing::new(&[])).unwrap();
            let Some(Part::Numbers(a)) = &parts[0] else { panic!("numbers expected") };
            assert!(a.values.iter().enumerate().all(|(i, v)| *v == i as f64));
            match (&parts[1], first) {
                (Some(Part::Words(b)), "") => {
                    assert_eq!((b.missing, b.codes.len(), b.words.len()), (200_000, rows, 3));
                    assert!((200_000..rows).all(|i| b.words[b.codes[i] as usize] == format!("w{}", i % 3)));
                }
                (Some(Part::Both), "7") => {}
                (other, _) => panic!("{first:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_first_fault_is_told() {
        let long = format!("a,b\n1,{}\n", "x".repeat(LONGEST_CELL + 1));
        for (text, line, part) in [
            ("a,b\n1,2\n3\n4,5,6\n", 3, "expected 2 cells as in the header, got 1"),
            ("a,b\n1,2\n\n3,4,\n", 4, "got 3"),
            ("a,b\n\"1\",\"2\"\n\"3\"4,5\n", 3, "expected the separator after the closing quote of cell 1"),
            ("a,b\n1,2\n\"3\" ,4\n", 3, "expected the separator after the closing quote of cell 1"),
            ("a,b\n1,2\n\"3,4\n", 3, "the quote that opens cell 1 is never closed"),
            ("a,b\n1,2\"\n\"3\",4\n", 2, "a quote inside the unquoted cell 2"),
            (&long, 2, "cell 2 holds 1,048,577 bytes, more than a mebibyte"),
        ] {
            for want in [Want::Numbers, Want::Words, Want::Skip] {
                let error = read(text, &[want; 2]).unwrap_err();
                assert_eq!(error.line, Some(line), "{}", error.message);
                assert!(error.message.contains(part), "{}", error.message);
            }
        }
    }
}
