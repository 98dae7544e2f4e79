//! What a run will write and hold, estimated before it starts and compared with what there is.

use std::fs;
use std::path::Path;

use apd_distill::{Config as GanConfig, Loss};
use apd_nn::Model as _;

use crate::config::{Config, TaskName};
use crate::distill::{LOOK_NETWORKS, LOOK_ROWS};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::resources::{Bytes, Part};
use crate::tasks::fidelity::compute as fidelity;
use crate::tasks::gan_losses::compute as gan_losses;

/// Partial sums of a distiller's update, at most.
const PARTS: u64 = 64;
/// Copies of θ that a chain makes: itself, its gradient, noise, what it is saved as.
const OF_A_CHAIN: u64 = 8;
/// The program, its threads, tables and figures.
const PROGRAM: u64 = 64 << 20;

/// Bytes that a run takes at most, about: upper bounds from its settings and the shape of its data, before anything has been done.
///
/// Disk is what the run's folder holds at its end, with the checkpoints. Memory is what is allocated at the worst moment: the data, what
/// finished stages leave, and the largest stage. The bank, which is read by memory map, is not in it: what the system keeps of that in
/// memory, it gives up when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceEstimate {
    /// What is written, by kind.
    pub disk: Vec<Part>,
    /// What is held during each stage.
    pub memory: Vec<Part>,
}

impl ResourceEstimate {
    /// That of [`reproduce`](crate::reproduce).
    pub fn of(experiment: &Experiment) -> Self {
        let config = &experiment.config;
        let compares = config.tasks.iter().any(|task| task.compares_posteriors());
        let sizes = Sizes::of(experiment);
        let mut estimate = ResourceEstimate { disk: Vec::new(), memory: Vec::new() };
        if compares {
            sizes.models(config, &mut estimate);
        }
        for task in &config.tasks {
            sizes.task(*task, config, &mut estimate);
        }
        let kept = if compares { sizes.kept(config) } else { 0 };
        for part in &mut estimate.memory {
            part.bytes += PROGRAM + sizes.data + kept;
        }
        estimate
    }

    /// That of [`sample_posterior`](crate::sample_posterior).
    pub fn of_sampling(experiment: &Experiment) -> Self {
        let sizes = Sizes::of(experiment);
        let mut estimate = ResourceEstimate { disk: vec![sizes.bank(&experiment.config)], memory: Vec::new() };
        estimate.memory.push(sizes.sampling(&experiment.config));
        estimate.memory[0].bytes += PROGRAM + sizes.data;
        estimate
    }

    /// Bytes written.
    pub fn disk(&self) -> u64 {
        self.disk.iter().map(|part| part.bytes).sum()
    }

    /// Bytes held at the worst moment.
    pub fn memory(&self) -> u64 {
        self.memory.iter().map(|part| part.bytes).max().unwrap_or(0)
    }

    /// Compares with what is free for a run in `out`; what an earlier run has left there counts as free, for it is kept or cleared. The
    /// sentence that says so.
    ///
    /// **Errors**: [`Error::Resources`] if there is not enough, unless `force`. What the system does not tell is taken to be enough.
    pub fn check(&self, out: &Path, force: bool) -> Result<String> {
        let room = [free_disk(out).map(|free| free.saturating_add(size(out))), free_memory()];
        self.compare(out, room, force)
    }

    fn compare(&self, out: &Path, [disk, memory]: [Option<u64>; 2], force: bool) -> Result<String> {
        let largest = |parts: &[Part]| parts.iter().max_by_key(|part| part.bytes).cloned();
        let wanted = [
            ("disk", self.disk(), disk, largest(&self.disk)),
            ("memory", self.memory(), memory, largest(&self.memory)),
        ];
        for (what, needed, free, part) in wanted {
            if let (Some(free), Some(part)) = (free, part)
                && needed > free
                && !force
            {
                let place = if what == "disk" { format!("{}: ", out.display()) } else { String::new() };
                return Err(Error::Resources { place, what, needed: Bytes(needed), free: Bytes(free), part });
            }
        }
        let free = |free: Option<u64>| free.map_or(String::new(), |free| format!(" of {}", Bytes(free)));
        Ok(format!(
            "at most {}{} on disk and {}{} in memory",
            Bytes(self.disk()),
            free(disk),
            Bytes(self.memory()),
            free(memory)
        ))
    }
}

/// The numbers that everything is a multiple of.
struct Sizes {
    /// Bytes of a network's row, buffers included.
    row: u64,
    /// Bytes of all images.
    data: u64,
    /// Threads, each of which may hold what a piece of work takes.
    threads: u64,
}

