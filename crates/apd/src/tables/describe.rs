use std::fmt::Write as _;

use apd_bnn::LikelihoodConfig;
use apd_distill::Distilled;
use apd_nn::Network;
use apd_points::Posterior as _;

use super::{HeldOut, Provenance, TableModel};

impl TableModel {
    /// What the model is and how far it is to be believed, in some lines.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| writeln!(text, "{words}").expect("text takes everything");
        let Provenance { program, settings, data, rows, without_target, fitted, held_out, .. } = self.provenance();
        line("a model of a table".to_owned());
        for verdict in self.warnings() {
            line(format!("  {verdict}"));
        }
        let classes = self.fitted().classes();
        let what = classes.map_or("a number".to_owned(), |names| format!("{} classes", names.len()));
        line(format!("  predicts   {}: {what}", self.target().escape_debug()));
        for (name, said) in self.schema().lines() {
            line(format!("    {:<24} {}", name.escape_debug().to_string(), said.escape_debug()));
        }
        let description = &self.fitted().description;
        let network = match &description.network {
            Some(Network::Mlp(mlp)) => {
                let widths = mlp.widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
                format!("{widths}, {:?}", mlp.activation).to_lowercase()
            }
            Some(Network::Cnn(_)) => "a convolutional network".to_owned(),
            Some(Network::Sequential(_)) => "a list of layers".to_owned(),
            None => "one of somebody's own".to_owned(),
        };
        line(format!("  network    {network}: {} parameters", self.fitted().model.dim()));
        let likelihood = match description.likelihood {
            Some(LikelihoodConfig::Categorical) => "categorical".to_owned(),
            Some(LikelihoodConfig::HeteroscedasticGaussian(_)) => "normal, its deviation depends on the row".to_owned(),
            Some(other) => format!("{other:?}"),
            None => "one of somebody's own".to_owned(),
        };
        line(format!("  likelihood {likelihood}"));
        line(format!("  posterior  {}", self.kept()));
        if let Some((name, sha256)) = data {
            line(format!("  data       {}, SHA-256 {sha256}", name.escape_debug()));
        }
        line(format!(
            "  rows       {rows}: {fitted} fitted to, {held_out} held out, {without_target} without a target"
        ));
        let effort = format!("{:?}", settings.effort).to_lowercase();
        line(format!("  made by    version {program}, effort {effort}, seed {}", settings.seed));
        let HeldOut { metrics, .. } = self.held_out();
        line("  on rows that were held out (numbers: in intervals that these same rows corrected):".to_owned());
        if let Some(metrics) = metrics {
            line(format!("{metrics}"));
        }
        for verdict in self.verdicts() {
            line(format!("  {verdict}"));
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// What the file keeps of the samples, in words.
    pub fn kept(&self) -> String {
        let (posterior, samples) = (self.fitted().posterior(), self.provenance().samples);
        let what = match posterior {
            Distilled::Subsample(subsample) => format!("{} of {samples} sampled networks", subsample.count()),
            Distilled::Subspace(subspace) => format!("{} directions of {samples} sampled networks", subspace.rank()),
            Distilled::Gan(_) => format!("a generator learned from {samples} sampled networks"),
            Distilled::Conditional(it) => format!("the paths of {} chains of {samples} sampled networks", it.chains()),
        };
        format!("{what}, {:.1} KB", posterior.bytes() as f64 / 1e3)
    }
}
