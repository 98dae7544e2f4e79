//! A posterior of one's own, a Gaussian: drawn block by block to the same bits, and read from a file part by part.

use std::error::Error;

use apd_points::{Layout, Posterior, npy};
use apd_seed::Seed;
use ndarray::{ArrayViewMut2, s};

/// Normals around a mean, of one deviation.
struct Gaussian(Vec<f32>, f32);

#[rustfmt::skip] // a line each
impl Posterior for Gaussian {
    fn dim(&self) -> usize { self.0.len() }
    fn bytes(&self) -> usize { 4 * self.0.len() + 4 }
    fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
        for (i, mut row) in (first..).zip(out.outer_iter_mut()) {
            let theta = row.as_slice_mut().expect("row-major");
            seed.normals().fill(i, 0, theta); // point i has normals of its own
            theta.iter_mut().zip(&self.0).for_each(|(x, mean)| *x = mean + self.1 * *x);
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let posterior = Gaussian(vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0], 0.1);
    let points = posterior.draw(Seed::root(1), 1000);
    let mut again = points.clone();
    posterior.draw_into(Seed::root(1), 500, again.slice_mut(s![500.., ..])); // the second half alone
    assert_eq!(again, points);

    let folder = tempfile::tempdir()?;
    npy::write_matrix_f32(folder.path().join("points.npy"), points.view())?; // `numpy.load` reads it, too
    let read = npy::read_matrix_f32(folder.path().join("points.npy"))?;
    assert_eq!(read, points);
    let layout = Layout::new([("weight".to_owned(), vec![2, 2]), ("bias".to_owned(), vec![2])]);
    let first = layout.views(read.as_slice().expect("row-major").split_at(6).0);
    println!("{} points of R^6\nweight of the first\n{:.3}\nits bias {:.3}", read.nrows(), first[0], first[1]);
    Ok(())
}
