//! The SVG under construction: shapes and text with escaped content and short numbers.
//!
//! Colors are presentation attributes, so a file stands alone in any viewer; the classes let the HTML report's style
//! sheet recolor ink, grid and paper in the dark, because CSS wins over presentation attributes.

use std::fmt::Write as _;

use super::palette::{self, Style};
use crate::{Color, Palette};

pub(crate) const INK: Color = Color(0x0024_292F);
pub(crate) const MUTED: Color = Color(0x0057_606A);
pub(crate) const AXIS: Color = Color(0x008C_959F);
pub(crate) const GRID: Color = Color(0x00E6_E8EB);

/// Widths that a figure is drawn for: the column of a page on a screen, and on a phone. There text is as large as it says, in CSS pixels.
pub(crate) const WIDE: f64 = 940.0;
pub(crate) const NARROW: f64 = 358.0;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) bold: bool,
    pub(crate) muted: bool,
}

impl TextStyle {
    pub(crate) const fn new(size: f64, anchor: Anchor) -> Self {
        Self { size, anchor, bold: false, muted: false }
    }
    pub(crate) const fn bold(mut self) -> Self {
        self.bold = true;
        self
    }
    pub(crate) const fn muted(mut self) -> Self {
        self.muted = true;
        self
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Frame {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }
    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }
}

pub(crate) struct Canvas<'a> {
    pub(crate) palette: &'a Palette,
    pub(crate) width: f64,
    id: String,
    body: String,
    clips: usize,
}

impl<'a> Canvas<'a> {
    /// The styles of the names in this figure.
    pub(crate) fn styles<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<Style> {
        palette::styles(self.palette, names)
    }

    pub(crate) fn new(id: &str, palette: &'a Palette, width: f64) -> Self {
        Self { palette, width, id: escape(id), body: String::new(), clips: 0 }
    }

    pub(crate) fn finish(self, height: f64, alternative: &str) -> String {
        let (w, h, alternative) = (num(self.width), num(height), escape(alternative));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             role=\"img\" aria-label=\"{alternative}\" font-family=\"Inter, Helvetica Neue, Helvetica, Arial, Liberation Sans, \
             sans-serif\" font-size=\"12\">\n<desc>{alternative}</desc>\n\
             <rect class=\"paper\" width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }

    /// Adds markup that is already safe.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
        self.body.push('\n');
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str, stroke: Color, width: f64) {
        let (x1, y1, x2, y2) = (num(from.0), num(from.1), num(to.0), num(to.1));
        self.raw(&format!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        ));
    }

    pub(crate) fn rect(&mut self, frame: Frame, attributes: &str) {
        let (x, y, w, h) = (num(frame.x), num(frame.y), num(frame.w.max(0.0)), num(frame.h.max(0.0)));
        self.raw(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" {attributes}/>"));
    }

    pub(crate) fn path(&mut self, data: &str, attributes: &str) {
        if !data.is_empty() {
            self.raw(&format!("<path d=\"{data}\" {attributes}/>"));
        }
    }

    pub(crate) fn circle(&mut self, at: (f64, f64), radius: f64, attributes: &str) {
        let (x, y) = (num(at.0), num(at.1));
        self.raw(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {attributes}/>"));
    }

    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, style: TextStyle) {
        self.turned_text(at, 0.0, text, style);
    }

    pub(crate) fn turned_text(&mut self, at: (f64, f64), degrees: f64, text: &str, style: TextStyle) {
        if text.is_empty() {
            return;
        }
        let (x, y) = (num(at.0), num(at.1));
        let (class, fill) = if style.muted { ("muted", MUTED) } else { ("ink", INK) };
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if style.bold { " font-weight=\"600\"" } else { "" };
        let turn = if degrees == 0.0 { String::new() } else { format!(" transform=\"rotate({degrees} {x} {y})\"") };
        let (size, text) = (style.size, escape(text));
        self.raw(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{fill}\"{anchor}{weight}{turn}>{text}</text>"
        ));
    }

    /// Clips what is drawn until [`Self::close_group`] to a frame.
    pub(crate) fn open_clip(&mut self, frame: Frame) {
        // Several figures stand in one HTML page, each in two widths, so ids carry both.
        let id = format!("{}-{}-clip{}", self.id, self.width, self.clips);
        self.clips += 1;
        self.raw(&format!("<clipPath id=\"{id}\">"));
        self.rect(frame, "");
        self.raw(&format!("</clipPath>\n<g clip-path=\"url(#{id})\">"));
    }

    pub(crate) fn close_group(&mut self) {
        self.raw("</g>");
    }

    pub(crate) fn no_data(&mut self, frame: Frame) {
        self.rect(frame, &format!("class=\"grid\" fill=\"none\" stroke=\"{GRID}\""));
        let middle = (frame.x + frame.w / 2.0, frame.y + frame.h / 2.0 + 4.0);
        self.text(middle, "no data", TextStyle::new(12.0, Anchor::Middle).muted());
    }
}

/// At most two decimals, no trailing zeros: a hundredth of a pixel is more than anybody sees.
pub(crate) fn num(value: f64) -> String {
    let mut text = format!("{value:.2}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".into() } else { text }
}

/// `M x y L x y …` with straight pieces.
pub(crate) fn polyline(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let _ = write!(data, "{}{} {}", if i == 0 { 'M' } else { 'L' }, num(x), num(y));
    }
    data
}

/// Escapes for text and attribute values of both XML and HTML; characters that XML forbids become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Width of a text in pixels, from Helvetica's metrics by groups of letters, a little generous: which sans-serif font a
/// reader has is not known here, and a gap looks better than a collision.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' => 0.28,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | ' ' | '-' | '·' | '\u{a0}' | '\u{202f}' => 0.34,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' => 0.88,
            'A'..='Z' => 0.72,
            _ => 0.57,
        })
        .sum();
    em * size * 1.06
}

/// Breaks a text into lines of at most a width; a word that is wider by itself is cut.
pub(crate) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => *line = format!("{line} {word}"),
            _ => lines.push(fit_text(word, size, width)),
        }
    }
    lines
}

/// Cuts a text to a width, with an ellipsis.
pub(crate) fn fit_text(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_string();
    }
    let mut cut: Vec<char> = text.chars().collect();
    while cut.pop().is_some() {
        let shorter = cut.iter().collect::<String>().trim_end().to_string() + "…";
        if text_width(&shorter, size) <= width {
            return shorter;
        }
    }
    String::new()
}
