use apd_data::{Column, Surprise, Table, Values, add_surprises};
use apd_uncertainty::{ClassPredictive, NumberPredictive, Score, argmax};
use ndarray::{Array2, ArrayView1, Axis};

use crate::Error;
use crate::calibration::{Calibration, Interval};

/// From this strangeness on a row is one of the strangest in a hundred.
pub(crate) const STRANGE: f64 = 0.99;

/// What a model says of the rows of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Predictions {
    /// The columns that tell rows apart, as they came.
    pub identifiers: Vec<Column>,
    /// A prediction for each row, and how sure it is.
    pub answers: Answers,
    /// Of each row the share of held-out training rows that look less strange, from 0 to 1.
    pub ood: Vec<f64>,
    /// The columns of which some rows hold something that training rows did not.
    pub surprises: Vec<Surprise>,
}

/// What is predicted, row by row.
#[derive(Clone, Debug)]
pub enum Answers {
    /// Classes.
    Classes {
        /// The classes.
        names: Vec<String>,
        /// Their probabilities, calibrated on held-out rows: n × classes.
        p: Array2<f64>,
        /// Their entropy, in nats.
        entropy: Vec<f64>,
        /// The part of it that the networks disagree about, in nats: the share that it has before probabilities are calibrated.
        bald: Vec<f64>,
        /// Whether not to answer is better: another class, or none, is as likely to be the right one, or the row is stranger than 99 % of
        /// the held-out rows.
        abstain: Vec<bool>,
    },
    /// Numbers, in the target's own units.
    Numbers {
        /// The expected value.
        mean: Vec<f64>,
        /// Standard deviation of a new observation.
        sd: Vec<f64>,
        /// Its part that more data would not remove.
        aleatoric_sd: Vec<f64>,
        /// Its part that the networks disagree about.
        epistemic_sd: Vec<f64>,
        /// For each coverage asked for, the lower and upper ends of intervals that are calibrated on held-out rows.
        intervals: Vec<(f64, Vec<f64>, Vec<f64>)>,
    },
}

/// What was there, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcomes {
    /// Classes by number.
    Classes(Vec<u32>),
    /// Numbers.
    Numbers(Vec<f64>),
}

impl Answers {
    pub(crate) fn of_classes(
        names: &[String],
        classes: &ClassPredictive,
        calibration: &Calibration,
        ood: &[f64],
    ) -> Self {
        let p = calibration.probabilities(classes);
        let entropy: Vec<f64> = p.outer_iter().map(entropy).collect();
        let raw = classes.score(Score::Bald).into_iter().zip(classes.score(Score::Entropy));
        let shares = raw.zip(&entropy);
        let ambiguous = p.outer_iter().map(|p| calibration.is_ambiguous(p.iter()));
        Self::Classes {
            names: names.to_vec(),
            bald: shares.map(|((bald, raw), entropy)| if raw > 0.0 { bald / raw * entropy } else { 0.0 }).collect(),
            entropy,
            abstain: ambiguous.zip(ood).map(|(ambiguous, &ood)| ambiguous || ood > STRANGE).collect(),
            p,
        }
    }

    pub(crate) fn of_numbers(numbers: &NumberPredictive, calibration: &Calibration, coverage: &[f64]) -> Self {
        let first = |matrix: Array2<f64>| matrix.column(0).to_vec();
        let intervals: Vec<Interval> = calibration.intervals(numbers, coverage);
        Self::Numbers {
            mean: first(numbers.mean()),
            sd: first(numbers.deviation()),
            aleatoric_sd: first(numbers.aleatoric_deviation()),
            epistemic_sd: first(numbers.epistemic_deviation()),
            intervals: coverage.iter().zip(intervals).map(|(&mass, (lower, upper))| (mass, lower, upper)).collect(),
        }
    }

