//! Clusters: the plane of the first two components, and silhouettes.

use std::collections::BTreeMap;

use super::text::shortened;
use super::{Anchor, Axes, Figure, NORMAL, Paint, SMALL, ticks};
use crate::ml::examine::ClusterExam;

/// What the colours of a scatter plot mean.
#[derive(Clone, Copy, Debug)]
pub enum Colouring<'a> {
    /// Clusters.
    Cluster,
    /// Classes, by these names.
    Class(&'a [String]),
}

/// Points that are kept of one cluster or class at most, so that a figure stays small.
const POINTS: usize = 700;
/// Clusters or classes in a legend.
const LEGEND: usize = 13;

fn cluster_name(cluster: i32) -> String {
    if cluster < 0 { "noise".into() } else { format!("cluster {cluster}") }
}

fn cluster_colour(cluster: i32) -> usize {
    // Noise is grey.
    usize::try_from(cluster).map_or(11, |c| c % 11)
}

/// Held-out rows in the plane of their first two principal components; at most 700 points are drawn.
#[must_use]
pub fn plane(title: &str, exam: &ClusterExam, colouring: Colouring<'_>) -> Figure {
    let (wide, high) = (380.0, 300.0);
    let mut figure = Figure::new(title, 60.0 + wide + 190.0, high + 54.0);
    let range = |axis: usize| {
        let values = || exam.plane.xy.iter().map(move |p| p[axis]);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let room = if high > low { (high - low) * 0.04 } else { 0.5 };
        if low.is_finite() { (low - room, high + room) } else { (0.0, 1.0) }
    };
    let axes = Axes { left: 60.0, top: 10.0, width: wide, height: high, x: range(0), y: range(1) };
    axes.ticks(&mut figure, &ticks(axes.x.0, axes.x.1, 5), &ticks(axes.y.0, axes.y.1, 5));
    let share =
        |axis: usize| format!("component {} ({:.0} % of the variance)", axis + 1, exam.plane.shares[axis] * 100.0);
    axes.names(&mut figure, &share(0), &share(1));
    let mut names: BTreeMap<i64, (String, usize, usize)> = BTreeMap::new();
    let every = exam.points.len().div_ceil(POINTS).max(1);
    for (i, (&[x, y], &(cluster, class))) in exam.plane.xy.iter().zip(&exam.points).enumerate() {
        let (key, name, colour) = match colouring {
            Colouring::Cluster => (i64::from(cluster), cluster_name(cluster), cluster_colour(cluster)),
            Colouring::Class(names) => (i64::from(class), names[class as usize].clone(), class as usize),
        };
        names.entry(key).or_insert((name, colour, 0)).2 += 1;
        if i % every == 0 {
            let [x, y] = axes.at(x, y);
            figure.dot(x, y, 2.2, Paint::Class(colour));
        }
    }
    let mut listed: Vec<_> = names.into_iter().collect();
    let more = listed.len().saturating_sub(LEGEND);
    if more > 0 {
        listed.sort_by_key(|(key, (_, _, n))| (std::cmp::Reverse(*n), *key));
        listed.truncate(LEGEND);
        listed.sort_by_key(|(key, _)| *key);
    }
    for (i, (_, (name, colour, _))) in listed.iter().enumerate() {
        let y = 18.0 + 19.0 * i as f64;
        figure.dot(60.0 + wide + 18.0, y, 4.5, Paint::Class(*colour));
        figure.text(60.0 + wide + 28.0, y + 4.0, shortened(name, SMALL, 158.0), Anchor::Start, SMALL, Paint::Ink);
    }
    if more > 0 {
        let y = 22.0 + 19.0 * listed.len() as f64;
        figure.text(60.0 + wide + 28.0, y, format!("and {more} more"), Anchor::Start, SMALL, Paint::Soft);
    }
    figure
}

/// How well the rows lie in their clusters; the dashed line is the mean of all rows.
#[must_use]
pub fn silhouette(title: &str, silhouettes: &BTreeMap<i32, Vec<f64>>, mean: Option<f64>) -> Figure {
    let total: usize = silhouettes.values().map(Vec::len).sum();
    let bar = (320.0 / total.max(1) as f64).clamp(0.6, 4.0);
    let gap = if silhouettes.len() > 20 { 2.0 } else { 8.0 };
    let high = bar * total as f64 + gap * silhouettes.len() as f64;
    let low = silhouettes.values().flatten().copied().fold(0.0, f64::min).min(-0.05);
    let mut figure = Figure::new(title, 600.0, high + 54.0);
    let axes = Axes { left: 96.0, top: 8.0, width: 480.0, height: high, x: (low, 1.0), y: (0.0, 1.0) };
    axes.ticks(&mut figure, &ticks(low, 1.0, 6), &[]);
    let mut y = 8.0;
    let mut written = f64::NEG_INFINITY;
    for (&cluster, values) in silhouettes {
        let zero = axes.at(0.0, 0.0)[0];
        let middle = y + bar * values.len() as f64 / 2.0 + 4.0;
        if middle - written > 12.0 {
            figure.text(90.0, middle, cluster_name(cluster), Anchor::End, SMALL, Paint::Ink);
            written = middle;
        }
        for &value in values {
            let end = axes.at(value, 0.0)[0];
            figure.rect(
                zero.min(end),
                y,
                (end - zero).abs().max(0.4),
                bar,
                Paint::Class(cluster_colour(cluster)),
                None,
            );
            y += bar;
        }
        y += gap;
    }
    if let Some(mean) = mean {
        figure.dashed(axes.at(mean, 0.0), axes.at(mean, 1.0), Paint::Ink);
    }
    figure.text(336.0, high + 42.0, "silhouette coefficient", Anchor::Middle, NORMAL, Paint::Ink);
    figure
}
