//! Whether a text file begins with the names of its columns.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use super::scan::{cells, record, separator_of};
use super::{Input, is_missing_marker};
use crate::spec::dataset::Separator;

/// Bytes that are looked at: enough for some rows of any usual table.
const LOOKED_AT: u64 = 1 << 18;
/// Rows after the first that are compared with it.
const COMPARED: usize = 50;

/// What the first line of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine {
    /// The names of the columns, as far as one can see.
    Names,
    /// Certainly names: a column of numbers begins with a word.
    CertainlyNames,
    /// A row of so many cells: the file has no header.
    Row(usize),
}

/// Looks at the beginning of a file. Binary formats bring their names; so do files that cannot be read, for the
/// reader says better what is wrong with them.
#[must_use]
pub fn first_line(input: &Input<'_>) -> FirstLine {
    let rows = beginning(input.bytes)
        .map(|text| rows(&text, separator_of(text.as_bytes(), Separator::Auto, None)))
        .unwrap_or_default();
    judge(&rows)
}

/// The first bytes of the text, unpacked; `None` for a binary format.
fn beginning(bytes: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    // What a damaged file gives before its fault is enough.
    let _ = match bytes {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(bytes).take(LOOKED_AT).read_to_end(&mut text),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::with_buffer(bytes).ok()?.take(LOOKED_AT).read_to_end(&mut text),
        _ => bytes.take(LOOKED_AT).read_to_end(&mut text),
    };
    let binary: [&[u8]; 4] = [b"PK\x03\x04", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"];
    if binary.iter().any(|magic| text.starts_with(magic)) {
        return None;
    }
    if text.starts_with(&[0xef, 0xbb, 0xbf]) {
        text.drain(..3);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The first rows that are not empty. The last one may be cut off, so it does not count, if there are others.
fn rows(text: &str, separator: u8) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() && out.len() <= COMPARED {
        let Ok((found, next, next_line)) = record(text.as_bytes(), at, line, separator) else { break };
        let row = &text[found.bytes];
        let cut = next > text.len() && text.len() as u64 >= LOOKED_AT;
        if !cut && !row.trim().is_empty() {
            out.push(cells(row, separator));
        }
        (at, line) = (next, next_line);
    }
    out
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_finite)
}

fn says_nothing(cell: &str) -> bool {
    cell.is_empty() || is_missing_marker(cell) || cell.parse::<f64>().is_ok_and(|v| !v.is_finite())
}

fn judge(rows: &[Vec<String>]) -> FirstLine {
    let Some((first, rest)) = rows.split_first() else { return FirstLine::Names };
    // Files that were pasted together have their header several times.
    let rest: Vec<&Vec<String>> = rest.iter().filter(|row| *row != first).collect();
    let column = |c: usize| rest.iter().filter_map(move |row| row.get(c)).filter(|cell| !says_nothing(cell));
    let numbers: Vec<f64> = first.iter().filter_map(|c| c.parse::<f64>().ok()).filter(|v| v.is_finite()).collect();
    let headed = first.iter().enumerate().any(|(c, cell)| {
        !says_nothing(cell) && !is_number(cell) && column(c).next().is_some() && column(c).all(|cell| is_number(cell))
    });
    if !numbers.is_empty() {
        // Columns may be called 0, 1, 2 …; a row of data hardly counts up.
        let counted = numbers.len() > 1 && numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
        return if headed && counted { FirstLine::Names } else { FirstLine::Row(first.len()) };
    }
    if headed {
        return FirstLine::CertainlyNames;
    }
    // Words only, in the first line and below: names do not stand in the rows again.
    let known = |(c, cell): (usize, &String)| rest.iter().any(|row| row.get(c) == Some(cell));
    if rest.len() > 1 && first.iter().enumerate().all(known) { FirstLine::Row(first.len()) } else { FirstLine::Names }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> FirstLine {
        first_line(&Input { name: "a.csv", bytes: text.as_bytes(), role: None })
    }

    #[test]
    fn numbers_in_the_first_line_mean_that_there_is_no_header() {
        assert_eq!(look("0,tcp,http,normal\n1,udp,dns,normal\n"), FirstLine::Row(4));
        assert_eq!(look("\n5.1,3.5,setosa\n4.9,3.0,setosa\n"), FirstLine::Row(3));
        assert_eq!(look("5.1,3.5,setosa"), FirstLine::Row(3));
        assert_eq!(look("?,3.5,a\n4.9,3.0,b\n"), FirstLine::Row(3));
    }

    #[test]
    fn words_over_numbers_are_names() {
        assert_eq!(look("a,b,label\n1,x,y\n?,x,y\n"), FirstLine::CertainlyNames);
        assert_eq!(look("\u{feff}a,b\n1,2\n"), FirstLine::CertainlyNames);
        assert_eq!(look("a,a\n1,2\n"), FirstLine::CertainlyNames);
        assert_eq!(look("a,b\n1,2\na,b\n3,4\n"), FirstLine::CertainlyNames);
        assert_eq!(look("a,b\n"), FirstLine::Names);
        assert_eq!(look(""), FirstLine::Names);
    }

    #[test]
    fn columns_may_be_called_by_their_numbers() {
        assert_eq!(look("label,0,1,2\ncat,7,7,8\ndog,1,2,3\n"), FirstLine::Row(4));
        assert_eq!(look("label,0,1,2\n3,7,7,8\n4,1,2,3\n"), FirstLine::Names);
    }

    #[test]
    fn words_that_come_again_are_a_row() {
        assert_eq!(look("p,x,s\ne,x,y\np,y,s\n"), FirstLine::Row(3));
        assert_eq!(look("colour,shape\nred,round\nblue,round\n"), FirstLine::Names);
    }

    #[test]
    fn only_the_beginning_of_a_long_file_is_read() {
        let long = format!("a,b\n{}", "1,2\n".repeat(100_000));
        assert_eq!(look(&long), FirstLine::CertainlyNames);
        let one_line = format!("a,{}", "x".repeat(1 << 20));
        assert_eq!(look(&one_line), FirstLine::Names);
        let binary = Input { name: "a.parquet", bytes: b"PAR1\x00\x01,2,3\n", role: None };
        assert_eq!(first_line(&binary), FirstLine::Names);
    }
}
