//! How much work each profile asks for, and the settings that the paper leaves open.

use apd_data::Dataset;
use apd_distill::SubspaceConfig;

use super::*;

impl Config {
    /// The defaults for a dataset, a network and a profile.
    pub fn new(dataset: Dataset, net: NetName, profile: Profile) -> Self {
        use Dataset::Digits;
        use Profile::{Full, Quick};
        // On MNIST, the authors' settings. The digits have fifty times fewer images, and so a posterior that is broader by
        // far: a stronger prior and a smaller step keep one chain mixing within one mode.
        let (lr, weight_decay) = match dataset {
            Digits => (0.02, 0.01),
            _ => (0.05, 0.001),
        };
        // The work is what two cores do in the time that the profile promises.
        let (sgd_steps, steps, burn_in, thinning, iterations) = match (dataset, profile) {
            (Digits, Quick) => (10_000, 60_000, 20_000, 20, 1_500),
            (Digits, Full) => (40_000, 220_000, 20_000, 50, 10_000),
            (_, Quick) => (20_000, 40_000, 5_000, 20, 300),
            (_, Full) => (200_000, 200_000, 500, 20, 2_000),
        };
        let (draws, ood_count, ood_scales) = match (dataset, profile) {
            (Digits, _) => (10, 500, vec![1.0]),
            (_, Quick) => (3, 2_000, vec![1.0]),
            (_, Full) => (10, 2_000, vec![1.0, 5.0, 10.0, 20.0]),
        };
        let config = Config {
            dataset,
            data_dir: None,
            net,
            profile,
            seed: 1,
            tasks: TaskName::ALL.to_vec(),
            sgd: SgdConfig {
                steps: sgd_steps,
                batch: 100,
                lr: 0.05,
                weight_decay: 0.001,
                momentum: 0.0,
                validate_every: 500,
            },
            baselines: BaselinesConfig { dropout: 0.5, ensemble: 5, swag_epochs: 40, swag_rank: 20 },
            // A second chain costs no time where there are two cores, and tells whether the first has seen everything.
            sgld: SgldConfig {
                chains: 2,
                steps,
                burn_in,
                thinning,
                batch: 100,
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
            online: OnlineConfig { rounds: 20, iterations: (iterations / 75).max(1), buffer: 1000, infinite: true },
            gan_losses: GanLossesConfig {
                seeds: if profile == Quick { 2 } else { 3 },
                iterations: if profile == Quick { 300 } else { 3_000 },
                looks: 10,
                hidden: 50,
                batch: 50,
                networks: 100,
            },
            evaluation: EvaluationConfig { networks: 200, draws, ood_count, ood_scales },
            fidelity: FidelityConfig::new(dataset, profile),
            curves: CurvesConfig {
                networks: vec![1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
                draws: if profile == Quick && dataset != Digits { 1 } else { 3 },
            },
            samplers: SamplersConfig {
                images: 300,
                hidden: 10,
                prior_precision: 10.0,
                batch: 30,
                chains: 4,
                steps: if profile == Quick { 20_000 } else { 200_000 },
                burn_in: if profile == Quick { 4_000 } else { 40_000 },
                thinning: if profile == Quick { 40 } else { 400 },
                step_sizes: vec![2e-4, 8e-4, 3.2e-3],
                reference_warmup: 300,
                reference_draws: if profile == Quick { 300 } else { 2_000 },
            },
            adversarial: {
                // A step on the average costs as many passes as there are networks, and there are `steps` of them per image.
                let (images, networks, draws, epsilons) = match (dataset, profile) {
                    (Digits, Quick) => (300, 20, 3, vec![0.1, 0.2, 0.4]),
                    (Digits, Full) => (500, 50, 10, vec![0.05, 0.1, 0.15, 0.2, 0.4, 0.5]),
                    (_, Quick) => (500, 20, 2, vec![0.05, 0.1, 0.2]),
                    (_, Full) => (6_000, 50, 3, vec![0.02, 0.05, 0.1, 0.15, 0.2, 0.4]),
                };
                let (epsilon, steps, step) = (0.3, 40, 0.02);
                AdversarialConfig { images, networks, draws, epsilon, steps, step, random_start: false, epsilons }
            },
            toy2d: Toy2dConfig::new(profile),
            active: ActiveConfig::new(dataset, profile),
            user_ood: Vec::new(),
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
        if config.profile == Profile::Full {
            return config;
        }
        config.baselines = BaselinesConfig { ensemble: 3, swag_epochs: 4, swag_rank: 4, ..config.baselines };
        config.sgd = SgdConfig { steps: 1_500, validate_every: 250, ..config.sgd };
        config.sgld = SgldConfig { steps: 4_000, burn_in: 1_000, thinning: 10, ..config.sgld };
        config.evaluation = EvaluationConfig { networks: 20, draws: 2, ood_count: 500, ..config.evaluation };
        config.fidelity =
            FidelityConfig { truth: 100, networks: 20, draws: 2, sizes: vec![4.0, 16.0], gan_rank: 0, apd: false };
        config.curves = CurvesConfig { networks: vec![1, 2, 5, 10, 20], draws: 1 };
        config.adversarial =
            AdversarialConfig { images: 100, networks: 5, draws: 1, epsilons: vec![0.1], ..config.adversarial };
        config
    }
}
