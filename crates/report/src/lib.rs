//! Results, tables and figures of an experiment as JSON, Markdown, HTML and SVG
