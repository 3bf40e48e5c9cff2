//! The values that steps pass on, and their stored form.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::StepError;
use crate::ml::metrics::Judgement;
use crate::ml::{Dataset, FittedModel, Frame, Split};
use crate::pipeline::Pipeline;
use crate::table::Table;

/// What a model says about a held-out part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Predicted class of every row.
    pub y_pred: Vec<u32>,
    /// Class probabilities, shape (rows, classes), where the model gives any.
    pub probabilities: Option<Array2<f64>>,
    /// Cluster of every row, of a clustering; -1 is noise.
    pub clusters: Option<Vec<i32>>,
    /// Class of every cluster that had voters.
    pub cluster_classes: Option<BTreeMap<i32, u32>>,
    /// Inertia of the training rows, of k-means.
    pub inertia: Option<f64>,
}

/// A value that a step gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Artifact {
    /// A table as read.
    Table(Table),
    /// A cleaned table.
    Frame(Frame),
    /// Which row is in which part.
    Split(Split),
    /// The fitted preparation.
    Pipeline(Pipeline),
    /// A prepared part.
    Dataset(Dataset),
    /// A fitted model.
    Model(Box<FittedModel>),
    /// What a model says about a part.
    Predictions(Predictions),
    /// Metrics of a model on a part.
    Judgement(Judgement),
    /// A finished file.
    File(Vec<u8>),
}

/// First bytes of every stored artifact that is not a file, then the version of the form.
const MAGIC: &[u8; 8] = b"runner\0a";
const FORMAT: u32 = 1;

impl Artifact {
    /// The stored form. A [`Artifact::File`] is stored as the bytes that it is.
    ///
    /// # Errors
    /// [`StepError::Recipe`] where a value cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, StepError> {
        if let Self::File(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        postcard::to_extend(self, out).map_err(|e| StepError::Recipe(format!("a result cannot be stored: {e}")))
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StepError::Artifact`] for bytes that are none, or of a newer form.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, StepError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok(Self::File(bytes)) };
        let Some((version, body)) = rest.split_first_chunk::<4>() else {
            return Err(StepError::Artifact("a stored result ends too early".into()));
        };
        let found = u32::from_le_bytes(*version);
        if found > FORMAT {
            return Err(StepError::Artifact(format!(
                "a stored result has format {found}, this program knows formats up to {FORMAT}"
            )));
        }
        postcard::from_bytes(body).map_err(|e| StepError::Artifact(format!("a stored result cannot be read: {e}")))
    }
}

macro_rules! expect {
    ($($name:ident -> $variant:ident($ty:ty)),* $(,)?) => {
        impl Artifact { $(
            /// The value, where it is of this kind.
            ///
            /// # Errors
            /// [`StepError::Recipe`] where it is of another kind.
            pub fn $name(&self) -> Result<&$ty, StepError> {
                match self {
                    Self::$variant(value) => Ok(value),
                    _ => Err(StepError::Recipe(concat!("expected an input of kind ", stringify!($name)).into())),
                }
            }
        )* }
    };
}

expect! {
    table -> Table(Table),
    frame -> Frame(Frame),
    split -> Split(Split),
    pipeline -> Pipeline(Pipeline),
    dataset -> Dataset(Dataset),
    model -> Model(FittedModel),
    predictions -> Predictions(Predictions),
    judgement -> Judgement(Judgement),
    file -> File(Vec<u8>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_forms_read_back_equal_and_newer_ones_are_refused() {
        let said = Predictions {
            y_pred: vec![0, 2],
            probabilities: Some(ndarray::array![[0.25, 0.0, 0.75], [1.0, 0.0, 0.0]]),
            clusters: Some(vec![-1, 3]),
            cluster_classes: Some(BTreeMap::from([(-1, 2), (3, 0)])),
            inertia: None,
        };
        let artifact = Artifact::Predictions(said);
        let mut bytes = artifact.encode().unwrap();
        assert_eq!(Artifact::decode(bytes.clone()).unwrap(), artifact);
        assert!(Artifact::decode(bytes[..20].to_vec()).is_err());
        bytes[8] = 9;
        assert!(Artifact::decode(bytes).unwrap_err().to_string().contains("format 9"));
        let file = Artifact::File(b"a,b\n".to_vec());
        assert_eq!(Artifact::decode(file.encode().unwrap()).unwrap(), file);
    }
}
