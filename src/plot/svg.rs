//! Figures as SVG: text stays text, colours are classes of the style sheet.

use std::fmt::Write as _;

use super::{Anchor, Dash, Figure, Paint, Shape};

/// Distinct colours of classes; they repeat after that.
pub(crate) const COLOURS: usize = 12;

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::text::clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The text of a shape: its end counts, so the middle goes where names are very long.
fn told_short(title: &str) -> String {
    let letters = title.chars().count();
    if letters <= 160 {
        return title.to_owned();
    }
    title.chars().take(80).chain(['…']).chain(title.chars().skip(letters - 70)).collect()
}

/// Class and style of a filled (`f`) or stroked (`k`) shape.
fn coloured(paint: Paint, how: char) -> String {
    match paint {
        Paint::Ink => format!("class=\"{how}i\""),
        Paint::Soft => format!("class=\"{how}s\""),
        Paint::Grid => format!("class=\"{how}g\""),
        Paint::Class(i) => format!("class=\"{how}{}\"", i % COLOURS),
        Paint::Pale(i) => format!("class=\"{how}{} pale\"", i % COLOURS),
        Paint::Heat(v) => format!("class=\"{how}h\" style=\"--v:{}\"", share(v)),
        Paint::Signed(v) if v < 0.0 => format!("class=\"{how}n\" style=\"--v:{}\"", share(-v)),
        Paint::Signed(v) => format!("class=\"{how}h\" style=\"--v:{}\"", share(v)),
    }
}

fn share(value: f64) -> String {
    format!("{:.2}", value.clamp(0.0, 1.0))
}

impl Figure {
    /// The figure as an `svg` element; `id` must be unique in the page.
    #[must_use]
    pub fn svg(&self, id: &str) -> String {
        let (w, h) = (number(self.width), number(self.height));
        let mut out = format!(
            "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\">\
             <title id=\"{id}\">{}</title>",
            escaped(&self.title)
        );
        for shape in &self.shapes {
            self.shape(&mut out, shape);
        }
        out.push_str("</svg>");
        out
    }

    fn shape(&self, out: &mut String, shape: &Shape) {
        let told = |title: &Option<String>, name: &str| match title {
            Some(title) => format!("><title>{}</title></{name}>", escaped(&told_short(title))),
            None => "/>".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Rect { x, y, w, h, paint, title } => write!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}{}",
                number(*x),
                number(*y),
                number(*w),
                number(*h),
                coloured(*paint, 'f'),
                told(title, "rect")
            ),
            Shape::Path { points, paint, width, dash, title } => {
                let points: Vec<String> = points.iter().map(|p| format!("{},{}", number(p[0]), number(p[1]))).collect();
                let dashes = match dash {
                    Dash::Solid => "",
                    Dash::Long => " stroke-dasharray=\"4 4\"",
                    Dash::Dots => " stroke-dasharray=\"1.5 2\"",
                    Dash::Mixed => " stroke-dasharray=\"8 2 2 2\"",
                };
                write!(
                    out,
                    "<polyline points=\"{}\" stroke-width=\"{}\"{dashes} {}{}",
                    points.join(" "),
                    number(*width),
                    coloured(*paint, 'k'),
                    told(title, "polyline")
                )
            }
            Shape::Dot { x, y, r, paint } => {
                write!(
                    out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>",
                    number(*x),
                    number(*y),
                    number(*r),
                    coloured(*paint, 'f')
                )
            }
            Shape::Text { x, y, text, anchor, size, paint, upright } => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let (x, y) = (number(*x), number(*y));
                let place = if *upright {
                    format!("transform=\"translate({x} {y}) rotate(-90)\"")
                } else {
                    format!("x=\"{x}\" y=\"{y}\"")
                };
                write!(
                    out,
                    "<text {place}{anchor} font-size=\"{}\" {}>{}</text>",
                    number(*size),
                    coloured(*paint, 'f'),
                    escaped(text)
                )
            }
        };
    }
}
