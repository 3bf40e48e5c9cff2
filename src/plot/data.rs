//! What the data looks like.

use super::text::{shortened, widest};
use super::{Anchor, Axes, Figure, Paint, SMALL, ticks};
use crate::ml::examine::{Boxes, Correlation};

/// Correlations as a heat map: blue for positive, orange for negative ones.
#[must_use]
pub fn correlation_map(title: &str, table: &Correlation) -> Figure {
    let n = table.names.len();
    let cell = (620.0 / n.max(1) as f64).clamp(9.0, 26.0);
    let size = (cell - 1.5).min(SMALL);
    let label = widest(table.names.iter().map(String::as_str), size, 150.0) + 10.0;
    let side = cell * n as f64;
    let mut figure = Figure::new(title, label + side + 20.0, side + label + 44.0);
    for (i, row) in table.hundredths.iter().enumerate() {
        let y = 8.0 + cell * i as f64;
        let name = shortened(&table.names[i], size, label - 10.0);
        figure.text(label - 4.0, y + cell / 2.0 + size * 0.35, name, Anchor::End, size, Paint::Ink);
        figure.rect(label + cell * i as f64, y, cell - 0.6, cell - 0.6, Paint::Signed(1.0), None);
        for (j, value) in row.iter().enumerate() {
            let Some(value) = value.filter(|v| v.abs() >= 5) else { continue };
            let r = f64::from(value) / 100.0;
            let named = |at: usize| shortened(&table.names[at], SMALL, 280.0);
            let told = (value.abs() >= 50).then(|| format!("{} and {}: {r:.2}", named(i), named(j)));
            figure.rect(label + cell * j as f64, y, cell - 0.6, cell - 0.6, Paint::Signed(r), told);
        }
        let x = label + cell * (i as f64 + 0.5) + size * 0.35;
        let name = shortened(&table.names[i], size, label - 10.0);
        figure.upright(x, 12.0 + side, name, Anchor::End, size);
    }
    for (i, (word, r)) in [("-1", -1.0), ("-0.5", -0.5), ("0.5", 0.5), ("1", 1.0)].into_iter().enumerate() {
        let x = label + 52.0 * i as f64;
        figure.rect(x, side + label + 20.0, 12.0, 12.0, Paint::Signed(r), None);
        figure.text(x + 16.0, side + label + 30.0, word, Anchor::Start, SMALL, Paint::Ink);
    }
    figure
}

/// Training rows by class before and after balancing.
#[must_use]
pub fn class_counts(classes: &[String], counts: &[Vec<u64>; 2]) -> Figure {
    let most = counts.iter().flatten().copied().max().unwrap_or(1).max(1) as f64;
    let label = widest(classes.iter().map(String::as_str), SMALL, 180.0) + 14.0;
    let step = 27.0;
    let height = step * classes.len() as f64;
    let mut figure = Figure::new("Training rows by class before and after balancing", 640.0, height + 62.0);
    let axes = Axes { left: label, top: 26.0, width: 640.0 - label - 70.0, height, x: (0.0, most), y: (0.0, 1.0) };
    axes.ticks(&mut figure, &ticks(0.0, most, 4), &[]);
    for (i, word) in ["before", "after"].into_iter().enumerate() {
        figure.rect(label + 80.0 * i as f64, 6.0, 10.0, 10.0, Paint::Class(i), None);
        figure.text(label + 80.0 * i as f64 + 14.0, 15.0, word, Anchor::Start, SMALL, Paint::Ink);
    }
    for (i, class) in classes.iter().enumerate() {
        let y = 30.0 + step * i as f64;
        figure.text(label - 8.0, y + 14.0, shortened(class, SMALL, label - 14.0), Anchor::End, SMALL, Paint::Ink);
        for (j, counts) in counts.iter().enumerate() {
            let n = counts.get(i).copied().unwrap_or_default();
            let end = axes.at(n as f64, 0.0)[0];
            let top = y + 10.0 * j as f64;
            figure.rect(label, top, (end - label).max(0.5), 9.0, Paint::Class(j), Some(format!("{class}: {n} rows")));
            figure.text(end + 4.0, top + 8.5, n.to_string(), Anchor::Start, 9.0, Paint::Soft);
        }
    }
    figure
}

/// Box plots of features by class, in the colours of the classes: 5, 25, 50, 75 and 95 %.
#[must_use]
pub fn box_plots(title: &str, classes: &[String], features: &[Boxes]) -> Figure {
    let columns = 3;
    let most = features.iter().map(|f| f.classes.len()).max().unwrap_or(1);
    let (wide, row) = (270.0, if most > 16 { 7.0 } else { 12.0 });
    let high = row * most as f64;
    let (panel, tall) = (wide + 22.0, high + 46.0);
    let lines = features.len().div_ceil(columns).max(1);
    // The legend is below, in columns.
    let per_line = 4;
    let legend = 19.0 * classes.len().div_ceil(per_line) as f64 + 12.0;
    let mut figure = Figure::new(title, panel * columns as f64 + 10.0, tall * lines as f64 + legend);
    for (i, feature) in features.iter().enumerate() {
        let (left, top) = (12.0 + panel * (i % columns) as f64, tall * (i / columns) as f64 + 20.0);
        let name = shortened(&feature.feature, SMALL, wide);
        figure.text(left, top - 6.0, name, Anchor::Start, SMALL, Paint::Ink);
        let all = || feature.classes.iter().flat_map(|c| c.quantiles);
        let (low, top_value) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let (low, up) = if top_value > low { (low, top_value) } else { (low - 0.5, low + 0.5) };
        let axes = Axes { left, top, width: wide, height: high, x: (low, up), y: (0.0, 1.0) };
        axes.ticks(&mut figure, &ticks(low, up, 4), &[]);
        for (j, class) in feature.classes.iter().enumerate() {
            let q = class.quantiles.map(|v| axes.at(v, 0.0)[0]);
            let (y, middle) = (top + row * j as f64, top + row * (j as f64 + 0.5));
            let colour = class.class as usize;
            figure.line([q[0], middle], [q[4], middle], Paint::Class(colour), 1.0);
            let told = format!("{}: median {}", classes[colour], super::short(class.quantiles[2]));
            figure.rect(q[1], y + 1.0, (q[3] - q[1]).max(1.0), row - 2.0, Paint::Pale(colour), Some(told));
            figure.line([q[2], y + 1.0], [q[2], y + row - 1.0], Paint::Class(colour), 2.0);
        }
    }
    let top = tall * lines as f64;
    for (i, class) in classes.iter().enumerate() {
        let x = 12.0 + (panel * columns as f64 / per_line as f64) * (i % per_line) as f64;
        let y = top + 19.0 * (i / per_line) as f64;
        figure.rect(x, y, 10.0, 10.0, Paint::Class(i), None);
        figure.text(x + 15.0, y + 9.0, shortened(class, SMALL, 185.0), Anchor::Start, SMALL, Paint::Ink);
    }
    figure
}
