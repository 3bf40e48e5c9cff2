//! `docs/record.md` names every metric, every column of the CSV files, and every raised algorithm.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;

use runner::ml::Code;
use runner::ml::metrics::{ConfusionMatrix, Judgement, Metric};
use runner::record::{Summary, class_recall_csv, label_csv, multiclass_csv};

use super::support::root;

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

fn missing<'a>(page: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().filter(|word| !page.contains(&format!("`{word}`"))).map(str::to_owned).collect()
}

#[test]
fn every_metric_and_column_is_documented() {
    let page = page("record.md");
    assert_eq!(missing(&page, Metric::ALL.iter().map(|m| m.word())), Vec::<String>::new());
    let judgement = Judgement {
        rows: 1,
        values: BTreeMap::new(),
        confusion: ConfusionMatrix::new(&[0], &[0], 1).unwrap(),
        per_class: Vec::new(),
        clusters: None,
        group_recalls: Vec::new(),
    };
    let classes = ["a".to_owned()];
    let summary = Summary { classes: &classes, rows: vec![("m", "majority", &judgement)] };
    for csv in [multiclass_csv(&summary), label_csv(&summary), class_recall_csv(&summary)] {
        let header = csv.lines().next().unwrap();
        assert_eq!(missing(&page, header.split(',')), Vec::<String>::new());
    }
}

#[test]
fn every_check_has_its_page_and_its_line() {
    let list = page("checks/README.md");
    for code in Code::ALL.iter().map(|c| c.word()) {
        assert!(list.contains(&format!("[{code}]({code}.md)")), "{code} is not in docs/checks/README.md");
        let text = page(&format!("checks/{code}.md"));
        assert!(text.starts_with(&format!("# {code}: ")), "docs/checks/{code}.md");
        for part in ["**What it means.**", "**Why it matters.**", "**What to do.**", "**How to accept it.**"] {
            assert!(text.contains(part), "docs/checks/{code}.md: {part}");
        }
    }
}
