//! The losses, as functions of scores: on numbers, with derivatives, and in tensor operations.

use apd_tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::kernel::Element;

/// Added to squared gradient norms: the square root has no derivative at 0.
pub(crate) const EPSILON: f64 = 1e-12;

/// The loss that critic and generator play for.
///
/// Each loss says by ℓ how far the critic's score s = D(x) of a point (no sigmoid in it) is from what is wanted of it:
///
/// | | ℓ(s, real) | ℓ(s, generated) | and |
/// |---|---|---|---|
/// | [`WganGp`](Self::WganGp) | −s | s | a penalty on the critic's slope |
/// | [`Wgan`](Self::Wgan) | −s | s | clipping of the critic's parameters |
/// | [`Dcgan`](Self::Dcgan) | ln(1 + e⁻ˢ) | ln(1 + eˢ) | |
/// | [`Lsgan`](Self::Lsgan) | ½(s − 1)² | ½s² | |
///
/// The critic lowers mean ℓ(D(x), real) + mean ℓ(D(x̃), generated), the generator lowers mean ℓ(D(x̃), real).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The Wasserstein distance, the critic held to slope 1 by λ·mean (‖∇D(x̂)‖ − 1)² at points x̂ between real and generated ones.
    ///
    /// Reference: Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, *Improved training of Wasserstein GANs*, NeurIPS 2017, eq. 3.
    #[default]
    WganGp,
    /// The Wasserstein distance, every parameter of the critic clipped to [−c, c] after each of its updates.
    ///
    /// Reference: Arjovsky, Chintala & Bottou, *Wasserstein generative adversarial networks*, ICML 2017, algorithm 1.
    Wgan,
    /// The original game in its non-saturating form: logistic regression of real against generated.
    ///
    /// References: Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014, §3; the settings: Radford, Metz & Chintala,
    /// *Unsupervised representation learning with deep convolutional GANs*, ICLR 2016.
    Dcgan,
    /// Least squares, with 0 for generated and 1 for real points.
    ///
    /// Reference: Mao et al., *Least squares generative adversarial networks*, ICCV 2017, eq. 9.
    Lsgan,
}

impl Loss {
    /// All of them.
    pub const ALL: [Loss; 4] = [Loss::WganGp, Loss::Wgan, Loss::Dcgan, Loss::Lsgan];

    /// Its name in settings, on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::WganGp => "wgan-gp",
            Self::Wgan => "wgan",
            Self::Dcgan => "dcgan",
            Self::Lsgan => "lsgan",
        }
    }

    /// ℓ and its derivative at a score that should be that of a real point, or of a generated one.
    pub(crate) fn term<T: Element>(self, score: T, real: bool) -> (T, T) {
        let one = T::one();
        let sign = if real { -one } else { one };
        match self {
            Self::WganGp | Self::Wgan => (sign * score, sign),
            Self::Dcgan => {
                let x = sign * score;
                (x.max(T::zero()) + (-x.abs()).exp().ln_1p(), sign / (one + (-x).exp()))
            }
            Self::Lsgan => {
                let miss = if real { score - one } else { score };
                (miss * miss / (one + one), miss)
            }
        }
    }

    /// Mean ℓ over scores.
    fn mean<T: Element>(self, scores: &Tensor<T>, real: bool) -> Tensor<T> {
        let signed = || if real { scores.neg() } else { scores.clone() };
        match self {
            Self::WganGp | Self::Wgan => signed(),
            Self::Dcgan => signed().softplus(),
            Self::Lsgan if real => scores.add_scalar(-T::one()).square().scale(T::from_f64(0.5)),
            Self::Lsgan => scores.square().scale(T::from_f64(0.5)),
        }
        .mean()
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The objective: a loss, and the weight λ of the penalty on the critic's slope where the loss has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Objective {
    pub(crate) loss: Loss,
    pub(crate) penalty: Option<f64>,
}

/// The report of one critic update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticLoss {
    /// What the update lowered: mean ℓ(D(x), real) + mean ℓ(D(x̃), generated) + λ·penalty.
    pub loss: f64,
    /// W = mean D(x) − mean D(x̃): for the Wasserstein losses an estimate of the distance, up to a factor.
    pub wasserstein: f64,
    /// mean (‖∇D‖ − 1)², without λ; 0 where the loss has no penalty.
    pub penalty: f64,
}

/// relu(x·Wᵀ + b).
fn layer<T: Element>(x: &Tensor<T>, weight: &Tensor<T>, bias: &Tensor<T>) -> Tensor<T> {
    linear(x, weight, bias).relu()
}

fn linear<T: Element>(x: &Tensor<T>, weight: &Tensor<T>, bias: &Tensor<T>) -> Tensor<T> {
    x.matmul_nt(weight).add(bias)
}

/// The critic from the first layer's pre-activations without bias, N × h → N × 1; `head` as in `Widths::head`.
pub(crate) fn head<T: Element>(first: &Tensor<T>, head: &[Tensor<T>]) -> Tensor<T> {
    let second = layer(&first.add(&head[0]).relu(), &head[1], &head[2]);
    linear(&layer(&second, &head[3], &head[4]), &head[5], &head[6])
}

/// The generator without its last layer, N × z → N × h; `trunk` as in `Widths::trunk`.
pub(crate) fn trunk<T: Element>(latent: &Tensor<T>, trunk: &[Tensor<T>]) -> Tensor<T> {
    let first = layer(latent, &trunk[0], &trunk[1]);
    layer(&layer(&first, &trunk[2], &trunk[3]), &trunk[4], &trunk[5])
}

impl Objective {
    /// The critic's loss from its scores, and from ‖∇D(x̂)‖² where there is a penalty: mean (√(‖∇D(x̂)‖² + ε) − 1)².
    pub(crate) fn critic<T: Element>(
        self,
        real: &Tensor<T>,
        fake: &Tensor<T>,
        squared_norms: impl FnOnce() -> Tensor<T>,
    ) -> (Tensor<T>, CriticLoss) {
        let mut loss = self.loss.mean(real, true).add(&self.loss.mean(fake, false));
        let wasserstein = real.mean().item().as_f64() - fake.mean().item().as_f64();
        let mut report = CriticLoss { loss: f64::NAN, wasserstein, penalty: 0.0 };
        if let Some(weight) = self.penalty {
            let norms = squared_norms().add_scalar(T::from_f64(EPSILON)).sqrt();
            let penalty = norms.add_scalar(-T::one()).square().mean();
            report.penalty = penalty.item().as_f64();
            loss = loss.add(&penalty.scale(T::from_f64(weight)));
        }
        report.loss = loss.item().as_f64();
        (loss, report)
    }

    /// The generator's loss from the critic's scores of its points.
    pub(crate) fn generator<T: Element>(self, fake: &Tensor<T>) -> Tensor<T> {
        self.loss.mean(fake, true)
    }
}
