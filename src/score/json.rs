//! Instances in JSON, read straight into columns: objects by column name, or arrays in the documented order.

use std::cell::RefCell;
use std::fmt;

use ndarray::Array2;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{ScoreError, Shape};
use crate::ml::Column;
use crate::step::RawType;

/// Rows read from JSON.
#[derive(Debug)]
pub struct Instances {
    /// The raw columns.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: usize,
}

enum Cells {
    Numbers(Vec<f64>),
    Words(Vec<Option<String>>),
}

struct Reading<'a> {
    shape: &'a Shape,
    most: usize,
    cells: Vec<Cells>,
    rows: usize,
    /// The first fault, with its place; serde carries only text.
    fault: &'a RefCell<Option<ScoreError>>,
}

/// A JSON list of raw instances, at most `most` of them.
///
/// # Errors
/// [`ScoreError::Row`] with row and column; [`ScoreError::Syntax`] for text that is no JSON list.
pub fn parse_raw(text: &[u8], shape: &Shape, most: usize) -> Result<Instances, ScoreError> {
    let fault = RefCell::new(None);
    let empty = |kind| if kind == RawType::Number { Cells::Numbers(Vec::new()) } else { Cells::Words(Vec::new()) };
    let mut reading =
        Reading { shape, most, cells: shape.columns.iter().map(|c| empty(c.kind)).collect(), rows: 0, fault: &fault };
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = RowsSeed(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    let (cells, rows) = (reading.cells, reading.rows);
    if let Err(error) = read {
        let told = || match error.is_data() {
            true => ScoreError::Row { row: None, column: None, message: format!("instances: {error}") },
            false => ScoreError::Syntax(format!("instances: {error}")),
        };
        return Err(fault.into_inner().unwrap_or_else(told));
    }
    let columns = shape.columns.iter().zip(cells).map(|(column, cells)| match cells {
        Cells::Numbers(values) => Column::number(column.name.as_str(), values),
        Cells::Words(words) => Column::category(column.name.as_str(), &words),
    });
    Ok(Instances { columns: columns.collect(), rows })
}

/// A JSON list of prepared rows: as many finite numbers as there are features.
///
/// # Errors
/// As [`parse_raw`].
pub fn parse_prepared(text: &[u8], shape: &Shape, most: usize) -> Result<Array2<f64>, ScoreError> {
    let rows: Vec<Vec<f64>> = serde_json::from_slice(text).map_err(|e| {
        if e.is_data() {
            let message = format!("prepared instances: expected lists of numbers: {e}");
            ScoreError::Row { row: None, column: None, message }
        } else {
            ScoreError::Syntax(format!("instances: {e}"))
        }
    })?;
    let features = shape.pipeline.features();
    if rows.len() > most {
        return Err(too_many(most));
    }
    for (row, values) in rows.iter().enumerate() {
        let fault = |column: Option<&String>, message: String| {
            Err(ScoreError::Row { row: Some(row), column: column.cloned(), message })
        };
        if values.len() != features.len() {
            return fault(None, format!("expected {} prepared values, got {}", features.len(), values.len()));
        }
        if let Some(at) = values.iter().position(|v| v.abs() > PREPARED) {
            return fault(Some(&features[at]), format!("expected a number within ±{PREPARED:e}, got {}", values[at]));
        }
    }
    let n = rows.len();
    Array2::from_shape_vec((n, features.len()), rows.into_iter().flatten().collect())
        .map_err(|e| ScoreError::Syntax(e.to_string()))
}

/// Greatest magnitude of a prepared value in a request.
pub(crate) const PREPARED: f64 = 1e15;

fn too_many(most: usize) -> ScoreError {
    let message = format!("more than {most} instances: send fewer, or use /api/v1/predict/batch");
    ScoreError::Row { row: Some(most), column: None, message }
}

struct RowsSeed<'r, 'a>(&'r mut Reading<'a>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instances")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(RowSeed(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct RowSeed<'r, 'a>(&'r mut Reading<'a>);

impl Reading<'_> {
    fn fail<E: Error>(&self, column: Option<usize>, message: String) -> E {
        let column = column.map(|c| self.shape.columns[c].name.clone());
        *self.fault.borrow_mut() = Some(ScoreError::Row { row: Some(self.rows), column, message });
        E::custom("fault")
    }

    fn begin<E: Error>(&self) -> Result<(), E> {
        if self.rows < self.most {
            return Ok(());
        }
        *self.fault.borrow_mut() = Some(too_many(self.most));
        Err(E::custom("fault"))
    }

    fn len(&self, column: usize) -> usize {
        match &self.cells[column] {
            Cells::Numbers(v) => v.len(),
            Cells::Words(v) => v.len(),
        }
    }

    /// What the row did not say is missing.
    fn end(&mut self) {
        for cells in &mut self.cells {
            match cells {
                Cells::Numbers(v) => v.resize(self.rows + 1, f64::NAN),
                Cells::Words(v) => v.resize(self.rows + 1, None),
            }
        }
        self.rows += 1;
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object by column name or a list of values")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.begin()?;
        // Keys mostly come in the documented order.
        let mut next = 0;
        while let Some(at) = map.next_key_seed(KeySeed { shape: self.0.shape, next })? {
            let Some(at) = at else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if self.0.len(at) > self.0.rows {
                return Err(self.0.fail(Some(at), "the column is given twice".into()));
            }
            map.next_value_seed(CellSeed { reading: &mut *self.0, at })?;
            next = at + 1;
        }
        self.0.end();
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.begin()?;
        let width = self.0.cells.len();
        for at in 0..width {
            if seq.next_element_seed(CellSeed { reading: &mut *self.0, at })?.is_none() {
                return Err(self.0.fail(None, format!("expected {width} values in the documented order, got {at}")));
            }
        }
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(self.0.fail(None, format!("expected {width} values in the documented order, got more")));
        }
        self.0.end();
        Ok(())
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        Err(self.no_row(v.to_string()))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        Err(self.no_row(v.to_string()))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        Err(self.no_row(v.to_string()))
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        Err(self.no_row(v.to_string()))
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(self.no_row("a text".into()))
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(self.no_row("null".into()))
    }
}

