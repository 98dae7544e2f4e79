//! The tables, and how they are split.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use apd::data::{Table, read_csv};
use apd::{Seed, Task};

/// A table by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The column that is predicted, if it is not the last one.
    target: Option<&'static str>,
}

/// What is predicted, and by which splits it is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Numbers, on the splits of `NAME.splits.csv`; what MC-dropout reaches there: log-likelihood and root mean square error with their
    /// standard errors, from the repository of Gal and Ghahramani (one hidden layer of 50, `_100_xepochs`).
    Published { ln_p: (f64, f64), rmse: (f64, f64) },
    /// Numbers in units of the target's spread, on one split and several seeds.
    OneSplit,
    /// Classes, on random fifths.
    Classes,
}

impl Kind {
    /// What the table is judged as: whole numbers of a few values could be either.
    pub(crate) fn task(self) -> Task {
        if self == Self::Classes { Task::Classification } else { Task::Regression }
    }
}

const fn published(name: &'static str, ln_p: (f64, f64), rmse: (f64, f64)) -> Set {
    Set { name, kind: Kind::Published { ln_p, rmse }, target: None }
}

const fn classes(name: &'static str) -> Set {
    Set { name, kind: Kind::Classes, target: None }
}

pub(crate) const SETS: [Set; 11] = [
    published("concrete", (-2.937, 0.025), (4.826, 0.165)),
    published("energy", (-1.212, 0.005), (0.539, 0.014)),
    published("power-plant", (-2.808, 0.009), (4.014, 0.038)),
    published("wine-quality-red", (-0.928, 0.013), (0.622, 0.008)),
    published("yacht", (-1.250, 0.016), (0.666, 0.050)),
    Set { name: "airfoil", kind: Kind::OneSplit, target: None },
    classes("german"),
    classes("ionosphere"),
    Set { target: Some("species"), ..classes("penguins") },
    classes("phoneme"),
    classes("satimage"),
];

/// A table and its splits.
pub(crate) struct Loaded {
    pub(crate) table: Table,
    pub(crate) target: String,
    /// Test rows of each split, and the seed that goes with it.
    pub(crate) splits: Vec<(Vec<usize>, u64)>,
}

impl Set {
    /// Reads the table and at most so many of its splits.
    ///
    /// **Errors**: files that are missing or damaged; a split of rows that are not there.
    pub(crate) fn load(&self, folder: &Path, most: usize) -> Result<Loaded> {
        let table = read_csv(folder.join(format!("{}.csv", self.name)))?;
        let last = table.columns().last().context("a table without columns")?;
        let target = self.target.unwrap_or(&last.name).to_owned();
        let splits: Vec<(Vec<usize>, u64)> = match self.kind {
            Kind::Published { .. } => {
                let path = folder.join(format!("{}.splits.csv", self.name));
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                parse(&text, table.len()).with_context(|| path.display().to_string())?
            }
            Kind::OneSplit => {
                let [split] = &parse(include_str!("airfoil.splits.csv"), table.len())?[..] else {
                    anyhow::bail!("{}: one split is expected", self.name)
                };
                (0..5).map(|seed| (split.0.clone(), seed)).collect()
            }
            Kind::Classes => (0..5).map(|split| (fifth(table.len(), split), split)).collect(),
        };
        Ok(Loaded { table, target, splits: splits.into_iter().take(most).collect() })
    }
}

/// A line for each split: its test rows, separated by commas. Lines that begin with # are remarks.
fn parse(text: &str, rows: usize) -> Result<Vec<(Vec<usize>, u64)>> {
    let mut splits = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let row = |text: &str| text.trim().parse::<usize>().with_context(|| format!("`{text}` is no row"));
        let test = line.split(',').map(row).collect::<Result<Vec<_>>>()?;
        ensure!(test.iter().all(|&row| row < rows), "split {}: a row beyond the {rows} of the table", splits.len());
        splits.push((test, splits.len() as u64));
    }
    Ok(splits)
}

/// A fifth of the rows, by a permutation that is the same for every method.
fn fifth(rows: usize, split: u64) -> Vec<usize> {
    let order = Seed::root(1).child("tables").child("split").index(split).stream().permutation(rows);
    order.into_iter().take(rows / 5).map(|row| row as usize).collect()
}

/// Training rows and test rows.
pub(crate) fn divide(table: &Table, test: &[usize]) -> (Table, Table) {
    let mut is_test = vec![false; table.len()];
    test.iter().for_each(|&row| is_test[row] = true);
    let training: Vec<usize> = (0..table.len()).filter(|&row| !is_test[row]).collect();
    (table.select(&training), table.select(test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_read_and_rows_that_are_not_there_are_refused() {
        assert_eq!(parse("# a\n1,2\n0, 3\n", 4).unwrap(), [(vec![1, 2], 0), (vec![0, 3], 1)]);
        assert!(parse("1,4", 4).unwrap_err().to_string().contains("beyond the 4"));
        assert!(parse("1,x", 4).unwrap_err().to_string().contains("`x` is no row"));
        let split = parse(include_str!("airfoil.splits.csv"), 1503).unwrap();
        assert_eq!((split.len(), split[0].0.len()), (1, 301));
    }

    #[test]
    fn a_table_is_divided_into_all_of_its_rows() {
        let table = apd::data::yacht();
        let test = fifth(table.len(), 3);
        let (training, test) = divide(&table, &test);
        assert_eq!((training.len(), test.len()), (247, 61));
        assert_ne!(fifth(308, 0), fifth(308, 1));
    }
}
