//! Parallel coordinates: an axis for every value that was varied and for what came out, a line for every run.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

use super::page::{label, name_of_field};
use super::words::{short, shown};
use super::{Comparison, Run};
use crate::plan::Varied;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 330.0;
const MOST_FIELDS: usize = 7;
const MOST_WORDS: usize = 12;
const MOST_TICKS: usize = 6;
const LONGEST: usize = 40;
const NEAREST: f64 = 14.0;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Sweep {
    width: f64,
    height: f64,
    top: f64,
    bottom: f64,
    axes: Vec<Axis>,
    lines: Vec<Line>,
    /// Values that were varied and have no axis.
    left_out: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Axis {
    x: f64,
    title: String,
    short: String,
    anchor: &'static str,
    ticks: Vec<Tick>,
}

#[derive(Clone, Debug, Serialize)]
struct Tick {
    y: f64,
    label: String,
}

#[derive(Clone, Debug, Serialize)]
struct Line {
    entry: usize,
    points: String,
    title: String,
    /// From 0, the worst fifth, to 4, the best.
    fifth: usize,
}

/// Where values lie on an axis, from 0 at the bottom to 1, and its ticks.
enum Scale {
    Numbers { low: f64, high: f64, log: bool, few: Vec<f64> },
    Words(Vec<String>),
}

impl Scale {
    fn of(values: &[Option<&Json>]) -> Option<Self> {
        let numbers: Option<Vec<f64>> = values.iter().map(|v| v.and_then(Json::as_f64)).collect();
        if let Some(numbers) = numbers {
            return Some(Self::numbers(&numbers));
        }
        let plain = |v: &Option<&Json>| v.is_none_or(|v| !v.is_object() && !v.is_array());
        let words: BTreeSet<String> = values.iter().map(|v| shown(*v)).collect();
        let fits = values.iter().all(plain) && words.len() <= MOST_WORDS && words.iter().all(|w| w.len() <= LONGEST);
        fits.then(|| Self::Words(words.into_iter().collect()))
    }

    fn numbers(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log = low > 0.0 && high / low >= 50.0;
        let mut few = values.to_vec();
        few.sort_by(f64::total_cmp);
        few.dedup();
        let plain = Self::Numbers { low, high, log, few: Vec::new() };
        let near = |pair: &[f64]| y(plain.number(pair[0])) - y(plain.number(pair[1])) < NEAREST;
        if few.len() > MOST_TICKS || few.windows(2).any(near) {
            return plain;
        }
        Self::Numbers { low, high, log, few }
    }

    fn place(&self, value: Option<&Json>) -> f64 {
        match self {
            Self::Numbers { .. } => self.number(value.and_then(Json::as_f64).unwrap_or(f64::NAN)),
            Self::Words(words) => {
                let at = words.iter().position(|w| *w == shown(value)).unwrap_or(0);
                if words.len() < 2 { 0.5 } else { at as f64 / (words.len() - 1) as f64 }
            }
        }
    }

    fn number(&self, value: f64) -> f64 {
        let Self::Numbers { low, high, log, .. } = self else { return 0.5 };
        if high <= low {
            return 0.5;
        }
        if *log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) }
    }

    fn ticks(&self) -> Vec<Tick> {
        match self {
            // A few values are the ticks themselves.
            Self::Numbers { few, .. } if !few.is_empty() => {
                few.iter().map(|v| Tick { y: y(self.number(*v)), label: exact(*v) }).collect()
            }
            Self::Numbers { low, high, log, .. } => (0..=4)
                .filter(|i| high > low || *i == 2)
                .map(|i| {
                    let share = f64::from(i) / 4.0;
                    let value = if *log { low * (high / low).powf(share) } else { low + (high - low) * share };
                    Tick { y: y(share), label: digits(value) }
                })
                .collect(),
            Self::Words(words) => {
                let place = |w: &String| y(self.place(Some(&Json::String(w.clone()))));
                words.iter().map(|w| Tick { y: place(w), label: short(w, 16) }).collect()
            }
        }
    }
}

fn y(share: f64) -> f64 {
    ((BOTTOM - share * (BOTTOM - TOP)) * 10.0).round() / 10.0
}

/// A number as it was written, where it is short.
fn exact(value: f64) -> String {
    let text = format!("{value}");
    if text.len() <= 8 { text } else { digits(value) }
}

/// Three significant digits.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    if value.abs() >= 1e6 || value.abs() < 1e-4 { format!("{value:.1e}") } else { format!("{value:.places$}") }
}

