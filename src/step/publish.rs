//! The published data files, as the study that this program follows wrote them.

use ndarray::Array1;
use serde_json::json;

use super::{Artifact, Outcome, StepError, Work};
use crate::ml::Dataset;
use crate::record::{number, text_cell};
use crate::table::{NpzArrays, write_npz};

pub(super) fn publish(work: &Work<'_>) -> Result<Outcome, StepError> {
    let pipeline = work.input("pipeline")?.pipeline()?;
    let raw = work.input("train")?.dataset()?;
    let balanced = work.input("balanced")?.dataset()?;
    let test = work.input("test")?.dataset()?;
    let labels = |data: &Dataset| data.y().iter().map(|&c| i64::from(c)).collect::<Array1<i64>>();
    // Rows that balancing left out cannot be told from the labels of the others.
    let raw_first = balanced.row_ids().starts_with(raw.row_ids());
    let bytes = write_npz(&NpzArrays {
        x_train: balanced.x().clone(),
        y_train: labels(balanced),
        x_test: test.x().clone(),
        y_test: labels(test),
        x_train_unsmote: raw_first.then(|| raw.x().clone()),
        feature_names: Some(pipeline.features().to_vec()),
        class_names: Some(pipeline.classes().to_vec()),
    })?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("processed_data.npz".into(), Artifact::File(bytes));
    let meta = json!({
        "features": pipeline.features(),
        "n_features": pipeline.features().len(),
        "classes": pipeline.classes(),
        "class_mapping": pipeline.classes().iter().enumerate().map(|(i, c)| (c.clone(), json!(i))).collect::<serde_json::Map<_, _>>(),
        "groups": pipeline.grouping().map(|g| {
            pipeline.classes().iter().zip(&g.of_class).map(|(c, &group)| (c.clone(), json!(g.names[group as usize]))).collect::<serde_json::Map<_, _>>()
        }),
        "input_columns": pipeline.inputs().iter().map(|i| i.name.as_str()).collect::<Vec<_>>(),
        "train_rows": raw.rows(),
        "balanced_train_rows": balanced.rows(),
        "test_rows": test.rows(),
    });
    let mut text = serde_json::to_string_pretty(&meta).unwrap_or_default();
    text.push('\n');
    outcome.outputs.insert("feature_metadata.json".into(), Artifact::File(text.into_bytes()));
    if let Some(importances) = pipeline.importances() {
        let mut rows: Vec<_> = importances.iter().enumerate().collect();
        rows.sort_by(|(i, a), (j, b)| b.importance.total_cmp(&a.importance).then(i.cmp(j)));
        let mut csv = String::from("feature,importance,rank,selected\n");
        for (rank, (_, row)) in rows.iter().enumerate() {
            let name = text_cell(&row.name);
            csv.push_str(&format!("{name},{},{},{}\n", number(row.importance), rank + 1, row.selected));
        }
        outcome.outputs.insert("feature_importance_analysis.csv".into(), Artifact::File(csv.into_bytes()));
    }
    Ok(outcome)
}
