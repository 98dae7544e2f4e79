//! What a method is to the run that fits it.

use std::sync::OnceLock;

use apd_bnn::Data;
use apd_nn::{Model as _, Network};
use apd_points::Posterior;
use apd_report::{Color, Row};
use apd_seed::Seed;
use apd_store::Bank;
use ndarray::Array2;

use crate::config::Config;
use crate::context::Context;
use crate::distill::History;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::methods::descent::Descent;
use crate::methods::langevin::Langevin;
use crate::named_posterior::{NamedPosterior, Role};

/// A way to come by networks: trained, sampled, or distilled from samples.
///
/// [`METHODS`](crate::METHODS) are those that come with this crate; [`reproduce`](crate::reproduce) takes any.
pub trait Method: Sync {
    /// Its name in tables, results and settings.
    fn name(&self) -> &'static str;

    /// What it is, in a line.
    fn doc(&self) -> &'static str;

    /// Its color in every figure and table; none: the report gives it one.
    fn color(&self) -> Option<Color> {
        None
    }

    /// What it is beside the bank, which says when it is fitted: baselines while the bank is sampled, distilled ones after that.
    fn role(&self) -> Role;

    /// Whether settings and network leave it in.
    fn is_enabled(&self, _config: &Config, _network: &Network) -> bool {
        true
    }

    /// The baseline that it goes on from, if it does.
    fn follows(&self) -> Option<&'static str> {
        None
    }

    /// How much work it is.
    fn effort(&self, experiment: &Experiment) -> Effort;

    /// Fits it, or goes on with what an interrupted run has left in the folder.
    ///
    /// **Errors**: whatever stops the run; [`Error::Stopped`](crate::Error::Stopped), after which the folder is ready to be resumed.
    fn fit(&self, context: Context<'_>, given: &Given<'_>) -> Result<Fitted>;

    /// How it learns from the few labels of active learning, if it does.
    fn few_labels(&self) -> Option<&dyn FitFewLabels> {
        None
    }
}

/// How much work a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Updates, for progress.
    pub steps: u64,
    /// Networks or chains that it trains at the same time, each on a thread of its own where there are enough.
    pub concurrent: usize,
}

/// What a method is fitted to.
pub struct Given<'a> {
    /// Settings, data, network, folder and seed.
    pub experiment: &'a Experiment,
    /// Networks and chains that all methods together train at the same time.
    pub(crate) concurrent: usize,
    pub(crate) baseline: Option<&'a dyn Posterior>,
    pub(crate) bank: Option<&'a Bank>,
}

impl<'a> Given<'a> {
    /// The bank, to distill.
    ///
    /// **Panics** where the method's role is not [`Role::Distilled`] or [`Role::Online`].
    #[track_caller]
    pub fn bank(&self) -> &'a Bank {
        self.bank.expect("distilled methods are fitted after the bank")
    }

    /// The networks of the baseline that the method [follows](Method::follows).
    ///
    /// **Panics** where it follows none.
    #[track_caller]
    pub fn baseline(&self) -> &'a dyn Posterior {
        self.baseline.expect("a method that goes on from a baseline says from which")
    }
}

/// What came of fitting a method.
pub struct Fitted {
    /// What networks are drawn from.
    pub posterior: Box<dyn Posterior + Send>,
    /// What it costs, and whatever else there is to say in numbers.
    pub rows: Vec<Row>,
    /// How a generator learned.
    pub history: Option<History>,
    /// What else there is to say: sentences.
    pub remarks: Vec<String>,
}

impl Fitted {
    /// Of which there is nothing to say.
    pub fn new(posterior: impl Posterior + Send + 'static) -> Self {
        Self { posterior: Box::new(posterior), rows: Vec::new(), history: None, remarks: Vec::new() }
    }
}

/// A method that a run has fitted.
pub(crate) struct FittedMethod<'a> {
    pub(crate) method: &'a dyn Method,
    pub(crate) fitted: Fitted,
}

impl FittedMethod<'_> {
    pub(crate) fn named(&self) -> NamedPosterior<'_> {
        NamedPosterior { name: self.method.name(), posterior: &*self.fitted.posterior, role: self.method.role() }
    }
}

/// A method that can learn from a few labels, again and again.
pub trait FitFewLabels: Sync {
    /// Whether its networks differ, so that their disagreement can be asked.
    fn has_spread(&self) -> bool {
        true
    }

    /// Fits it.
    ///
    /// **Errors**: a chain or the distiller diverged; the run was asked to stop.
    fn fit(&self, labels: &FewLabels<'_>) -> Result<FittedLabels>;
}

/// What came of a few labels.
pub struct FittedLabels {
    /// What networks are drawn from.
    pub posterior: Box<dyn Posterior>,
    /// Where the optimizer or each chain ended, for a warm start of the next round.
    pub ends: Vec<Vec<f32>>,
    /// What a GAN goes on from in the next round, if it does.
    pub gan: Option<apd_distill::State<'static>>,
}

impl FittedLabels {
    /// Of a method without a GAN.
    pub fn new(posterior: impl Posterior + 'static, ends: Vec<Vec<f32>>) -> Self {
        Self { posterior: Box::new(posterior), ends, gan: None }
    }
}

/// What the chains have sampled from a few labels.
pub(crate) struct SampledLabels {
    /// The row of every kept sample, chain by chain.
    pub(crate) rows: Array2<f32>,
    /// Where the chains ended.
    pub(crate) ends: Vec<Vec<f32>>,
}

/// A few labels, and how much work a method may do with them.
pub struct FewLabels<'a> {
    /// Whom to tell, and who may stop it.
    pub context: Context<'a>,
    /// The settings of the run.
    pub config: &'a Config,
    /// The classifier.
    pub network: &'a Network,
    /// Images with labels.
    pub data: &'a Data,
    /// Of the method and the round.
    pub seed: Seed,
    /// Networks that are averaged in a prediction.
    pub networks: usize,
    pub(crate) descent: Descent<'a>,
    pub(crate) langevin: Langevin,
    pub(crate) chains: usize,
    /// Of the chains: methods that hold the same labels take the same samples.
    pub(crate) chain_seed: Seed,
    /// What the chains of these labels have sampled, once a method has asked.
    pub(crate) sampled: &'a OnceLock<SampledLabels>,
    pub(crate) gan: &'a apd_distill::Config,
    /// Where the GAN of the round before ended, for one that is kept.
    pub(crate) earlier_gan: Option<&'a apd_distill::State<'static>>,
    pub(crate) keeps_gan: bool,
    pub(crate) starts: &'a [Vec<f32>],
}

impl FewLabels<'_> {
    /// Where optimizer or chain number `number` starts: where it ended in the round before, or at random.
    pub fn start(&self, seed: Seed, number: usize) -> Vec<f32> {
        match self.starts.get(number) {
            Some(start) => start.clone(),
            None => self.network.initialize(seed.child("initial").index(number as u64)),
        }
    }
}
