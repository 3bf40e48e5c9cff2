//! Raw columns to answers.

use ndarray::Array2;

use super::load::{Way, levels};
use super::{ScoreError, ServedModel};
use crate::ml::{Column, Values, argmax};
use crate::pipeline::InputKind;
use crate::step::RawType;

/// What is odd about a value of a row that was answered all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was missing, and the fitted imputer filled it.
    Missing,
    /// A word that training has not seen.
    UnknownCategory,
    /// Below the least or above the greatest training value.
    OutOfRange,
}

impl What {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UnknownCategory => "unknown_category",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A remark on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Row, from 0.
    pub row: usize,
    /// Column.
    pub column: String,
    /// What about it.
    pub what: What,
}

/// The answers to some rows.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Class index of every row.
    pub classes: Vec<u32>,
    /// Shape (rows, classes).
    pub probabilities: Option<Array2<f64>>,
    /// Of a clustering; -1 is noise.
    pub clusters: Option<Vec<i32>>,
    /// Probability of the positive group where the experiment names one, else of the predicted class.
    pub scores: Option<Vec<f64>>,
    /// Remarks in the order of the rows.
    pub notes: Vec<Note>,
}

impl ServedModel {
    /// Answers raw rows: the columns of [`super::Shape`] in any order, each with its type.
    ///
    /// # Errors
    /// [`ScoreError::Row`] for the first row that cannot be answered.
    pub fn answer(&self, columns: Vec<Column>, rows: usize) -> Result<Answers, ScoreError> {
        if rows < 2 {
            return self.tried(columns, rows);
        }
        match self.tried(columns.clone(), rows) {
            Err(error) => {
                // A row does not depend on the others, so the first that fails alone is the one to name.
                for row in 0..rows {
                    let one = columns.iter().map(|c| c.take(&[row])).collect();
                    if let Err(ScoreError::Row { column, message, .. }) = self.tried(one, 1) {
                        return Err(ScoreError::Row { row: Some(row), column, message });
                    }
                }
                Err(error)
            }
            other => other,
        }
    }

    fn tried(&self, mut columns: Vec<Column>, rows: usize) -> Result<Answers, ScoreError> {
        let fault = |message: String| {
            let column = self.shape.columns.iter().find(|c| message.contains(&format!("{:?}", c.name)));
            ScoreError::Row { row: (rows == 1).then_some(0), column: column.map(|c| c.name.clone()), message }
        };
        let mut notes = Vec::new();
        for column in &columns {
            notes.extend((0..rows).filter(|&r| column.is_missing(r)).map(|row| Note {
                row,
                column: column.name.clone(),
                what: What::Missing,
            }));
        }
        self.shape.replay.apply(&mut columns).map_err(|e| fault(e.message))?;
        for input in &self.shape.used {
            let Some(column) = columns.iter().find(|c| c.name == input.name) else { continue };
            let mut note = |row, what| notes.push(Note { row, column: input.name.clone(), what });
            match (&column.values, &input.kind) {
                (Values::Number(values), InputKind::Number { range: Some((low, high)) }) => {
                    let outside = values.iter().enumerate().filter(|(_, v)| *v < low || *v > high);
                    outside.for_each(|(row, _)| note(row, What::OutOfRange));
                }
                (Values::Category { codes, levels: words }, _) => {
                    let Some(known) = levels(input) else { continue };
                    let new: Vec<bool> = words.iter().map(|w| known.binary_search(w).is_err()).collect();
                    let unseen = codes.iter().enumerate().filter(|(_, c)| new.get(**c as usize) == Some(&true));
                    unseen.for_each(|(row, _)| note(row, What::UnknownCategory));
                }
                _ => {}
            }
        }
        notes.sort_by_key(|n| n.row);
        let frame = crate::ml::Frame {
            row_ids: (0..rows as u64).collect(),
            columns,
            aside: Vec::new(),
            labels: crate::ml::Labels { codes: Vec::new(), classes: Vec::new() },
            grouping: None,
            roles: None,
        };
        let (x, _) = self.shape.pipeline.transform(&frame).map_err(|e| {
            // Nothing filled it, or the preparation would not have stopped.
            match notes.iter().find(|n| n.what == What::Missing) {
                Some(note) => ScoreError::Row {
                    row: Some(note.row),
                    column: Some(note.column.clone()),
                    message: format!("{:?} has no value, and the preparation of the run fills none", note.column),
                },
                None => fault(e.to_string()),
            }
        })?;
        Ok(Answers { notes, ..self.answer_prepared(&x)? })
    }

    /// Answers prepared rows, shape (rows, features).
    ///
    /// # Errors
    /// [`ScoreError::Row`] for what the model cannot take.
    pub fn answer_prepared(&self, x: &Array2<f64>) -> Result<Answers, ScoreError> {
        let fault = |message: String| ScoreError::Row { row: None, column: None, message };
        let failed = |e: crate::ml::MlError| fault(e.to_string());
        let mut answers = match &self.way {
            Way::Not(why) => return Err(fault(why.clone())),
            Way::Model(model) => {
                let probabilities = model.predict_proba(x.view()).map_err(failed)?;
                if let Some(row) = probabilities.outer_iter().position(|p| p.iter().any(|v| !v.is_finite())) {
                    let message = "its values are too large for the model".to_owned();
                    return Err(ScoreError::Row { row: Some(row), column: None, message });
                }
                Answers {
                    classes: argmax(&probabilities),
                    clusters: model.clusters(x.view()).map_err(failed)?,
                    probabilities: Some(probabilities),
                    ..Answers::default()
                }
            }
            Way::Named { model, classes, otherwise } => {
                let clusters = model.clusters(x.view()).map_err(failed)?.unwrap_or_default();
                let class =
                    |c: &i32| classes.binary_search_by_key(c, |(k, _)| *k).map_or(*otherwise, |at| classes[at].1);
                Answers {
                    classes: clusters.iter().map(class).collect(),
                    clusters: Some(clusters),
                    ..Answers::default()
                }
            }
        };
        answers.scores = answers.probabilities.as_ref().map(|p| self.scores(p, &answers.classes));
        Ok(answers)
    }

    fn scores(&self, probabilities: &Array2<f64>, classes: &[u32]) -> Vec<f64> {
        let positive = self.shape.pipeline.grouping().and_then(|g| g.positive.map(|p| (g, p)));
        let rows = probabilities.outer_iter().zip(classes);
        match positive {
            Some((grouping, positive)) => rows
                .map(|(p, _)| {
                    p.iter().zip(&grouping.of_class).filter(|(_, g)| **g == positive).map(|(p, _)| p).sum::<f64>()
                })
                .collect(),
            None => rows.map(|(p, &class)| p[class as usize]).collect(),
        }
    }

    /// The name of a class.
    #[must_use]
    pub fn label(&self, class: u32) -> &str {
        self.shape.pipeline.classes().get(class as usize).map_or("", String::as_str)
    }

    /// The group of a class, where the experiment names groups.
    #[must_use]
    pub fn group(&self, class: u32) -> Option<&str> {
        let grouping = self.shape.pipeline.grouping()?;
        grouping.names.get(*grouping.of_class.get(class as usize)? as usize).map(String::as_str)
    }

    /// A column of one type without any value, for what a table does not have.
    pub(super) fn absent(&self, at: usize, rows: usize) -> Column {
        let column = &self.shape.columns[at];
        match column.kind {
            RawType::Number => Column::number(column.name.as_str(), vec![f64::NAN; rows]),
            RawType::Category => Column::category::<&str>(column.name.as_str(), &vec![None; rows]),
        }
    }
}
