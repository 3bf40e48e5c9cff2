//! Typed columns of Parquet and Arrow files as numbers or words.

use std::fmt::Write;

use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, DictionaryArray, PrimitiveArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType, IntegerType, TimeUnit};
use polars_arrow::types::NativeType;

use super::TableError;
use super::error::{count, mebibytes, quote};
use super::typing::{Missing, Numbers, Part, Want, Words};
use super::words::Interner;
use crate::ml::MISSING;

/// A text of more bytes than this is no category.
const LONGEST_TEXT: usize = 1 << 20;
/// The values of a file may take this much memory, whatever its size.
const FREE: u128 = 1 << 30;
/// Beyond that, this many times the size of the file.
const TIMES: u128 = 200;

/// What a type of column is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Numbers.
    Number,
    /// Words.
    Text,
    /// Points in time: words, or seconds since 1970 where the column is declared a number.
    Time,
}

fn kind(dtype: &ArrowDataType) -> Option<Kind> {
    use ArrowDataType as D;
    Some(match dtype.to_storage() {
        D::Null | D::Boolean | D::Decimal(..) | D::Duration(_) => Kind::Number,
        D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => Kind::Number,
        D::Float32 | D::Float64 => Kind::Number,
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => Kind::Text,
        D::Date32 | D::Date64 | D::Timestamp(..) | D::Time32(_) | D::Time64(_) => Kind::Time,
        D::Dictionary(_, values, _) if !matches!(**values, D::Dictionary(..)) => kind(values)?,
        _ => return None,
    })
}

/// Whether columns of this type can be read.
///
/// # Errors
/// [`TableError`] that names the column, for lists, structs and other types without one value in a cell.
pub(super) fn check_type(name: &str, dtype: &ArrowDataType) -> Result<(), TableError> {
    use ArrowDataType as D;
    if kind(dtype).is_some() {
        return Ok(());
    }
    let (what, hint) = match dtype.to_storage() {
        D::List(_) | D::LargeList(_) | D::FixedSizeList(..) | D::Map(..) => {
            ("lists", "write one column for each item, or leave the column out")
        }
        D::Struct(_) => ("structs", "write one column for each of their fields, or leave the column out"),
        D::FixedSizeBinary(_) => ("bytes of a fixed length", "write them as text, or leave the column out"),
        D::Float16 => ("numbers of 16 bits", "write them as float32"),
        _ => ("values of a type that is not read", "write them as numbers or text, or leave the column out"),
    };
    Err(TableError::new(format!("the column {} holds {what}: a cell of a table is a number or a text", quote(name)))
        .hint(hint))
}

/// Whether the memory for a file's values is in proportion to the file.
///
/// # Errors
/// [`TableError`] where it is not.
pub(super) fn check_size(rows: u128, columns: usize, unpacked: u128, file: usize) -> Result<(), TableError> {
    let needed = rows.saturating_mul(columns as u128).saturating_mul(8).saturating_add(unpacked);
    let most = FREE.max(file as u128 * TIMES);
    if needed <= most {
        return Ok(());
    }
    let bytes = |n: u128| mebibytes(usize::try_from(n).unwrap_or(usize::MAX));
    Err(TableError::new(format!(
        "the file of {} says that it unpacks to {}: more than {TIMES} times its size",
        bytes(file as u128),
        bytes(needed)
    ))
    .hint("it may be damaged, or made to exhaust the memory; if it is right, write it as several files and name them by a pattern"))
}

