use serde::{Deserialize, Serialize};

/// A figure as plain data: what is shown, not how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Stem of the file name (`figures/<id>.svg`): lower-case letters, digits and hyphens.
    pub id: String,
    /// Shown below the figure, with its number.
    pub caption: String,
    /// What somebody who cannot see the figure should know; where empty, the caption stands in.
    pub alt: String,
    /// The data.
    pub kind: FigureKind,
}

/// The kinds of figures. Each converts into this (`From`), so [`Figure::new`] takes any of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FigureKind {
    /// Accuracy against confidence.
    Reliability(ReliabilityDiagram),
    /// Uncertainty scores in and out of distribution.
    Histograms(ScoreHistograms),
    /// True against false positive rate.
    Roc(RocCurves),
    /// Lines: training curves, sample-size curves, active learning.
    Curves(Curves),
    /// Rows of small images with one color scale.
    Images(ImageRows),
    /// Functions on the plane side by side.
    Heatmaps(Heatmaps),
    /// Grouped bars or dots with error bars.
    Bars(Bars),
}

impl Figure {
    /// A figure; its caption, which says what to see, is also its text alternative.
    pub fn new(id: &str, caption: &str, kind: impl Into<FigureKind>) -> Self {
        Self { id: id.into(), caption: caption.into(), alt: String::new(), kind: kind.into() }
    }

    /// Gives the text alternative.
    pub fn alt(mut self, alt: &str) -> Self {
        self.alt = alt.into();
        self
    }

    pub(crate) fn alternative(&self) -> &str {
        if self.alt.trim().is_empty() { &self.caption } else { &self.alt }
    }
}

/// How well stated confidence matches observed accuracy: one panel per method, with its expected calibration error
/// ECE = Σ_b n_b/N · |accuracy_b − confidence_b| computed from the bins, and the share of predictions per bin below.
///
/// Reference: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017, eq. 3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityDiagram {
    /// One panel each.
    pub methods: Vec<MethodReliability>,
}

/// One method's bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodReliability {
    /// Name of the method; decides the color.
    pub method: String,
    /// Equal-width bins of confidence on \[0, 1\], from low to high, empty ones included.
    pub bins: Vec<ReliabilityBin>,
}

/// The predictions whose confidence falls into one bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Mean confidence, a fraction; not looked at where `count` is 0.
    #[serde(with = "crate::nullable")]
    pub confidence: f64,
    /// Share of right predictions, a fraction; not looked at where `count` is 0.
    #[serde(with = "crate::nullable")]
    pub accuracy: f64,
    /// Number of predictions.
    pub count: u64,
}

/// Histograms of an uncertainty score on in- and out-of-distribution inputs, as a grid of small panels.
///
/// Panels of one row of the grid share both axes, so put the methods into columns and the scores into rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreHistograms {
    /// Legend of the inputs that should look certain, such as `in: digits test`.
    pub inside: String,
    /// Legend of those that should not, such as `out: inverted digits`.
    pub outside: String,
    /// Columns of the grid (0 counts as 1).
    pub columns: usize,
    /// Row by row.
    pub panels: Vec<ScorePanel>,
}

/// One method and score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScorePanel {
    /// Title; the method's name where empty.
    pub title: String,
    /// Name of the method; decides the color.
    pub method: String,
    /// Short text at the right of the title, such as `AUROC 95.3`.
    pub note: String,
    /// The score and its unit, such as `entropy (nats)`.
    pub x_label: String,
    /// Scores of the in-distribution inputs, one each.
    #[serde(with = "crate::nullable")]
    pub inside: Vec<f64>,
    /// Scores of the out-of-distribution inputs, one each.
    #[serde(with = "crate::nullable")]
    pub outside: Vec<f64>,
}

/// ROC curves: one panel per detection problem, AUROC in each panel's legend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RocCurves {
    /// One detection problem each.
    pub panels: Vec<RocPanel>,
}

/// The curves of one detection problem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RocPanel {
    /// Title, such as the out-of-distribution set and the score.
    pub title: String,
    /// One method each.
    pub curves: Vec<RocCurve>,
}

/// One ROC curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocCurve {
    /// Legend; decides the color where it starts with a method's name.
    pub name: String,
    /// (false positive rate, true positive rate) as fractions, from (0, 0) to (1, 1).
    #[serde(with = "crate::nullable")]
    pub points: Vec<(f64, f64)>,
    /// Area under the curve, a fraction.
    #[serde(with = "crate::nullable")]
    pub auroc: f64,
}

/// Lines, in one or several panels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Columns of the grid (0 counts as 1).
    pub columns: usize,
    /// Row by row.
    pub panels: Vec<CurvePanel>,
}

/// One set of axes with its lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePanel {
    /// Title; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
    /// Horizontal lines to compare with, such as the bank's own accuracy.
    pub references: Vec<Reference>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Legend; decides the color where it starts with a method's name.
    pub name: String,
    /// (x, y) in order of x. A point that is not finite breaks the line; a lone point is drawn as a dot.
    #[serde(with = "crate::nullable")]
    pub points: Vec<(f64, f64)>,
    /// (lower, upper) at each point, such as mean ± sd over seeds; empty for none.
    #[serde(with = "crate::nullable")]
    pub band: Vec<(f64, f64)>,
}

/// A horizontal line to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Legend.
    pub label: String,
    /// Where it lies.
    #[serde(with = "crate::nullable")]
    pub y: f64,
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: AxisScale,
    /// Shows fractions as per cent.
    pub percent: bool,
    /// Ends of the axis; fitted to the data where `None`.
    pub range: Option<(f64, f64)>,
}

/// How values are placed along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AxisScale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; values of zero and below are left out.
    Log,
}

