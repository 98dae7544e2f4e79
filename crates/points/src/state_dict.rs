//! Parameters by name, as PyTorch keeps them: one network's, or those of n networks stacked along a first axis.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use ndarray::Array2;

use crate::{FormatError, Layout, RawArray};

#[cfg(test)]
mod tests;

/// Arrays by name: what a `state_dict` is in a file.
pub type StateDict<'a> = BTreeMap<String, RawArray<'a>>;

/// One network's parameters as a point, and its layout.
///
/// Files do not keep the order of a `state_dict`: modules come in the order of their names (2 before 10), and within a module weight,
/// bias, running mean, running variance, and what else there is.
///
/// **Errors**: no parameters; a number that float32 cannot hold.
pub fn point(parameters: &StateDict<'_>) -> Result<(Layout, Vec<f32>), FormatError> {
    let (names, layout) = ordered(parameters, 0)?;
    let mut theta = Vec::with_capacity(layout.len());
    for name in names {
        theta.extend(numbers(parameters, name)?);
    }
    Ok((layout, theta))
}

/// The points of n networks, whose parameters are stacked: `[n, …]` each. Names are ordered as in [`point`].
///
/// **Shapes**: n × d. **Errors**: as [`point`], and parameters whose first axes differ.
pub fn points(parameters: &StateDict<'_>) -> Result<(Layout, Array2<f32>), FormatError> {
    let Some(rows) = stacked(parameters) else {
        return Err(FormatError::new("tensors with one first axis", "none, or several lengths of it"));
    };
    let (names, layout) = ordered(parameters, 1)?;
    let mut points = Array2::zeros((rows, layout.len()));
    for (name, entry) in names.into_iter().zip(&layout.entries) {
        let numbers = numbers(parameters, name)?;
        for (mut point, numbers) in points.outer_iter_mut().zip(numbers.chunks_exact(entry.len().max(1))) {
            let place = point.as_slice_mut().expect("a row of a matrix that was made row by row");
            place[entry.range()].copy_from_slice(numbers);
        }
    }
    Ok((layout, points))
}

/// The length of the first axis, if all parameters have the same one.
pub fn stacked(parameters: &StateDict<'_>) -> Option<usize> {
    let mut rows = parameters.values().map(|array| array.shape.first().copied());
    let first = rows.next()??;
    rows.all(|other| other == Some(first)).then_some(first)
}

/// The names in order, and the layout of their axes from number `axis` on.
fn ordered<'a>(parameters: &'a StateDict<'_>, axis: usize) -> Result<(Vec<&'a str>, Layout), FormatError> {
    if parameters.is_empty() {
        return Err(FormatError::new("tensors", "none"));
    }
    let mut names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    names.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
    let entries = names.iter().map(|name| ((*name).to_owned(), parameters[*name].shape[axis..].to_vec()));
    let layout = Layout::checked(entries)?;
    Ok((names, layout))
}

fn numbers(parameters: &StateDict<'_>, name: &str) -> Result<Vec<f32>, FormatError> {
    parameters[name].to_f32().map_err(|problem| match problem {
        FormatError::Content { expected, found } => FormatError::new(format!("`{name}` of {expected}"), found),
        length => length,
    })
}

fn place(name: &str) -> (Vec<Piece<'_>>, usize, &str) {
    const WITHIN_A_MODULE: [&str; 5] = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
    let (module, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let rank = WITHIN_A_MODULE.iter().position(|known| *known == leaf).unwrap_or(WITHIN_A_MODULE.len());
    (pieces(module), rank, leaf)
}

/// Compares names as people count: `layer2` before `layer10`.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    pieces(a).cmp(&pieces(b)).then_with(|| a.cmp(b))
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    /// Digits, by their number first and then as they are: any number of them.
    Number(usize, &'a str),
    Text(&'a str),
}

fn pieces(name: &str) -> Vec<Piece<'_>> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let runs = name.as_bytes().chunk_by(|a, b| is_digit(a) == is_digit(b));
    let mut rest = name;
    let piece = |run: &[u8]| {
        // A digit is a character of its own, so that a run ends where a character does.
        let (text, after) = rest.split_at(run.len());
        rest = after;
        match run.iter().all(is_digit) {
            true => {
                let digits = text.trim_start_matches('0');
                Piece::Number(digits.len(), digits)
            }
            false => Piece::Text(text),
        }
    };
    runs.map(piece).collect()
}
