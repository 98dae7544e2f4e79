use std::fmt;
use std::str::FromStr;

use apd_data::{ImageShape, Table, TableSchema};
use apd_nn::{Activation, Cnn, Mlp, Model, Network, NetworkError};
use serde::{Deserialize, Serialize};

/// The network of a table.
///
/// Displayed and parsed as `auto`, `cnn`, or `mlp:32-32` or `mlp:32-32:tanh`: the widths of the hidden layers and their activation (`relu`, if
/// nothing is said, or `tanh`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// Convolutions, where the columns are the pixels of images of at least 8×8: [`Cnn::small`] of 8, 16 and 16 channels.
    Cnn,
    /// Any network of as many inputs and outputs as the table and the likelihood need.
    Network(Network),
}

/// No architecture has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown network `{0}`: expected mlp:64-64 or mlp:64-64:tanh (widths of hidden layers), cnn (for images), or auto"
)]
pub struct UnknownArchitecture(String);

impl Architecture {
    /// The network for this many rows, for what a schema makes of them, and for so many outputs.
    ///
    /// **Errors**: a network that cannot be, such as one with a layer of width 0, or convolutions of what are no images.
    pub fn network(&self, rows: usize, schema: &TableSchema, outputs: usize) -> Result<Network, NetworkError> {
        let mlp = |hidden: &[usize], activation| {
            let widths = [&[schema.inputs()], hidden, &[outputs]].concat();
            Network::Mlp(Mlp { widths, activation, dropout: 0.0 })
        };
        let network = match self {
            Self::Auto if rows < 2_000 => mlp(&[16; 4], Activation::Tanh),
            Self::Auto if rows < 20_000 => mlp(&[32, 32], Activation::Tanh),
            Self::Auto => mlp(&[64, 64], Activation::Tanh),
            Self::Mlp { hidden, activation } => mlp(hidden, *activation),
            Self::Cnn => {
                let ImageShape { height, width, channels } = schema.image.ok_or(NetworkError::EmptyImage)?;
                Network::Cnn(Cnn::small(height, width, channels, [8, 16, 16], outputs))
            }
            Self::Network(network) => network.clone(),
        };
        network.check()?;
        Ok(network)
    }

    /// What each column of the table is to such a network: convolutions want all pixels, in the same units.
    ///
    /// **Errors**: as [`TableSchema::infer`] and [`TableSchema::infer_images`].
    pub(super) fn schema(
        &self,
        table: &Table,
        target: &str,
        drop: &[String],
        classification: Option<bool>,
    ) -> Result<TableSchema, apd_data::Error> {
        let images = |shape| TableSchema::infer_images(table, target, drop, classification, shape);
        match self {
            Self::Cnn => images(None),
            Self::Network(Network::Cnn(Cnn { height, width, channels, .. })) => {
                images(Some(ImageShape { height: *height, width: *width, channels: *channels }))
            }
            Self::Auto | Self::Mlp { .. } | Self::Network(_) => TableSchema::infer(table, target, drop, classification),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cnn => f.write_str("cnn"),
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
        match text {
            "auto" => return Ok(Self::Auto),
            "cnn" => return Ok(Self::Cnn),
            _ => {}
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
