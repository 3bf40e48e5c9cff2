//! NPZ archives of ready arrays, as the published study wrote them: in and out.

use std::io::Cursor;

use ndarray::{Array1, Array2, Ix1, Ix2, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyError, ReadNpzError, ReadableElement, WriteNpzError};

use super::error::{count, shorten};
use super::frame::CLASS;
use super::{Table, TableError};
use crate::ml::{Column, LedgerEntry, Role};
use crate::spec::dataset::DatasetSpec;

/// Rows made by SMOTE have ids from here on.
const MADE: u64 = 1 << 63;

/// The arrays of an archive. [`read_npz`] gives only such whose shapes fit.
#[derive(Clone, Debug, PartialEq)]
pub struct NpzArrays {
    /// `X_train`, shape (training rows, features): balanced where `X_train_unSMOTE` is there too.
    pub x_train: Array2<f64>,
    /// `y_train`, one integer label per row of `x_train`.
    pub y_train: Array1<i64>,
    /// `X_test`, shape (test rows, features).
    pub x_test: Array2<f64>,
    /// `y_test`, one integer label per row of `x_test`.
    pub y_test: Array1<i64>,
    /// `X_train_unSMOTE`: the training rows before balancing; equal to the first rows of `x_train`.
    pub x_train_unsmote: Option<Array2<f64>>,
}

/// Reads an archive: `X_train`, `y_train`, `X_test`, `y_test` and, if there, `X_train_unSMOTE`. Matrices are float64 or
/// float32, labels any integers.
///
/// # Errors
/// [`TableError`] for a file that is no archive, an array that is missing or of another kind, shapes that do not fit
/// each other, and an `X_train_unSMOTE` that is not, bit for bit, the first rows of `X_train`.
pub fn read_npz(name: &str, bytes: &[u8]) -> Result<NpzArrays, TableError> {
    read(bytes).map_err(|e| e.in_file(name))
}

fn read(bytes: &[u8]) -> Result<NpzArrays, TableError> {
    let damaged = |e: ReadNpzError| {
        TableError::new(format!("expected an NPZ archive, got a file that cannot be read as one: {e}"))
            .hint("it may be cut short or damaged: fetch it again and compare its SHA-256")
    };
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let names = archive.names().map_err(damaged)?;
    let missing: Vec<&str> =
        ["X_train", "y_train", "X_test", "y_test"].into_iter().filter(|a| !names.iter().any(|n| n == a)).collect();
    if !missing.is_empty() {
        let present: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
        return Err(TableError::new(format!("the archive has no array {}", missing.join(", ")))
            .hint(format!("it has: {}", if present.is_empty() { "none".into() } else { shorten(&present, 20) }))
            .hint("write it with numpy.savez(FILE, X_train=..., y_train=..., X_test=..., y_test=...)"));
    }
    let unsmote = names.iter().any(|n| n == "X_train_unSMOTE");
    let arrays = NpzArrays {
        x_train: matrix(&mut archive, "X_train")?,
        y_train: integers(&mut archive, "y_train")?,
        x_test: matrix(&mut archive, "X_test")?,
        y_test: integers(&mut archive, "y_test")?,
        x_train_unsmote: if unsmote { Some(matrix(&mut archive, "X_train_unSMOTE")?) } else { None },
    };
    arrays.check()?;
    Ok(arrays)
}

type Archive<'a> = NpzReader<Cursor<&'a [u8]>>;

/// The array, `None` where it has another element type.
fn array<T: ReadableElement, D: ndarray::Dimension>(
    archive: &mut Archive<'_>,
    name: &str,
) -> Result<Option<ndarray::ArrayBase<OwnedRepr<T>, D>>, TableError> {
    match archive.by_name(name) {
        Ok(array) => Ok(Some(array)),
        Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => Ok(None),
        Err(ReadNpzError::Npy(ReadNpyError::WrongNdim(expected, got))) => Err(TableError::new(format!(
            "expected {name} to have {}, got {got}",
            count(expected.unwrap_or(0), "dimension")
        ))),
        Err(e) => Err(TableError::new(format!("the array {name} cannot be read: {e}"))
            .hint("the file may be cut short or damaged: fetch it again and compare its SHA-256")),
    }
}

