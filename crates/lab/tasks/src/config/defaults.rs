//! How much work each profile asks for, and the settings that the paper leaves open.

use apd_data::Dataset;
use apd_distill::SubspaceConfig;

use super::*;

impl Config {
    /// The defaults for a dataset, a network and a profile, without the sections of tasks.
    pub fn new(dataset: Dataset, net: NetName, profile: Profile) -> Self {
        use Dataset::Digits;
        use Profile::{Full, Paper, Quick};
        let sampler = Sampler::of(dataset, net, profile);
        let sgld = sampler.chains(dataset, profile);
        // The work is what two cores do in the time that the profile promises.
        let (sgd_steps, (iterations, online_iterations)) = match (dataset, profile) {
            (Digits, Quick) => (10_000, (600, 20)),
            (Digits, Full | Paper) => (40_000, (10_000, 133)),
            (_, Quick) => (20_000, (300, 4)),
            (_, Full | Paper) => (200_000, (2_000, 26)),
        };
        let (draws, ood_count, ood_scales) = match (dataset, profile) {
            (Digits, _) => (10, 500, vec![1.0]),
            (_, Quick) => (3, 2_000, vec![1.0]),
            (_, Full | Paper) => (10, 2_000, vec![1.0, 5.0, 10.0, 20.0]),
        };
        let config = Config {
            dataset,
            data_dir: None,
            net,
            profile,
            seed: 1,
            tasks: Vec::new(),
            sgd: SgdConfig {
                steps: sgd_steps,
                batch: 100,
                lr: 0.05,
                weight_decay: 0.001,
                momentum: 0.0,
                validate_every: 500,
            },
            baselines: BaselinesConfig { dropout: 0.5, ensemble: 5, swag_epochs: 40, swag_rank: 20 },
            sampler: match sampler {
                Sampler::Authors => SamplerSettings::default(),
                _ => SamplerSettings {
                    kind: SamplerKind::Baoab,
                    tuned: sampler == Sampler::Tuned,
                    cycle: sampler.cycle(profile),
                    ..SamplerSettings::default()
                },
            },
            // No more rounds than a chain has samples.
            online: {
                let rounds = sgld.samples_per_chain().min(20);
                OnlineConfig { rounds, iterations: 20 * online_iterations / rounds, buffer: 1000, infinite: true }
            },
            sgld,
            distill: apd_distill::Config { iterations, ..apd_distill::Config::gan1().with_moments() },
            subspace: {
                let default = SubspaceConfig::default();
                // Sixteen networks' worth of bytes: kept coefficients are a larger share of a small network.
                let (rank, components) = if dataset == Digits { (58, 200) } else { (default.rank, default.components) };
                let iterations = if profile == Quick { 2_000 } else { default.gan.iterations };
                SubspaceConfig { rank, components, gan: apd_distill::Config { iterations, ..default.gan }, ..default }
            },
            evaluation: EvaluationConfig { networks: 200, draws, ood_count, ood_scales },
            user_ood: Vec::new(),
            sections: Sections::default(),
        };
        if net.is_convolutional() { config.convolutional() } else { config }
    }

    /// The same for a convolutional network. One step costs tens of times a perceptron's, so that the quick profile takes fewer, and
    /// averages fewer networks; the full one is the paper's.
    fn convolutional(self) -> Self {
        let distill =
            apd_distill::Config { iterations: self.distill.iterations, ..apd_distill::Config::cnn().with_moments() };
        let baselines = BaselinesConfig { dropout: 0.0, ..self.baselines };
        let mut config = Config { distill, baselines, ..self };
        if config.profile != Profile::Quick {
            return config;
        }
        config.baselines = BaselinesConfig { ensemble: 3, swag_epochs: 4, swag_rank: 4, ..config.baselines };
        config.sgd = SgdConfig { steps: 1_500, validate_every: 250, ..config.sgd };
        config.sgld = SgldConfig { steps: 4_000, burn_in: 1_000, thinning: 10, ..config.sgld };
        config.evaluation = EvaluationConfig { networks: 20, draws: 2, ood_count: 500, ..config.evaluation };
        config
    }
}

/// What the posterior is sampled by: `docs/samplers.md` compares them.
#[derive(Clone, Copy, PartialEq)]
enum Sampler {
    /// The authors' SGLD.
    Authors,
    /// BAOAB over all images, its step as measured where a chain starts.
    Tuned,
    /// BAOAB on minibatches. No bias budget bounds its step, since on MNIST no other leaves the surroundings of its trained networks; it falls to 0
    /// before each sample, and with it the heat of the minibatches.
    Minibatches,
}

impl Sampler {
    fn of(dataset: Dataset, net: NetName, profile: Profile) -> Self {
        match (dataset, profile) {
            (_, Profile::Paper) | (Dataset::FashionMnist, _) => Self::Authors,
            (Dataset::Digits, _) => Self::Tuned,
            (Dataset::Mnist, _) if net.is_convolutional() => Self::Authors,
            (Dataset::Mnist, _) => Self::Minibatches,
        }
    }

    /// Steps between two samples of those whose step size falls; 0 of others.
    fn cycle(self, profile: Profile) -> u64 {
        match (self, profile) {
            (Self::Minibatches, Profile::Quick) => 500,
            (Self::Minibatches, _) => 1_000,
            _ => 0,
        }
    }

    fn chains(self, dataset: Dataset, profile: Profile) -> SgldConfig {
        let quick = profile == Profile::Quick;
        let config = SgldConfig {
            // A second chain costs no time where there are two cores, and tells whether the first has seen everything.
            chains: 2,
            steps: 200_000,
            until_ess: None,
            burn_in: 500,
            thinning: 20,
            training_steps: 0,
            batch: 100,
            lr: 0.05,
            weight_decay: 0.001,
            temperature: 1.0,
            on_divergence: OnDivergence::Stop,
        };
        match self {
            // The digits have fifty times fewer images, and so a posterior that is broader by far: a stronger prior and a smaller step keep one
            // chain of SGLD mixing within one mode.
            Self::Authors if dataset == Dataset::Digits => {
                SgldConfig { steps: 220_000, burn_in: 20_000, thinning: 50, lr: 0.02, weight_decay: 0.01, ..config }
            }
            Self::Authors if quick => SgldConfig { steps: 40_000, burn_in: 5_000, ..config },
            Self::Authors => config,
            Self::Tuned => SgldConfig {
                // Enough to say of every prediction whether they agree.
                chains: 6,
                steps: if quick { 16_000 } else { 84_000 },
                until_ess: Some(if quick { 400.0 } else { 2_000.0 }),
                burn_in: 4_000,
                thinning: if quick { 20 } else { 50 },
                training_steps: 2_000,
                batch: 2_000,
                lr: 0.02,
                // τ is about 2: under wider priors chains mix more slowly and predictions are the same; under narrower ones they are worse.
                weight_decay: 0.002,
                ..config
            },
            // As many images as the authors' two chains see.
            Self::Minibatches => SgldConfig {
                chains: if quick { 6 } else { 12 },
                steps: if quick { 6_000 } else { 14_000 },
                burn_in: if quick { 3_000 } else { 6_000 },
                thinning: self.cycle(profile),
                training_steps: if quick { 3_000 } else { 6_000 },
                batch: 200,
                lr: 0.5,
                // τ = 2.
                weight_decay: 0.000_04,
                ..config
            },
        }
    }
}