/// A column of these arrays, one behind the other.
///
/// # Errors
/// [`TableError`] for bytes that are no text, and for times outside the years -9999 to 9999.
pub(super) fn part(
    name: &str,
    arrays: &[Box<dyn Array>],
    want: Want,
    missing: &Missing,
) -> Result<Option<Part<'static>>, TableError> {
    let Some(kind) = arrays.first().map_or(Some(Kind::Number), |a| kind(a.dtype())) else {
        return Err(TableError::new(format!("the column {} cannot be read", quote(name))));
    };
    let rows = arrays.iter().map(|a| a.len()).sum();
    match (want, kind) {
        (Want::Skip, _) => Ok(None),
        (Want::Numbers | Want::OnlyNumbers, Kind::Number) | (Want::OnlyNumbers, Kind::Time) => {
            let mut values = Vec::with_capacity(rows);
            arrays.iter().for_each(|a| append_numbers(a.as_ref(), &mut values));
            Ok(Some(Part::Numbers(count_gaps(values, missing))))
        }
        (Want::Words, _) | (Want::Numbers | Want::OnlyNumbers, _) => {
            let mut column = Column { words: Interner::default(), codes: Vec::with_capacity(rows), missing: 0 };
            for array in arrays {
                column.append(array.as_ref(), missing).map_err(|(row, what)| {
                    TableError::new(format!("the column {} holds {what} in row {}", quote(name), row + 1))
                        .hint("mend it where the file is written, or leave the column out")
                })?;
            }
            let Column { words, codes, missing: n } = column;
            // A text that must be a number is judged like a cell of a CSV.
            let are_words = kind != Kind::Number && want != Want::OnlyNumbers;
            let words = Words { codes, words: words.into_words(), missing: n, infinite: 0, are_words };
            Ok(Some(if want == Want::OnlyNumbers { numbers_of(words, missing) } else { Part::Words(words) }))
        }
    }
}

/// Numbers without those that mean missing; NaN and infinities counted.
fn count_gaps(mut values: Vec<f64>, none: &Missing) -> Numbers {
    let (mut missing, mut infinite) = (0, 0);
    for value in &mut values {
        if value.is_infinite() {
            infinite += 1;
            *value = f64::NAN;
        } else if value.is_nan() || none.has_number(*value) {
            missing += 1;
            *value = f64::NAN;
        }
    }
    Numbers { values, missing, infinite }
}

/// Texts as numbers, where all of them are.
fn numbers_of(words: Words<'static>, missing: &Missing) -> Part<'static> {
    let parsed: Vec<Option<f64>> = words.words.iter().map(|w| w.parse().ok()).collect();
    if parsed.contains(&None) {
        return Part::Words(words);
    }
    let value = |&c: &u32| parsed.get(c as usize).copied().flatten().unwrap_or(f64::NAN);
    Part::Numbers(count_gaps(words.codes.iter().map(value).collect(), missing))
}

fn native<T: NativeType>(array: &dyn Array) -> Option<&PrimitiveArray<T>> {
    array.as_any().downcast_ref()
}

/// Positions in a dictionary's values.
fn keys(array: &dyn Array) -> Option<(Vec<Option<usize>>, &dyn Array)> {
    macro_rules! either {
        ($($integer:ident => $ty:ty),*) => {
            match array.dtype().to_storage() {
                $(ArrowDataType::Dictionary(IntegerType::$integer, ..) => {
                    let dictionary = array.as_any().downcast_ref::<DictionaryArray<$ty>>()?;
                    let keys = dictionary.keys().iter().map(|k| k.and_then(|k| usize::try_from(*k).ok())).collect();
                    Some((keys, dictionary.values().as_ref()))
                })*
                _ => None,
            }
        };
    }
    either!(Int8 => i8, Int16 => i16, Int32 => i32, Int64 => i64, UInt8 => u8, UInt16 => u16, UInt32 => u32, UInt64 => u64)
}

fn seconds(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Second => 1.0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    }
}