impl Sizes {
    fn of(experiment: &Experiment) -> Self {
        let Experiment { config, network, split, .. } = experiment;
        let pixels = split.train.images.dim() as u64;
        let images = |part: &apd_data::Labelled| part.len() as u64;
        // The training images twice: as they are read, and as potentials share them.
        let [train, validation, test] = [&split.train, &split.validation, &split.test].map(images);
        // The sets to be told apart from the test images: seven of them, in as many intensities; stacked, and one read as a whole.
        let scales = 1 + config.evaluation.ood_scales.len() as u64;
        let sets = match config.tasks.iter().any(|task| task.reads_ood_images()) {
            true => scales * (8 + config.user_ood.len() as u64) * config.evaluation.ood_count as u64 + 2 * test,
            false => 0,
        };
        Self {
            row: 4 * network.row_len() as u64,
            data: 4 * pixels * (2 * train + validation + test + sets),
            threads: rayon::current_num_threads() as u64,
        }
    }

    fn bank(&self, config: &Config) -> Part {
        let rows = rows(config);
        // Step, weight, potential; a header and a manifest's entry for each shard, which holds at least a row.
        let bytes = rows * (self.row + 24) + (1 + rows * self.row / (32 << 20)) * 10_000 + 10_000;
        Part { what: "the bank", bytes, flag: format!("--set sgld.thinning={}", 2 * config.sgld.thinning) }
    }

    fn sampling(&self, config: &Config) -> Part {
        // A shard that is being filled.
        let pending = (32 << 20).max(self.row).min(self.row * config.sgld.samples_per_chain());
        let bytes = config.sgld.chains as u64 * (OF_A_CHAIN * self.row + pending);
        Part { what: "sampling", bytes, flag: halved("sgld.chains", config.sgld.chains) }
    }

    fn networks(&self, count: usize) -> u64 {
        count as u64 * self.row
    }

    /// A GAN: for both networks a matrix of d × h and its two moments; a generator for a look, partial sums, and the networks looked at.
    fn gan(&self, gan: &GanConfig) -> u64 {
        let (hidden, batch) = (gan.hidden as u64, gan.batch as u64);
        let sums = PARTS * (batch * hidden + 2 * hidden * hidden + hidden) * 4;
        self.saved_gan(gan) + self.generator(gan) + sums + self.networks(LOOK_NETWORKS + LOOK_ROWS)
    }

    fn saved_gan(&self, gan: &GanConfig) -> u64 {
        let (hidden, latent) = (gan.hidden as u64, gan.latent as u64);
        let small = 2 * (hidden * hidden + hidden * latent + 3 * hidden);
        3 * (self.row * (2 * hidden + 1) + 4 * small) + 4 * self.row
    }

    fn generator(&self, gan: &GanConfig) -> u64 {
        self.networks(gan.hidden + 1)
    }

    /// The directions, a mean and centres.
    fn subspace(&self, config: &Config) -> u64 {
        self.networks(config.subspace.rank + 2)
    }

    /// A randomised decomposition's four matrices, and what comes of it.
    fn directions(&self, rank: usize, rows: u64) -> u64 {
        let rank = rank as u64;
        (4 * (rank + 20 + rank / 2).min(rows) + rank + 4) * self.row
    }

    /// What finished stages leave in memory: points, ensemble, SWAG, generators.
    fn kept(&self, config: &Config) -> u64 {
        let baselines = &config.baselines;
        let points = 2 + baselines.ensemble + 2 * (2 + baselines.swag_rank);
        self.networks(points) + (1 + onlines(config)) * self.generator(&config.distill) + self.subspace(config)
    }

    fn models(&self, config: &Config, estimate: &mut ResourceEstimate) {
        let Config { sgld, distill, online, baselines, .. } = config;
        let narrower = halved("distill.hidden", distill.hidden);
        // The last two checkpoints of everything that has them: GANs, online buffers, chains, point estimates.
        let gans = 1 + onlines(config) + u64::from(config.fidelity.apd && config.tasks.contains(&TaskName::Fidelity));
        let buffers = onlines(config) * (online.buffer as u64).min(rows(config));
        let points = 4 + 4 * baselines.ensemble as u64 + baselines.swag_epochs + OF_A_CHAIN * sgld.chains as u64;
        let saved = 2 * (gans * self.saved_gan(distill) + (buffers + points) * self.row);
        estimate.disk.push(self.bank(config));
        estimate.disk.push(Part {
            what: "checkpoints and generators",
            bytes: saved + self.generator(distill) + self.subspace(config) + (64 << 20),
            flag: narrower.clone(),
        });
        let sampling = self.sampling(config);
        estimate.memory.extend([
            Part {
                what: "training",
                bytes: (OF_A_CHAIN * (2 + baselines.ensemble as u64) + baselines.swag_epochs) * self.row
                    + sampling.bytes,
                ..sampling
            },
            Part { what: "distillation", bytes: self.gan(distill), flag: narrower },
            Part {
                what: "the subspace",
                bytes: self.directions(config.subspace.rank, rows(config)),
                flag: halved("subspace.rank", config.subspace.rank),
            },
        ]);
        if online.rounds > 0 {
            let rows = online.buffer + 2 * online.staged(sgld) + OF_A_CHAIN as usize * sgld.chains;
            estimate.memory.push(Part {
                what: "online distillation",
                bytes: self.gan(distill) + self.networks(rows),
                flag: "--set online.rounds=0".to_owned(),
            });
        }
    }