impl RowSeed<'_, '_> {
    fn no_row<E: Error>(&self, got: String) -> E {
        self.0.fail(None, format!("expected an object by column name or a list of values, got {got}"))
    }
}

struct KeySeed<'a> {
    shape: &'a Shape,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        if self.shape.columns.get(self.next).is_some_and(|c| c.name == name) {
            return Ok(Some(self.next));
        }
        let found = self.shape.by_name.binary_search_by(|(n, _)| n.as_str().cmp(name));
        Ok(found.ok().map(|at| self.shape.by_name[at].1))
    }
}

struct CellSeed<'r, 'a> {
    reading: &'r mut Reading<'a>,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl CellSeed<'_, '_> {
    fn wrong<E: Error>(self, got: &str) -> E {
        let expected = match self.reading.cells[self.at] {
            Cells::Numbers(_) => "a number or null",
            Cells::Words(_) => "a text or null",
        };
        self.reading.fail(Some(self.at), format!("expected {expected}, got {got}"))
    }

    fn missing(self) {
        match &mut self.reading.cells[self.at] {
            Cells::Numbers(v) => v.push(f64::NAN),
            Cells::Words(v) => v.push(None),
        }
    }

    fn number<E: Error>(self, v: f64) -> Result<(), E> {
        if self.reading.shape.missing.1.contains(&v) {
            self.missing();
            return Ok(());
        }
        let limit = self.reading.shape.limit(self.at);
        match &mut self.reading.cells[self.at] {
            Cells::Numbers(values) if v.abs() <= limit => values.push(v),
            Cells::Numbers(_) => {
                return Err(self
                    .reading
                    .fail(Some(self.at), format!("expected a number within ±{limit:e}, got {v:e}")));
            }
            Cells::Words(words) => words.push(Some(format!("{v}"))),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for CellSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text or null")
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        self.number(v)
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        self.number(v as f64)
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        self.number(v as f64)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.missing();
        Ok(())
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        Err(self.wrong(if v { "true" } else { "false" }))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.wrong("a list"))
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.wrong("an object"))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let text = text.trim();
        let reads_as_nothing = |t: &str| t.parse::<f64>().is_ok_and(|v| !v.is_finite());
        let none = text.is_empty() || self.reading.shape.missing.0.iter().any(|m| m == text);
        let is_word = matches!(self.reading.cells[self.at], Cells::Words(_));
        if none || (is_word && reads_as_nothing(text)) {
            self.missing();
            return Ok(());
        }
        match &mut self.reading.cells[self.at] {
            Cells::Words(words) => words.push(Some(text.to_owned())),
            Cells::Numbers(_) => {
                let shown: String = text.chars().take(40).collect();
                return Err(self.wrong(&format!("the text {shown:?}")));
            }
        }
        Ok(())
    }
}
