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
    let (width, field) = (640.0, 640.0 - label - 58.0);
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

/// One bar per name, whole numbers or seconds; each with its colour.
#[must_use]
pub fn bars(title: &str, values: &[(String, f64, usize)]) -> Figure {
    let high = values.iter().map(|v| v.1).fold(1e-9, f64::max);
    let drawn: Vec<Row<'_>> = values.iter().map(|(name, v, _)| (name.as_str(), vec![(Some(*v), 0.0)])).collect();
    let mut figure = rows(title, &[("", Paint::Class(0))], &drawn, (0.0, high), 4);
    let mut colours = values.iter().map(|v| v.2);
    for shape in &mut figure.shapes {
        if let super::Shape::Rect { paint, .. } = shape {
            *paint = Paint::Class(colours.next().unwrap_or_default());
        }
    }
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
