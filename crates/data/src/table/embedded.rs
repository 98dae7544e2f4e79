//! Tables that are compiled in.

use super::csv::Text;
use super::file::TableFile;
use super::{Dialect, Table};

/// Palmer penguins: 344 birds of three species, with categories and missing values; `species` is what is usually predicted.
///
/// Reference: A. Horst, A. Hill, K. Gorman, *palmerpenguins: Palmer Archipelago (Antarctica) penguin data*, 2020,
/// doi:10.5281/zenodo.3960218, CC0.
pub fn penguins() -> Table {
    read("penguins")
}

/// Yacht hydrodynamics: 308 experiments with hulls; `resistance`, the residuary resistance per unit weight of displacement, is what is
/// predicted from six numbers.
///
/// Reference: J. Gerritsma, R. Onnink, A. Versluis, *Yacht Hydrodynamics*, UCI Machine Learning Repository, 1981,
/// doi:10.24432/C5XG7R, CC BY 4.0.
pub fn yacht() -> Table {
    read("yacht")
}

fn read(name: &str) -> Table {
    source(name).read().expect("the embedded tables are well-formed")
}

/// A table by its name. **Panics** if there is none of this name.
pub(super) fn source(name: &str) -> TableFile {
    let text: &'static [u8] = match name {
        "penguins" => include_bytes!("../../data/penguins.csv"),
        "yacht" => include_bytes!("../../data/yacht.csv"),
        _ => panic!("no embedded table is called {name}"),
    };
    TableFile::Text(Text::held(format!("embedded {name}"), text, Dialect::default()))
}
