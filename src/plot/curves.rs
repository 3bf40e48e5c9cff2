//! Curves.

use super::text::shortened;
use super::{Anchor, Axes, Figure, Paint, SMALL, short, ticks};
use crate::ml::examine::Bin;

/// A curve with its name.
#[derive(Clone, Debug)]
pub struct Line {
    /// For the legend.
    pub name: String,
    /// Colour, as of classes.
    pub colour: usize,
    /// Points.
    pub points: Vec<[f64; 2]>,
}

const SIDE: f64 = 300.0;
const LEFT: f64 = 52.0;

fn legend(figure: &mut Figure, lines: &[Line], left: f64) {
    for (i, line) in lines.iter().enumerate() {
        let y = 14.0 + 19.0 * i as f64;
        figure.curve(vec![[left, y + 6.0], [left + 16.0, y + 6.0]], line.colour, 3.0, None);
        figure.text(left + 22.0, y + 10.0, shortened(&line.name, SMALL, 168.0), Anchor::Start, SMALL, Paint::Ink);
    }
}

fn unit() -> Vec<(f64, String)> {
    ticks(0.0, 1.0, 5)
}

/// Curves in the unit square; with `diagonal`, the line that guessing gives.
#[must_use]
pub fn unit_curves(title: &str, (x, y): (&str, &str), lines: &[Line], diagonal: bool) -> Figure {
    let height = (SIDE + 56.0).max(28.0 + 19.0 * lines.len() as f64);
    let mut figure = Figure::new(title, LEFT + SIDE + 210.0, height);
    let axes = Axes { left: LEFT, top: 10.0, width: SIDE, height: SIDE, x: (0.0, 1.0), y: (0.0, 1.0) };
    axes.ticks(&mut figure, &unit(), &unit());
    axes.names(&mut figure, x, y);
    if diagonal {
        figure.dashed(axes.at(0.0, 0.0), axes.at(1.0, 1.0), Paint::Soft);
    }
    for line in lines {
        let points = line.points.iter().map(|p| axes.at(p[0], p[1])).collect();
        figure.curve(points, line.colour, 1.8, Some(line.name.clone()));
    }
    legend(&mut figure, lines, LEFT + SIDE + 16.0);
    figure
}

/// Recall of the positive group over its false positive rate, which is on a logarithmic axis down to `least`.
#[must_use]
pub fn operating_curve(title: &str, lines: &[Line], least: f64) -> Figure {
    let low = least.max(1e-7).log10().floor().min(-1.0);
    let wide = 380.0;
    let height = (SIDE + 56.0).max(28.0 + 19.0 * lines.len() as f64);
    let mut figure = Figure::new(title, LEFT + wide + 210.0, height);
    // No logarithm has 0: it stands apart, at the left edge.
    let none = low - 0.4;
    let axes = Axes { left: LEFT, top: 10.0, width: wide, height: SIDE, x: (none, 0.0), y: (0.0, 1.0) };
    #[allow(clippy::cast_possible_truncation)] // a few decades
    let mut decades: Vec<(f64, String)> = (low as i32..=0).map(|d| (f64::from(d), short(10f64.powi(d)))).collect();
    decades.insert(0, (none, "0".into()));
    axes.ticks(&mut figure, &decades, &unit());
    axes.names(&mut figure, "false positive rate (logarithmic)", "recall");
    for line in lines {
        let points =
            line.points.iter().map(|p| axes.at(if p[0] > 0.0 { p[0].log10().max(low) } else { none }, p[1])).collect();
        figure.curve(points, line.colour, 1.8, Some(line.name.clone()));
    }
    legend(&mut figure, lines, LEFT + wide + 16.0);
    figure
}

/// Share predicted right over the greatest probability, with the rows of every bin below.
#[must_use]
pub fn reliability(title: &str, bins: &[Bin], colour: usize) -> Figure {
    let under = 60.0;
    let mut figure = Figure::new(title, LEFT + SIDE + 20.0, SIDE + under + 70.0);
    let axes = Axes { left: LEFT, top: 10.0, width: SIDE, height: SIDE, x: (0.0, 1.0), y: (0.0, 1.0) };
    axes.ticks(&mut figure, &[], &unit());
    figure.dashed(axes.at(0.0, 0.0), axes.at(1.0, 1.0), Paint::Soft);
    let most = bins.iter().map(|b| b.rows).max().unwrap_or(1).max(1) as f64;
    let n = bins.len().max(1) as f64;
    // The text stands above the highest bar.
    let counts = Axes { top: SIDE + 20.0, height: under, y: (0.0, most * 1.4), ..axes };
    counts.ticks(&mut figure, &unit(), &[]);
    axes.names(&mut figure, "", "share predicted right");
    let mut line = Vec::new();
    for (i, bin) in bins.iter().enumerate().filter(|(_, b)| b.rows > 0) {
        let (low, high) = (i as f64 / n, (i + 1) as f64 / n);
        let right = bin.right as f64 / bin.rows as f64;
        let told = format!(
            "{:.2} to {:.2}: {} rows, {:.1} % right, {:.1} % expected",
            low,
            high,
            bin.rows,
            right * 100.0,
            bin.confidence * 100.0
        );
        let (a, b) = (axes.at(low, right), axes.at(high, 0.0));
        figure.rect(a[0] + 1.0, a[1], b[0] - a[0] - 2.0, b[1] - a[1], Paint::Pale(colour), Some(told.clone()));
        line.push(axes.at(bin.confidence, right));
        let (a, b) = (counts.at(low, bin.rows as f64), counts.at(high, 0.0));
        figure.rect(a[0] + 1.0, a[1], b[0] - a[0] - 2.0, (b[1] - a[1]).max(0.7), Paint::Class(colour), Some(told));
    }
    for point in &line {
        figure.dot(point[0], point[1], 3.0, Paint::Class(colour));
    }
    figure.path(line, Paint::Class(colour), 1.5, None);
    figure.text(LEFT + 4.0, SIDE + 31.0, format!("rows (most: {most})"), Anchor::Start, SMALL, Paint::Soft);
    let x = LEFT + SIDE / 2.0;
    figure.text(x, SIDE + under + 52.0, "greatest probability", Anchor::Middle, super::NORMAL, Paint::Ink);
    figure
}

/// Training loss by epoch.
#[must_use]
pub fn loss_curve(title: &str, lines: &[Line]) -> Figure {
    let wide = 380.0;
    let all = || lines.iter().flat_map(|l| &l.points);
    let epochs = all().map(|p| p[0]).fold(1.0, f64::max);
    let most = all().map(|p| p[1]).fold(1e-9, f64::max);
    let mut figure = Figure::new(title, LEFT + wide + 210.0, 286.0);
    let axes = Axes { left: LEFT, top: 10.0, width: wide, height: 230.0, x: (0.0, epochs), y: (0.0, most) };
    axes.ticks(&mut figure, &ticks(0.0, epochs, 5), &ticks(0.0, most, 5));
    axes.names(&mut figure, "epoch", "training loss");
    for line in lines {
        let points = line.points.iter().map(|p| axes.at(p[0], p[1])).collect();
        figure.curve(points, line.colour, 1.8, Some(line.name.clone()));
    }
    legend(&mut figure, lines, LEFT + wide + 16.0);
    figure
}