fn matrix(archive: &mut Archive<'_>, name: &str) -> Result<Array2<f64>, TableError> {
    if let Some(a) = array::<f64, Ix2>(archive, name)? {
        return Ok(a.as_standard_layout().into_owned());
    }
    if let Some(a) = array::<f32, Ix2>(archive, name)? {
        return Ok(a.mapv(f64::from).as_standard_layout().into_owned());
    }
    Err(TableError::new(format!("expected {name} to hold float64 or float32, got another type"))
        .hint(format!("convert it: {name}.astype(numpy.float64)")))
}

fn integers(archive: &mut Archive<'_>, name: &str) -> Result<Array1<i64>, TableError> {
    macro_rules! either {
        ($($ty:ty),*) => { $( if let Some(a) = array::<$ty, Ix1>(archive, name)? { return Ok(a.mapv(i64::from)); } )* };
    }
    either!(i64, i32, i16, i8, u8, u16, u32);
    Err(TableError::new(format!("expected {name} to hold integers, got another type"))
        .hint("number the classes from 0, and name them in that order under dataset.classes"))
}

impl NpzArrays {
    fn check(&self) -> Result<(), TableError> {
        for (x, y, name) in [(&self.x_train, &self.y_train, "train"), (&self.x_test, &self.y_test, "test")] {
            if x.nrows() != y.len() {
                return Err(TableError::new(format!(
                    "X_{name} has {}, y_{name} has {}",
                    count(x.nrows(), "row"),
                    count(y.len(), "label")
                )));
            }
            if x.is_empty() {
                return Err(TableError::new(format!("X_{name} has no value: its shape is {:?}", x.dim())));
            }
        }
        if self.x_train.ncols() != self.x_test.ncols() {
            return Err(TableError::new(format!(
                "X_train has {}, X_test has {}",
                count(self.x_train.ncols(), "column"),
                self.x_test.ncols()
            )));
        }
        let Some(raw) = &self.x_train_unsmote else { return Ok(()) };
        if raw.ncols() != self.x_train.ncols() || raw.nrows() > self.x_train.nrows() || raw.is_empty() {
            return Err(TableError::new(format!(
                "X_train_unSMOTE has the shape {:?}, which cannot be the first rows of X_train, {:?}",
                raw.dim(),
                self.x_train.dim()
            )));
        }
        let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
        let differs = (0..raw.nrows()).find(|&r| !raw.row(r).iter().zip(self.x_train.row(r)).all(same));
        match differs {
            None => Ok(()),
            Some(row) => Err(TableError::new(format!(
                "X_train_unSMOTE is not the beginning of X_train: row {row} (from 0) differs, so its labels are unknown"
            ))
            .hint(
                "write X_train with the original rows first and the made ones after them, or leave X_train_unSMOTE out",
            )),
        }
    }

    /// The arrays as tables: the training rows before balancing (all training rows, where these are not told apart)
    /// with the test rows, roles fixed; and the balanced training rows, if `X_train_unSMOTE` is there, the made rows
    /// with ids from `1 << 63`. Features are named by `dataset.features`, else `x0`, `x1` …; the last column is the
    /// class, named by `dataset.target`, else `class`; its words are `dataset.classes`, else the integers.
    ///
    /// # Errors
    /// [`TableError`] for names that do not fit the arrays.
    pub fn into_tables(self, dataset: &DatasetSpec) -> Result<(Table, Option<Table>, Vec<LedgerEntry>), TableError> {
        self.check()?;
        let width = self.x_train.ncols();
        let names = feature_names(width, dataset)?;
        let (n_train, n_test) = (self.x_train.nrows(), self.x_test.nrows());
        let n_raw = self.x_train_unsmote.as_ref().map_or(n_train, Array2::nrows);
        let label = labels(&self.y_train, &self.y_test, dataset)?;
        let target = dataset.target.as_ref().map_or(CLASS, |t| t.0.as_str());

        let column = |c: usize, rows: &[(&Array2<f64>, usize)]| {
            let values = rows.iter().flat_map(|(x, n)| x.column(c).into_iter().take(*n).copied());
            Column::number(names[c].as_str(), values.map(|v| if v.is_infinite() { f64::NAN } else { v }).collect())
        };
        let made = |rows: &[(&Array2<f64>, usize)], y: &[(&Array1<i64>, usize)]| {
            let classes: Vec<Option<String>> =
                y.iter().flat_map(|(y, n)| y.iter().take(*n)).map(|&l| Some(label(l))).collect();
            let mut columns: Vec<Column> = (0..width).map(|c| column(c, rows)).collect();
            columns.push(Column::category(target, &classes));
            columns
        };
        let table = Table {
            row_ids: (0..(n_raw + n_test) as u64).collect(),
            columns: made(
                &[(&self.x_train, n_raw), (&self.x_test, n_test)],
                &[(&self.y_train, n_raw), (&self.y_test, n_test)],
            ),
            roles: Some([vec![Role::Train; n_raw], vec![Role::Test; n_test]].concat()),
        };
        let balanced = self.x_train_unsmote.is_some().then(|| Table {
            row_ids: (0..n_raw as u64).chain((0..(n_train - n_raw) as u64).map(|i| MADE + i)).collect(),
            columns: made(&[(&self.x_train, n_train)], &[(&self.y_train, n_train)]),
            roles: Some(vec![Role::Train; n_train]),
        });

        let cells = || self.x_train.iter().take(n_raw * width).chain(&self.x_test);
        let mut entry = LedgerEntry::unchanged("read", n_raw + n_test, width + 1);
        entry.counts = vec![
            ("training rows".into(), n_raw as u64),
            ("balanced training rows".into(), balanced.as_ref().map_or(0, |t| t.rows() as u64)),
            ("test rows".into(), n_test as u64),
            ("missing cells".into(), cells().filter(|v| v.is_nan()).count() as u64),
            ("infinities".into(), cells().filter(|v| v.is_infinite()).count() as u64),
        ];
        Ok((table, balanced, vec![entry]))
    }
}

