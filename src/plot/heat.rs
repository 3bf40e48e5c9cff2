//! Heat maps of counts.

use std::collections::BTreeMap;

use super::text::{shortened, widest};
use super::{Anchor, Figure, NORMAL, Paint, SMALL};

/// Confusion matrices of models, side by side: shares of each true class, with counts where there is room.
#[must_use]
pub fn confusion_maps(classes: &[String], models: &[(String, &[Vec<u64>])]) -> Figure {
    let k = classes.len().max(1);
    let cell = (330.0 / k as f64).clamp(11.0, 46.0);
    let size = if cell < 14.0 { cell - 2.5 } else { SMALL };
    let label = widest(classes.iter().map(String::as_str), size, 110.0) + 12.0;
    let (panel, tall) = (label + cell * k as f64 + 24.0, cell * k as f64 + label + 44.0);
    let columns = models.len().clamp(1, if k > 16 { 2 } else { 3 });
    let lines = models.len().div_ceil(columns).max(1);
    let mut figure = Figure::new(
        "Confusion matrices on the test part: rows, shaded by their share of the true class",
        panel * columns as f64 + 12.0,
        tall * lines as f64 + 6.0,
    );
    for (i, (name, counts)) in models.iter().enumerate() {
        let (left, top) = (panel * (i % columns) as f64 + label + 8.0, tall * (i / columns) as f64 + 26.0);
        let heading = shortened(name, NORMAL, panel - label - 8.0);
        figure.text(left, top - 8.0, heading, Anchor::Start, NORMAL, Paint::Ink);
        for (t, row) in counts.iter().enumerate() {
            let sum: u64 = row.iter().sum();
            let y = top + cell * t as f64;
            let middle = y + cell / 2.0 + size * 0.35;
            figure.text(left - 5.0, middle, shortened(&classes[t], size, label - 12.0), Anchor::End, size, Paint::Ink);
            for (p, &n) in row.iter().enumerate() {
                let share = if sum > 0 { n as f64 / sum as f64 } else { 0.0 };
                let x = left + cell * p as f64;
                let paint = if n > 0 { Paint::Heat(share.max(0.06)) } else { Paint::Grid };
                figure.rect(x + 0.5, y + 0.5, cell - 1.0, cell - 1.0, paint, None);
                let text = n.to_string();
                if n > 0 && super::text::width(&text, size) < cell - 3.0 {
                    figure.text(x + cell / 2.0, middle, text, Anchor::Middle, size, Paint::Ink);
                }
            }
        }
        for (p, class) in classes.iter().enumerate() {
            let (x, y) = (left + cell * (p as f64 + 0.5) + size * 0.35, top + cell * k as f64 + 5.0);
            figure.upright(x, y, shortened(class, size, label - 12.0), Anchor::End, size);
        }
    }
    figure
}

/// Rows by cluster and class: shares of each cluster, and its rows.
#[must_use]
pub fn cluster_map(title: &str, classes: &[String], table: &BTreeMap<i32, Vec<u64>>) -> Figure {
    const CLUSTERS: usize = 40;
    const TOLD: f64 = 280.0;
    let k = classes.len().max(1);
    // The clusters with the most rows, in their order.
    let mut shown: Vec<(&i32, &Vec<u64>, u64)> = table.iter().map(|(c, row)| (c, row, row.iter().sum())).collect();
    shown.sort_by_key(|(c, _, n)| (std::cmp::Reverse(*n), **c));
    let left_out = shown.len().saturating_sub(CLUSTERS);
    shown.truncate(CLUSTERS);
    shown.sort_by_key(|(c, _, _)| **c);
    let (cell, high) = ((420.0 / k as f64).clamp(16.0, 52.0), 20.0);
    let label = 96.0;
    let under = widest(classes.iter().map(String::as_str), SMALL, 120.0) + 12.0;
    let width = (label + cell * k as f64 + 70.0).max(360.0);
    let mut figure = Figure::new(title, width, high * shown.len() as f64 + under + 34.0);
    for (i, (cluster, row, sum)) in shown.iter().enumerate() {
        let y = 8.0 + high * i as f64;
        let name = if **cluster < 0 { "noise".to_owned() } else { format!("cluster {cluster}") };
        figure.text(label - 6.0, y + 14.0, name.as_str(), Anchor::End, SMALL, Paint::Ink);
        for (c, &n) in row.iter().enumerate() {
            let share = n as f64 / (*sum).max(1) as f64;
            let x = label + cell * c as f64;
            // A long name in every cell would make the page large.
            let told = (n > 0).then(|| {
                let class = shortened(&classes[c], SMALL, TOLD);
                format!("{name}, {class}: {n} of {sum} rows")
            });
            let paint = if n > 0 { Paint::Heat(share.max(0.06)) } else { Paint::Grid };
            figure.rect(x + 0.5, y + 0.5, cell - 1.0, high - 1.0, paint, told);
            let text = n.to_string();
            if n > 0 && super::text::width(&text, SMALL) < cell - 2.0 {
                figure.text(x + cell / 2.0, y + 14.0, text, Anchor::Middle, SMALL, Paint::Ink);
            }
        }
        figure.text(label + cell * k as f64 + 8.0, y + 14.0, format!("{sum} rows"), Anchor::Start, SMALL, Paint::Soft);
    }
    let bottom = 8.0 + high * shown.len() as f64;
    for (c, class) in classes.iter().enumerate() {
        let x = label + cell * (c as f64 + 0.5) + 4.0;
        figure.upright(x, bottom + 6.0, shortened(class, SMALL, under - 10.0), Anchor::End, SMALL);
    }
    if left_out > 0 {
        let text = format!("and {left_out} smaller clusters");
        figure.text(label, bottom + under + 20.0, text, Anchor::Start, SMALL, Paint::Soft);
    }
    figure
}
