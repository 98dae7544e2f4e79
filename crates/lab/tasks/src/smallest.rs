//! The smallest file whose predictions are near enough to those of held-out rows.

use apd_bnn::Predictive;
use apd_distill::{
    ChainBases, Conditional, ConditionalConfig, Distilled, Format, Pca, ResidualModel, Subspace, SubspaceConfig,
};
use apd_points::{Points, Posterior as _};
use apd_seed::Seed;
use apd_store::Bank;

use crate::context::Context;
use crate::distiller::{Distiller, folds, rows_of, told_by_predictions};
use crate::error::Result;
use crate::function_space::{Evaluator, FunctionSpace, Loss};
use crate::holdout::BankSubset;

/// The most directions in all: beyond, the decomposition costs more than it shows, and rows are as small.
pub(crate) const MOST_DIRECTIONS: usize = 130;

/// A distiller that was tried, and what became of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tried {
    /// It, with its settings.
    pub distiller: Distiller,
    /// It in words: `8 directions`.
    pub what: String,
    /// Bytes of what it made of four rows in five.
    pub bytes: usize,
    /// How far that is from the fifth.
    pub loss: Loss,
}

/// The distillers that were tried, from the smallest file up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Search {
    /// In the order in which they were tried.
    pub tried: Vec<Tried>,
    /// Of 200 of the four rows in five, drawn anew.
    pub redraw: Loss,
    /// Rows that say what is right.
    pub held_out: usize,
    /// The one of the smallest file that loses no more than it may, if there is one.
    pub smallest: Option<usize>,
}

impl Search {
    /// The total variation from held-out rows beyond that of a redraw.
    pub fn lost(&self, tried: &Tried) -> f64 {
        tried.loss.tv - self.redraw.tv
    }

    /// The one that loses least; none where a bank is too small for any.
    pub fn nearest(&self) -> Option<&Tried> {
        self.tried.iter().min_by(|a, b| a.loss.tv.total_cmp(&b.loss.tv))
    }
}

/// Tries subspaces, paths and rows in 8 and 6 bits in the bytes of 1, 1.5, 2, 3, 4, 6, … networks, until one of them loses at most `most`: its total
/// variation from held-out rows, on the inputs of `space`, is at most so much above that of 200 rows drawn anew.
///
/// Each is fitted to four rows in five, and held against the fifth. The last size is that of all these rows in 8 bits. No GAN is tried: it
/// takes as many bytes as a path, and far longer.
///
/// **Errors**: a bank of fewer than ten rows, or with numbers that are not finite; [`Error::Stopped`](crate::Error::Stopped).
pub fn smallest(context: Context<'_>, bank: &Bank, space: &FunctionSpace, most: f64, seed: Seed) -> Result<Search> {
    let [training, held_out] = folds(bank)?;
    let evaluator = Evaluator::new(space, &held_out, seed.child("judge"))?;
    let redraw = evaluator.of_rows(&training)?;
    let mut search = Search { tried: Vec::new(), redraw, held_out: held_out.len(), smallest: None };
    let sizes = sizes(training.len(), training.dim());
    context.progress.begin("distillers", sizes.len() as u64, 0);
    let mut forms = Forms { training: &training, space, seed, principal: None, bases: None, predicted: None };
    for (done, bytes) in sizes.into_iter().enumerate() {
        let mut of_size = Vec::new();
        for (distiller, what, distilled) in forms.within(bytes)? {
            context.stop_if_asked()?;
            let loss = evaluator.loss(&distilled)?;
            of_size.push(Tried { distiller, what, bytes: distilled.bytes(), loss });
        }
        of_size.sort_by_key(|tried| tried.bytes);
        let met = of_size.iter().position(|tried| search.lost(tried) <= most);
        search.smallest = met.map(|place| search.tried.len() + place);
        search.tried.extend(of_size);
        let networks = bytes as f64 / (4 * training.dim()) as f64;
        context.progress.advance(done as u64 + 1, Some(format!("{networks:.1} networks' bytes")));
        if met.is_some() {
            break;
        }
    }
    context.progress.end();
    Ok(search)
}

