//! `apd export`: a model for programs that are not ours.

use anyhow::Result;
use apd::TableModel;
use apd_points::write_atomic;

use crate::arguments::Export;
use crate::output::say;
use crate::paths::check_writable;

pub(crate) fn export(arguments: &Export) -> Result<()> {
    let Export { model, onnx } = arguments;
    let model = TableModel::load(model)?;
    check_writable(onnx)?;
    let bytes = model.to_onnx()?;
    write_atomic(onnx, &bytes)?;
    say(format_args!(
        "{}: ONNX, {:.1} KB: {} of {} networks, no random operator",
        onnx.display(),
        bytes.len() as f64 / 1e3,
        model.target(),
        model.networks()
    ))
}