/// Appends the numbers of an array; NaN where there is none.
fn append_numbers(array: &dyn Array, out: &mut Vec<f64>) {
    use ArrowDataType as D;
    let from = out.len();
    macro_rules! push {
        ($ty:ty, $convert:expr) => {
            if let Some(a) = native::<$ty>(array) {
                let convert = $convert;
                match a.validity() {
                    None => out.extend(a.values().iter().map(|v| convert(*v))),
                    Some(_) => out.extend(a.iter().map(|v| v.map_or(f64::NAN, |v| convert(*v)))),
                }
            }
        };
    }
    match array.dtype().to_storage() {
        D::Int8 => push!(i8, f64::from),
        D::Int16 => push!(i16, f64::from),
        D::Int32 => push!(i32, f64::from),
        D::Int64 => push!(i64, |v| v as f64),
        D::UInt8 => push!(u8, f64::from),
        D::UInt16 => push!(u16, f64::from),
        D::UInt32 => push!(u32, f64::from),
        D::UInt64 => push!(u64, |v| v as f64),
        D::Float32 => push!(f32, f64::from),
        D::Float64 => push!(f64, |v| v),
        D::Decimal(_, scale) => {
            let scale = *scale;
            push!(i128, move |v| decimal(v, scale).parse::<f64>().unwrap_or(f64::NAN));
        }
        D::Date32 => push!(i32, |v| f64::from(v) * 86_400.0),
        D::Date64 => push!(i64, |v| v as f64 / 1e3),
        D::Time32(unit) => {
            let per = seconds(*unit);
            push!(i32, move |v| f64::from(v) / per);
        }
        D::Time64(unit) | D::Timestamp(unit, _) | D::Duration(unit) => {
            let per = seconds(*unit);
            push!(i64, move |v| v as f64 / per);
        }
        D::Boolean => {
            if let Some(a) = array.as_any().downcast_ref::<BooleanArray>() {
                out.extend(a.iter().map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v)))));
            }
        }
        D::Dictionary(..) => {
            if let Some((keys, values)) = keys(array) {
                let mut inner = Vec::with_capacity(values.len());
                append_numbers(values, &mut inner);
                out.extend(keys.iter().map(|k| k.and_then(|k| inner.get(k).copied()).unwrap_or(f64::NAN)));
            }
        }
        _ => {}
    }
    // Null arrays, and whatever could not be read: nothing is there.
    out.resize(from + array.len(), f64::NAN);
}

/// A decimal as text.
fn decimal(value: i128, scale: usize) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Words in the making.
struct Column {
    words: Interner<'static>,
    codes: Vec<u32>,
    missing: u64,
}

impl Column {
    fn push(&mut self, text: Option<&str>, none: &Missing) {
        let code = match text.map(str::trim) {
            Some(text) if !text.is_empty() && !none.has(text) => self.words.number_of_copy(text),
            _ => {
                self.missing += 1;
                MISSING
            }
        };
        self.codes.push(code);
    }