/// The bytes of 1, 1.5, 2, 3, 4, 6, … networks, up to those of all rows in 8 bits.
fn sizes(rows: usize, dim: usize) -> Vec<usize> {
    let row = Format::Int8.row_bytes(dim);
    let all = rows * row;
    let networks = (0..).flat_map(|k| [4_usize << k, 6 << k]);
    let mut sizes: Vec<usize> = networks.map(|quarters| quarters * row).take_while(|&bytes| bytes < all).collect();
    sizes.push(all);
    sizes
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A conditional distiller in so many bytes; none where there is no room for it, or its directions are too many.
///
/// Its noise is of all that the directions leave out: how much of that is right is asked when it has been fitted.
pub(crate) fn conditional_within(
    config: ConditionalConfig,
    bytes: usize,
    rows: &impl Points,
) -> Option<ConditionalConfig> {
    let config = ConditionalConfig { noise: 1.0, ..config }.within(bytes, rows)?;
    (config.rank * chains(rows) <= MOST_DIRECTIONS).then_some(config)
}

/// The same of the path of each chain.
pub(crate) fn path_within(bytes: usize, rows: &impl Points) -> Option<ConditionalConfig> {
    conditional_within(
        ConditionalConfig { residuals: ResidualModel::Gaussian, ..ConditionalConfig::default() },
        bytes,
        rows,
    )
}

/// It in words.
pub(crate) fn path_in_words(path: &Conditional) -> String {
    format!("{} of each of {}, by time", counted(path.rank(), "direction"), counted(path.chains(), "chain"))
}

/// How many chains there are points of.
pub(crate) fn chains(points: &impl Points) -> usize {
    let change = |&i: &usize| i == 0 || points.chain(i) != points.chain(i - 1);
    (0..points.len()).filter(change).count()
}

/// What is distilled from the same rows in several sizes.
struct Forms<'a> {
    training: &'a BankSubset<'a>,
    space: &'a FunctionSpace,
    seed: Seed,
    /// With so many directions as have been asked for, at most.
    principal: Option<(usize, Pca)>,
    bases: Option<(usize, ChainBases)>,
    /// What the rows predict, which tells the noise of a path.
    predicted: Option<Predictive>,
}

impl Forms<'_> {
    /// A subspace, a path and rows, of at most so many bytes; what has no room is left out.
    fn within(&mut self, bytes: usize) -> Result<Vec<(Distiller, String, Distilled)>> {
        let Self { training, space, seed, .. } = *self;
        let (points, dim) = (training.len(), training.dim());
        let mut forms = Vec::new();
        for format in [Format::Int8, Format::Int6] {
            let count = bytes / format.row_bytes(dim);
            let rows = rows_of(training, count, format)?;
            // Those that so few bits do not hold are larger.
            if rows.format() == format || bytes >= points * format.row_bytes(dim) {
                let what = format!("{} in {}", counted(rows.count(), "row"), rows.format());
                forms.push((Distiller::Rows { count, format }, what, Distilled::Subsample(rows)));
            }
        }

        let wanted = SubspaceConfig::default().within(bytes, dim, points);
        if let Some(config) = wanted.filter(|wanted| (1..=MOST_DIRECTIONS.min(points - 1)).contains(&wanted.rank)) {
            let rank = config.rank;
            let subspace = Subspace::of(self.principal(rank)?, &config, seed)?;
            forms.push((Distiller::Subspace(config), counted(rank, "direction"), Distilled::Subspace(subspace)));
        }

        if let Some(config) = path_within(bytes, training) {
            let all = Conditional::of(self.bases(config.rank)?, &config, seed)?;
            if self.predicted.is_none() {
                self.predicted = Some(space.predict_rows(training)?.0);
            }
            let predicted = self.predicted.as_ref().expect("it is there now");
            let (path, _) = told_by_predictions(&all, predicted, space, seed)?;
            forms.push((Distiller::Conditional(config), path_in_words(&path), Distilled::Conditional(path)));
        }
        Ok(forms)
    }

    /// Directions of all rows, twice as many as asked for, so that they are not looked for again and again.
    fn principal(&mut self, rank: usize) -> Result<&Pca> {
        if self.principal.as_ref().is_none_or(|(has, _)| *has < rank) {
            let more = (2 * rank).min(MOST_DIRECTIONS);
            self.principal = Some((more, Pca::of(self.training, more, self.seed.child("principal"))?));
        }
        Ok(&self.principal.as_ref().expect("they are there now").1)
    }

    /// The same of each chain.
    fn bases(&mut self, rank: usize) -> Result<&ChainBases> {
        if self.bases.as_ref().is_none_or(|(has, _)| *has < rank) {
            let more = 2 * rank;
            self.bases = Some((more, ChainBases::of(self.training, more, self.seed.child("principal"))?));
        }
        Ok(&self.bases.as_ref().expect("they are there now").1)
    }
}
