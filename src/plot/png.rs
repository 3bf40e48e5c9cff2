//! Figures as PNG, drawn by plotters with a font that is part of the program.

use std::sync::Once;

use plotters::prelude::{BitMapBackend, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, register_font};
use thiserror::Error;

use super::{Anchor, Dash, Figure, Paint, Shape};

/// Why a picture cannot be drawn.
#[derive(Debug, Error)]
#[error("a figure cannot be drawn: {0}")]
pub struct PlotError(String);

/// Pixels per inch.
const DPI: f64 = 150.0;
const SCALE: f64 = DPI / 96.0;
const FONT: &str = "runner";
/// The size of plotters' fonts is that of the line; ours that of the letters.
const LINE: f64 = 1.24;

/// The light colours of the style sheet.
const CLASSES: [u32; 12] = [
    0x0072b2, 0xc75000, 0x007a5a, 0xa8448c, 0x946800, 0x332288, 0x4f7a00, 0xb3001b, 0x00777f, 0x6b4a2b, 0x882255,
    0x5f6b74,
];

fn rgb(hex: u32) -> (u8, u8, u8) {
    ((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// White with a share of a colour.
fn mixed(hex: u32, share: f64) -> (u8, u8, u8) {
    let (r, g, b) = rgb(hex);
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // between both colours
    let mix = |c: u8| (255.0 + (f64::from(c) - 255.0) * share.clamp(0.0, 1.0)).round() as u8;
    (mix(r), mix(g), mix(b))
}

fn colour(paint: Paint) -> (u8, u8, u8) {
    match paint {
        Paint::Ink => rgb(0x1b1f23),
        Paint::Soft => rgb(0x505a63),
        Paint::Grid => rgb(0xe3e7ea),
        Paint::Class(i) => rgb(CLASSES[i % CLASSES.len()]),
        Paint::Pale(i) => mixed(CLASSES[i % CLASSES.len()], 0.35),
        Paint::Heat(v) => mixed(0x1d78bd, v * 0.6),
        Paint::Signed(v) if v < 0.0 => mixed(CLASSES[1], -v * 0.6),
        Paint::Signed(v) => mixed(0x1d78bd, v * 0.6),
    }
}

fn stroke(paint: Paint, width: u32) -> ShapeStyle {
    let (r, g, b) = colour(paint);
    ShapeStyle { color: RGBColor(r, g, b).into(), filled: true, stroke_width: width }
}

fn failed(error: impl std::fmt::Display) -> PlotError {
    PlotError(error.to_string())
}

#[allow(clippy::cast_possible_truncation)] // pixels of a picture
fn pixel(value: f64) -> i32 {
    (value * SCALE).round() as i32
}

impl Figure {
    /// The figure as a PNG of 150 dots per inch on white.
    ///
    /// # Errors
    /// [`PlotError`] where plotters or the encoder fail.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        static FONTS: Once = Once::new();
        FONTS.call_once(|| drop(register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)));
        let (width, height) = (pixel(self.width).max(1) as u32, pixel(self.height).max(1) as u32);
        let mut pixels = vec![255_u8; width as usize * height as usize * 3];
        {
            let mut canvas = BitMapBackend::with_buffer(&mut pixels, (width, height));
            for shape in &self.shapes {
                draw(&mut canvas, shape)?;
            }
            canvas.present().map_err(failed)?;
        }
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // a whole number
        let per_metre = (DPI / 0.0254).ceil() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(out)
    }
}

fn draw(canvas: &mut BitMapBackend<'_>, shape: &Shape) -> Result<(), PlotError> {
    match shape {
        Shape::Rect { x, y, w, h, paint, .. } => {
            let (low, high) = ((pixel(*x), pixel(*y)), (pixel(x + w), pixel(y + h)));
            if high.0 > low.0 && high.1 > low.1 {
                // Both corners are part of what plotters fills.
                canvas.draw_rect(low, (high.0 - 1, high.1 - 1), &stroke(*paint, 1), true).map_err(failed)?;
            }
        }
        Shape::Path { points, paint, width, dash, .. } => {
            #[allow(clippy::cast_sign_loss)] // at least 1
            let style = stroke(*paint, pixel(*width).max(1) as u32);
            let points: Vec<(i32, i32)> = points.iter().map(|p| (pixel(p[0]), pixel(p[1]))).collect();
            if *dash != Dash::Solid {
                for pair in points.windows(2) {
                    let (dx, dy) = (f64::from(pair[1].0 - pair[0].0), f64::from(pair[1].1 - pair[0].1));
                    let pieces = (dx.hypot(dy) / 12.0).max(1.0);
                    #[allow(clippy::cast_possible_truncation)] // between both ends
                    let at = |share: f64| (pair[0].0 + (dx * share) as i32, pair[0].1 + (dy * share) as i32);
                    let mut piece = 0.0;
                    while piece < pieces {
                        canvas
                            .draw_path([at(piece / pieces), at(((piece + 0.5) / pieces).min(1.0))], &style)
                            .map_err(failed)?;
                        piece += 1.0;
                    }
                }
            } else if style.stroke_width > 1 {
                for pair in points.windows(2).filter(|p| p[0] != p[1]) {
                    canvas.draw_path([pair[0], pair[1]], &style).map_err(failed)?;
                }
            } else {
                canvas.draw_path(points, &style).map_err(failed)?;
            }
        }
        Shape::Dot { x, y, r, paint } => {
            #[allow(clippy::cast_sign_loss)] // at least 1
            let radius = pixel(*r).max(1) as u32;
            canvas.draw_circle((pixel(*x), pixel(*y)), radius, &stroke(*paint, 1), true).map_err(failed)?;
        }
        Shape::Text { x, y, text, anchor, size, paint, upright } => {
            let (r, g, b) = colour(*paint);
            let mut font = (FONT, size * SCALE * LINE).into_font();
            if *upright {
                font = font.transform(FontTransform::Rotate270);
            }
            let place = match anchor {
                Anchor::Start => HPos::Left,
                Anchor::Middle => HPos::Center,
                Anchor::End => HPos::Right,
            };
            let ink = RGBColor(r, g, b);
            let style = TextStyle::from(font).color(&ink).pos(Pos::new(place, VPos::Center));
            // From the baseline to the middle of the letters.
            let lift = pixel(size * 0.35);
            let (x, y) = (pixel(*x), pixel(*y));
            let at = if *upright { (x - lift, y) } else { (x, y - lift) };
            canvas.draw_text(text, &style, at).map_err(failed)?;
        }
    }
    Ok(())
}