fn feature_names(width: usize, dataset: &DatasetSpec) -> Result<Vec<String>, TableError> {
    let names: Vec<String> = match &dataset.features {
        None => (0..width).map(|i| format!("x{i}")).collect(),
        Some(names) => names.iter().map(|n| n.0.clone()).collect(),
    };
    let fault = |message: String| TableError::new(message).at("dataset.features");
    if names.len() != width {
        let expected = count(width, "feature name");
        return Err(fault(format!("expected {expected}, one for each column of the arrays, got {}", names.len())));
    }
    if let Some(twice) = names.iter().enumerate().find(|(i, n)| names[..*i].contains(n)) {
        return Err(fault(format!("the feature name {:?} occurs more than once", twice.1))
            .hint("give every column its own name"));
    }
    let target = dataset.target.as_ref().map_or(CLASS, |t| t.0.as_str());
    if names.iter().any(|n| n == target) {
        return Err(fault(format!("{target:?} is a feature and the name of the label column"))
            .hint("call one of them otherwise: dataset.target names the label column"));
    }
    Ok(names)
}

/// What turns a label of these arrays into its class.
fn labels<'a>(
    train: &Array1<i64>,
    test: &Array1<i64>,
    dataset: &'a DatasetSpec,
) -> Result<impl Fn(i64) -> String + use<'a>, TableError> {
    let names = dataset.classes.as_deref();
    let named = move |label: i64| names.and_then(|n| n.get(usize::try_from(label).ok()?));
    if let (Some(names), Some(bad)) = (names, train.iter().chain(test).find(|&&l| named(l).is_none())) {
        return Err(TableError::new(format!(
            "label {bad} has no name: dataset.classes names the labels 0 to {}",
            names.len() as i64 - 1
        ))
        .at("dataset.classes")
        .hint("name every class, in the order of the labels"));
    }
    Ok(move |label| named(label).map_or_else(|| label.to_string(), |n| n.0.clone()))
}

/// Writes an archive that NumPy reads: float64 matrices in C order, int64 labels, not compressed, every time stamp
/// 1980-01-01: the same arrays give the same bytes.
///
/// # Errors
/// [`TableError`] where the arrays do not fit each other, or where writing fails.
pub fn write_npz(arrays: &NpzArrays) -> Result<Vec<u8>, TableError> {
    arrays.check()?;
    let fault = |e: WriteNpzError| TableError::new(format!("the archive cannot be written: {e}"));
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    let matrices = [
        ("X_train", Some(&arrays.x_train)),
        ("X_test", Some(&arrays.x_test)),
        ("X_train_unSMOTE", arrays.x_train_unsmote.as_ref()),
    ];
    for (name, x) in matrices {
        if let Some(x) = x {
            archive.add_array(name, &x.as_standard_layout()).map_err(fault)?;
        }
    }
    for (name, y) in [("y_train", &arrays.y_train), ("y_test", &arrays.y_test)] {
        archive.add_array(name, y).map_err(fault)?;
    }
    Ok(archive.finish().map_err(fault)?.into_inner())
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
