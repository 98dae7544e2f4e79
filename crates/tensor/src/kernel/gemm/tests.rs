use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use proptest::prelude::*;

use super::{gemm, gemm_naive, gemm_serial};
use crate::Scalar;
use crate::check::{config, numbers};

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug)]
enum Storage {
    Rows,
    Columns,
    /// Every second row and third column of something larger, from its end backwards.
    Scattered,
}

fn storages() -> impl Strategy<Value = Storage> {
    prop_oneof![Just(Storage::Rows), Just(Storage::Columns), Just(Storage::Scattered)]
}

/// A matrix with unequal entries, and how to look at it.
struct Stored<T> {
    data: Array2<T>,
    storage: Storage,
}

impl<T: Scalar> Stored<T> {
    fn new((rows, columns): (usize, usize), storage: Storage, salt: u64) -> Self {
        let shape = match storage {
            Storage::Rows => (rows, columns),
            Storage::Columns => (columns, rows),
            Storage::Scattered => (2 * rows, 3 * columns),
        };
        let data = numbers(shape.0 * shape.1, salt, -1.0, 1.0).into_iter().map(T::from_f64).collect();
        Stored { data: Array2::from_shape_vec(shape, data).unwrap(), storage }
    }

    fn view(&self) -> ArrayView2<'_, T> {
        match self.storage {
            Storage::Rows => self.data.view(),
            Storage::Columns => self.data.t(),
            Storage::Scattered => self.data.slice(s![..;-2, ..;-3]),
        }
    }

    fn view_mut(&mut self) -> ArrayViewMut2<'_, T> {
        match self.storage {
            Storage::Rows => self.data.view_mut(),
            Storage::Columns => self.data.view_mut().reversed_axes(),
            Storage::Scattered => self.data.slice_mut(s![..;-2, ..;-3]),
        }
    }
}

/// Both fast products against the naive one in f64; elements of C's storage that are not C's stay as they are.
fn agrees<T: Scalar>((m, k, n): (usize, usize, usize), [a, b, c]: [Storage; 3], alpha: f64, beta: f64, tolerance: f64) {
    let (a, b) = (Stored::<T>::new((m, k), a, 1), Stored::<T>::new((k, n), b, 2));
    let wide = |x: ArrayView2<'_, T>| x.mapv(T::as_f64);
    for product in [gemm::<T>, gemm_serial::<T>] {
        let mut fast = Stored::<T>::new((m, n), c, 3);
        let before = fast.data.clone();
        let mut exact = wide(fast.view());
        product(T::from_f64(alpha), a.view(), b.view(), T::from_f64(beta), fast.view_mut());
        gemm_naive(alpha, wide(a.view()).view(), wide(b.view()).view(), beta, exact.view_mut());
        let worst = wide(fast.view()).iter().zip(&exact).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(worst <= tolerance * (1 + k) as f64, "{m}×{k}×{n}: off by {worst}");
        fast.view_mut().fill(T::zero());
        let mut outside = Stored { data: before, storage: c };
        outside.view_mut().fill(T::zero());
        assert_eq!(fast.data, outside.data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..config() })]

    #[test]
    fn against_the_naive_product(
        shape in (0usize..70, 0usize..70, 0usize..70),
        storage in [storages(), storages(), storages()],
        alpha in prop_oneof![Just(1.0), Just(0.0), Just(-0.5)],
        beta in prop_oneof![Just(0.0), Just(1.0), Just(0.75)],
    ) {
        agrees::<f32>(shape, storage, alpha, beta, 2e-7);
        agrees::<f64>(shape, storage, alpha, beta, 1e-15);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..config() })]

    /// Large enough to be cut into blocks, or along k.
    #[test]
    fn against_the_naive_product_in_pieces(
        shape in prop_oneof![(90usize..200, 90usize..200, 90usize..200), (1usize..40, 5_000usize..9_000, 20usize..40)],
        storage in [storages(), storages(), storages()],
        beta in prop_oneof![Just(0.0), Just(0.75)],
    ) {
        agrees::<f32>(shape, storage, -0.5, beta, 2e-7);
        agrees::<f64>(shape, storage, -0.5, beta, 1e-15);
    }
}

/// Row strides at which the other kernel is called.
#[test]
fn against_the_naive_product_where_cache_sets_collide() {
    for shape in [(3, 512, 5), (37, 1024, 41), (1, 2048, 1), (120, 512, 130)] {
        for beta in [0.0, 0.75] {
            agrees::<f32>(shape, [Storage::Rows, Storage::Columns, Storage::Rows], -0.5, beta, 2e-7);
            agrees::<f64>(shape, [Storage::Rows, Storage::Columns, Storage::Columns], -0.5, beta, 1e-15);
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [(100, 784, 100), (100, 512, 300), (784, 100, 100), (33, 20_000, 35), (1000, 100, 50), (50, 100, 3000)]
    {
        let a = Stored::<f32>::new((shape.0, shape.1), Storage::Rows, 1);
        let b = Stored::<f32>::new((shape.1, shape.2), Storage::Columns, 2);
        let [one, two, seven] = [1, 2, 7].map(|threads| {
            let mut c = Stored::<f32>::new((shape.0, shape.2), Storage::Rows, 3);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| gemm(1.5, a.view(), b.view(), 0.5, c.view_mut()));
            c.data.mapv(f32::to_bits)
        });
        assert!(one == two && one == seven, "{shape:?}");
    }
}

#[test]
fn beta_zero_ignores_what_was_there() {
    for (m, k, n) in [(2, 3, 4), (4, 512, 4), (2, 0, 4), (100, 784, 100), (20, 9_000, 20)] {
        let mut c = Array2::from_elem((m, n), f32::NAN);
        gemm(1.0, Array2::ones((m, k)).view(), Array2::ones((n, k)).t(), 0.0, c.view_mut());
        assert!(c.iter().all(|&c| c == k as f32));
    }
}

#[test]
fn repeated_operands() {
    let row = ndarray::arr1(&[1.0_f64, 2.0, 3.0]);
    let a = row.broadcast((4, 3)).unwrap();
    let mut c = Array2::zeros((4, 4));
    gemm(1.0, a, a.t(), 0.0, c.view_mut());
    assert!(c.iter().all(|&c| c == 14.0));
}

#[test]
fn by_hand() {
    let (a, b) = (ndarray::arr2(&[[1.0_f32, 2.0], [3.0, 4.0]]), ndarray::arr2(&[[5.0, 6.0], [7.0, 8.0]]));
    let mut c = ndarray::arr2(&[[1.0, 1.0], [1.0, 1.0]]);
    gemm(2.0, a.view(), b.view(), -1.0, c.view_mut());
    assert_eq!(c, ndarray::arr2(&[[37.0, 43.0], [85.0, 99.0]]));
}

#[test]
#[should_panic(expected = "gemm: shapes do not fit, [2, 3] · [2, 2] → [2, 2]")]
fn shapes_that_do_not_fit() {
    gemm(1.0_f32, Array2::zeros((2, 3)).view(), Array2::zeros((2, 2)).view(), 0.0, Array2::zeros((2, 2)).view_mut());
}
