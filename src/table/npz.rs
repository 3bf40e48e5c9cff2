//! NPZ archives of ready arrays, as the published study wrote them: in and out.

use std::io::{Cursor, Read, Write};

use ndarray::{Array1, Array2};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::arrays::check_size;
use super::error::{count, quote, shorten};
use super::frame::CLASS;
use super::npy::{NpyArray, shape_text, write_npy, write_texts};
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
    /// `feature_names`: a name for every column of the matrices.
    pub feature_names: Option<Vec<String>>,
    /// `class_names`: a name for every label from 0 on.
    pub class_names: Option<Vec<String>>,
}

/// Reads an archive: `X_train`, `y_train`, `X_test`, `y_test` and, if there, `X_train_unSMOTE`, `feature_names` and
/// `class_names`. Matrices are of any numbers; labels are integers, or texts, which are then the names of the classes;
/// names are texts.
///
/// # Errors
/// [`TableError`] for a file that is no archive, an array that is missing or of another kind, shapes that do not fit
/// each other, and an `X_train_unSMOTE` that is not, bit for bit, the first rows of `X_train`.
pub fn read_npz(name: &str, bytes: &[u8]) -> Result<NpzArrays, TableError> {
    read(bytes).map_err(|e| e.in_file(name))
}

const DAMAGED: &str = "it may be cut short or damaged: fetch it again and compare its SHA-256";

fn read(bytes: &[u8]) -> Result<NpzArrays, TableError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| {
        TableError::new(format!("expected an NPZ archive, got a file that cannot be read as one: {e}")).hint(DAMAGED)
    })?;
    // A name that is no text is none of those looked for.
    let names: Vec<String> =
        archive.file_names().flatten().map(|n| n.strip_suffix(".npy").unwrap_or(&n).to_owned()).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    let missing: Vec<&str> = ["X_train", "y_train", "X_test", "y_test"].into_iter().filter(|a| !has(a)).collect();
    if !missing.is_empty() {
        let present: Vec<String> = names.iter().map(|n| quote(n)).collect();
        return Err(TableError::new(format!("the archive has no array {}", missing.join(", ")))
            .hint(format!("it has: {}", if present.is_empty() { "none".into() } else { shorten(&present, 20) }))
            .hint("write it with numpy.savez(FILE, X_train=..., y_train=..., X_test=..., y_test=...)"));
    }
    let mut members = Members { archive: &mut archive, whole: bytes.len(), unpacked: 0 };
    let x_train = members.matrix("X_train")?;
    let x_test = members.matrix("X_test")?;
    let x_train_unsmote = if has("X_train_unSMOTE") { Some(members.matrix("X_train_unSMOTE")?) } else { None };
    let feature_names = if has("feature_names") { Some(members.names("feature_names")?) } else { None };
    let class_names = if has("class_names") { Some(members.names("class_names")?) } else { None };
    let (y_train, y_test, class_names) = match (members.labels("y_train")?, members.labels("y_test")?) {
        (Labels::Numbers(train), Labels::Numbers(test)) => (train, test, class_names),
        (Labels::Texts(train), Labels::Texts(test)) => {
            let mut classes: Vec<String> = train.iter().chain(&test).cloned().collect();
            classes.sort_unstable();
            classes.dedup();
            let number = |t: &String| classes.partition_point(|c| c < t) as i64;
            (train.iter().map(number).collect(), test.iter().map(number).collect(), Some(classes))
        }
        _ => {
            return Err(TableError::new("one of y_train and y_test holds integers, the other texts")
                .hint("write both in the same way"));
        }
    };
    let arrays = NpzArrays { x_train, y_train, x_test, y_test, x_train_unsmote, feature_names, class_names };
    arrays.check()?;
    Ok(arrays)
}

/// Labels as they stand in a file.
enum Labels {
    Numbers(Array1<i64>),
    Texts(Vec<String>),
}

/// The members of an archive, each read once and with an eye on how much they unpack to.
struct Members<'m, 'a> {
    archive: &'m mut ZipArchive<Cursor<&'a [u8]>>,
    whole: usize,
    unpacked: u128,
}

