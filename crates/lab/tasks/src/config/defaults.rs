//! How much work each profile asks for, and the settings that the paper leaves open.

use apd_data::Dataset;
use apd_distill::SubspaceConfig;

use super::*;

impl Config {
    /// The defaults for a dataset, a network and a profile, without the sections of tasks.
    pub fn new(dataset: Dataset, net: NetName, profile: Profile) -> Self {
        use Dataset::Digits;
        use Profile::{Full, Paper, Quick};
        // On MNIST, the authors' settings. The digits have fifty times fewer images, and so a posterior that is broader by
        // far: a stronger prior and a smaller step keep one chain of SGLD mixing within one mode.
        let (lr, weight_decay) = match (dataset, profile) {
            (Digits, Paper) => (0.02, 0.01),
            // τ is about 2: under wider priors chains mix more slowly and predictions are the same; under narrower ones they are worse.
            (Digits, _) => (0.02, 0.002),
            _ => (0.05, 0.001),
        };
        // The work is what two cores do in the time that the profile promises.
        let (sgd_steps, steps, burn_in, thinning, (iterations, online_iterations)) = match (dataset, profile) {
            (Digits, Paper) => (40_000, 220_000, 20_000, 50, (10_000, 133)),
            (Digits, Quick) => (10_000, 16_000, 4_000, 20, (600, 20)),
            (Digits, Full) => (40_000, 84_000, 4_000, 50, (10_000, 133)),
            (_, Quick) => (20_000, 40_000, 5_000, 20, (300, 4)),
            (_, Full | Paper) => (200_000, 200_000, 500, 20, (2_000, 26)),
        };
        let (draws, ood_count, ood_scales) = match (dataset, profile) {
            (Digits, _) => (10, 500, vec![1.0]),
            (_, Quick) => (3, 2_000, vec![1.0]),
            (_, Full | Paper) => (10, 2_000, vec![1.0, 5.0, 10.0, 20.0]),
        };
        let tuned = dataset == Digits && profile != Paper;
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
            sampler: match tuned {
                true => SamplerSettings { kind: SamplerKind::Baoab, tuned, ..SamplerSettings::default() },
                false => SamplerSettings::default(),
            },
            sgld: SgldConfig {
                // A second chain costs no time where there are two cores, and tells whether the first has seen everything; six are enough to say so
                // of every prediction.
                chains: if tuned { 6 } else { 2 },
                steps,
                until_ess: tuned.then_some(if profile == Quick { 400.0 } else { 2_000.0 }),
                burn_in,
                thinning,
                training_steps: if tuned { 2_000 } else { 0 },
                batch: if tuned { 2_000 } else { 100 },
                lr,
                weight_decay,
                temperature: 1.0,
                on_divergence: OnDivergence::Stop,
            },
            distill: apd_distill::Config { iterations, ..apd_distill::Config::gan1().with_moments() },
            subspace: {
                let default = SubspaceConfig::default();
                // Sixteen networks' worth of bytes: kept coefficients are a larger share of a small network.
                let (rank, components) = if dataset == Digits { (58, 200) } else { (default.rank, default.components) };
                let iterations = if profile == Quick { 2_000 } else { default.gan.iterations };
                SubspaceConfig { rank, components, gan: apd_distill::Config { iterations, ..default.gan }, ..default }
            },
            online: OnlineConfig { rounds: 20, iterations: online_iterations, buffer: 1000, infinite: true },
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
