//! What a run will write and hold, estimated before it starts and compared with what there is.

use std::fs;
use std::path::Path;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::resources::{Bytes, Cost, Part, halved};
use crate::sizes::{Sizes, bank_rows};

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
    /// That of a run which prepares models or does not, and whose tasks cost so much.
    pub(crate) fn of(
        config: &Config,
        sizes: &Sizes,
        models: bool,
        costs: impl Iterator<Item = (&'static str, Cost)>,
    ) -> Self {
        let mut estimate = ResourceEstimate { disk: Vec::new(), memory: Vec::new() };
        if models {
            estimate.add_models(config, sizes);
        }
        let kept = if models { sizes.kept(config) } else { 0 };
        for (what, Cost { memory, disk, flag }) in costs {
            if disk > 0 {
                estimate.disk.push(Part { what, bytes: disk, flag: flag.clone() });
            }
            estimate.memory.push(Part { what, bytes: memory, flag });
        }
        for part in &mut estimate.memory {
            part.bytes += PROGRAM + sizes.data() + kept;
        }
        estimate
    }

    /// That of [`sample_posterior`](crate::sample_posterior).
    pub(crate) fn of_sampling(experiment: &Experiment) -> Self {
        let (config, sizes) = (&experiment.config, Sizes::of(experiment, false));
        let mut sampling = sampling(config, &sizes);
        sampling.bytes += PROGRAM + sizes.data();
        ResourceEstimate { disk: vec![bank(config, &sizes)], memory: vec![sampling] }
    }

    fn add_models(&mut self, config: &Config, sizes: &Sizes) {
        let Config { sgld, distill, online, baselines, .. } = config;
        let narrower = halved("distill.hidden", distill.hidden);
        // The last two checkpoints of everything that has them: GANs, online buffers, chains, point estimates.
        let onlines = config.online.generators();
        let gans = 1 + onlines;
        let buffers = onlines * (online.buffer as u64).min(bank_rows(config));
        let points = 4 + 4 * baselines.ensemble as u64 + baselines.swag_epochs + OF_A_CHAIN * sgld.chains as u64;
        let saved = 2 * (gans * sizes.saved_gan(distill) + (buffers + points) * sizes.row());
        self.disk.push(bank(config, sizes));
        self.disk.push(Part {
            what: "checkpoints and generators",
            bytes: saved + sizes.generator(distill) + sizes.subspace(config) + (64 << 20),
            flag: narrower.clone(),
        });
        let sampling = sampling(config, sizes);
        self.memory.extend([
            Part {
                what: "training",
                bytes: (OF_A_CHAIN * (2 + baselines.ensemble as u64) + baselines.swag_epochs) * sizes.row()
                    + sampling.bytes,
                ..sampling
            },
            Part { what: "distillation", bytes: sizes.gan(distill), flag: narrower },
            Part {
                what: "distillation into a small form",
                bytes: sizes.directions(config.subspace.rank, bank_rows(config)),
                flag: halved("subspace.rank", config.subspace.rank),
            },
        ]);
        if online.rounds > 0 {
            let rows = online.buffer + 2 * online.staged(sgld) + OF_A_CHAIN as usize * sgld.chains;
            self.memory.push(Part {
                what: "online distillation",
                bytes: sizes.gan(distill) + sizes.networks(rows),
                flag: "--set online.rounds=0".to_owned(),
            });
        }
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

fn bank(config: &Config, sizes: &Sizes) -> Part {
    let rows = bank_rows(config);
    // Step, weight, potential; a header and a manifest's entry for each shard, which holds at least a row.
    let bytes = rows * (sizes.row() + 24) + (1 + rows * sizes.row() / (32 << 20)) * 10_000 + 10_000;
    Part { what: "the bank", bytes, flag: format!("--set sgld.thinning={}", 2 * config.sgld.thinning) }
}

fn sampling(config: &Config, sizes: &Sizes) -> Part {
    // A shard that is being filled.
    let pending = (32 << 20).max(sizes.row()).min(sizes.row() * config.sgld.samples_per_chain());
    let bytes = config.sgld.chains as u64 * (OF_A_CHAIN * sizes.row() + pending);
    Part { what: "sampling", bytes, flag: halved("sgld.chains", config.sgld.chains) }
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