impl Members<'_, '_> {
    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, TableError> {
        let damaged = |e: &dyn std::fmt::Display| {
            TableError::new(format!("the array {name} cannot be read: {e}"))
                .hint(format!("the file{}", DAMAGED.strip_prefix("it").unwrap_or_default()))
        };
        // numpy.savez adds the ending.
        let at = [format!("{name}.npy"), name.to_owned()].into_iter().find_map(|n| self.archive.index_for_name(&n));
        let at = at.ok_or_else(|| damaged(&"it is not there"))?;
        let member = self.archive.by_index(at).map_err(|e| damaged(&e))?;
        self.unpacked += u128::from(member.size());
        check_size(0, 0, self.unpacked, self.whole)?;
        let size = member.size();
        let mut out = Vec::new();
        out.try_reserve(usize::try_from(size).unwrap_or(usize::MAX)).map_err(|e| damaged(&e))?;
        member.take(size + 1).read_to_end(&mut out).map_err(|e| damaged(&e))?;
        if out.len() as u64 != size {
            return Err(damaged(&"it has another length than the archive says"));
        }
        Ok(out)
    }

    /// Gives the array to `read`, which says what it should be if it is something else.
    fn array<T>(
        &mut self,
        name: &str,
        axes: usize,
        read: impl FnOnce(&NpyArray<'_>) -> Option<T>,
        wanted: &str,
        hint: &str,
    ) -> Result<T, TableError> {
        let bytes = self.bytes(name)?;
        let array = NpyArray::read(&bytes).map_err(|e| {
            TableError::new(format!("the array {name} cannot be read: {e}")).hint("write it anew with numpy.savez")
        })?;
        if array.shape.len() != axes {
            return Err(TableError::new(format!(
                "expected {name} to have {}, got {}",
                count(axes, "dimension"),
                array.shape.len()
            ))
            .hint(format!("its shape is {}: see numpy.reshape", shape_text(&array.shape))));
        }
        let pickled = array.dtype.ends_with('O');
        let got = if pickled { "Python objects".to_owned() } else { format!("the type {}", quote(&array.dtype)) };
        read(&array).ok_or_else(|| TableError::new(format!("expected {name} to hold {wanted}, got {got}")).hint(hint))
    }

    fn matrix(&mut self, name: &str) -> Result<Array2<f64>, TableError> {
        let read = |a: &NpyArray<'_>| Array2::from_shape_vec((a.shape[0], a.shape[1]), a.numbers()?).ok();
        let hint = format!("convert it: {name}.astype(numpy.float64)");
        self.array(name, 2, read, "float64, float32 or whole numbers", &hint)
    }

    fn labels(&mut self, name: &str) -> Result<Labels, TableError> {
        let read =
            |a: &NpyArray<'_>| a.integers().map(|v| Labels::Numbers(v.into())).or_else(|| a.texts().map(Labels::Texts));
        let hint = "number the classes from 0, and name them in that order under dataset.classes; or write their names with numpy.array(y, dtype=str)";
        self.array(name, 1, read, "integers below 2^63 or texts", hint)
    }

    fn names(&mut self, name: &str) -> Result<Vec<String>, TableError> {
        self.array(name, 1, |a| a.texts(), "texts", "write it with numpy.array(names, dtype=str)")
    }
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
    /// with ids from `1 << 63`. Features are named by `dataset.features`, else by the file, else `x0`, `x1` …; the last
    /// column is the class, named by `dataset.target`, else `class`; its words are `dataset.classes`, else those of the
    /// file, else the integers.
    ///
    /// # Errors
    /// [`TableError`] for names that do not fit the arrays.
    pub fn into_tables(self, dataset: &DatasetSpec) -> Result<(Table, Option<Table>, Vec<LedgerEntry>), TableError> {
        self.check()?;
        let width = self.x_train.ncols();
        let names = self.features(dataset)?;
        let (n_train, n_test) = (self.x_train.nrows(), self.x_test.nrows());
        let n_raw = self.x_train_unsmote.as_ref().map_or(n_train, Array2::nrows);
        let label = self.label(dataset)?;
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

impl NpzArrays {
    fn features(&self, dataset: &DatasetSpec) -> Result<Vec<String>, TableError> {
        let width = self.x_train.ncols();
        let (names, given) = match (&dataset.features, &self.feature_names) {
            (Some(names), _) => (names.iter().map(|n| n.0.clone()).collect(), true),
            (None, Some(names)) => (names.clone(), false),
            (None, None) => ((0..width).map(|i| format!("x{i}")).collect::<Vec<_>>(), false),
        };
        let fault = |message: String| {
            let whose = if given { message } else { format!("{message}, in the array feature_names of the file") };
            TableError::new(whose).at("dataset.features")
        };
        if names.len() != width {
            let expected = count(width, "feature name");
            return Err(fault(format!("expected {expected}, one for each column of the arrays, got {}", names.len()))
                .hint("name every column, in order"));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(fault(format!("the feature name {} occurs more than once", quote(twice[0])))
                .hint("give every column its own name: dataset.features"));
        }
        let target = dataset.target.as_ref().map_or(CLASS, |t| t.0.as_str());
        if names.iter().any(|n| n == target) {
            return Err(fault(format!("{target:?} is a feature and the name of the label column"))
                .hint("call one of them otherwise: dataset.target names the label column"));
        }
        Ok(names)
    }

    /// What turns a label of these arrays into its class.
    fn label(&self, dataset: &DatasetSpec) -> Result<impl Fn(i64) -> String + use<>, TableError> {
        let given = dataset.classes.as_ref().map(|names| names.iter().map(|n| n.0.clone()).collect::<Vec<_>>());
        let whose = if given.is_some() { "dataset.classes" } else { "the array class_names of the file" };
        let names = given.or_else(|| self.class_names.clone());
        let named = move |label: i64| names.as_ref().map(|n| n.get(usize::try_from(label).ok()?).cloned());
        if let Some(bad) = self.y_train.iter().chain(&self.y_test).find(|&&l| named(l) == Some(None)) {
            let most = (0_i64..).take_while(|&l| named(l) != Some(None)).last();
            return Err(TableError::new(format!(
                "label {bad} has no name: {whose} names the labels 0 to {}",
                most.unwrap_or(-1)
            ))
            .at("dataset.classes")
            .hint("name every class, in the order of the labels"));
        }
        Ok(move |label| named(label).flatten().unwrap_or_else(|| label.to_string()))
    }
}

/// Writes an archive that NumPy reads: float64 matrices in C order, int64 labels, names as `<U…`, not compressed, every
/// time stamp 1980-01-01: the same arrays give the same bytes.
///
/// # Errors
/// [`TableError`] where the arrays do not fit each other, or where writing fails.
pub fn write_npz(arrays: &NpzArrays) -> Result<Vec<u8>, TableError> {
    arrays.check()?;
    let matrix = |x: &Array2<f64>| write_npy("<f8", &[x.nrows(), x.ncols()], x.iter().flat_map(|v| v.to_le_bytes()));
    let labels = |y: &Array1<i64>| write_npy("<i8", &[y.len()], y.iter().flat_map(|v| v.to_le_bytes()));
    let members = [
        ("X_train", Some(matrix(&arrays.x_train))),
        ("X_test", Some(matrix(&arrays.x_test))),
        ("X_train_unSMOTE", arrays.x_train_unsmote.as_ref().map(matrix)),
        ("y_train", Some(labels(&arrays.y_train))),
        ("y_test", Some(labels(&arrays.y_test))),
        ("feature_names", arrays.feature_names.as_deref().map(write_texts)),
        ("class_names", arrays.class_names.as_deref().map(write_texts)),
    ];
    let fault = |e: &dyn std::fmt::Display| TableError::new(format!("the archive cannot be written: {e}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        if let Some(bytes) = bytes {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .last_modified_time(DateTime::default())
                .large_file(bytes.len() >= u32::MAX as usize);
            archive.start_file(format!("{name}.npy"), options).map_err(|e| fault(&e))?;
            archive.write_all(&bytes).map_err(|e| fault(&e))?;
        }
    }
    Ok(archive.finish().map_err(|e| fault(&e))?.into_inner())
}

#[cfg(test)]
#[path = "npz_tests.rs"]
mod tests;
