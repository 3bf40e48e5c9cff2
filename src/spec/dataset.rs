//! `dataset:` and `clean:`: where the rows come from and what is done to the table before the split.

use std::collections::BTreeMap;

use super::clean::{ClipValues, Derive, ReplaceValues, SampleRows};
use crate::param::{Name, Parameter, Range, Shape, choice, parameters, record, words};

/// The name of the label column where `dataset.target` gives none: NPZ files do not name theirs.
pub const UNNAMED_TARGET: &str = "class";

/// One path or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Paths(pub Vec<String>);

impl Parameter for Paths {
    fn shape() -> Shape {
        Shape::List { item: Box::new(Shape::Text { loose: false }), at_least: 1, single: true }
    }
}

/// One name or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Names(pub Vec<Name>);

impl Parameter for Names {
    fn shape() -> Shape {
        Shape::List { item: Box::new(Shape::Text { loose: true }), at_least: 1, single: true }
    }
}

words! {
    /// Which label the models learn.
    pub enum TrainOn {
        /// The classes of the target column.
        Target = "target",
        /// The groups of `dataset.groups`.
        Group = "group",
    }
}

words! {
    /// What to do with missing values and infinities.
    pub enum Missing {
        /// Keep the rows; `prepare` must fill what is missing.
        Keep = "keep",
        /// Drop every row with a missing feature or target; counted in the data ledger.
        Drop = "drop",
    }
}

words! {
    /// How the values of a column are read.
    pub enum ColumnType {
        /// Numbers; anything else in the column is an error.
        Number = "number",
        /// Words, even where they look like numbers.
        Category = "category",
    }
}

words! {
    /// What stands between the cells of a text file.
    pub enum Separator {
        /// The one of the others that occurs most often in the first line.
        Auto = "auto",
        /// `,`
        Comma = "comma",
        /// `;`
        Semicolon = "semicolon",
        /// The tabulator, as in .tsv files.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
    }
}

words! {
    /// How the bytes of a text file are letters.
    pub enum Encoding {
        /// UTF-8; any other byte is an error.
        Utf8 = "utf-8",
        /// The code page of Western European Windows; Latin-1 (ISO 8859-1) text too.
        Windows1252 = "windows-1252",
    }
}

parameters! {
    /// Made-up network flows with the columns and the eight traffic types of TII-SSRC-23: for trying things out
    /// without any download. The figures say nothing about real networks.
    pub struct Simulate [short rows] {
        /// Number of flows.
        rows: usize = 6000, within Range::between(100.0, 10_000_000.0);
        /// Seed of the flows; left out, it is derived from the experiment's seed.
        seed: Option<u64> = None;
    }
}

parameters! {
    /// Where the rows come from and what each column is. One of `path`, `train` with `test`, or `simulate`.
    pub struct DatasetSpec {
        /// File or files to read: CSV or TSV (also gzip or Zstandard), Parquet, Arrow IPC, seen by their first bytes; or
        /// one npz with `X_train`, `y_train`, `X_test`, `y_test`. A path with `*`, `?` or `[…]` is a pattern for several
        /// files (`**` for any folders), taken in the order of their names. A relative path is looked up beside the
        /// YAML file, then in `--data-dir` (`RUNNER_DATA_DIR`).
        path: Option<Paths> = None;
        /// Files of the official training part, where the data set comes with one.
        train: Option<Paths> = None;
        /// Files of the official test part.
        test: Option<Paths> = None;
        /// Makes the rows up instead of reading them.
        simulate: Option<Simulate> = None;
        /// Column names in order, for a file without a header.
        columns: Option<Vec<Name>> = None;
        /// What stands between the cells of text files.
        separator: Separator = Separator::Auto;
        /// How the bytes of text files are letters.
        encoding: Encoding = Encoding::Utf8;
        /// Column that holds the class of each row.
        target: Option<Name> = None;
        /// Columns that are never features: identifiers, times, addresses, other labels. Splits, groups and reports
        /// may use them.
        keep_aside: Vec<Name> = Vec::new();
        /// How the named columns are read; left out, a column is numeric when all its values are numbers.
        types: BTreeMap<String, ColumnType> = BTreeMap::new();
        /// Cell texts that mean "missing", besides the empty cell, NaN and infinities.
        missing_values: Vec<Name> = Vec::new();
        /// What to do with rows that have missing values.
        missing: Missing = Missing::Keep;
        /// A coarser label: group name to the classes in it. Every class must be in exactly one group.
        groups: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        /// The group that counts as positive (an attack) in the coarse metrics.
        positive: Option<Name> = None;
        /// Which label the models learn.
        train_on: TrainOn = TrainOn::Target;
        /// Class names in the order of their integer labels, for NPZ files; left out, those of its array `class_names`.
        classes: Option<Vec<Name>> = None;
        /// Feature names in column order, for NPZ files; left out, those of its array `feature_names`.
        features: Option<Vec<Name>> = None;
    }
}

record! {
    /// Drops the named columns.
    pub struct DropColumns [short columns] {
        /// Columns to drop; each must exist.
        columns: Names;
    }
}

record! {
    /// Keeps only the named feature columns, in the order of the table.
    pub struct KeepColumns [short columns] {
        /// Columns to keep; each must exist. The target and the columns kept aside stay anyway.
        columns: Names;
    }
}

parameters! {
    /// Drops every numeric column whose Pearson correlation with any earlier column is above a limit (the rule that
    /// pandas users apply to the upper triangle of `DataFrame.corr()`). It looks at all rows, test rows included:
    /// warning S03.
    pub struct DropCorrelated [short above] {
        /// Limit; a column goes when the correlation is strictly above it.
        above: f64 = 0.8, within Range::between(0.0, 1.0).without_max();
        /// Compare the absolute value of the correlation.
        absolute: bool = false;
    }
}

parameters! {
    /// Rounds numeric feature columns, halves to even as NumPy does.
    pub struct RoundColumns [short decimals] {
        /// Decimal places to keep.
        decimals: usize = 3, within Range::between(0.0, 15.0);
    }
}

parameters! {
    /// Drops rows that repeat an earlier row in all compared columns; the first stays. All columns of the table are
    /// compared, the target and the columns kept aside included, less those excepted. Missing equals missing.
    pub struct DropDuplicates {
        /// Columns that are not compared.
        except: Vec<Name> = Vec::new();
    }
}

parameters! {
    /// Drops rows with a missing value in the compared columns.
    pub struct DropMissing {
        /// Columns to look at; left out, all features and the target.
        columns: Option<Names> = None;
    }
}

choice! {
    /// A step of `clean`, done on the whole table before the split.
    pub enum CleanStep {
        DropColumns(DropColumns) = "drop_columns",
        KeepColumns(KeepColumns) = "keep_columns",
        DropCorrelated(DropCorrelated) = "drop_correlated",
        Round(RoundColumns) = "round",
        DropDuplicates(DropDuplicates) = "drop_duplicates",
        DropMissing(DropMissing) = "drop_missing",
        Sample(SampleRows) = "sample",
        Replace(ReplaceValues) = "replace",
        Clip(ClipValues) = "clip",
        Derive(Derive) = "derive",
    }
}
