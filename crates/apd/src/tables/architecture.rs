use std::fmt;
use std::str::FromStr;

use apd_nn::{Activation, Mlp, Model, Network, NetworkError};
use serde::{Deserialize, Serialize};

/// The network of a table.
///
/// Displayed and parsed as `auto`, or `mlp:32-32` or `mlp:32-32:tanh`: the widths of the hidden layers and their activation (`relu`, if
/// nothing is said, or `tanh`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Four hidden layers of 16 units for fewer than 2 000 rows, two of 32 for more, two of 64 from 20 000 on.
    #[default]
    Auto,
    /// Hidden layers of these widths.
    Mlp {
        /// The widths; none is a linear model.
        hidden: Vec<usize>,
        /// What follows each of them.
        activation: Activation,
    },
    /// Any network of as many inputs and outputs as the table and the likelihood need.
    Network(Network),
}

/// No architecture has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown network `{0}`: expected mlp:64-64 or mlp:64-64:tanh (widths of hidden layers), or auto")]
pub struct UnknownArchitecture(String);

impl Architecture {
    /// The network for this many rows, inputs and outputs.
    ///
    /// **Errors**: a network that cannot be, such as one with a layer of width 0.
    pub fn network(&self, rows: usize, inputs: usize, outputs: usize) -> Result<Network, NetworkError> {
        let mlp = |hidden: &[usize], activation| {
            let widths = [&[inputs], hidden, &[outputs]].concat();
            Network::Mlp(Mlp { widths, activation, dropout: 0.0 })
        };
        let network = match self {
            Self::Auto if rows < 2_000 => mlp(&[16; 4], Activation::Tanh),
            Self::Auto if rows < 20_000 => mlp(&[32, 32], Activation::Tanh),
            Self::Auto => mlp(&[64, 64], Activation::Tanh),
            Self::Mlp { hidden, activation } => mlp(hidden, *activation),
            Self::Network(network) => network.clone(),
        };
        network.check()?;
        Ok(network)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Mlp { hidden, activation } => {
                let widths = hidden.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
                write!(f, "mlp:{widths}{}", if *activation == Activation::Tanh { ":tanh" } else { "" })
            }
            Self::Network(_) => f.write_str("a network of one's own"),
        }
    }
}

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(text: &str) -> Result<Self, UnknownArchitecture> {
        let unknown = || UnknownArchitecture(text.to_owned());
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let widths = text.strip_prefix("mlp:").ok_or_else(unknown)?;
        let (widths, activation) = match widths.split_once(':') {
            None | Some((_, "relu")) => (widths.trim_end_matches(":relu"), Activation::Relu),
            Some((widths, "tanh")) => (widths, Activation::Tanh),
            Some(_) => return Err(unknown()),
        };
        // Wide enough for anything that is still sampled, and far from where products of widths overflow.
        let width = |text: &str| text.parse().ok().filter(|width| (1..=65_536).contains(width)).ok_or_else(unknown);
        Ok(Self::Mlp { hidden: widths.split('-').map(width).collect::<Result<_, _>>()?, activation })
    }
}
