//! A method's networks under attack.

use std::fmt;

use apd_bnn::{Attack, Categorical, TargetRows};
use apd_data::Labelled;
use apd_nn::{Model as _, Network};
use apd_seed::Seed;
use apd_uncertainty::{Score, accuracy, nll};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::named_posterior::{NamedPosterior, averaged, network_rows};
use crate::pictures;
use crate::tasks::adversarial::settings::AdversarialConfig;

/// What is done to the images, and by the gradient of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// ±ε in each pixel, by chance: what any change of this size does.
    Noise,
    /// One step on the loss of one network.
    FgsmDraw,
    /// Many steps on the loss of one network.
    PgdDraw,
    /// One step on the loss of the averaged prediction.
    FgsmAverage,
    /// Many steps on the loss of the averaged prediction.
    PgdAverage,
    /// The least of that one step that misleads the averaged prediction, image by image.
    FgsmMinimal,
}

/// Lengths that [`Kind::FgsmMinimal`] tries.
const LENGTHS: usize = 32;

impl Kind {
    /// All of them, the weakest first.
    pub const ALL: [Kind; 6] =
        [Kind::Noise, Kind::FgsmDraw, Kind::PgdDraw, Kind::FgsmAverage, Kind::PgdAverage, Kind::FgsmMinimal];

