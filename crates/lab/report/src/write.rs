use std::fs;
use std::path::{Path, PathBuf};

use apd_points::{FileError, write_atomic};

use crate::{Error, Report, Results, html, markdown};

#[cfg(test)]
mod tests;

/// Writes `results.json`, `figures/<id>.svg`, `report.md` and `report.html` into `out_dir` (made if missing) and returns
/// their paths, in that order.
///
/// Every file is written atomically, so an interrupted run leaves whole files only, and a report can be written again
/// after each task. Files of an earlier report with other figures stay.
///
/// **Errors**: [`Error::FigureId`] before anything is written, where an id is empty, not made of lower-case letters,
/// digits and hyphens, or used twice; [`Error::File`].
pub fn render(report: &Report, results: &Results, out_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    check_ids(report)?;
    let figures = out_dir.join("figures");
    fs::create_dir_all(&figures).map_err(FileError::io(&figures))?;

    let mut written = vec![];
    let mut write = |path: PathBuf, content: &str| {
        write_atomic(&path, content.as_bytes())?;
        written.push(path);
        Ok::<(), Error>(())
    };
    // The numbers first: they are what cannot be had again in a second.
    write(out_dir.join("results.json"), &results.to_json())?;
    for figure in report.figures() {
        write(figures.join(format!("{}.svg", figure.id)), &figure.svg(&report.palette))?;
    }
    write(out_dir.join("report.md"), &markdown(report, results))?;
    write(out_dir.join("report.html"), &html(report, results)?)?;
    Ok(written)
}

fn check_ids(report: &Report) -> Result<(), Error> {
    let ids: Vec<&str> = report.figures().iter().map(|figure| figure.id.as_str()).collect();
    for (i, id) in ids.iter().enumerate() {
        let fail = |reason| Err(Error::FigureId { id: (*id).to_string(), reason });
        if id.is_empty() || id.len() > 100 {
            return fail("must have 1 to 100 characters");
        }
        if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return fail("must be made of lower-case letters, digits and hyphens");
        }
        if ids[..i].contains(id) {
            return fail("is used by two figures");
        }
    }
    Ok(())
}
