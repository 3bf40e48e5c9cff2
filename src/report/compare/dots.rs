//! The deciding metric of every model with its interval, the best on top.

use serde::Serialize;

use super::Comparison;
use super::page::name_of;
use crate::plot::shortened;

/// Up to so many models are drawn.
const MOST: usize = 30;
const WIDTH: f64 = 800.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 700.0;
const LINE: f64 = 22.0;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Dots {
    width: f64,
    height: f64,
    left: f64,
    metric: &'static str,
    left_out: usize,
    rows: Vec<Dot>,
    ticks: Vec<Tick>,
}

#[derive(Clone, Debug, Serialize)]
struct Dot {
    y: f64,
    name: String,
    short: String,
    x: f64,
    ends: Option<[f64; 2]>,
    text: String,
    baseline: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Tick {
    x: f64,
    label: String,
}

/// The plot, where there are two models with a value or more.
pub(super) fn dots(made: &Comparison) -> Option<Dots> {
    let mut found: Vec<(usize, f64)> =
        made.entries.iter().enumerate().filter_map(|(i, e)| Some((i, *e.values.get(&made.metric)?))).collect();
    if found.len() < 2 {
        return None;
    }
    found.sort_by(|a, b| made.metric.gain(b.1, a.1).total_cmp(&0.0));
    let left_out = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    let ends = |i: usize| made.entries[i].intervals.get(&made.metric).copied();
    let all = || found.iter().flat_map(|(i, v)| ends(*i).unwrap_or([*v, *v]));
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let step = step((high - low).max(1e-6) / 6.0);
    let (from, to) = ((low / step).floor() * step, (high / step).ceil() * step);
    let x = |v: f64| ((LEFT + (v - from) / (to - from).max(step) * (RIGHT - LEFT)) * 10.0).round() / 10.0;
    let places = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let count = ((to - from) / step).round() as usize;
    let ticks = (0..=count).map(|i| from + step * i as f64);
    let rows = found.iter().enumerate().map(|(row, &(i, value))| Dot {
        y: LINE * (row as f64 + 1.5),
        name: name_of(made, i),
        short: shortened(&name_of(made, i), 12.0, LEFT - 24.0),
        x: x(value),
        ends: ends(i).map(|[a, b]| [x(a), x(b)]),
        text: format!("{value:.4}"),
        baseline: i == made.baseline,
    });
    Some(Dots {
        width: WIDTH,
        height: LINE * (found.len() as f64 + 1.5),
        left: LEFT,
        metric: made.metric.word(),
        left_out,
        rows: rows.collect(),
        ticks: ticks.map(|v| Tick { x: x(v), label: format!("{v:.places$}") }).collect(),
    })
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= least * 0.999).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (least, want) in [(0.03, 0.05), (0.011, 0.02), (0.01, 0.01), (0.7, 1.0), (130.0, 200.0)] {
            assert!((step(least) / want - 1.0).abs() < 1e-9, "{least}: {}", step(least));
        }
    }
}
