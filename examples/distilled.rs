//! A bank of points distilled: a subspace, and as many bytes of the points themselves, judged by points that neither has seen.

use std::error::Error;

use apd_distill::{Subsample, Subspace, SubspaceConfig, fidelity};
use apd_points::Posterior;
use apd_seed::Seed;
use ndarray::{Array2, s};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // 3000 points of R⁵⁰⁰ around a mean, with ten directions in which they vary much.
    let normals = |name: &str, rows: usize, columns: usize| {
        let mut z = Array2::<f32>::zeros((rows, columns));
        Seed::root(1).child(name).normals().fill(0, 0, z.as_slice_mut().expect("row-major"));
        z
    };
    let points = normals("mean", 1, 500)
        + normals("coefficients", 3000, 10).dot(&normals("directions", 10, 500))
        + 0.1 * normals("rest", 3000, 500);
    let (bank, fresh) = (points.slice(s![..2000, ..]).to_owned(), points.slice(s![2000.., ..]));

    let config = SubspaceConfig { rank: 12, components: 500, ..SubspaceConfig::default() };
    let subspace = Subspace::fit(&bank, &config, Seed::root(2))?;
    let kept = Subsample::within(bank.view(), subspace.bytes());
    println!("{:<10} {:>8} {:>12} {:>14} {:>12}", "", "bytes", "mean error", "variance ratio", "Wasserstein");
    for (name, posterior) in [("subspace", &subspace as &dyn Posterior), ("points", &kept)] {
        let drawn = posterior.draw(Seed::root(3), 1000);
        let moments = fidelity::moments(drawn.view(), fresh);
        let distance = fidelity::sliced_wasserstein(drawn.view(), fresh, Seed::root(4));
        let (error, ratio) = (moments.mean_error, moments.variance_ratio);
        println!("{name:<10} {:>8} {error:>12.3} {ratio:>14.3} {distance:>12.3}", posterior.bytes());
        assert!(posterior.bytes() < 4 * 500 * 20 && (ratio - 1.0).abs() < 0.3);
    }
    Ok(())
}