/// The plot, where at least three runs differ in a value that has an axis.
pub(super) fn sweep(runs: &[Run], made: &Comparison) -> Option<Sweep> {
    let shown: Vec<(usize, f64)> = made
        .entries
        .iter()
        .enumerate()
        .filter(|(_, e)| e.winner)
        .filter_map(|(i, e)| Some((i, *e.values.get(&made.metric)?)))
        .collect();
    if shown.len() < 3 {
        return None;
    }
    let value =
        |field: &Varied, entry: usize| field.values.get(made.entries[entry].at).and_then(Option::as_ref).cloned();
    let mut scales: Vec<(String, Scale, Vec<f64>)> = Vec::new();
    let mut left_out = Vec::new();
    // What was accepted, and why, is no setting.
    for field in made.config.iter().filter(|f| !f.field.starts_with("allow")) {
        let own: Vec<Option<Json>> = shown.iter().map(|(i, _)| value(field, *i)).collect();
        let values: Vec<Option<&Json>> = own.iter().map(Option::as_ref).collect();
        match Scale::of(&values).filter(|_| scales.len() < MOST_FIELDS) {
            Some(scale) => {
                let places = values.iter().map(|v| scale.place(*v)).collect();
                scales.push((field.field.clone(), scale, places));
            }
            None => left_out.push(field.field.clone()),
        }
    }
    if scales.is_empty() {
        return None;
    }
    let seconds: Vec<f64> =
        shown.iter().map(|(i, _)| runs[made.entries[*i].at].outline.volatile.seconds.unwrap_or(0.0)).collect();
    let results: Vec<f64> = shown.iter().map(|(_, v)| *v).collect();
    for (title, values) in [("seconds".to_owned(), seconds), (made.metric.word().to_owned(), results.clone())] {
        let scale = Scale::numbers(&values);
        let places = values.iter().map(|v| scale.number(*v)).collect();
        scales.push((title, scale, places));
    }
    let step = (WIDTH - 2.0 * LEFT) / (scales.len() - 1) as f64;
    let last = scales.len() - 1;
    let x = |i: usize| ((LEFT + step * i as f64) * 10.0).round() / 10.0;
    // A title has the room up to the next axis.
    let room = ((step / 6.6) as usize).clamp(8, 28);
    let axes = scales.iter().enumerate().map(|(i, (title, scale, _))| Axis {
        x: x(i),
        title: title.clone(),
        short: short(&name_of_field(title), room),
        anchor: if i == 0 {
            "start"
        } else if i == last {
            "end"
        } else {
            "middle"
        },
        ticks: scale.ticks(),
    });
    let mut order: Vec<usize> = (0..shown.len()).collect();
    order.sort_by(|&a, &b| made.metric.gain(results[a], results[b]).total_cmp(&0.0));
    let mut lines: Vec<Line> = Vec::new();
    // The best are drawn last, so above the others.
    for (rank, &at) in order.iter().enumerate() {
        let points: Vec<String> =
            scales.iter().enumerate().map(|(i, (_, _, places))| format!("{},{}", x(i), y(places[at]))).collect();
        let entry = &made.entries[shown[at].0];
        lines.push(Line {
            entry: shown[at].0,
            points: points.join(" "),
            title: format!("{} {}: {} {:.4}", label(&entry.run), entry.model, made.metric.word(), results[at]),
            fifth: ((rank + 1) * 5 - 1) / order.len(),
        });
    }
    Some(Sweep { width: WIDTH, height: HEIGHT, top: TOP, bottom: BOTTOM, axes: axes.collect(), lines, left_out })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scale(values: &[Json]) -> Option<Scale> {
        Scale::of(&values.iter().map(Some).collect::<Vec<_>>())
    }

    fn labels(values: &[Json]) -> Vec<String> {
        scale(values).map(|s| s.ticks().into_iter().map(|t| t.label).collect()).unwrap_or_default()
    }

    #[test]
    fn a_few_values_are_the_ticks_and_many_get_even_ones() {
        assert_eq!(labels(&[json!(0.1), json!(0.0001), json!(0.01)]), ["0.0001", "0.01", "0.1"]);
        let many: Vec<Json> = (0..50).map(|i| json!(i)).collect();
        assert_eq!(labels(&many), ["0", "12.2", "24.5", "36.8", "49.0"]);
        assert_eq!(labels(&[json!(1), json!(1)]), ["1"]);
        assert_eq!(labels(&[json!("b"), json!("a"), json!(true)]), ["a", "b", "true"]);
        assert!(scale(&[json!([1]), json!([2])]).is_none(), "lists have no axis");
        assert!(scale(&[json!("x".repeat(60)), json!("y")]).is_none(), "sentences have none either");
    }

    #[test]
    fn places_are_between_bottom_and_top() {
        let log = scale(&[json!(0.001), json!(1.0)]).map(|s| s.place(Some(&json!(0.0316))));
        assert!(log.is_some_and(|p| (p - 0.5).abs() < 0.001), "{log:?}");
        let linear = scale(&[json!(10), json!(20)]).map(|s| s.place(Some(&json!(12))));
        assert_eq!(linear, Some(0.2));
        assert_eq!((y(0.0), y(1.0)), (BOTTOM, TOP));
    }
}
