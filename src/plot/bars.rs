//! Bars.

use super::text::{shortened, widest};
use super::{Anchor, Axes, Figure, NORMAL, Paint, SMALL, short, ticks};

/// A row of bars: a name, and value with half an interval for every series.
type Row<'a> = (&'a str, Vec<(Option<f64>, f64)>);

/// Horizontal bars, one row per name, in each row one bar per series.
fn rows(title: &str, series: &[(&str, Paint)], rows: &[Row<'_>], range: (f64, f64), places: usize) -> Figure {
    let label = widest(rows.iter().map(|r| r.0), NORMAL, 190.0) + 14.0;
    let thick = if series.len() > 1 { 6.0 } else { 13.0 };
    let step = thick * series.len() as f64 + 9.0;
    let legend = if series.len() > 1 { 26.0 } else { 6.0 };
    let named: f64 = series.iter().map(|(name, _)| 30.0 + super::text::width(name, SMALL)).sum();
    let width = if series.len() > 1 { (label + named).max(640.0) } else { 640.0 };
    let field = width - label - 58.0;
    let height = legend + step * rows.len() as f64 + 34.0;
    let mut figure = Figure::new(title, width, height);
    let axes = Axes {
        left: label,
        top: legend,
        width: field,
        height: step * rows.len() as f64,
        x: range,
        y: (0.0, rows.len() as f64),
    };
    axes.ticks(&mut figure, &ticks(range.0, range.1, 5), &[]);
    if series.len() > 1 {
        let mut x = label;
        for (name, paint) in series {
            figure.rect(x, 6.0, 10.0, 10.0, *paint, None);
            figure.text(x + 14.0, 15.0, *name, Anchor::Start, SMALL, Paint::Ink);
            x += 30.0 + super::text::width(name, SMALL);
        }
    }
    let zero = axes.at(range.0.max(0.0), 0.0)[0];
    for (i, (name, values)) in rows.iter().enumerate() {
        let top = legend + step * i as f64 + 4.5;
        let middle = top + thick * series.len() as f64 / 2.0;
        figure.text(label - 8.0, middle + 4.0, shortened(name, NORMAL, label - 14.0), Anchor::End, NORMAL, Paint::Ink);
        for (j, ((value, half), (word, paint))) in values.iter().zip(series).enumerate() {
            let y = top + thick * j as f64;
            let Some(value) = value else {
                figure.text(label + 4.0, y + thick - 1.0, "–", Anchor::Start, SMALL, Paint::Soft);
                continue;
            };
            let held = value.clamp(range.0, range.1);
            let end = axes.at(held, 0.0)[0];
            let told = format!("{name}: {word} {value:.places$}");
            figure.rect(zero.min(end), y, (end - zero).abs().max(0.5), thick - 1.0, *paint, Some(told));
            if *half > 0.0 {
                let (a, b) =
                    (axes.at((value - half).max(range.0), 0.0)[0], axes.at((value + half).min(range.1), 0.0)[0]);
                figure.line([a, y + thick / 2.0 - 0.5], [b, y + thick / 2.0 - 0.5], Paint::Ink, 1.0);
            }
            if series.len() == 1 {
                let text = if places == 0 { format!("{value:.0}") } else { short(*value) };
                let right = axes.at((held + half).min(range.1), 0.0)[0].max(zero);
                figure.text(right + 5.0, middle + 4.0, text, Anchor::Start, SMALL, Paint::Soft);
            }
        }
    }
    figure
}

/// One bar per name, with half an interval.
#[must_use]
pub fn importance_bars(title: &str, what: &str, values: &[(String, f64, f64)], colour: usize) -> Figure {
    let all = |f: fn(f64, f64) -> f64| values.iter().map(move |v| f(v.1, v.2));
    let (low, high) = (all(|v, h| v - h).fold(0.0, f64::min), all(|v, h| v + h).fold(1e-9, f64::max));
    let drawn: Vec<Row<'_>> = values.iter().map(|(name, v, half)| (name.as_str(), vec![(Some(*v), *half)])).collect();
    rows(title, &[(what, Paint::Class(colour))], &drawn, (low, high), 4)
}

/// A step of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// When it began, in seconds; nothing where its result was stored.
    pub began: Option<f64>,
    /// How many seconds it took, now or when it was stored.
    pub seconds: f64,
    /// Index of what it belongs to, which is its colour.
    pub kind: usize,
}

