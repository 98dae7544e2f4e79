//! Arguments of the commands for tables.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use apd::data::Dialect;
use clap::{Args, ValueEnum};

/// How text files are written down, where that is not to be recognized.
#[derive(Args)]
pub(crate) struct Written {
    /// What parts the fields of a text file's rows: a character, or tab [default: recognized]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Numbers of a text file have a decimal comma [default: recognized]
    #[arg(long)]
    decimal_comma: bool,
    /// What stands for a missing value in a text file, beside empty fields; separated by commas [default: NA,N/A,NaN,null,None,?]
    #[arg(long, value_delimiter = ',', value_name = "TEXT,…", allow_hyphen_values = true)]
    missing: Option<Vec<String>>,
}

impl Written {
    pub(crate) fn dialect(&self) -> Dialect {
        let decimal_comma = self.decimal_comma.then_some(true);
        Dialect { delimiter: self.delimiter, decimal_comma, missing: self.missing.clone() }
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if !byte.is_ascii_alphanumeric() && !b"\"\r\n.+-".contains(byte) => Ok(*byte),
        _ => Err("expected one character of ASCII that is neither of a number or word nor a quote, or tab".to_owned()),
    }
}

#[derive(Args)]
pub(crate) struct Fit {
    /// A text file with delimiters (CSV and its relatives), Parquet, a .npz with X and y, a folder of images, or one of penguins, yacht, digits
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) written: Written,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: String,
    /// What to predict [default: by the target's values]
    #[arg(long, value_enum)]
    pub(crate) task: Option<Task>,
    /// Columns not to look at, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    pub(crate) drop: Vec<String>,
    /// Rows to evaluate the model on, of the same columns
    #[arg(long, value_name = "DATA")]
    pub(crate) test: Option<String>,
    /// The network: widths of hidden layers as mlp:64-64 or mlp:64-64:tanh, cnn for images, or a file that describes any [default: by the number of rows]
    #[arg(long, value_name = "mlp:WIDTHS|cnn|FILE.toml")]
    pub(crate) net: Option<String>,
    /// How much work
    #[arg(long, value_enum, default_value = "default")]
    pub(crate) effort: Effort,
    /// Chains [default: by the effort]
    #[arg(long)]
    pub(crate) chains: Option<std::num::NonZeroU32>,
    /// Most steps of each chain, its warm-up included [default: by the effort]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Networks that each chain keeps; with more of them it is longer [default: by the effort]
    #[arg(long, value_name = "N")]
    pub(crate) draws: Option<u64>,
    /// End the chains at a goal, such as ess=400: so many effective samples of predictions, in the median; looked at after each eighth of the draws
    #[arg(long, value_name = "ess=NUMBER", value_parser = super::goal)]
    pub(crate) until: Option<f64>,
    /// Root of every random stream
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Go on with what an interrupted fit, or jobs of single chains, have left beside the model's file
    #[arg(long)]
    pub(crate) resume: bool,
    /// Sample this chain only, from 0 on, and leave it beside the model's file: a job of its own, here or on another machine
    #[arg(long, value_name = "K", conflicts_with = "resume")]
    pub(crate) chain: Option<u32>,
    /// The model's file
    #[arg(long, value_name = "MODEL.safetensors")]
    pub(crate) out: PathBuf,
    /// Threads [default: one per core]; the model does not depend on it
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// What is predicted.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Task {
    /// Classes
    Classification,
    /// Numbers
    Regression,
}

/// How much work a fit is.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Effort {
    /// A first look
    Quick,
    /// What is reported
    Default,
    /// More and longer chains
    Thorough,
}

#[derive(Args)]
pub(crate) struct Evaluate {
    /// The model's file
    #[arg(value_name = "MODEL.safetensors")]
    pub(crate) model: PathBuf,
    /// Rows whose target is known
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) written: Written,
    /// Write the metrics to this file
    #[arg(long, value_name = "METRICS.json")]
    pub(crate) json: Option<PathBuf>,
    /// Write a report with tables and figures into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Networks averaged [default: all that the file keeps]
    #[arg(long)]
    pub(crate) draws: Option<NonZeroUsize>,
    /// Threads [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Check {
    /// The model's file
    #[arg(value_name = "MODEL.safetensors")]
    pub(crate) model: PathBuf,
    /// Rows, with the target or without
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) written: Written,
    /// Threads [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Info {
    /// A model, a bank, a generator, settings or results
    pub(crate) file: PathBuf,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The model
    #[arg(value_name = "MODEL.safetensors")]
    pub(crate) model: PathBuf,
    /// The model as ONNX: preprocessing, all networks, averages and intervals, without a random operator
    #[arg(long, value_name = "MODEL.onnx")]
    pub(crate) onnx: PathBuf,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Models, each under the name of its file or another one
    #[arg(value_name = "[NAME=]MODEL.safetensors", required = true)]
    pub(crate) models: Vec<String>,
    /// Address to listen at; anything but this machine's own is open to others
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(crate) host: IpAddr,
    /// Port; 0 takes one that is free
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Most bytes of a request's body [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body: Option<NonZeroUsize>,
    /// Most rows of a request [default: 100000]
    #[arg(long, value_name = "N")]
    pub(crate) max_rows: Option<NonZeroUsize>,
    /// Requests that may wait while others are answered [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) queue: Option<usize>,
    /// Seconds that a client may take to send a request, and an answer to be found [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<NonZeroU32>,
    /// Threads that predict [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}
