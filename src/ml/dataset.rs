//! `Dataset`: a finite row-major matrix with class indices; what every model takes.

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::MlError;

/// A matrix of shape (rows, features), one class index per row, and names. Never empty, ragged or non-finite:
/// [`Dataset::new`] refuses that, and later code relies on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dataset {
    x: Array2<f64>,
    y: Vec<u32>,
    classes: Vec<String>,
    features: Vec<String>,
    row_ids: Vec<u64>,
}

impl Dataset {
    /// Checks and takes the parts.
    ///
    /// # Errors
    /// [`MlError`] for no row, no column, a length that differs, a class index without a name, or a value that is
    /// not finite (with its row and column).
    pub fn new(
        x: Array2<f64>,
        y: Vec<u32>,
        classes: Vec<String>,
        features: Vec<String>,
        row_ids: Vec<u64>,
    ) -> Result<Self, MlError> {
        let (rows, columns) = x.dim();
        if rows == 0 || columns == 0 {
            return Err(MlError::data(format!(
                "expected at least one row and one column, got {rows} rows x {columns} columns"
            )));
        }
        if y.len() != rows || row_ids.len() != rows || features.len() != columns {
            return Err(MlError::data(format!(
                "lengths differ: {rows} rows x {columns} columns, {} labels, {} row ids, {} feature names",
                y.len(),
                row_ids.len(),
                features.len()
            )));
        }
        if let Some(bad) = y.iter().find(|&&c| c as usize >= classes.len()) {
            return Err(MlError::data(format!("class index {bad} has no name: there are {} classes", classes.len())));
        }
        check_finite(&x)?;
        let x = if x.is_standard_layout() { x } else { x.as_standard_layout().into_owned() };
        Ok(Self { x, y, classes, features, row_ids })
    }

    /// The matrix, shape (rows, features), row-major.
    #[must_use]
    pub fn x(&self) -> &Array2<f64> {
        &self.x
    }

    /// One class index per row.
    #[must_use]
    pub fn y(&self) -> &[u32] {
        &self.y
    }

    /// Class names by index. A class may have no row here.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Feature names by column.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Row ids; rows made by SMOTE have ids from `1 << 63`.
    #[must_use]
    pub fn row_ids(&self) -> &[u64] {
        &self.row_ids
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// Number of features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.x.ncols()
    }

    /// Number of classes, those without a row included.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Rows of every class, by class index.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &code in &self.y {
            counts[code as usize] += 1;
        }
        counts
    }

    /// Only these rows, in this order (repeats allowed).
    ///
    /// # Errors
    /// [`MlError::Data`] where no row is left.
    pub fn take(&self, rows: &[usize]) -> Result<Self, MlError> {
        Self::new(
            self.x.select(Axis(0), rows),
            rows.iter().map(|&r| self.y[r]).collect(),
            self.classes.clone(),
            self.features.clone(),
            rows.iter().map(|&r| self.row_ids[r]).collect(),
        )
    }
}

/// Refuses the first value that is not finite, by row and column.
///
/// # Errors
/// [`MlError::NotFinite`].
pub fn check_finite(x: &Array2<f64>) -> Result<(), MlError> {
    for (row, values) in x.outer_iter().enumerate() {
        if let Some(column) = values.iter().position(|v| !v.is_finite()) {
            return Err(MlError::NotFinite { row, column, value: values[column].to_string() });
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Dataset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            x: Array2<f64>,
            y: Vec<u32>,
            classes: Vec<String>,
            features: Vec<String>,
            row_ids: Vec<u64>,
        }
        let s = Stored::deserialize(deserializer)?;
        Self::new(s.x, s.y, s.classes, s.features, s.row_ids).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("c{i}")).collect()
    }

    #[test]
    fn refuses_what_later_code_must_never_see() {
        let ok = Dataset::new(array![[1.0, 2.0]], vec![0], names(1), names(2), vec![0]);
        assert!(ok.is_ok());
        let nan = Dataset::new(array![[1.0], [f64::NAN]], vec![0, 0], names(1), names(1), vec![0, 1]);
        assert_eq!(nan.unwrap_err(), MlError::NotFinite { row: 1, column: 0, value: "NaN".into() });
        let empty = Dataset::new(Array2::zeros((0, 3)), vec![], names(1), names(3), vec![]);
        assert!(empty.unwrap_err().to_string().contains("0 rows"));
        assert!(Dataset::new(array![[1.0]], vec![1], names(1), names(1), vec![0]).is_err());
        assert!(Dataset::new(array![[1.0]], vec![0, 0], names(1), names(1), vec![0]).is_err());
    }
}
