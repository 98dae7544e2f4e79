//! Inputs with targets: what any model is fitted to.

use ndarray::{Array2, Axis};

/// Inputs and targets, a row for each example.
///
/// What the numbers were before they were standardized or looked up is their maker's knowledge: a
/// [`TableSchema`](crate::TableSchema) for tables, [`Labelled`](crate::Labelled) for images.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// n × inputs.
    pub inputs: Array2<f32>,
    /// n of them.
    pub targets: Targets,
}

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class for each example.
    Classes {
        /// Each below the number of `names`.
        labels: Vec<u32>,
        /// The classes' names.
        names: Vec<String>,
    },
    /// Some numbers for each example.
    Numbers {
        /// n × numbers, in their own units.
        values: Array2<f64>,
        /// What each number is.
        names: Vec<String>,
    },
}

impl Targets {
    /// The number of examples.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Numbers { values, .. } => values.nrows(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes. **Panics** if they are numbers.
    #[track_caller]
    pub fn labels(&self) -> &[u32] {
        match self {
            Self::Classes { labels, .. } => labels,
            Self::Numbers { .. } => panic!("the targets are numbers, not classes"),
        }
    }

    /// The numbers, n × numbers. **Panics** if they are classes.
    #[track_caller]
    pub fn numbers(&self) -> &Array2<f64> {
        match self {
            Self::Numbers { values, .. } => values,
            Self::Classes { .. } => panic!("the targets are classes, not numbers"),
        }
    }

    /// Those at `rows`, in that order. **Panics** if there is no such row.
    #[must_use]
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes { labels, names } => {
                Self::Classes { labels: rows.iter().map(|&row| labels[row]).collect(), names: names.clone() }
            }
            Self::Numbers { values, names } => {
                Self::Numbers { values: values.select(Axis(0), rows), names: names.clone() }
            }
        }
    }
}

impl Examples {
    /// Puts inputs and targets together.
    ///
    /// **Panics** unless there are as many targets as inputs.
    #[track_caller]
    pub fn new(inputs: Array2<f32>, targets: Targets) -> Self {
        assert_eq!(inputs.nrows(), targets.len(), "targets, one for each input");
        Self { inputs, targets }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Those at `rows`, in that order. **Panics** if there is no such row.
    #[must_use]
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { inputs: self.inputs.select(Axis(0), rows), targets: self.targets.select(rows) }
    }
}

impl From<crate::Labelled> for Examples {
    /// Images as rows of pixels, their classes named by number.
    fn from(labelled: crate::Labelled) -> Self {
        let names = (0..labelled.classes).map(|class| class.to_string()).collect();
        Self::new(labelled.images.pixels, Targets::Classes { labels: labelled.labels, names })
    }
}
