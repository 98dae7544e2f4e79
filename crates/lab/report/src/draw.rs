//! From the data of a figure to SVG: one file per kind of figure, on a shared canvas with shared axes and legends.
//!
//! Written by hand rather than with a plotting library: text is laid out from metrics instead of a system font, one
//! color per method holds across figures, dark mode works by style sheet, and the bytes depend on the data only.

use crate::Palette;
use crate::figure::{Figure, FigureKind};

mod bars;
mod canvas;
mod curves;
mod heatmaps;
mod histograms;
mod images;
mod palette;
mod panel;
mod pixels;
mod reliability;
mod roc;
mod scale;

pub(crate) use canvas::escape;
use canvas::{Canvas, Frame, NARROW, WIDE};

#[cfg(test)]
mod tests;

impl Figure {
    /// Draws the figure as a complete SVG document, as wide as the column of a page; names of the palette have its colors.
    ///
    /// The same figure gives the same bytes. Data that is empty or not finite is left out; a panel with nothing left
    /// says "no data".
    pub fn svg(&self, palette: &Palette) -> String {
        self.drawn(palette, WIDE)
    }

    /// The same for a phone: fewer panels beside each other, text of the same size.
    pub fn narrow_svg(&self, palette: &Palette) -> String {
        self.drawn(palette, NARROW)
    }

    fn drawn(&self, palette: &Palette, width: f64) -> String {
        let mut canvas = Canvas::new(&self.id, palette, width);
        let height = match &self.kind {
            FigureKind::Reliability(data) => reliability::draw(&mut canvas, data),
            FigureKind::Histograms(data) => histograms::draw(&mut canvas, data),
            FigureKind::Roc(data) => roc::draw(&mut canvas, data),
            FigureKind::Curves(data) => curves::draw(&mut canvas, data),
            FigureKind::Images(data) => images::draw(&mut canvas, data),
            FigureKind::Heatmaps(data) => heatmaps::draw(&mut canvas, data),
            FigureKind::Bars(data) => bars::draw(&mut canvas, data),
        };
        canvas.finish(height, self.alternative())
    }
}

/// The whole figure where there is not even an empty panel to draw.
fn nothing(canvas: &mut Canvas<'_>) -> f64 {
    canvas.no_data(Frame { x: panel::MARGIN, y: panel::MARGIN, w: canvas.width - 2.0 * panel::MARGIN, h: 100.0 });
    100.0 + 2.0 * panel::MARGIN
}
