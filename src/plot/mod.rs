//! Numbers become figures. A [`Figure`] is a list of shapes with colours by meaning; it is written as SVG for a page, where
//! colours are those of the style sheet, or as PNG (by plotters, with an embedded font) for the run folder.

mod bars;
mod curves;
mod data;
mod heat;
mod png;
mod scatter;
mod svg;
mod text;

pub use bars::{Span, class_bars, importance_bars, metric_bars, timeline};
pub use curves::{Line, loss_curve, operating_curve, reliability, unit_curves};
pub use data::{box_plots, class_counts, correlation_map};
pub use heat::{cluster_map, confusion_maps};
pub use png::PlotError;
pub use scatter::{Colouring, plane, silhouette};
pub(crate) use text::shortened;

/// Where a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Paint {
    /// Text.
    Ink,
    /// Text and lines of less weight.
    Soft,
    /// Lines of the grid.
    Grid,
    /// A class, a cluster or a model, by its index.
    Class(usize),
    /// The same, paler.
    Pale(usize),
    /// From nothing (0) to much (1).
    Heat(f64),
    /// From -1 to 1.
    Signed(f64),
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    Long,
    Dots,
    Mixed,
}

/// A shape in units of 1/96 inch, from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Rect { x: f64, y: f64, w: f64, h: f64, paint: Paint, title: Option<String> },
    Path { points: Vec<[f64; 2]>, paint: Paint, width: f64, dash: Dash, title: Option<String> },
    Dot { x: f64, y: f64, r: f64, paint: Paint },
    Text { x: f64, y: f64, text: String, anchor: Anchor, size: f64, paint: Paint, upright: bool },
}

/// A drawn figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows, in words; the text for those who do not see it.
    pub title: String,
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

pub(crate) const SMALL: f64 = 11.0;
pub(crate) const NORMAL: f64 = 12.0;

impl Figure {
    pub(crate) fn new(title: impl Into<String>, width: f64, height: f64) -> Self {
        Self { title: title.into(), width, height, shapes: Vec::new() }
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, paint: Paint, title: Option<String>) {
        self.shapes.push(Shape::Rect { x, y, w, h, paint, title });
    }

    pub(crate) fn line(&mut self, a: [f64; 2], b: [f64; 2], paint: Paint, width: f64) {
        self.path(vec![a, b], paint, width, None);
    }

    pub(crate) fn dashed(&mut self, a: [f64; 2], b: [f64; 2], paint: Paint) {
        self.shapes.push(Shape::Path { points: vec![a, b], paint, width: 1.0, dash: Dash::Long, title: None });
    }

    pub(crate) fn path(&mut self, points: Vec<[f64; 2]>, paint: Paint, width: f64, title: Option<String>) {
        self.shapes.push(Shape::Path { points, paint, width, dash: Dash::Solid, title });
    }

    /// A line in the colour of a class; where the colours begin anew, it is broken in another way.
    pub(crate) fn curve(&mut self, points: Vec<[f64; 2]>, colour: usize, width: f64, title: Option<String>) {
        let ways = [Dash::Solid, Dash::Long, Dash::Dots, Dash::Mixed];
        let dash = ways[(colour / svg::COLOURS) % ways.len()];
        self.shapes.push(Shape::Path { points, paint: Paint::Class(colour), width, dash, title });
    }

    pub(crate) fn dot(&mut self, x: f64, y: f64, r: f64, paint: Paint) {
        self.shapes.push(Shape::Dot { x, y, r, paint });
    }

    /// A text whose baseline is at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, text: impl Into<String>, anchor: Anchor, size: f64, paint: Paint) {
        self.shapes.push(Shape::Text { x, y, text: text::clean(&text.into()), anchor, size, paint, upright: false });
    }

    /// A text that runs upwards from its end or towards its end at `y`.
    pub(crate) fn upright(&mut self, x: f64, y: f64, text: impl Into<String>, anchor: Anchor, size: f64) {
        let text = text::clean(&text.into());
        self.shapes.push(Shape::Text { x, y, text, anchor, size, paint: Paint::Ink, upright: true });
    }

    /// The heading that stands in a picture, where no caption tells what it shows.
    #[must_use]
    pub fn headed(mut self) -> Self {
        const ROOM: f64 = 30.0;
        for shape in &mut self.shapes {
            match shape {
                Shape::Rect { y, .. } | Shape::Dot { y, .. } | Shape::Text { y, .. } => *y += ROOM,
                Shape::Path { points, .. } => points.iter_mut().for_each(|p| p[1] += ROOM),
            }
        }
        self.height += ROOM;
        let heading = text::shortened(&self.title.clone(), 15.0, self.width - 24.0);
        self.text(12.0, 22.0, heading, Anchor::Start, 15.0, Paint::Ink);
        self
    }
}

/// A square field with axes.
#[derive(Clone, Copy)]
pub(crate) struct Axes {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Axes {
    pub(crate) fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let share = |v: f64, (low, high): (f64, f64)| if high > low { (v - low) / (high - low) } else { 0.5 };
        [self.left + share(x, self.x) * self.width, self.top + self.height - share(y, self.y) * self.height]
    }

    /// Grid lines and their numbers.
    pub(crate) fn ticks(&self, figure: &mut Figure, x: &[(f64, String)], y: &[(f64, String)]) {
        let bottom = self.top + self.height;
        for (value, label) in x {
            let [at, _] = self.at(*value, self.y.0);
            figure.line([at, self.top], [at, bottom], Paint::Grid, 1.0);
            figure.text(at, bottom + 15.0, label.as_str(), Anchor::Middle, SMALL, Paint::Soft);
        }
        for (value, label) in y {
            let [_, at] = self.at(self.x.0, *value);
            figure.line([self.left, at], [self.left + self.width, at], Paint::Grid, 1.0);
            figure.text(self.left - 6.0, at + 4.0, label.as_str(), Anchor::End, SMALL, Paint::Soft);
        }
    }

    pub(crate) fn names(&self, figure: &mut Figure, x: &str, y: &str) {
        let (middle, bottom) = (self.left + self.width / 2.0, self.top + self.height);
        figure.text(middle, bottom + 32.0, x, Anchor::Middle, NORMAL, Paint::Ink);
        figure.upright(self.left - 40.0, self.top + self.height / 2.0, y, Anchor::Middle, NORMAL);
    }
}

/// Round numbers from `low` to `high`, about `n` of them.
pub(crate) fn ticks(low: f64, high: f64, n: usize) -> Vec<(f64, String)> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return vec![(low, short(low))];
    }
    let rough = span / n.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power * 10.0);
    let first = (low / step - 1e-9).ceil();
    (0..=n * 2)
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= high + step * 1e-9)
        .map(|v| (v, short(v)))
        .collect()
}

/// A number in few characters.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size < 1e-12 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    } else {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests;
