use super::*;

/// Serial passes stay on the calling thread: chains have one each. (The control: parallel ones do not.)
#[test]
fn serial_pieces_use_no_other_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let others = |threads: Threads| {
        pool.install(|| {
            let caller = std::thread::current().id();
            let piece = |_| {
                std::thread::sleep(std::time::Duration::from_millis(2));
                usize::from(std::thread::current().id() != caller)
            };
            (0..64).into_par_iter().with_min_len(Split::new(64, threads).min_len).map(piece).sum::<usize>()
        })
    };
    assert_eq!(others(Threads::Serial), 0);
    assert!(others(Threads::Rayon) > 0);
}