    fn task(&self, task: TaskName, config: &Config, estimate: &mut ResourceEstimate) {
        let networks = |count| self.networks(count);
        let (bytes, flag) = match task {
            TaskName::Classify | TaskName::Ood => {
                let count = config.evaluation.networks;
                (networks(count), halved("evaluation.networks", count))
            }
            TaskName::Adversarial => {
                let count = config.adversarial.networks;
                (networks(2 * count), halved("adversarial.networks", count))
            }
            TaskName::Curves => {
                let count = config.curves.networks.iter().copied().max().unwrap_or(0);
                (networks(count), format!("--set curves.networks=[{}]", count / 2))
            }
            TaskName::GanLosses => {
                let settings = &config.gan_losses;
                let gan = gan_losses::config(settings, Loss::WganGp);
                let (runs, flag) =
                    ((Loss::ALL.len() * settings.seeds) as u64, halved("gan-losses.hidden", settings.hidden));
                let saved = 2 * runs * self.saved_gan(&gan);
                estimate.disk.push(Part { what: "checkpoints of gan-losses", bytes: saved, flag: flag.clone() });
                let concurrent = self.threads.min(runs) * (self.gan(&gan) + networks(settings.networks));
                (concurrent + networks(2 * settings.networks), flag)
            }
            TaskName::Fidelity => {
                let settings = &config.fidelity;
                let rank = fidelity::directions(config);
                // Nine rivals at each size, each at most as large as it says.
                let rivals: usize = settings.sizes.iter().map(|size| (9.0 * size) as usize).sum();
                let apd = if settings.apd { self.gan(&config.distill) } else { 0 };
                // Clouds of networks are compared once everything has been fitted.
                let judging = networks(settings.networks.max(3 * fidelity::CLOUD));
                let fitted = networks(rank + rivals) + apd.max(judging);
                (self.directions(rank, rows(config)).max(fitted), "--set fidelity.sizes=[4.0]".to_owned())
            }
            TaskName::Active => {
                let settings = &config.active;
                let samples = settings.sgld.steps.saturating_sub(settings.sgld.burn_in) / settings.sgld.thinning.max(1);
                let rows = samples * settings.sgld.chains as u64;
                let distilling = self.gan(&settings.distill).max(self.directions(config.subspace.rank, rows));
                let of_one = 2 * rows * self.row + networks(settings.networks) + distilling;
                (self.threads * of_one, "--threads 1".to_owned())
            }
            // Networks of a few hundred parameters.
            TaskName::Samplers => (0, halved("samplers.images", config.samplers.images)),
            TaskName::Toy2d => (0, halved("toy2d.grid", config.toy2d.grid)),
        };
        estimate.memory.push(Part { what: task.name(), bytes, flag });
    }
}

/// Rows of the bank.
fn rows(config: &Config) -> u64 {
    config.sgld.chains as u64 * config.sgld.samples_per_chain()
}

/// Generators that are distilled while sampling.
fn onlines(config: &Config) -> u64 {
    if config.online.rounds == 0 { 0 } else { 1 + u64::from(config.online.infinite) }
}

fn halved(setting: &str, value: usize) -> String {
    format!("--set {setting}={}", (value / 2).max(1))
}

/// Bytes of all files in a folder; 0 for what cannot be read.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(there) if there.is_dir() => size(&entry.path()),
        Ok(there) => there.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Bytes that can be written where `path` is, or will be.
fn free_disk(path: &Path) -> Option<u64> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find_map(|folder| fs4::available_space(folder).ok())
}

/// Bytes of memory that can be had: of the machine, or of the control group if that has less.
fn free_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let of_group = system.cgroup_limits().map(|limits| limits.free_memory);
    let of_machine = Some(system.available_memory()).filter(|&free| free > 0);
    of_machine.into_iter().chain(of_group).min()
}

#[cfg(test)]
mod tests;
