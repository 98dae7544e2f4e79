//! Points of R^d, as every crate that samples, stores, distils or draws them sees them.
//!
//! ```
//! use apd_points::Layout;
//!
//! let layout = Layout::new([("weight".to_owned(), vec![2, 3]), ("bias".to_owned(), vec![2])]);
//! let theta = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
//! assert_eq!(layout.views(&theta)[1].as_slice(), Some([6.0, 7.0].as_slice()));
//! ```
//!
//! A network is a point: all its parameters, one after the other, in one flat vector θ ∈ R^d.
//!
//! * [`Points`]: a cloud of points, however it is stored; what a distiller learns from.
//! * [`Layout`]: which part of θ is which parameter; what a network and a file agree on.
//! * [`Posterior`]: a distribution of points; what a prediction averages over.
//!
//! And the files in which points come, however they were written: [`npy`] and [`safetensors`] give arrays as they lie in a file
//! ([`RawArray`]), [`read_file`] undoes gzip, [`write_atomic`] leaves the old file or the new one.
//!
//! A posterior of your own:
//!
//! ```
//! use apd_points::{Layout, Points, Posterior};
//! use apd_seed::Seed;
//! use ndarray::{Array2, ArrayView1, ArrayViewMut2, array};
//!
//! // Two networks of one weight and one bias, and a posterior that draws one of them at random.
//! let layout = Layout::new([("weight".to_owned(), vec![1, 1]), ("bias".to_owned(), vec![1])]);
//! let networks = array![[0.5_f32, 1.0], [0.7, 0.9]];
//! assert_eq!((Points::len(&networks), Points::dim(&networks)), (2, layout.len()));
//!
//! struct Redraw(Array2<f32>);
//! impl Posterior for Redraw {
//!     fn dim(&self) -> usize { self.0.ncols() }
//!     fn bytes(&self) -> usize { 4 * self.0.nrows() * self.0.ncols() }
//!     fn draw_into(&self, seed: Seed, first: u64, mut out: ArrayViewMut2<'_, f32>) {
//!         for (i, mut row) in out.outer_iter_mut().enumerate() {
//!             let pick = seed.index(first + i as u64).stream().below(self.0.nrows() as u32);
//!             row.assign(&ArrayView1::from(self.0.row(pick as usize)));
//!         }
//!     }
//! }
//! assert_eq!(Redraw(networks).draw(Seed::root(1), 3).dim(), (3, 2));
//! ```
//!
//! **Deliberately without**: what a point means (a network, in `apd-nn`), how points come about, and how many of them are kept (a bank,
//! in `apd-store`).

mod array;
mod atomic;
mod ensemble;
mod error;
mod gzip;
mod layout;
pub mod npy;
mod points;
mod posterior;
mod rearranged;
pub mod safetensors;
pub mod state_dict;

pub use array::{Dtype, RawArray};
pub use atomic::{AtomicFile, Written, remove_temporaries, sync_folder, write_atomic, write_le};
pub use ensemble::Ensemble;
pub use error::{FileError, FormatError};
pub use gzip::{GZIP_MAGIC, Gunzip, read_file};
pub use layout::{Entry, Layout};
pub use points::Points;
pub use posterior::{LowRank, Posterior};
pub use rearranged::Rearranged;

// Its types stand in signatures: this is the version that fits.
pub use ndarray;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