/// Rows of small images with one color scale centered on zero: test images, or the incoming weights of hidden units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageRows {
    /// Pixels of one image from top to bottom.
    pub height: usize,
    /// Pixels of one image from left to right.
    pub width: usize,
    /// Titled rows.
    pub rows: Vec<ImageRow>,
    /// Absolute value at the ends of the color scale; the 99.5 % quantile of all absolute values where `None`.
    pub limit: Option<f64>,
    /// Quantity and unit of the color scale, such as `weight`; without one no scale is shown.
    pub label: String,
    /// Colors.
    #[serde(default)]
    pub colors: ColorMap,
}

/// One titled row of images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageRow {
    /// Title.
    pub title: String,
    /// `height · width` values each, row-major from the top; an image of another length is drawn as an empty frame.
    #[serde(with = "crate::nullable")]
    pub images: Vec<Vec<f32>>,
    /// Shown below each image; none, or one each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// Functions on one rectangle of the plane side by side, with a common color scale and points overlaid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heatmaps {
    /// One function each.
    pub maps: Vec<HeatMap>,
    /// Left and right end.
    pub x_range: (f64, f64),
    /// Lower and upper end.
    pub y_range: (f64, f64),
    /// Label of the horizontal axis.
    pub x_label: String,
    /// Label of the vertical axis.
    pub y_label: String,
    /// Quantity and unit of the color scale, such as `p(y = 1)`.
    pub value_label: String,
    /// Ends of the color scale; fitted to all maps where `None`.
    pub value_range: Option<(f64, f64)>,
    /// Colors.
    pub colors: ColorMap,
    /// Levels at which a contour line is drawn, such as 0.5.
    pub contours: Vec<f64>,
    /// Points drawn on every map, such as the training data.
    pub points: Vec<Marker>,
    /// Legend of the points by class; may be empty.
    pub classes: Vec<String>,
}

impl Default for Heatmaps {
    fn default() -> Self {
        Self {
            maps: vec![],
            x_range: (0.0, 1.0),
            y_range: (0.0, 1.0),
            x_label: String::new(),
            y_label: String::new(),
            value_label: String::new(),
            value_range: None,
            colors: ColorMap::default(),
            contours: vec![],
            points: vec![],
            classes: vec![],
        }
    }
}

/// A function on a grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// Title.
    pub title: String,
    /// Shown small below the title, such as a method's setting; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Grid points from left to right.
    pub width: usize,
    /// Grid points from bottom to top.
    pub height: usize,
    /// `height · width` values, row by row **from the bottom**, each row from the left; the grid covers the rectangle
    /// with cells, value (i, j) at the middle of its cell.
    #[serde(with = "crate::nullable")]
    pub values: Vec<f64>,
}

/// A point on a map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// Horizontal place.
    #[serde(with = "crate::nullable")]
    pub x: f64,
    /// Vertical place.
    #[serde(with = "crate::nullable")]
    pub y: f64,
    /// Decides the shape.
    pub class: u8,
}

/// Colors of a map or an image; all are safe for color-blind readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColorMap {
    /// Dark to bright: amounts.
    #[default]
    Viridis,
    /// Blue over white to red: values with a neutral middle.
    Diverging,
    /// Black to white: images.
    Gray,
}

/// Groups of bars or dots with error bars.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// Vertical axis.
    pub y: Axis,
    /// Bars start at zero; dots need no zero and suit AUROC.
    pub mark: BarMark,
    /// Names of the groups, along the horizontal axis.
    pub groups: Vec<String>,
    /// One value per group each.
    pub series: Vec<BarSeries>,
}

/// What stands for a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarMark {
    /// A bar from zero.
    #[default]
    Bar,
    /// A dot.
    Dot,
}

/// One value per group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BarSeries {
    /// Legend; decides the color where it starts with a method's name.
    pub name: String,
    /// (value, standard deviation) per group; NaN for a value that is missing, and for an sd that is not known.
    #[serde(with = "crate::nullable")]
    pub values: Vec<(f64, f64)>,
}

impl Axis {
    /// A linear axis fitted to its data.
    pub fn new(label: &str) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// Makes it logarithmic.
    pub fn log(mut self) -> Self {
        self.scale = AxisScale::Log;
        self
    }

    /// Shows fractions as per cent.
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self
    }

    /// Fixes its ends.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }
}

impl Series {
    /// A line without a band.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, band: vec![] }
    }
}

impl CurvePanel {
    /// One set of axes.
    pub fn new(title: &str, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title: title.into(), x, y, series, references: vec![] }
    }

    /// Adds a horizontal line to compare with.
    pub fn reference(mut self, label: &str, y: f64) -> Self {
        self.references.push(Reference { label: label.into(), y });
        self
    }
}

impl Curves {
    /// One panel with linear axes.
    pub fn single(x_label: &str, y_label: &str, series: Vec<Series>) -> Self {
        Self { columns: 1, panels: vec![CurvePanel::new("", Axis::new(x_label), Axis::new(y_label), series)] }
    }
}

impl Marker {
    /// A point of a class.
    pub const fn new(x: f64, y: f64, class: u8) -> Self {
        Self { x, y, class }
    }
}

macro_rules! figure_kind {
    ($($data:ident => $variant:ident),* $(,)?) => {$(
        impl From<$data> for FigureKind {
            fn from(data: $data) -> Self {
                Self::$variant(data)
            }
        }
    )*};
}
figure_kind! {
    ReliabilityDiagram => Reliability, ScoreHistograms => Histograms, RocCurves => Roc, Curves => Curves,
    ImageRows => Images, Heatmaps => Heatmaps, Bars => Bars,
}
