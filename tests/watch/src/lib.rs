//! The system's allocator, which counts: how often and how much a thread asks for, and how much all threads hold.
//!
//! ```
//! use apd_watch::Watch;
//!
//! #[global_allocator]
//! static ALLOCATOR: Watch = Watch;
//!
//! apd_watch::start();
//! drop(std::hint::black_box(vec![0_u8; 1000]));
//! assert!(apd_watch::peak() >= 1000);
//! assert_eq!((apd_watch::count(), apd_watch::largest()), (1, 1000));
//! ```

mod allocator;

pub use allocator::{Watch, count, held, largest, peak, start};