    /// Appends the texts of an array. On failure the row, through all arrays, and what is there.
    fn append(&mut self, array: &dyn Array, none: &Missing) -> Result<(), (usize, String)> {
        use ArrowDataType as D;
        let from = self.codes.len();
        macro_rules! show {
            ($ty:ty, $text:expr) => {
                if let Some(a) = native::<$ty>(array) {
                    let mut buffer = String::new();
                    let mut last: Option<($ty, u32)> = None;
                    for value in a.iter() {
                        match (value, last) {
                            (Some(value), Some((before, code))) if *value == before && code != MISSING => {
                                self.codes.push(code);
                            }
                            (Some(value), _) => {
                                buffer.clear();
                                $text(*value, &mut buffer).map_err(|what| (self.codes.len(), what))?;
                                self.push(Some(&buffer), none);
                                last = self.codes.last().map(|code| (*value, *code));
                            }
                            (None, _) => self.push(None, none),
                        }
                    }
                }
            };
        }
        macro_rules! plain {
            ($ty:ty) => {
                show!($ty, |v: $ty, out: &mut String| write!(out, "{v}").map_err(|e| e.to_string()))
            };
        }
        macro_rules! texts {
            ($ty:ty) => {
                if let Some(a) = array.as_any().downcast_ref::<$ty>() {
                    for text in a.iter() {
                        match text {
                            Some(t) if t.len() > LONGEST_TEXT => {
                                return Err((self.codes.len(), format!("a text of {}", count(t.len(), "byte"))));
                            }
                            text => self.push(text, none),
                        }
                    }
                }
            };
        }
        macro_rules! bytes {
            ($ty:ty) => {
                if let Some(a) = array.as_any().downcast_ref::<$ty>() {
                    for bytes in a.iter() {
                        match bytes.map(std::str::from_utf8).transpose() {
                            Ok(Some(t)) if t.len() > LONGEST_TEXT => {
                                return Err((self.codes.len(), format!("a text of {}", count(t.len(), "byte"))));
                            }
                            Ok(text) => self.push(text, none),
                            Err(_) => return Err((self.codes.len(), "bytes that are no UTF-8 text".into())),
                        }
                    }
                }
            };
        }
        match array.dtype().to_storage() {
            D::Int8 => plain!(i8),
            D::Int16 => plain!(i16),
            D::Int32 => plain!(i32),
            D::Int64 => plain!(i64),
            D::UInt8 => plain!(u8),
            D::UInt16 => plain!(u16),
            D::UInt32 => plain!(u32),
            D::UInt64 => plain!(u64),
            D::Float32 => plain!(f32),
            D::Float64 => plain!(f64),
            D::Decimal(_, scale) => {
                let scale = *scale;
                show!(i128, |v: i128, out: &mut String| {
                    out.push_str(&decimal(v, scale));
                    Ok::<(), String>(())
                });
            }
            D::Date32 => show!(i32, |v: i32, out: &mut String| time(i128::from(v) * DAY, "%Y-%m-%d", out)),
            D::Date64 => {
                show!(i64, |v: i64, out: &mut String| time(i128::from(v) * 1_000_000, "%Y-%m-%d", out));
            }
            D::Timestamp(unit, zone) => {
                let one = nanoseconds(*unit);
                let form = if zone.is_some() { "%Y-%m-%d %H:%M:%S%.f+00:00" } else { "%Y-%m-%d %H:%M:%S%.f" };
                show!(i64, |v: i64, out: &mut String| time(i128::from(v) * one, form, out));
            }
            D::Time32(unit) => {
                let one = nanoseconds(*unit);
                show!(i32, |v: i32, out: &mut String| time(i128::from(v) * one, "%H:%M:%S%.f", out));
            }
            D::Time64(unit) => {
                let one = nanoseconds(*unit);
                show!(i64, |v: i64, out: &mut String| time(i128::from(v) * one, "%H:%M:%S%.f", out));
            }
            D::Duration(unit) => {
                let per = seconds(*unit);
                show!(i64, |v: i64, out: &mut String| write!(out, "{}", v as f64 / per).map_err(|e| e.to_string()));
            }
            D::Boolean => {
                if let Some(a) = array.as_any().downcast_ref::<BooleanArray>() {
                    a.iter().for_each(|v| self.push(v.map(|v| if v { "true" } else { "false" }), none));
                }
            }
            D::Utf8 => texts!(Utf8Array<i32>),
            D::LargeUtf8 => texts!(Utf8Array<i64>),
            D::Utf8View => texts!(Utf8ViewArray),
            D::Binary => bytes!(BinaryArray<i32>),
            D::LargeBinary => bytes!(BinaryArray<i64>),
            D::BinaryView => bytes!(BinaryViewArray),
            D::Dictionary(..) => {
                if let Some((keys, values)) = keys(array) {
                    let mut inner = Self { words: std::mem::take(&mut self.words), codes: Vec::new(), missing: 0 };
                    let read = inner.append(values, none);
                    self.words = inner.words;
                    read.map_err(|(_, what)| (from, what))?;
                    for key in keys {
                        let code = key.and_then(|k| inner.codes.get(k).copied()).unwrap_or(MISSING);
                        self.missing += u64::from(code == MISSING);
                        self.codes.push(code);
                    }
                }
            }
            _ => {}
        }
        while self.codes.len() < from + array.len() {
            self.push(None, none);
        }
        Ok(())
    }
}

const DAY: i128 = 86_400 * 1_000_000_000;

fn nanoseconds(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Nanoseconds since 1970, UTC, as text.
fn time(nanoseconds: i128, form: &str, out: &mut String) -> Result<(), String> {
    let outside = || format!("a time {nanoseconds} ns from 1970, outside the years -9999 to 9999");
    let stamp = jiff::Timestamp::from_nanosecond(nanoseconds).map_err(|_| outside())?;
    let civil = jiff::tz::Offset::UTC.to_datetime(stamp);
    write!(out, "{}", civil.strftime(form)).map_err(|_| outside())
}

#[cfg(test)]
#[path = "arrays_tests.rs"]
mod tests;
