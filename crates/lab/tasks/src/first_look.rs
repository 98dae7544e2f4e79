//! What a run can say before it has distilled anything: a table of what was trained and sampled, and the image that the posterior is least sure of.

use std::fmt::Write as _;

use apd_data::Images;
use apd_uncertainty::{Score, accuracy, nll};
use ndarray::ArrayView1;

use crate::error::Result;
use crate::experiment::Experiment;
use crate::method::FittedMethod;
use crate::named_posterior::Role;

/// Validation images that are looked at: the test images come last.
const IMAGES: usize = 1_000;
/// Networks of each method that are averaged, at most.
const NETWORKS: usize = 100;
/// Rows of a picture, at most.
const ROWS: usize = 14;
/// Characters of a certain class's bar.
const BAR: f64 = 30.0;
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// A table of these methods' averages, and a picture.
///
/// **Errors**: those of prediction.
pub(crate) fn first_look(experiment: &Experiment, fitted: &[FittedMethod<'_>]) -> Result<String> {
    let Experiment { config, network, split, seed, .. } = experiment;
    let networks = config.evaluation.networks.min(NETWORKS);
    let held_out = split.validation.take(IMAGES);
    let labels = &held_out.labels;
    let mut text = format!("a first look, at {} validation images:\n", labels.len());
    let _ = writeln!(text, "  {:<12} {:>8} {:>7}", "average of", "right", "NLL");
    let mut bank = None;
    for one in fitted {
        let named = one.named();
        let seed = seed.child("first-look").child(named.name);
        let predictive = named.predict(network, networks, seed, held_out.images.pixels.view())?;
        let p = predictive.mean();
        let [right, nll] = [accuracy(p.view(), labels)?, nll(p.view(), labels)?];
        let _ = writeln!(text, "  {:<12} {:>6.1} % {nll:>7.3}", named.name, 100.0 * right);
        if named.role == Role::Bank {
            bank = Some((named.name, predictive, p));
        }
    }
    if let Some((name, predictive, p)) = bank
        && let Some((image, _)) = predictive.score(Score::Entropy).iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))
    {
        let _ = writeln!(text, "the image that {name} is least sure of, a {}:", labels[image]);
        text.push_str(&picture(&held_out.images, image, p.row(image)));
    }
    Ok(text.trim_end().to_owned())
}

/// An image in shades, and beside it the classes that it may be.
fn picture(images: &Images, image: usize, p: ArrayView1<'_, f64>) -> String {
    let Images { pixels, height, width, .. } = images;
    let pool = height.div_ceil(ROWS).max(1);
    let shade = |i: usize, j: usize| {
        let window = (i..(i + pool).min(*height)).flat_map(|i| (j..(j + pool).min(*width)).map(move |j| i * width + j));
        let values: Vec<f32> = window.map(|at| pixels[[image, at]]).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        SHADES[((mean.clamp(-1.0, 1.0) + 1.0) / 2.0 * (SHADES.len() - 1) as f32).round() as usize]
    };
    let rows = (0..*height).step_by(pool).map(|i| {
        // A character is half as wide as it is high.
        (0..*width).step_by(pool).flat_map(|j| [shade(i, j); 2]).collect::<String>()
    });
    let mut classes: Vec<usize> = (0..p.len()).collect();
    classes.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let mut likely = classes.into_iter().filter(|&class| p[class] >= 0.01);
    let mut text = String::new();
    for row in rows {
        let beside = likely.next().map(|class| {
            let bar = "█".repeat((BAR * p[class]).round() as usize);
            format!("   {class} {bar} {:.0} %", 100.0 * p[class])
        });
        let _ = writeln!(text, "  {row}{}", beside.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn a_picture_has_shades_and_the_likely_classes_first() {
        let images = Images::new("two", array![[-1.0, 0.0, 1.0, -1.0]], 2, 2);
        let text = picture(&images, 0, array![0.2, 0.795, 0.005].view());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [format!("    ▒▒   1 {} 80 %", "█".repeat(24)), format!("  ██     0 {} 20 %", "█".repeat(6)),]
        );
    }

    #[test]
    fn large_images_are_pooled() {
        let images = Images::new("large", Array2::ones((1, 28 * 28)), 28, 28);
        let text = picture(&images, 0, array![1.0].view());
        assert_eq!(text.lines().count(), 14);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