/// When each step was at work, one line each. `kinds` are named above. A stored step has a square at the beginning.
#[must_use]
pub fn timeline(title: &str, kinds: &[&str], spans: &[Span]) -> Figure {
    const STEP: f64 = 18.0;
    const TOP: f64 = 26.0;
    let label = widest(spans.iter().map(|s| s.name.as_str()), NORMAL, 240.0) + 14.0;
    let end = spans.iter().filter_map(|s| Some(s.began? + s.seconds)).fold(1e-3, f64::max);
    let height = STEP * spans.len() as f64;
    let width = (label + 560.0).max(760.0);
    let mut figure = Figure::new(title, width, TOP + height + 40.0);
    let y = (0.0, spans.len() as f64);
    let axes = Axes { left: label, top: TOP, width: width - label - 70.0, height, x: (0.0, end), y };
    axes.ticks(&mut figure, &ticks(0.0, end, 6), &[]);
    let mut x = label;
    for (i, kind) in kinds.iter().enumerate() {
        figure.rect(x, 6.0, 10.0, 10.0, Paint::Class(i), None);
        figure.text(x + 14.0, 15.0, *kind, Anchor::Start, SMALL, Paint::Ink);
        x += 30.0 + super::text::width(kind, SMALL);
    }
    for (i, span) in spans.iter().enumerate() {
        let top = TOP + STEP * i as f64 + 3.0;
        let name = shortened(&span.name, NORMAL, label - 14.0);
        figure.text(label - 8.0, top + 10.0, name, Anchor::End, NORMAL, Paint::Ink);
        let [from, _] = axes.at(span.began.unwrap_or(0.0), 0.0);
        let (long, text, paint) = match span.began {
            Some(began) => {
                let [to, _] = axes.at(began + span.seconds, 0.0);
                ((to - from).max(1.0), short(span.seconds), Paint::Class(span.kind))
            }
            None => (STEP - 6.0, format!("from the store; it took {}", short(span.seconds)), Paint::Soft),
        };
        let told = match span.began {
            Some(began) => format!("{}: from {began:.3} s, {:.3} s long", span.name, span.seconds),
            None => format!("{}: from the store; it took {:.3} s", span.name, span.seconds),
        };
        figure.rect(from, top, long, STEP - 6.0, paint, Some(told));
        figure.text(from + long + 5.0, top + 10.0, text, Anchor::Start, SMALL, Paint::Soft);
    }
    figure.text(label + axes.width / 2.0, TOP + height + 32.0, "seconds", Anchor::Middle, NORMAL, Paint::Ink);
    figure
}

/// Metrics of models side by side: name and one value per metric.
#[must_use]
pub fn metric_bars(metrics: &[&str], models: &[(String, Vec<Option<f64>>)]) -> Figure {
    let series: Vec<(&str, Paint)> = metrics.iter().enumerate().map(|(i, m)| (*m, Paint::Class(i))).collect();
    let drawn: Vec<Row<'_>> =
        models.iter().map(|(name, v)| (name.as_str(), v.iter().map(|v| (*v, 0.0)).collect())).collect();
    rows("Metrics of the models on the test part", &series, &drawn, (0.0, 1.0), 4)
}

/// Precision, recall and F1 of every class of a model.
#[must_use]
pub fn class_bars(model: &str, classes: &[(String, [f64; 3])]) -> Figure {
    let series = [("precision", Paint::Class(0)), ("recall", Paint::Class(1)), ("F1", Paint::Class(2))];
    let drawn: Vec<Row<'_>> =
        classes.iter().map(|(name, v)| (name.as_str(), v.iter().map(|v| (Some(*v), 0.0)).collect())).collect();
    rows(&format!("{model}: precision, recall and F1 by class"), &series, &drawn, (0.0, 1.0), 4)
}