    /// Those of further rows below these. **Panics** if they are of another kind.
    pub(crate) fn append(&mut self, further: Self) {
        match (self, further) {
            (
                Self::Classes { p, entropy, bald, abstain, .. },
                Self::Classes { p: q, entropy: e, bald: b, abstain: a, .. },
            ) => {
                p.append(Axis(0), q.view()).expect("as many classes");
                entropy.extend(e);
                bald.extend(b);
                abstain.extend(a);
            }
            (
                Self::Numbers { mean, sd, aleatoric_sd, epistemic_sd, intervals },
                Self::Numbers { mean: m, sd: s, aleatoric_sd: a, epistemic_sd: e, intervals: i },
            ) => {
                mean.extend(m);
                sd.extend(s);
                aleatoric_sd.extend(a);
                epistemic_sd.extend(e);
                for ((_, lower, upper), (_, l, u)) in intervals.iter_mut().zip(i) {
                    lower.extend(l);
                    upper.extend(u);
                }
            }
            _ => panic!("answers of one model"),
        }
    }

    /// The most probable class of each row. **Panics** if numbers are predicted.
    pub fn classes(&self) -> Vec<u32> {
        let Self::Classes { p, .. } = self else { panic!("numbers are predicted, not classes") };
        p.outer_iter().map(|row| argmax(row.iter().copied()).unwrap_or(0) as u32).collect()
    }
}

impl Predictions {
    /// Those of further rows below these. **Panics** if they are of another model.
    pub fn append(&mut self, further: Self) {
        add_surprises(&mut self.surprises, further.surprises, self.ood.len());
        self.answers.append(further.answers);
        self.ood.extend(further.ood);
        for (column, more) in self.identifiers.iter_mut().zip(further.identifiers) {
            match (&mut column.values, more.values) {
                (Values::Text(text), Values::Text(more)) => text.extend(more),
                (Values::Numbers(numbers), Values::Numbers(more)) => numbers.extend(more),
                _ => panic!("blocks of one table have columns of one kind"),
            }
        }
    }

    /// Everything as a table: identifiers; `prediction`, `p_<class>`, `entropy`, `bald`, `ood`, `abstain`, or `mean`, `sd`, `aleatoric_sd`,
    /// `epistemic_sd`, `lower_90`, `upper_90`, `ood`.
    ///
    /// **Errors**: classes, or coverages, of which two have one name.
    pub fn table(&self) -> Result<Table, Error> {
        let numbers =
            |name: &str, values: &[f64]| Column { name: name.to_owned(), values: Values::Numbers(values.to_vec()) };
        let mut columns = Vec::new();
        match &self.answers {
            Answers::Classes { names, p, entropy, bald, abstain } => {
                let codes = self.answers.classes();
                columns.push(Column {
                    name: "prediction".to_owned(),
                    values: Values::Categories { codes, levels: names.clone() },
                });
                columns
                    .extend(names.iter().zip(p.columns()).map(|(name, p)| numbers(&format!("p_{name}"), &p.to_vec())));
                columns.push(numbers("entropy", entropy));
                columns.push(numbers("bald", bald));
                columns.push(numbers("ood", &self.ood));
                columns
                    .push(numbers("abstain", &abstain.iter().map(|&abstain| f64::from(abstain)).collect::<Vec<_>>()));
            }
            Answers::Numbers { mean, sd, aleatoric_sd, epistemic_sd, intervals } => {
                columns.push(numbers("mean", mean));
                columns.push(numbers("sd", sd));
                columns.push(numbers("aleatoric_sd", aleatoric_sd));
                columns.push(numbers("epistemic_sd", epistemic_sd));
                for (mass, lower, upper) in intervals {
                    columns.push(numbers(&format!("lower_{}", percent(*mass)), lower));
                    columns.push(numbers(&format!("upper_{}", percent(*mass)), upper));
                }
                columns.push(numbers("ood", &self.ood));
            }
        }
        let taken = |name: &str| columns.iter().any(|column| column.name == name);
        let identifiers = self.identifiers.iter().map(|column| {
            let name = if taken(&column.name) { format!("id_{}", column.name) } else { column.name.clone() };
            Column { name, values: column.values.clone() }
        });
        Ok(Table::new(identifiers.collect::<Vec<_>>().into_iter().chain(columns).collect())?)
    }
}

/// −Σ p·ln p.
fn entropy(p: ArrayView1<'_, f64>) -> f64 {
    p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
}

/// A share as per cent, without a trailing fraction: 90, 99.5.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.4}", 100.0 * share);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
