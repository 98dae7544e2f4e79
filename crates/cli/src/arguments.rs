//! The command line as clap reads it; each field says what `--help` shows.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use apd_tasks::{NetName, Profile, TASKS};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};

/// Adversarial posterior distillation: sample a Bayesian neural network's posterior, distill it into a generator, draw
/// networks from it wherever honest uncertainty is needed.
#[derive(Parser)]
#[command(name = "apd", version, about, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

mod distill;
mod tables;

pub(crate) use distill::{Bits, Distill, Distiller, Preparation};
pub(crate) use tables::{Check, Effort, Evaluate, Export, Fit, Info, Serve, Task, Written};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Fit a model to a table: a file that predicts, with honest uncertainty
    Fit(Fit),
    /// Predict the rows of a table, or with the networks of a bank or a generator
    Predict(Predict),
    /// Compare a model's predictions with what is known
    Evaluate(Evaluate),
    /// Say whether a model is to be believed on these rows; the exit code is 0 if it is in every respect, 1 if not
    Check(Check),
    /// Answer requests over HTTP: JSON, CSV, KServe's protocol, and a page
    Serve(Serve),
    /// Write a model as other programs read it
    Export(Export),
    /// Describe any file of ours in words
    Info(Info),
    /// Run the experiments and write a report
    Reproduce(Reproduce),
    /// Download datasets and check their digests
    FetchData(FetchData),
    /// Sample a posterior into a bank
    SamplePosterior(SamplePosterior),
    /// Distill a bank into a generator
    Distill(Distill),
    /// Draw networks from a generator
    Draw(Draw),
    /// Look into a bank, or copy it into one file
    #[command(subcommand)]
    Bank(Bank),
    /// Test every sampler against laws that it must obey, and every usual bug against the tests
    VerifySamplers(VerifySamplers),
}

