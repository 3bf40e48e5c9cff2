use ndarray::Array2;

use super::models::precision;
use super::*;
use crate::digest::Seed;
use crate::ml::examine::{Said, Survey, examine};
use crate::ml::metrics::{Judged as Words, Metric, judge};
use crate::ml::{Code, Dataset, Warning};
use crate::record::WinnerRecord;

const HOSTILE: [&str; 4] =
    ["<script>alert(1)</script>", "\"quoted\" & 'single' {{ 7*7 }}", "🦀 שלום \u{202e}gnp", "=1+1"];

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| HOSTILE.get(i).map_or_else(|| format!("{}{i}", "long".repeat(75)), |s| (*s).to_owned())).collect()
}

/// A record of these models on 600 rows of these classes, and what was examined of it.
fn run(models: usize, classes: usize, rows: usize) -> (RunRecord, Material) {
    let y: Vec<u32> = (0..rows).map(|i| (i * 7 % classes) as u32).collect();
    let x = Array2::from_shape_fn((rows, 3), |(i, c)| f64::from(y[i]) + ((i * (3 + c)) % 7) as f64 * 0.5);
    let data = Dataset::new(x, y, names(classes), names(3), (0..rows as u64).collect()).unwrap();
    let mut record = RunRecord::new();
    record.name = HOSTILE[0].into();
    record.description = HOSTILE[1].into();
    record.status = RunStatus::Finished;
    record.experiment = serde_json::json!({"name": HOSTILE[0], "allow": [{"check": "S09", "reason": HOSTILE[0]}]});
    record.warnings.push(Warning::new(Code::S09, HOSTILE[0]).at("models.x"));
    let mut material =
        Material { survey: Some(Survey { classes: names(classes), ..Survey::default() }), ..Material::default() };
    for m in 0..models {
        let p = Array2::from_shape_fn((rows, classes), |(i, c)| {
            let own = data.y()[i] as usize == c;
            if own == (i % (m + 2) != 0) { 0.7 } else { 0.3 / (classes - 1) as f64 }
        });
        let p = &p / &p.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
        let clusters: Vec<i32> = (0..rows).map(|i| (i * 5 % 9) as i32 - 1).collect();
        let y_pred = crate::ml::argmax(&p);
        let said = Words {
            y_pred: &y_pred,
            probabilities: Some(p.view()),
            clusters: Some(&clusters),
            cluster_classes: None,
            inertia: None,
        };
        let (judgement, _) = judge(&data, None, &said).unwrap();
        let name = format!("model_{m}");
        let seen = Said { probabilities: Some(p.view()), clusters: Some(&clusters) };
        material.exams.insert(name.clone(), examine(&data, None, seen, None, Seed::new(1)).unwrap());
        record.models.push(ModelResult { name, kind: "knn".into(), validation: None, test: Some(judgement) });
    }
    let value = record.models[0].test.as_ref().and_then(|j| j.get(Metric::F1Macro)).unwrap();
    record.winner = Some(WinnerRecord { model: "model_0".into(), metric: Metric::F1Macro, part: "test".into(), value });
    (record, material)
}

fn page(record: &RunRecord, material: &Material) -> String {
    run_page(&Templates::new(None).unwrap(), record, material).unwrap()
}

#[test]
fn hostile_names_stay_text_and_the_same_record_gives_the_same_bytes() {
    let (record, material) = run(2, 6, 600);
    let text = page(&record, &material);
    assert_eq!(text.matches("<script").count(), 1, "only the page's own script");
    assert!(!text.contains("alert(1)</script>") && text.contains("&lt;script&gt;alert(1)"));
    assert!(text.contains("{{ 7*7 }}"), "names are no templates");
    assert_eq!(text, page(&record, &material));
    for id in [
        "headline",
        "warnings",
        "models",
        "confusion",
        "classes",
        "curves",
        "calibration",
        "clusters",
        "data",
        "times",
        "repeat",
    ] {
        assert!(text.contains(&format!("<section id=\"{id}\"")), "{id}");
        assert!(text.contains(&format!("<a href=\"#{id}\">")), "{id} in the list");
    }
    assert!(text.contains("Accepted:"), "waivers are told");
    assert!(text.contains("bootstrap interval"), "the interval says what it is");
}

#[test]
fn a_page_without_numbers_has_tables_only_and_says_so() {
    let (record, material) = run(2, 3, 90);
    let text = page(&record, &Material::default());
    assert!(text.contains("This page has tables only") && !text.contains("<svg"), "{text}");
    assert!(text.contains("id=\"metric-table\"") && text.contains("id=\"confusion\""));
    assert!(page(&record, &material).contains("<svg"));
    let empty = page(&RunRecord::new(), &Material::default());
    assert!(empty.contains("There is no winner"));
}

#[test]
fn thirty_models_and_forty_classes_of_long_names_stay_below_the_bound() {
    let (record, material) = run(30, 40, 2_000);
    let text = page(&record, &material);
    assert!(text.len() < MOST_BYTES, "{}", text.len());
    assert!(text.contains("best models are shown in full"));
    assert!((0..30).all(|m| text.contains(&format!("model_{m}"))), "every model is in the tables");
}

#[test]
fn precision_at_a_prevalence_by_hand() {
    assert!(precision(0.01, 0.9, 0.01).is_some_and(|p| (p - 0.009 / (0.009 + 0.0099)).abs() < 1e-12));
    assert_eq!(precision(0.01, 0.0, 0.0), None);
}
