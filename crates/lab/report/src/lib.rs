//! Results, tables and figures of an experiment, as plain data and as files people can read.
//!
//! ```
//! use apd_report::{Cell, Column, Curves, Figure, Format, Report, Results, Row, Section, Series, Table, render};
//!
//! let mut results = Results::new("0.1.0", serde_json::json!({"seed": 1}));
//! results.insert(Row::new("classify", "digits", "fc1", "apd", "accuracy", 0.9776).spread(0.0008, 10));
//! let mut table = Table::new("Accuracy.", vec![Column::text("method"), Column::number("accuracy %", Format::Percent(2))]);
//! table.push(vec![Cell::text("apd"), Cell::from(results.select().method("apd").row())]);
//! let loss = Series::new("loss", (0..100).map(|i| (f64::from(i), 1.0 / f64::from(1 + i))).collect());
//! let figure = Figure::new("training", "Training.", Curves::single("iteration", "loss", vec![loss]));
//! let section = Section::new("Classification").setting("Digits, 64-100-10.").table(table).figure(figure);
//! let report = Report::new("Distilled posterior", "APD keeps SGLD's accuracy.").section(section);
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let written = render(&report, &results, folder)?; // report.html, report.md, results.json, figures/training.svg
//! # assert!(written.len() >= 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An experiment ends in two things. [`Results`] is the machine's copy: one [`Row`] per measured number, saved as
//! `results.json`. [`Report`] is the reader's copy: sections with a setting, a few sentences, tables and figures, which
//! [`render`] writes as `report.md`, a self-contained `report.html` (no scripts, nothing loaded from elsewhere, light
//! and dark) and one SVG per figure.
//!
//! Deliberately without: any arithmetic on results (whoever builds a report averages and scores first; only histogram
//! counts and the calibration error of given bins are formed here), system fonts, random numbers, clocks, threads, and
//! any knowledge of networks. Rendering is a pure function of its arguments: the same report gives the same bytes.
//!
//! Data that is empty or not finite never panics: the figure says "no data", the table cell shows a dash.

mod document;
mod draw;
mod error;
mod figure;
mod format;
mod nullable;
mod palette;
mod report;
mod results;
mod table;
mod write;

pub use document::{html, markdown, text};
pub use error::Error;
pub use figure::{
    Axis, AxisScale, BarMark, BarSeries, Bars, ColorMap, CurvePanel, Curves, Figure, FigureKind, HeatMap, Heatmaps,
    ImageRow, ImageRows, Marker, MethodReliability, Reference, ReliabilityBin, ReliabilityDiagram, RocCurve, RocCurves,
    RocPanel, ScoreHistograms, ScorePanel, Series,
};
pub use format::{Best, Format};
pub use palette::{Color, Method, Palette};
pub use report::{Number, Report, Section, Verdict};
pub use results::{Results, Row, SCHEMA, Select, Timing};
pub use table::{Align, Cell, Column, Table};
pub use write::render;

// Its types stand in signatures: this is the version that fits.
pub use serde_json;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