#[derive(Args)]
pub(crate) struct VerifySamplers {
    /// The quick half only, which `cargo test` runs as well
    #[arg(long)]
    pub(crate) quick: bool,
    /// Families and samplers whose names contain one of these, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

fn goal(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix("ess=").and_then(|number| number.parse().ok());
    number
        .filter(|&ess| ess > 0.0 && f64::is_finite(ess))
        .ok_or_else(|| "expected ess= and a number above 0".to_owned())
}

/// What everything that samples for a while takes.
#[derive(Args)]
pub(crate) struct Run {
    /// A chain that diverges: stop the run, drop the chain, or restart it from its last sample [default: stop]
    #[arg(long, value_name = "stop|drop|restart")]
    pub(crate) on_divergence: Option<apd_tasks::OnDivergence>,
    /// End the chains at a goal, such as ess=400: so many effective samples of predictions, in the median; sgld.steps is the most then
    #[arg(long, value_name = "ess=NUMBER", value_parser = goal)]
    pub(crate) until: Option<f64>,
    /// Go on with what an interrupted run has left in the folder
    #[arg(long)]
    pub(crate) resume: bool,
    /// Start even where disk or memory do not suffice for the run
    #[arg(long)]
    pub(crate) force: bool,
    /// Any setting of the settings file, such as sgld.thinning=40; the other options override it (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Time between checkpoints of a long stage: what a kill costs at most [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) checkpoint_seconds: Option<f64>,
    /// Threads [default: one per core]; the results do not depend on it
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Reproduce {
    /// Dataset [default: digits]
    #[arg(long)]
    pub(crate) dataset: Option<apd_data::Dataset>,
    /// Folder of the datasets
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Classifier: fc1 (one hidden layer of 100), fc2 (two of 400), cnn (three convolutions, images of 8×8 or more) or cnn-large (nine
    /// with batch normalization, 12×12 or more) [default: fc1]
    #[arg(long)]
    pub(crate) net: Option<NetName>,
    /// How much work: quick (minutes), full (the paper's), or paper (the paper's, and its sampler and prior) [default: quick]
    #[arg(long)]
    pub(crate) profile: Option<Profile>,
    /// Tasks to run, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "TASK,…", value_parser = tasks())]
    pub(crate) only: Vec<String>,
    /// Root of every random stream [default: 1]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Folder for results, report, figures, bank and generator [default: target/apd/DATASET-NET-SEED]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Settings as a TOML file, such as the config.toml that a run leaves; the other options override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Also score the images of an IDX or npy file as out-of-distribution (repeatable)
    #[arg(long, value_name = "NAME=PATH")]
    pub(crate) ood: Vec<String>,
}

/// The names of the tasks, with what each is about.
fn tasks() -> PossibleValuesParser {
    TASKS.iter().map(|task| PossibleValue::new(task.name()).help(task.doc())).collect::<Vec<_>>().into()
}

#[derive(Args)]
pub(crate) struct FetchData {
    /// mnist, fashion-mnist, notmnist, omniglot, cifar10 or all
    pub(crate) dataset: String,
    /// Folder of the datasets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
    /// Address to fetch from instead of the public mirrors; file names are appended to it
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
}

#[derive(Args)]
pub(crate) struct SamplePosterior {
    /// Settings as a TOML file
    #[arg(long, value_name = "RUN.toml")]
    pub(crate) config: PathBuf,
    /// Folder of the bank
    #[arg(long, value_name = "BANK")]
    pub(crate) out: PathBuf,
    /// Sample this chain only, from 0 on, into a bank of its own: a job, here or on another machine; `apd bank merge` makes one bank of them
    #[arg(long, value_name = "K")]
    pub(crate) chain: Option<u32>,
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Args)]
pub(crate) struct Draw {
    /// The generator's file
    #[arg(long, value_name = "GEN.safetensors")]
    pub(crate) generator: PathBuf,
    /// Networks to draw
    #[arg(long)]
    pub(crate) count: NonZeroUsize,
    /// Root of every random stream
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The networks: count × d, float32
    #[arg(long, value_name = "NETWORKS.npy")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct Predict {
    /// A model of a table
    #[arg(value_name = "MODEL.safetensors", requires = "data")]
    pub(crate) model: Option<PathBuf>,
    /// Rows of that table: a text file with delimiters, Parquet, a .npz with X, a folder of images, or one of penguins, yacht, digits
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) written: Written,
    /// Coverages of the intervals of numbers beside 0.9, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "SHARE,…", requires = "model")]
    pub(crate) coverage: Vec<f64>,
    /// Networks averaged, of a model [default: all that the file keeps]
    #[arg(long, requires = "model")]
    pub(crate) draws: Option<NonZeroUsize>,
    /// A bank's folder, or an n×d float32 array
    #[arg(long, value_name = "BANK|ROWS.npy", required_unless_present_any = ["generator", "model"], conflicts_with_all = ["generator", "model"])]
    pub(crate) bank: Option<PathBuf>,
    /// A generator's file
    #[arg(long, value_name = "GEN.safetensors", conflicts_with = "model")]
    pub(crate) generator: Option<PathBuf>,
    /// The classifier whose weights the rows are; cnn and cnn-large take inputs for square images
    #[arg(long, required_unless_present = "model", conflicts_with = "model")]
    pub(crate) net: Option<NetName>,
    /// Classes of the classifier
    #[arg(long, default_value = "10")]
    pub(crate) classes: NonZeroUsize,
    /// n×d inputs (.npy), or images (.idx, .idx.gz) brought to [−1, 1]
    #[arg(long, value_name = "X.npy|IMAGES.idx.gz", required_unless_present = "model", conflicts_with = "model")]
    pub(crate) inputs: Option<PathBuf>,
    /// What a model says of each row (.csv, or .npy for the numbers alone), or n × classes probabilities (.npy)
    #[arg(long, value_name = "PREDICTIONS")]
    pub(crate) out: PathBuf,
    /// Also write these scores beside it (P.scores.npy, a column each): maxprob, entropy, bald, variation-ratio, model-variance
    #[arg(long, value_delimiter = ',', value_name = "SCORE,…", conflicts_with = "model")]
    pub(crate) scores: Vec<String>,
    /// Networks averaged [default: 200, or all of a smaller bank]
    #[arg(long, conflicts_with = "model")]
    pub(crate) count: Option<NonZeroUsize>,
    /// Root of every random stream
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Subcommand)]
pub(crate) enum Bank {
    /// Print what a bank holds
    Info {
        /// A bank's folder, or an n×d float32 array
        bank: PathBuf,
    },
    /// Copy all rows into one file
    Export {
        /// A bank's folder, or an n×d float32 array
        bank: PathBuf,
        /// npy or safetensors
        #[arg(long, default_value = "npy")]
        format: String,
        /// The file [default: the bank's name with the format as its ending]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Make one bank of chains that were sampled apart, of one posterior
    Merge {
        /// Their folders
        #[arg(required = true)]
        banks: Vec<PathBuf>,
        /// The new bank's folder
        #[arg(long, value_name = "BANK")]
        out: PathBuf,
    },
    /// Read every row and check it against the checksums
    Verify {
        /// A bank's folder
        bank: PathBuf,
        /// Keep what is good of each chain, move what is damaged aside, and say what was lost
        #[arg(long)]
        repair: bool,
    },
}