    /// Its name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Noise => "noise",
            Kind::FgsmDraw => "fgsm-draw",
            Kind::PgdDraw => "pgd-draw",
            Kind::FgsmAverage => "fgsm-average",
            Kind::PgdAverage => "pgd-average",
            Kind::FgsmMinimal => "fgsm-minimal",
        }
    }

    /// Whether it follows one network, and so differs from the attack on the average.
    pub fn on_one_network(self) -> bool {
        matches!(self, Kind::FgsmDraw | Kind::PgdDraw)
    }

    /// Whether it follows a gradient.
    pub fn is_attack(self) -> bool {
        self != Kind::Noise
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One draw of a method's networks.
pub(super) struct AttackTarget {
    network: Network,
    /// A row each.
    thetas: Array2<f32>,
    /// The one that is attacked alone.
    one: usize,
    scores: Vec<Score>,
}

/// A method's averaged prediction of some images.
pub(super) struct Evaluation {
    pub(super) accuracy: f64,
    pub(super) nll: f64,
    /// The class that each image is taken for.
    pub(super) seen: Vec<u32>,
    pub(super) scores: Vec<(Score, Vec<f64>)>,
}

impl AttackTarget {
    /// **Errors**: no networks, or of another length.
    pub(super) fn new(network: &Network, posterior: NamedPosterior<'_>, count: usize, seed: Seed) -> Result<Self> {
        let thetas = posterior.networks(count, seed);
        if thetas.nrows() == 0 {
            return Err(Error::Empty(posterior.name));
        }
        if thetas.ncols() != network.row_len() {
            return Err(Error::Mismatch {
                what: format!("parameters of a network of method {}", posterior.name),
                expected: network.row_len(),
                found: thetas.ncols(),
            });
        }
        // Rows of a bank come in the order of its file, so that the first would be an early one.
        let one = seed.child("one").stream().below(thetas.nrows() as u32) as usize;
        // Batch normalization folded in: then each image is by itself, and the attack has a gradient of the network that is asked.
        let folded = network.folded();
        let thetas = match network.buffers() {
            0 => thetas,
            _ => {
                let rows = thetas.rows().into_iter().flat_map(|row| network.fold(&row.to_vec())).collect();
                Array2::from_shape_vec((thetas.nrows(), folded.dim()), rows).expect("a folded network each")
            }
        };
        Ok(Self { network: folded, thetas, one, scores: posterior.scores() })
    }

    /// The attacked images; they lie in the ball of radius ε around these, and in [−1, 1].
    pub(super) fn perturb(
        &self,
        kind: Kind,
        epsilon: f64,
        settings: &AdversarialConfig,
        seed: Seed,
        shown: &Labelled,
    ) -> Array2<f32> {
        let (pixels, labels) = (shown.images.pixels.view(), &shown.labels);
        let step = settings.step * epsilon / settings.epsilon;
        let pgd = Attack::pgd(epsilon as f32, step as f32, settings.steps);
        let attack = match kind {
            Kind::Noise => return noise(pixels, epsilon as f32, seed.child("noise")),
            Kind::FgsmDraw | Kind::FgsmAverage | Kind::FgsmMinimal => Attack::fgsm(epsilon as f32),
            Kind::PgdDraw | Kind::PgdAverage if settings.random_start => pgd.from_random_start(seed),
            Kind::PgdDraw | Kind::PgdAverage => pgd,
        };
        let thetas = self.rows();
        let thetas = if kind.on_one_network() { &thetas[self.one..=self.one] } else { &thetas };
        let images = attack.run(&self.network, &Categorical, thetas, pixels, TargetRows::Classes(labels));
        if kind == Kind::FgsmMinimal { self.shortened(&images, epsilon as f32, shown) } else { images }
    }

    /// Of each image the shortest of [`LENGTHS`] equal parts of its step of `epsilon` that misleads the averaged prediction: the image as it is where
    /// that is wrong already, the whole step where none misleads.
    fn shortened(&self, whole: &Array2<f32>, epsilon: f32, shown: &Labelled) -> Array2<f32> {
        let (pixels, labels) = (&shown.images.pixels, &shown.labels);
        let mut images = pixels.clone();
        let mut right: Vec<usize> = (0..labels.len()).collect();
        for part in 0..=LENGTHS {
            let length = epsilon * part as f32 / LENGTHS as f32;
            for &i in &right {
                let step = whole.row(i).into_iter().zip(pixels.row(i));
                for (image, (&to, &from)) in images.row_mut(i).iter_mut().zip(step) {
                    // A pixel that the step cannot move, at the end of the range, has no direction.
                    let direction = if to > from {
                        1.0
                    } else if to < from {
                        -1.0
                    } else {
                        0.0
                    };
                    *image = (from + length * direction).clamp(-1.0, 1.0);
                }
            }
            let asked = images.select(Axis(0), &right);
            let seen = pictures::classes(&averaged(&self.network, network_rows(&self.thetas), asked.view()).mean());
            right = right.into_iter().zip(seen).filter(|&(i, class)| class == labels[i]).map(|(i, _)| i).collect();
            if right.is_empty() {
                break;
            }
        }
        images
    }

    /// What the average of all networks says of these images.
    pub(super) fn evaluate(&self, images: ArrayView2<'_, f32>, labels: &[u32]) -> Result<Evaluation> {
        let predictive = averaged(&self.network, network_rows(&self.thetas), images);
        let mean = predictive.mean();
        Ok(Evaluation {
            accuracy: accuracy(mean.view(), labels)?,
            nll: nll(mean.view(), labels)?,
            seen: pictures::classes(&mean),
            scores: self.scores.iter().map(|&score| (score, predictive.score(score))).collect(),
        })
    }

    /// How often the network that is attacked alone is right.
    pub(super) fn evaluate_one(&self, images: ArrayView2<'_, f32>, labels: &[u32]) -> Result<f64> {
        let mean = averaged(&self.network, network_rows(&self.thetas).skip(self.one).take(1), images).mean();
        Ok(accuracy(mean.view(), labels)?)
    }

    fn rows(&self) -> Vec<&[f32]> {
        network_rows(&self.thetas).collect()
    }
}

/// x ± ε within [−1, 1], a stream for each image.
fn noise(pixels: ArrayView2<'_, f32>, epsilon: f32, seed: Seed) -> Array2<f32> {
    let mut noisy = pixels.to_owned();
    for (n, mut image) in noisy.rows_mut().into_iter().enumerate() {
        let mut stream = seed.index(n as u64).stream();
        image.mapv_inplace(|x| (if stream.below(2) == 0 { x - epsilon } else { x + epsilon }).clamp(-1.0, 1.0));
    }
    noisy
}
