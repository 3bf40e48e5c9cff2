//! `Frame`: a cleaned table of named columns, some of them kept aside, with a target and a stable id per row.

use serde::{Deserialize, Serialize};

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The values of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Values {
    /// Numbers; NaN is missing. Never infinite.
    Number(Vec<f64>),
    /// Words: `codes[i]` indexes `levels`, [`MISSING`] is missing.
    Category {
        /// One per row.
        codes: Vec<u32>,
        /// Distinct words, sorted.
        levels: Vec<String>,
    },
}

/// A named column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name as in the file, without surrounding blanks.
    pub name: String,
    /// One value per row.
    pub values: Values,
}

impl Column {
    /// A column of numbers.
    pub fn number(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values: Values::Number(values) }
    }

    /// A column of words; `None` is missing. Levels come out sorted.
    pub fn category<S: AsRef<str>>(name: impl Into<String>, values: &[Option<S>]) -> Self {
        let mut levels: Vec<String> = values.iter().flatten().map(|s| s.as_ref().to_owned()).collect();
        levels.sort_unstable();
        levels.dedup();
        let codes = values
            .iter()
            .map(|v| match v {
                Some(s) => levels.binary_search_by(|l| l.as_str().cmp(s.as_ref())).map_or(MISSING, |i| i as u32),
                None => MISSING,
            })
            .collect();
        Self { name: name.into(), values: Values::Category { codes, levels } }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Number(v) => v.len(),
            Values::Category { codes, .. } => codes.len(),
        }
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value of `row` is missing.
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Number(v) => v[row].is_nan(),
            Values::Category { codes, .. } => codes[row] == MISSING,
        }
    }

    /// The column with only `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Number(v) => Values::Number(rows.iter().map(|&r| v[r]).collect()),
            Values::Category { codes, levels } => {
                Values::Category { codes: rows.iter().map(|&r| codes[r]).collect(), levels: levels.clone() }
            }
        };
        Self { name: self.name.clone(), values }
    }

    /// The value of `row` as text; missing is `None`. Whole numbers have no decimal point, so `1.0` and `1` match.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<String> {
        match &self.values {
            Values::Number(v) if v[row].is_nan() => None,
            Values::Number(v) => Some(format!("{}", v[row])),
            Values::Category { codes, .. } if codes[row] == MISSING => None,
            Values::Category { codes, levels } => Some(levels[codes[row] as usize].clone()),
        }
    }
}

/// Class indices of every row and what they mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// One class index per row.
    pub codes: Vec<u32>,
    /// Class names: sorted by number where all are whole numbers, else as text.
    pub classes: Vec<String>,
}

/// A coarser label read off the classes (benign, malicious).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// Group names.
    pub names: Vec<String>,
    /// Group of each class.
    pub of_class: Vec<u32>,
    /// The group that counts as positive, if one was named.
    pub positive: Option<u32>,
}

/// A cleaned table: features, columns kept aside, labels, and ids that say which row of the source this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Row number in the source (from 0, through all files in order), unique.
    pub row_ids: Vec<u64>,
    /// Features.
    pub columns: Vec<Column>,
    /// Never features: time, hosts, other labels.
    pub aside: Vec<Column>,
    /// What is learned.
    pub labels: Labels,
    /// The coarser label, if the experiment names groups.
    pub grouping: Option<Grouping>,
    /// The role that the source fixed for each row (separate test files), if it did.
    pub roles: Option<Vec<super::Role>>,
}

impl Frame {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// The frame with only `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            row_ids: rows.iter().map(|&r| self.row_ids[r]).collect(),
            columns: self.columns.iter().map(|c| c.take(rows)).collect(),
            aside: self.aside.iter().map(|c| c.take(rows)).collect(),
            labels: Labels {
                codes: rows.iter().map(|&r| self.labels.codes[r]).collect(),
                classes: self.labels.classes.clone(),
            },
            grouping: self.grouping.clone(),
            roles: self.roles.as_ref().map(|roles| rows.iter().map(|&r| roles[r]).collect()),
        }
    }

    /// Rows of every class, by class index.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.classes.len()];
        for &code in &self.labels.codes {
            counts[code as usize] += 1;
        }
        counts
    }
}
