//! Figures of the page.

use serde::Serialize;

use super::{Judged, Material, decimals};
use crate::ml::metrics::Metric;
use crate::plot::{self, Figure, Line};

/// Hands out an id for every figure.
#[derive(Default)]
pub(super) struct Ids(usize);

impl Ids {
    pub(super) fn svg(&mut self, figure: &Figure) -> String {
        self.0 += 1;
        figure.svg(&format!("figure-{}", self.0))
    }
}

/// Figures of one model side by side.
#[derive(Serialize)]
pub(super) struct Pair {
    model: String,
    figures: Vec<String>,
    note: String,
}

/// ROC and precision-recall curves, one class against the rest.
pub(super) fn curves(judged: &[Judged<'_>], material: &Material, ids: &mut Ids) -> Vec<Pair> {
    let mut out = Vec::new();
    for j in judged {
        let name = &j.model.name;
        // A model that says the same of every row has no curve worth a look.
        let Some(exam) = material.exam(name).filter(|_| j.model.kind != "majority") else { continue };
        let drawn: Vec<_> = exam.curves.iter().filter(|c| !c.roc.is_empty()).collect();
        if drawn.is_empty() {
            continue;
        }
        let line = |class: u32, area: f64, points: &[[f64; 2]]| Line {
            name: format!("{area:.3} {}", exam.classes[class as usize]),
            colour: class as usize,
            points: points.to_vec(),
        };
        let roc: Vec<Line> = drawn.iter().map(|c| line(c.class, c.roc_auc, &c.roc)).collect();
        let pr: Vec<Line> = drawn.iter().map(|c| line(c.class, c.average_precision, &c.pr)).collect();
        let title = format!("{name}: ROC curves, one class against the rest");
        let roc = plot::unit_curves(&title, ("false positive rate", "true positive rate"), &roc, true);
        let title = format!("{name}: precision-recall curves, one class against the rest");
        let pr = plot::unit_curves(&title, ("recall", "precision"), &pr, false);
        let hidden = exam.curves.len() - drawn.len();
        let note = if hidden > 0 {
            format!("The {hidden} classes with the fewest rows are in the table only.")
        } else {
            String::new()
        };
        out.push(Pair { model: name.clone(), figures: vec![ids.svg(&roc), ids.svg(&pr)], note });
    }
    out
}

/// Reliability diagrams.
pub(super) fn calibration(judged: &[Judged<'_>], material: &Material, ids: &mut Ids) -> Vec<Pair> {
    let mut out = Vec::new();
    for j in judged {
        let name = &j.model.name;
        let Some(exam) = material.exam(name).filter(|e| !e.calibration.is_empty()) else { continue };
        let figure = plot::reliability(&format!("{name}: reliability diagram"), &exam.calibration, j.at);
        let ece = j.test.get(Metric::ExpectedCalibrationError).map_or_else(|| "–".into(), decimals);
        let brier = j.test.get(Metric::Brier).map_or_else(|| "–".into(), decimals);
        let note = format!("expected calibration error {ece}, Brier score {brier}");
        out.push(Pair { model: name.clone(), figures: vec![ids.svg(&figure)], note });
    }
    out
}
