//! A task: how far does each method of a run agree with the one of our own?

use apd_tasks::report::{Row, Section};
use apd_tasks::{Context, Findings, NamedPosterior, Needs, Prepared, Result, Task};

pub(crate) struct Agreement;

impl Task for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }
    fn doc(&self) -> &'static str {
        "Agreement with independent weights"
    }
    fn needs(&self) -> Needs {
        Needs { models: true, ..Needs::default() }
    }
    fn run(&self, _: Context<'_>, prepared: &Prepared<'_>) -> Result<Findings> {
        let (experiment, test) = (prepared.experiment, &prepared.experiment.split.test);
        let classes = |method: NamedPosterior<'_>| -> Result<Vec<Option<usize>>> {
            let seed = experiment.seed.child("agreement");
            let mean = method.predict(&experiment.network, 20, seed, test.images.pixels.view())?.mean();
            Ok(mean.outer_iter().map(|p| (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b]))).collect())
        };
        let methods = prepared.posteriors();
        let diagonal = methods.iter().find(|method| method.name == "diagonal").expect("the method of this example");
        let ours = classes(*diagonal)?;
        let mut rows = Vec::new();
        for &method in &methods {
            let theirs = classes(method)?;
            let share = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count() as f64 / ours.len() as f64;
            let (dataset, net) = (experiment.config.dataset.name(), experiment.config.net.name());
            rows.push(Row::new(self.name(), dataset, net, method.name, "agreement", share));
        }
        Ok(Findings { rows, section: Section::new("Agreement with independent weights"), seconds: Vec::new() })
    }
}
